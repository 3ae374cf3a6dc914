/**
 * Replay on a GPU, beside the bare kernel and the naive loop, all in one run: `npm run -s bench:gpu > FILE`.
 *
 * One JSON object on standard output (`report.ts`); `npm run bench:gpu-render` makes tables and plots of it. It runs on
 * whatever adapter the stack finds: Dawn in this process, or wgpu in Deno. VK_DRIVER_FILES says which driver that is.
 *
 *   --stack dawn|wgpu        default dawn
 *   --rounds 5               samples a row
 *   --smaller 1              divides replicas, --shorter 1 epochs: for drivers without a GPU
 *   --soundEpochReplays 1e9  replays of a sound kernel, of which none may differ
 *   --only TEXT              only rows that have this in their names; "memory" and "sound" are such, too
 */

import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { outputInDeno } from './in-deno.ts';
import { measureGpu, note } from './measure.ts';
import { measureMemory } from './memory.ts';
import { RUNNING_STACK } from './open-device.ts';
import { type BenchOptions, type GpuReport, reportText } from './report.ts';

const args = process.argv.slice(2);
const { values } = parseArgs({
  args,
  options: {
    stack: { type: 'string', default: RUNNING_STACK },
    rounds: { type: 'string', default: '5' },
    smaller: { type: 'string', default: '1' },
    shorter: { type: 'string', default: '1' },
    soundEpochReplays: { type: 'string', default: '1e9' },
    only: { type: 'string', default: '' },
  },
});

const options: BenchOptions = {
  rounds: Number(values.rounds),
  smaller: Number(values.smaller),
  shorter: Number(values.shorter),
  soundEpochReplays: Number(values.soundEpochReplays),
  only: values.only,
};

async function measure(): Promise<GpuReport> {
  if (values.stack === RUNNING_STACK) {
    return await measureGpu(options, ['npm run -s bench:gpu --', ...args].join(' ').replace(/ --$/, ''));
  }
  if (values.stack !== 'wgpu') throw new Error(`there is no stack ${values.stack}. Fix: name dawn or wgpu.`);
  return JSON.parse(await outputInDeno(fileURLToPath(import.meta.url), args));
}

/** Of the command, which Node runs: a program in Deno leaves that to the one that started it. */
async function memory(): Promise<GpuReport['memory']> {
  if ('Deno' in globalThis || !'memory'.includes(options.only)) return [];
  const rows = await measureMemory(values.stack === 'wgpu' ? 'wgpu' : 'dawn');
  for (const { records, hostBytes, gpuBytes, problem } of rows) {
    note(
      `memory, ${records} records: ${problem ?? `${megabytes(hostBytes)} host, ${megabytes(gpuBytes)} GPU process`}`,
    );
  }
  return rows;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(0)} MB`;
}

const report = { ...(await measure()), memory: await memory() };
// Not by returning: a driver's own threads may crash while a process winds down, and what was measured is printed.
process.stdout.write(reportText(report), () => process.exit(0));
