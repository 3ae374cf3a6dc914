/** How much memory `vrrl replay` takes on a GPU at most: the command's own process, and the one that has the driver. */

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { GpuStack } from '../../node/gpu/stacks.ts';
import { COMMAND, FULL_LOG_RECORDS, makeLog } from '../commands.ts';
import { measureProcessTree, type TreeProcess } from '../process-tree.ts';
import type { MemoryRow } from './report.ts';

const SLOTS_OF_EPOCH = 64;
/** The largest log, and one of a single epoch: what it takes is the driver's, and none of the log's. */
const RECORDS = [FULL_LOG_RECORDS, SLOTS_OF_EPOCH] as const;
const NOTHING = { hostBytes: 0, gpuBytes: 0, probeBytes: 0 };

/** Under a minute on hardware. */
export async function measureMemory(stack: GpuStack): Promise<MemoryRow[]> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'vrrl-bench-'));
  try {
    const rows: MemoryRow[] = [];
    for (const records of RECORDS) rows.push(await memoryRow(stack, folder, records));
    return rows;
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

async function memoryRow(stack: GpuStack, folder: string, records: number): Promise<MemoryRow> {
  const options = ['--backend', stack, '--replicas', '1'];
  const facts = { command: `vrrl replay LOG ${options.join(' ')}`, records, epochs: records / SLOTS_OF_EPOCH };
  try {
    const log = makeLog(folder, records);
    const tree = await measureProcessTree(process.execPath, [COMMAND, 'replay', log, ...options, '--quiet']);
    if (tree.exitCode !== 0) throw new Error(`vrrl replay ended with ${tree.exitCode}: ${tree.stderr}`);
    const isProbe = ({ command }: TreeProcess) => command.includes('--probe');
    return {
      ...facts,
      hostBytes: tree.root.peakBytes,
      gpuBytes: peakOf(tree.descendants.filter((each) => !isProbe(each))),
      probeBytes: peakOf(tree.descendants.filter(isProbe)),
    };
  } catch (error) {
    // It has lines, and paths of this machine.
    process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
    return { ...facts, ...NOTHING, problem: 'the command failed' };
  }
}

function peakOf(processes: readonly TreeProcess[]): number {
  return Math.max(0, ...processes.map(({ peakBytes }) => peakBytes));
}
