/** Replay itself, as rows: a log that lies on the device, and everything that replaying a plan takes. */

import { EPOCH_TOTAL_WORDS, EpochTotal, type LoadedProgram, layoutOf } from '../../src/backend/index.ts';
import { GpuBackend } from '../../src/gpu/index.ts';
import {
  type BackendReplay,
  outcomeOfObserved,
  type ReplayOptions,
  type ReplayPlan,
  replayOn,
} from '../../src/replay/index.ts';
import { programOf } from '../../src/replay/program.ts';
import { type BenchLog, benchKernel } from './logs.ts';
import type { RowPlan } from './rows.ts';
import type { Contender, Sample } from './sampling.ts';

const STRESS_SEED = 1;

/** Replays on one device. A kernel has one backend, so that its pipelines are compiled once. */
export class Replays {
  readonly #device: GPUDevice;
  readonly #backends = new Map<number, GpuBackend>();

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** The log is taken up once; a sample is what a run takes, with everything that comes back from the device. */
  async loaded(row: RowPlan, log: BenchLog): Promise<Contender> {
    const backend = this.#backend(row.slotsOfEpoch);
    await backend.start();
    const { program, uploadMs } = await this.#load(backend, row, log);
    return { uploadMs, sample: () => sampleProgram(program, row), release: () => program.release() };
  }

  /** Everything from the plan to the counted outcomes. */
  async whole(row: RowPlan, log: BenchLog): Promise<Contender> {
    const { mode, shape, replicas, isStressed } = row;
    const stress = isStressed ? { stress: { seed: STRESS_SEED } } : {};
    const sample = async () => {
      const replay = await this.replay(log, { mode, shape, replicas, ...stress });
      const { elapsedMs: ms, onDevice, epochsRun: epochReplays } = replay;
      const counts = { epochReplays, differing: differingOf(replay) };
      return { ms, deviceMs: onDevice?.deviceMs, uploadMs: onDevice?.loadMs, ...expectSound(row, counts) };
    };
    return { sample, release: () => {} };
  }

  /** @throws the fault that a replay ended with, if it did. */
  async replay({ plan, kernel }: BenchLog, options: ReplayOptions): Promise<BackendReplay> {
    const replay = await replayOn(plan, this.#backend(kernel.slotCount), { keptSnapshotBytes: 0, ...options });
    if (replay.fault !== undefined) throw replay.fault;
    return replay;
  }

  async #load(
    backend: GpuBackend,
    { mode }: RowPlan,
    { plan }: BenchLog,
  ): Promise<{ program: LoadedProgram; uploadMs: number }> {
    const layout = layoutOf(backend);
    const initialWords = new Uint32Array(layout.snapshotWords);
    await backend.observe(initialWords);
    const begin = performance.now();
    const expectations = plan.epochs.map(({ observed }) => expectationOf(plan, layout, observed));
    const isReplayable = (epoch: { isReplayable: boolean }) => epoch.isReplayable;
    const options = { epochs: plan.epochs, mode, isReplayable, expectations, initialWords };
    const program = await backend.load(programOf(plan, layout, options));
    await this.#device.queue.onSubmittedWorkDone();
    if (program === undefined) throw new Error('the device does not take the program up');
    return { program, uploadMs: performance.now() - begin };
  }

  #backend(slotsOfEpoch: number): GpuBackend {
    const backend = this.#backends.get(slotsOfEpoch) ?? new GpuBackend(this.#device, benchKernel(slotsOfEpoch));
    this.#backends.set(slotsOfEpoch, backend);
    return backend;
  }
}

function expectationOf({ observations }: ReplayPlan, layout: ReturnType<typeof layoutOf>, observed?: number) {
  if (observed === undefined || observations === undefined) return undefined;
  return outcomeOfObserved(layout, observations.epoch(observed));
}

async function sampleProgram(program: LoadedProgram, row: RowPlan): Promise<Sample> {
  const { mode, shape, replicas } = row;
  const begin = performance.now();
  const { totals, deviceMs } = await program.run({ mode, shape, replicas });
  const ms = performance.now() - begin;
  let epochReplays = 0;
  let differing = 0;
  for (let at = 0; at < totals.length; at += EPOCH_TOTAL_WORDS) {
    epochReplays += totals[at + EpochTotal.RUN];
    differing += totals[at + EpochTotal.DIFFERENT];
  }
  return { ms, deviceMs, ...expectSound(row, { epochReplays, differing }) };
}

type Counts = Pick<Sample, 'epochReplays' | 'differing'>;

/** @throws Error if a sound kernel did not run every epoch of every replica as recorded. */
function expectSound({ log, replicas, epochs }: RowPlan, counts: Counts): Counts {
  const { epochReplays, differing } = counts;
  if (log === 'racing' || (differing === 0 && epochReplays === replicas * epochs)) return counts;
  throw new Error(`${epochReplays} epoch-replays of ${replicas * epochs}, of which ${differing} differ`);
}

/** Epoch-replays that differ from the recording. */
export function differingOf({ epochs }: BackendReplay): number {
  return epochs.reduce((sum, { replicasDiffering }) => sum + replicasDiffering, 0);
}
