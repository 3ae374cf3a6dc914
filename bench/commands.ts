/** Whole commands on a full log, each a process: how long, and how much memory at most. Target: 300 MB. */

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Measurement } from './measurement.ts';
import { measurePeakMemory } from './peak-memory.ts';

/** What the largest log there is holds. */
export const FULL_LOG_RECORDS = 1_048_576;
const EPOCH_RECORDS = 64;
/** The same build as this file's. */
export const COMMAND: string = fileURLToPath(new URL('../cli/main.js', import.meta.url));

const COMMANDS: readonly (readonly [name: string, ...args: string[]])[] = [
  ['dump', 'dump'],
  ['dump --json', 'dump', '--json'],
  ['verify', 'verify'],
  ['replay on reference', 'replay', '--backend', 'reference', '--replicas', '1'],
  ['replay on threads', 'replay', '--backend', 'threads', '--replicas', '1'],
];

/** Runs everything, in a temporary folder. About half a minute. */
export function measureCommands(rounds: number): Measurement[] {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'vrrl-bench-'));
  try {
    const log = makeLog(folder, FULL_LOG_RECORDS);
    const times = COMMANDS.map(([name]): Measurement => ({ name: `${name}: whole command`, unit: 'ms', samples: [] }));
    const peaks = COMMANDS.map(([name]): Measurement => ({ name: `${name}: peak memory`, unit: 'MB', samples: [] }));
    for (let round = 0; round < rounds; round += 1) {
      for (const [index, [, ...args]] of COMMANDS.entries()) {
        const begin = performance.now();
        peaks[index].samples.push(runCommand([...args, log]) / 1e6);
        times[index].samples.push(performance.now() - begin);
      }
    }
    return times.flatMap((time, index) => [time, peaks[index]]);
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

/** A recording of that many records in epochs of 64, the fences included, in a log that they fill. */
export function makeLog(folder: string, records: number): string {
  const input = path.join(folder, `input-${records}`);
  const log = path.join(folder, `log-${records}.vrrl`);
  const bytesOfEpoch = EPOCH_RECORDS - 1;
  fs.writeFileSync(
    input,
    Buffer.alloc((records / EPOCH_RECORDS) * bytesOfEpoch, 'vrrl records, replays and explains. '),
  );
  const workload = ['--workload', 'histogram', '--input', input, '--backend', 'reference'];
  runCommand(['record', log, ...workload, '--capacity', String(records), '--quiet']);
  return log;
}

function runCommand(args: readonly string[]): number {
  const { exitCode, stderr, peakBytes } = measurePeakMemory(COMMAND, args);
  if (exitCode !== 0) throw new Error(`vrrl ${args.join(' ')} ended with ${exitCode}: ${stderr}`);
  return peakBytes;
}
