/**
 * Replay on a GPU, beside the bare kernel and the naive loop, all in one run: `npm run bench:gpu`.
 *
 * One JSON object on standard output; `bench/gpu/render.ts` makes tables and plots of it. It runs in this process, on
 * whatever adapter Dawn finds, so that a machine needs nothing but Node and the package `webgpu`.
 */

import os from 'node:os';
import { parseArgs } from 'node:util';
import { create, globals } from 'webgpu';
import { EPOCH_TOTAL_WORDS, EpochTotal, layoutOf, type ProgramRunOptions } from '../../src/backend/index.ts';
import { GpuBackend } from '../../src/gpu/index.ts';
import type { ResolvedLayout } from '../../src/observe/index.ts';
import {
  type BackendReplay,
  outcomeOfObserved,
  type ReplayOptions,
  type ReplayPlan,
  replayOn,
} from '../../src/replay/index.ts';
import { programOf } from '../../src/replay/program.ts';
import { type BenchLog, benchLog } from './logs.ts';
import { bareKernel, naiveLoop } from './peers.ts';

Object.assign(globalThis, globals);

/** One row: every sample, and how many epoch-replays a sample is. */
export interface GpuRow {
  readonly name: string;
  readonly epochReplays: number;
  readonly slotsOfEpoch: number;
  readonly samplesMs: readonly number[];
  readonly loadMs?: number;
  readonly deviceMs?: number | undefined;
  readonly diverged?: string;
}

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    /** Divides the replicas, for software. */
    smaller: { type: 'string', default: '1' },
    soundEpochReplays: { type: 'string', default: '1e9' },
  },
});
const rounds = Number(values.rounds);
const smaller = Number(values.smaller);
const rows: GpuRow[] = [];

const gpu = create([]);
const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
if (adapter === null) throw new Error('Dawn finds no adapter. Fix: install a Vulkan driver, or set VK_DRIVER_FILES.');
const { maxStorageBufferBindingSize, maxBufferSize } = adapter.limits;
const device = await adapter.requestDevice({
  requiredLimits: { maxStorageBufferBindingSize, maxBufferSize },
  requiredFeatures: adapter.features.has('timestamp-query') ? ['timestamp-query'] : [],
});
/** What must not be collected while the GPU is used. */
const keptAlive = [gpu, adapter, device];
device.addEventListener('uncapturederror', (event) => note(String((event as GPUUncapturedErrorEvent).error.message)));

function note(text: string): void {
  process.stderr.write(`bench: ${text}\n`);
}

async function sample(name: string, run: () => Promise<Omit<GpuRow, 'name' | 'samplesMs'> & { ms: number }>) {
  const samplesMs: number[] = [];
  let last: Omit<GpuRow, 'name' | 'samplesMs'> | undefined;
  for (let round = 0; round <= rounds; round += 1) {
    const { ms, ...facts } = await run();
    // The first round compiles and warms up.
    if (round > 0) samplesMs.push(ms);
    last = facts;
  }
  if (last === undefined) return;
  const row = { name, samplesMs, ...last };
  rows.push(row);
  const median = [...samplesMs].sort((left, right) => left - right)[samplesMs.length >> 1];
  note(
    `${name}: ${median.toFixed(2)} ms, ${((row.epochReplays / median) * 1e3).toPrecision(4)} epoch-replays/s${row.diverged ? `, ${row.diverged}` : ''}`,
  );
}

async function replayed(backend: GpuBackend, { plan }: BenchLog, options: ReplayOptions): Promise<BackendReplay> {
  const replay = await replayOn(plan, backend, { keptSnapshotBytes: 0, ...options });
  if (replay.fault !== undefined) throw replay.fault;
  return replay;
}

/** One row of ours: the log is taken up once; time is what a run takes, with everything that comes back from the device. */
async function ours(
  name: string,
  { kernel, plan }: BenchLog,
  options: Omit<ProgramRunOptions, 'replicas'> & { replicas: number },
) {
  const backend = new GpuBackend(device, kernel);
  await backend.start();
  const layout = layoutOf(backend);
  const initialWords = new Uint32Array(layout.snapshotWords);
  await backend.observe(initialWords);
  const begin = performance.now();
  const program = await backend.load(
    programOf(plan, layout, {
      epochs: plan.epochs,
      mode: options.mode,
      isReplayable: ({ isReplayable }) => isReplayable,
      expectations: expectationsOf(plan, layout),
      initialWords,
    }),
  );
  await device.queue.onSubmittedWorkDone();
  const loadMs = performance.now() - begin;
  if (program === undefined) throw new Error('the program is not taken');
  await sample(`replay ${name}`, async () => {
    const start = performance.now();
    const result = await program.run(options);
    const ms = performance.now() - start;
    let differing = 0;
    let epochReplays = 0;
    for (let at = 0; at < result.totals.length; at += EPOCH_TOTAL_WORDS) {
      differing += result.totals[at + EpochTotal.DIFFERENT];
      epochReplays += result.totals[at + EpochTotal.RUN];
    }
    const { replicasDiverged, replicasCompared, deviceMs } = result;
    const diverged = `${replicasDiverged} of ${replicasCompared} replicas diverged, in ${differing} epochs`;
    // A replica that has diverged ends: what it did not run is not counted.
    return { ms, loadMs, deviceMs, epochReplays, slotsOfEpoch: kernel.slotCount, diverged };
  });
  await program.release();
  backend.stop();
}

function expectationsOf({ epochs, observations }: ReplayPlan, layout: ResolvedLayout) {
  return epochs.map(({ observed }) =>
    observed === undefined || observations === undefined
      ? undefined
      : outcomeOfObserved(layout, observations.epoch(observed)),
  );
}

function scaled(replicas: number): number {
  return Math.max(1, Math.round(replicas / smaller));
}

const log64 = await benchLog(1_000, 64);
const many = scaled(4_096);
const bare = await bareKernel(device, log64.kernel);
await sample(`bare kernel, resident, ${many} replicas × 1000 epochs`, async () => {
  return { ms: await bare(many, 1_000), epochReplays: many * 1_000, slotsOfEpoch: 64 };
});
await sample('bare kernel, resident, 1 replica × 1000 epochs', async () => {
  return { ms: await bare(1, 1_000), epochReplays: 1_000, slotsOfEpoch: 64 };
});
const naive = await naiveLoop(device, log64.kernel);
await sample('naive loop, 1 replica × 500 epochs', async () => {
  return { ms: await naive(500), epochReplays: 500, slotsOfEpoch: 64 };
});
for (const replicas of [...new Set([16_384, 4_096, 1_024, 256, 16, 1].map(scaled))]) {
  for (const shape of ['resident', 'wide'] as const) {
    await ours(`chained, ${shape}, ${replicas} replicas × 1000 epochs of 64`, log64, {
      replicas,
      shape,
      mode: 'chained',
    });
  }
}
await ours(`isolated, resident, ${many} replicas × 1000 epochs of 64`, log64, {
  replicas: many,
  shape: 'resident',
  mode: 'isolated',
});
await ours(`isolated, wide, ${many} replicas × 1000 epochs of 64`, log64, {
  replicas: many,
  shape: 'wide',
  mode: 'isolated',
});
const full = await benchLog(16_384, 64);
for (const shape of ['resident', 'wide'] as const) {
  await ours(`isolated, ${shape}, 1 replica × 16384 epochs of 64`, full, { replicas: 1, shape, mode: 'isolated' });
}
for (const slots of [16, 256, 1_024]) {
  const log = await benchLog(256, slots);
  for (const shape of ['resident', 'wide'] as const) {
    await ours(`chained, ${shape}, ${scaled(1_024)} replicas × 256 epochs of ${slots}`, log, {
      replicas: scaled(1_024),
      shape,
      mode: 'chained',
    });
  }
}
for (const epochs of [64, 4_096]) {
  const log = await benchLog(epochs, 64);
  for (const shape of ['resident', 'wide'] as const) {
    await ours(`chained, ${shape}, ${scaled(1_024)} replicas × ${epochs} epochs of 64`, log, {
      replicas: scaled(1_024),
      shape,
      mode: 'chained',
    });
  }
}
const racy = await benchLog(200, 64, true);
for (const mode of ['chained', 'isolated'] as const) {
  for (const shape of ['resident', 'wide'] as const) {
    await ours(`${mode}, ${shape}, racing kernel, ${scaled(1_024)} replicas × 200 epochs of 64`, racy, {
      replicas: scaled(1_024),
      shape,
      mode,
    });
  }
}
/** The whole of what `vrrl replay` does with a log, from the plan to the counted outcomes, the second time. */
async function whole(name: string, log: BenchLog, options: ReplayOptions): Promise<void> {
  const backend = new GpuBackend(device, log.kernel);
  await sample(`whole replay ${name}`, async () => {
    const { elapsedMs, onDevice, epochsRun } = await replayed(backend, log, options);
    return {
      ms: elapsedMs,
      loadMs: onDevice?.loadMs ?? 0,
      deviceMs: onDevice?.deviceMs,
      epochReplays: epochsRun,
      slotsOfEpoch: 64,
    };
  });
}
await whole('isolated, resident, 1 replica × 16384 epochs of 64', full, {
  replicas: 1,
  shape: 'resident',
  mode: 'isolated',
});
await whole('isolated, wide, 1 replica × 16384 epochs of 64', full, { replicas: 1, shape: 'wide', mode: 'isolated' });
await whole('chained, wide, racing kernel, stress', racy, {
  replicas: scaled(1_024),
  shape: 'wide',
  stress: { seed: 1 },
});

/** As many sound epoch-replays as asked for, in both shapes: not one may diverge. */
async function soundness(): Promise<object[]> {
  const wanted = Number(values.soundEpochReplays);
  const results = [];
  for (const [shape, share] of [
    ['resident', 0.9],
    ['wide', 0.1],
  ] as const) {
    const replicas = Math.max(1, Math.ceil((wanted * share) / 1_000));
    const begin = performance.now();
    const backend = new GpuBackend(device, log64.kernel);
    const replay = await replayed(backend, log64, { replicas, shape, mode: 'chained' });
    const differing = replay.epochs.reduce((sum, epoch) => sum + epoch.replicasDiffering, 0);
    results.push({ shape, replicas, epochReplays: replay.epochsRun, differing, ms: performance.now() - begin });
    note(`sound, ${shape}: ${replay.epochsRun} epoch-replays, ${differing} differing`);
  }
  return results;
}

const sound = await soundness();
const { vendor, architecture, description } = adapter.info;
process.stdout.write(
  `${JSON.stringify({
    date: new Date().toISOString().slice(0, 10),
    command: `node bench/gpu/main.js ${process.argv.slice(2).join(' ')}`,
    adapter: { vendor, architecture, description },
    limits: { maxStorageBufferBindingSize, maxBufferSize },
    node: process.version,
    cores: os.availableParallelism(),
    peakHostMemoryMiB: process.resourceUsage().maxRSS / 1024,
    keptAlive: keptAlive.length,
    rows,
    sound,
  })}\n`,
  () => process.exit(0),
);
