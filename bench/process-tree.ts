/** How much memory a program and every process that it starts take at most; where there is /proc. */

import { spawn } from 'node:child_process';
import fs from 'node:fs';

export interface TreeProcess {
  /** Its command line, as it was seen last. */
  readonly command: string;
  /** `VmHWM`: the most that it ever had. */
  readonly peakBytes: number;
}

export interface MeasuredTree {
  readonly exitCode: number | null;
  readonly stderr: string;
  /** The program itself. */
  readonly root: TreeProcess;
  readonly descendants: readonly TreeProcess[];
}

/** A peak that was reached is not forgotten, so only what a process takes in its last moments can be missed. */
const PERIOD_MS = 10;

/** Runs a program to its end, what it prints thrown away. */
export async function measureProcessTree(program: string, args: readonly string[]): Promise<MeasuredTree> {
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const seen = new Map<number, TreeProcess>();
  const timer = setInterval(() => lookAt(child.pid ?? 0, seen), PERIOD_MS);
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject).on('close', resolve);
  }).finally(() => clearInterval(timer));
  const root = seen.get(child.pid ?? 0) ?? { command: program, peakBytes: 0 };
  const descendants = [...seen].filter(([pid]) => pid !== child.pid).map(([, each]) => each);
  return { exitCode, stderr, root, descendants };
}

function lookAt(root: number, seen: Map<number, TreeProcess>): void {
  const processes = runningProcesses();
  for (const [pid, { peakBytes }] of processes) {
    if (peakBytes === 0 || !descendsFrom(pid, root, processes)) continue;
    const before = seen.get(pid);
    seen.set(pid, {
      command: commandOf(pid) || (before?.command ?? ''),
      peakBytes: Math.max(peakBytes, before?.peakBytes ?? 0),
    });
  }
}

interface ProcessStatus {
  readonly parent: number;
  readonly peakBytes: number;
}

function runningProcesses(): Map<number, ProcessStatus> {
  const pids = fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return new Map(pids.map((pid) => [Number(pid), statusOf(pid)]));
}

function statusOf(pid: string): ProcessStatus {
  const status = readOrNothing(`/proc/${pid}/status`);
  const field = (name: RegExp) => Number(name.exec(status)?.[1] ?? 0);
  return { parent: field(/^PPid:\s+(\d+)/m), peakBytes: field(/^VmHWM:\s+(\d+) kB/m) * 1_024 };
}

function descendsFrom(pid: number, root: number, processes: ReadonlyMap<number, ProcessStatus>): boolean {
  let at: number | undefined = pid;
  while (at !== undefined && at !== 0 && at !== root) at = processes.get(at)?.parent;
  return at === root;
}

function commandOf(pid: number): string {
  return readOrNothing(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim();
}

/** A process may be gone between being seen and being looked at. */
function readOrNothing(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
