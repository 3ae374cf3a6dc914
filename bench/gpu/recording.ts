/**
 * What recording costs a session on a GPU: the same session, with a log and observations and without, in turns, on the
 * product's own Dawn process. One JSON object on standard output.
 *
 *     node scripts/run-typescript.js bench/gpu/recording.ts [--rounds 9] [--epochs 2000] [--backend dawn] [--format v2]
 *         [--capacity 65536] [--warmUp 10]
 *
 * A log that is new has pages that nobody has touched, which the system has to make while the first epochs run. One that
 * has wrapped has not: `--capacity 4096 --warmUp 80` measures that. What the start of a session leaves to the garbage
 * collector is collected before the clock starts, in both: it is the epochs that are measured.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import v8 from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Recorder } from '../../cli/recorder.ts';
import { connectGpu, type GpuStack } from '../../node/gpu/index.ts';
import type { Backend } from '../../src/backend/index.ts';
import { GpuBackend } from '../../src/gpu/index.ts';
import type { Kernel } from '../../src/kernel/index.ts';
import { RecordingSession, type SlotRequest } from '../../src/record/index.ts';
import { benchKernel, slotsOf } from './logs.ts';

const SLOTS_OF_EPOCH = 64;
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '9' },
    epochs: { type: 'string', default: '2000' },
    backend: { type: 'string', default: 'dawn' },
    format: { type: 'string', default: 'v2' },
    /** Records of the log, as `vrrl record` has them unless told otherwise. */
    capacity: { type: 'string', default: '65536' },
    warmUp: { type: 'string', default: '10' },
    /** In this process, as a page would, with nothing between the session and the device. */
    inProcess: { type: 'boolean', default: false },
  },
});
/** What must not be collected while the GPU is used. */
const keptAlive: unknown[] = [];
const epochCount = Number(values.epochs);
const warmUpEpochs = Number(values.warmUp);
const capacity = Number(values.capacity);
const format = values.format === 'v1' ? 'v1' : 'v2';
const kernel = benchKernel(SLOTS_OF_EPOCH);
/** Made before the clock starts: whoever publishes has its slots already. */
const epochs = Array.from({ length: epochCount + warmUpEpochs }, (_, epoch) => slotsOf(epoch, SLOTS_OF_EPOCH - 1));

async function inProcess(): Promise<Backend> {
  const { create, globals } = await import('webgpu');
  Object.assign(globalThis, globals);
  const gpu = create([]);
  const adapter = await gpu.requestAdapter();
  const device = await adapter?.requestDevice();
  if (device === undefined) throw new Error('Dawn finds no adapter. Fix: install a Vulkan driver.');
  keptAlive.push(gpu, adapter, device);
  return new GpuBackend(device, kernel);
}

v8.setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

/** Milliseconds for all epochs but the first few, which pay for new files and caches. */
async function run(session: RecordingSession, work: readonly (readonly SlotRequest[])[]): Promise<number> {
  let begin = 0;
  for (const [tag, slots] of work.entries()) {
    if (tag === warmUpEpochs) {
      collectGarbage();
      begin = performance.now();
    }
    await session.publish(slots);
    await session.endEpoch({ tag });
  }
  session.finish();
  return performance.now() - begin;
}

async function withoutRecording(backend: Backend, of: Kernel): Promise<number> {
  return run(await RecordingSession.start(backend, { kernel: of }), epochs);
}

async function withRecording(backend: Backend, of: Kernel): Promise<number> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'vrrl-bench-'));
  const recorder = await Recorder.create(path.join(folder, 'run.vrrl'), backend, of, { format, capacity });
  try {
    return await run(recorder.session, epochs);
  } finally {
    recorder.close();
    rmSync(folder, { recursive: true });
  }
}

const backend = values.inProcess ? await inProcess() : await connectGpu(values.backend as GpuStack, kernel);
const samples: Record<string, number[]> = { without: [], with: [] };
for (let round = 0; round <= Number(values.rounds); round += 1) {
  // In turns, and each of them first as often as the other: what one leaves behind must not always be the other's.
  const order = round % 2 === 0 ? (['without', 'with'] as const) : (['with', 'without'] as const);
  for (const which of order) {
    const ms = await (which === 'with' ? withRecording : withoutRecording)(backend, kernel);
    if (round > 0) samples[which].push(ms);
  }
}
await backend.stop();
const median = (list: readonly number[]) => [...list].sort((left, right) => left - right)[list.length >> 1];
/** By order statistics: the ranks that a binomial of one half stays between, as a normal. */
function medianInterval(list: readonly number[]): [low: number, high: number] {
  const sorted = [...list].sort((left, right) => left - right);
  const reach = Math.ceil(0.98 * Math.sqrt(sorted.length));
  const middle = sorted.length >> 1;
  return [sorted[Math.max(0, middle - reach)], sorted[Math.min(sorted.length - 1, middle + reach)]];
}
const epochsPerSecond = (ms: number) => (epochCount / ms) * 1e3;
const fewer = samples['with'].map((ms, index) => 1 - samples['without'][index] / ms);
process.stdout.write(
  `${JSON.stringify({
    date: new Date().toISOString().slice(0, 10),
    command: `node scripts/run-typescript.js bench/gpu/recording.ts ${process.argv.slice(2).join(' ')}`,
    device: 'ready' in backend ? (backend.ready as { device: unknown }).device : 'in process',
    kept: keptAlive.length,
    format,
    epochs: epochCount,
    slotsOfEpoch: SLOTS_OF_EPOCH,
    capacity,
    warmUpEpochs,
    samplesMs: samples,
    epochsPerSecond: {
      without: epochsPerSecond(median(samples['without'])),
      with: epochsPerSecond(median(samples['with'])),
    },
    /** Of the epochs a second, how many fewer; each round against its own, with a 95% interval of the median. */
    fewer: { median: median(fewer), interval: medianInterval(fewer) },
  })}\n`,
  () => process.exit(0),
);
