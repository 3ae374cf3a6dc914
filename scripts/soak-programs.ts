/**
 * Replays whole programs on GPU backends a great many times: what is sound may not differ once, what races has to be found.
 *
 *     npm run soak:programs -- [--epoch-replays 1000000] [--stack dawn] [--adapter NAME] [--seed 1]
 *
 * Every sound workload is recorded on the stack and replayed there, chained and isolated, in each shape that the adapter has
 * the loops for, without stress and with settings drawn from the seed. Exits with 1 if an epoch of one differs or cannot be
 * told, or if the broken workload is not seen to diverge under stress: a driver that runs lanes in step may lose the same
 * updates each time, when it is recorded too.
 */

import { parseArgs } from 'node:util';
import { connectGpu, GPU_STACKS, type GpuStack, isInstalled } from '../node/gpu/index.ts';
import type { ProcessBackend } from '../node/process-backend.ts';
import type { Backend, ProgramShape } from '../src/backend/index.ts';
import { type Judgement, judge, type Rate, rateOf } from '../src/diff/index.ts';
import type { Kernel } from '../src/kernel/index.ts';
import type { SlotRequest } from '../src/record/index.ts';
import {
  type BackendReplay,
  keptRunning,
  planReplay,
  type ReplayOptions,
  type ReplayPlan,
  recordInMemory,
  replayOn,
} from '../src/replay/index.ts';
import { findWorkload, litmus } from '../src/workloads/index.ts';

const SOUND_WORKLOADS = ['histogram', 'dfa', 'packed', 'printf', 'bank'];
const SLOTS = 32;
const TEXT = new TextEncoder().encode(
  'the ring holds the slots\nand the lanes claim them,\nthe end of the thing.\n'.repeat(4),
);
const LOG_RECORDS = 65_536;
const LITMUS_EPOCHS = 16;
/** Of all epoch-replays, those that go to what races, each. */
const RACING_SHARE = 0.02;
/** A driver without a GPU compiles for seconds. */
const DEADLINE_MS = 120_000;

interface Job {
  readonly name: string;
  readonly kernel: Kernel;
  /** The slots of each epoch. */
  readonly epochs: readonly (readonly SlotRequest[])[];
}

function jobOf(name: string): Job {
  const { kernel, epochs } = findWorkload(name).plan(TEXT, { slotCount: SLOTS });
  return { name, kernel, epochs: Array.from(epochs(), ({ slots }) => [...slots]) };
}

/** Records a job on the backend that replays it. */
async function record({ kernel, epochs }: Job, backend: Backend): Promise<ReplayPlan> {
  const work = epochs.map((slots, tag) => ({ slots, tag }));
  return planReplay(await recordInMemory(backend, kernel, work, { capacity: LOG_RECORDS, tool: 'soak' }), { kernel });
}

/** Every way to replay a program on an adapter. */
function waysOn({ ready }: ProcessBackend, seed: number): readonly ReplayOptions[] {
  // One that leaves long loops early runs no resident replays.
  const shapes: readonly ProgramShape[] = ready.device['defect'] === undefined ? ['wide', 'resident'] : ['wide'];
  return shapes.flatMap((shape) =>
    (['chained', 'isolated'] as const).flatMap((mode) => [
      { shape, mode },
      ...(shape === 'wide' ? [{ shape, mode, stress: { seed } }] : []),
    ]),
  );
}

function wayText({ shape, mode, stress }: ReplayOptions): string {
  return `${shape}, ${mode}${stress === undefined ? '' : ', stressed'}`;
}

/** What all ways to replay a job came to. */
class Sums {
  epochReplays = 0;
  differing = 0;
  replicas = 0;
  diverged = 0;
  elapsedMs = 0;
  readonly problems: string[] = [];

  add(way: string, replay: BackendReplay, { verdict, firstDivergence, unknownEpochs }: Judgement): void {
    for (const { replicas, replicasDiffering } of replay.epochs) {
      this.epochReplays += replicas;
      this.differing += replicasDiffering;
    }
    this.replicas += replay.replicasRun;
    this.diverged += replay.replicasDiverged;
    this.elapsedMs += replay.elapsedMs;
    const { fault, onDevice } = replay;
    const isOnDevice = onDevice?.replicas === replay.replicas;
    if (verdict === 'agree' && isOnDevice) return;
    const found = { fault: fault?.message, isOnDevice, firstDivergence, unknown: unknownEpochs.slice(0, 2) };
    this.problems.push(`${way}: ${verdict} ${JSON.stringify(found)}`);
  }
}

/** Replays a job in every way, so many epochs over all of them. The backend stays for the next way. */
async function replayAll(job: Job, backend: ProcessBackend, epochReplays: number, seed: number): Promise<Sums> {
  const plan = await record(job, backend);
  const ways = waysOn(backend, seed);
  const sums = new Sums();
  const kept: Backend = keptRunning(backend);
  for (const way of ways) {
    const replicas = Math.ceil(epochReplays / ways.length / plan.epochs.length);
    const replay = await replayOn(plan, kept, { ...way, replicas });
    sums.add(wayText(way), replay, judge(plan, [replay], job.kernel));
  }
  return sums;
}

async function withBackend<Result>(
  stack: GpuStack,
  kernel: Kernel,
  use: (backend: ProcessBackend) => Promise<Result>,
): Promise<Result> {
  const { adapter } = values;
  const options = { deadlineMs: DEADLINE_MS, ...(adapter === undefined ? {} : { adapter }) };
  const backend = await connectGpu(stack, kernel, options);
  try {
    return await use(backend);
  } finally {
    await backend.stop();
  }
}

async function soakSound(stack: GpuStack, epochReplays: number, seed: number): Promise<boolean> {
  const all = new Sums();
  for (const name of SOUND_WORKLOADS) {
    const job = jobOf(name);
    const sums = await withBackend(stack, job.kernel, (backend) =>
      replayAll(job, backend, epochReplays / SOUND_WORKLOADS.length, seed),
    );
    say(`${stack} ${name.padEnd(12)} ${sumsText(sums)}`);
    for (const problem of sums.problems) say(`  ${problem}`);
    all.epochReplays += sums.epochReplays;
    all.differing += sums.differing;
    all.replicas += sums.replicas;
    all.diverged += sums.diverged;
    all.elapsedMs += sums.elapsedMs;
    all.problems.push(...sums.problems);
  }
  say(`${stack} ${'all sound'.padEnd(12)} ${sumsText(all)}`);
  return all.problems.length === 0 && all.differing === 0 && all.epochReplays >= epochReplays;
}

/** How often what races is seen to, in each way. */
async function soakRacing(stack: GpuStack, job: Job, epochReplays: number, seed: number): Promise<boolean> {
  return await withBackend(stack, job.kernel, async (backend) => {
    const plan = await record(job, backend);
    const kept = keptRunning(backend);
    let isFound = true;
    for (const way of waysOn(backend, seed)) {
      const replicas = Math.max(50, Math.ceil(epochReplays / plan.epochs.length));
      const replay = await replayOn(plan, kept, { ...way, replicas });
      const { verdict, firstDivergence } = judge(plan, [replay], job.kernel);
      const sums = new Sums();
      sums.add('', replay, judge(plan, [replay], job.kernel));
      const where = firstDivergence === undefined ? '' : `, first ${firstDivergence.where} (${firstDivergence.kind})`;
      say(
        `${stack} ${job.name.padEnd(12)} ${wayText(way).padEnd(24)} ${verdict}: ` +
          `${rateText(rateOf(sums.diverged, sums.replicas))} replicas, ` +
          `${rateText(rateOf(sums.differing, sums.epochReplays))} epochs differ${where}`,
      );
      isFound &&= replay.fault === undefined && (verdict === 'diverge' || way.stress === undefined);
    }
    return isFound;
  });
}

function sumsText({ epochReplays, differing, replicas, diverged, elapsedMs }: Sums): string {
  return (
    `${epochReplays} epoch-replays in ${replicas} replicas: ${differing} epochs differ, ${diverged} replicas diverged; ` +
    `${(elapsedMs / 1_000).toFixed(1)} s`
  );
}

function rateText({ count, total, low, high }: Rate): string {
  const percent = (share: number) => (100 * share).toPrecision(3);
  return `${count} of ${total} (${percent(low)} … ${percent(high)} %)`;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

const { values } = parseArgs({
  options: {
    'epoch-replays': { type: 'string', default: '1000000' },
    stack: { type: 'string' },
    adapter: { type: 'string' },
    seed: { type: 'string', default: '1' },
  },
});
const epochReplays = Number(values['epoch-replays']);
const seed = Number(values.seed);
if (!(Number.isInteger(epochReplays) && epochReplays > 0 && Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32)) {
  throw new Error('--epoch-replays takes a whole number from 1, --seed one of 32 bits. Fix: give such numbers.');
}

const stacks = GPU_STACKS.filter((stack) => isInstalled(stack) && (values.stack ?? stack) === stack);
let isAsItShouldBe = stacks.length > 0;
for (const stack of stacks) {
  const racing = epochReplays * RACING_SHARE;
  isAsItShouldBe = (await soakSound(stack, epochReplays, seed)) && isAsItShouldBe;
  isAsItShouldBe = (await soakRacing(stack, jobOf('lost-update'), racing, seed)) && isAsItShouldBe;
  // Small races, which one way or another may not show.
  await soakRacing(stack, { name: 'litmus', ...litmus(LITMUS_EPOCHS, seed) }, racing, seed);
}
say(isAsItShouldBe ? 'passed' : 'FAILED');
if (!isAsItShouldBe) process.exitCode = 1;
