/** How much memory a process takes at most. */

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

export interface MeasuredProcess {
  readonly exitCode: number | null;
  readonly stderr: string;
  readonly peakBytes: number;
}

/**
 * Loaded before the program. `VmHWM` is the peak of this very program; `maxRSS` would begin with that of the process that
 * started it, and is only taken where there is no /proc.
 */
const REPORT_PEAK = `
  import fs from 'node:fs';
  import { isMainThread } from 'node:worker_threads';
  const read = () => {
    try {
      return Number(/VmHWM:\\s+(\\d+) kB/.exec(fs.readFileSync('/proc/self/status', 'utf8'))[1]);
    } catch {
      return process.resourceUsage().maxRSS;
    }
  };
  if (isMainThread) process.on('exit', () => fs.writeFileSync(process.env.VRRL_PEAK_FILE, String(read())));
`;

/** Runs a program of JavaScript to its end, what it prints thrown away. `input` is a file for its standard input. */
export function measurePeakMemory(program: string, args: readonly string[], input = '/dev/null'): MeasuredProcess {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'vrrl-peak-'));
  const file = path.join(folder, 'peak');
  const standardInput = fs.openSync(input, 'r');
  const preload = `data:text/javascript,${encodeURIComponent(REPORT_PEAK)}`;
  try {
    const { status, stderr } = spawnSync(process.execPath, ['--import', preload, program, ...args], {
      stdio: [standardInput, 'ignore', 'pipe'],
      encoding: 'utf8',
      env: { ...process.env, NODE_OPTIONS: '', VRRL_PEAK_FILE: file },
    });
    return { exitCode: status, stderr, peakBytes: Number(fs.readFileSync(file, 'utf8')) * 1_024 };
  } finally {
    fs.closeSync(standardInput);
    fs.rmSync(folder, { recursive: true });
  }
}
