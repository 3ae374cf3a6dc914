/** Races recorded as a log and replayed, on backends that replay whole logs by themselves. */

import { ReferenceBackend } from '../backend/index.ts';
import { RandomWords } from '../base/random.ts';
import type { Kernel } from '../kernel/index.ts';
import { compareSnapshots } from '../observe/index.ts';
import {
  type BackendReplay,
  type EpochReplay,
  type Outcome,
  planReplay,
  type ReplayPlan,
  recordInMemory,
  replayOn,
  type StressRequest,
} from '../replay/index.ts';
import type { Mutant } from './catalogue.ts';
import { keptRunning } from './kept-running.ts';
import type { Objections, Oracle } from './oracles.ts';
import { PARALLEL_EPOCHS, type ParallelEpoch, parallelEpochs } from './parallel-races.ts';
import { PlaceJudge } from './races.ts';
import { isOfTheKernel, isOver, type RacesOptions, type RacesRun, type RunLimits } from './races-run.ts';
import type { Rarity } from './rewrite/site.ts';
import { ObjectionCounts } from './score.ts';
import { SerialRunner } from './serial-outcomes.ts';

/** Replicas of the first replay; a further one has up to twice as many as the one before. */
const FIRST_REPLICAS = 8;
const MOST_REPLICAS = 2_048;

interface RacesLog {
  readonly plan: ReplayPlan;
  /** By the plan's epoch. */
  readonly epochs: readonly ParallelEpoch[];
}

/**
 * Replays races that were recorded on the sound kernel: a few replicas, then more, until the limits say that it is over.
 *
 * @throws BackendFaultError if the backend failed in another way than a kernel can make it fail.
 */
export async function replayRaces(
  mutant: Mutant,
  run: RacesRun,
  { seed, rarity, stress }: RacesOptions,
  limits: RunLimits,
): Promise<ObjectionCounts> {
  const log = await recordRaces(mutant, run.sound, seed);
  const judge = new LogJudge(mutant, run, rarity, log);
  const counts = new ObjectionCounts();
  const backend = keptRunning(run.backend);
  const start = performance.now();
  /** When the first replay was over: by then what there was to compile was compiled, for the most part. */
  let warmMs: number | undefined;
  let request = stress;
  let replicas = FIRST_REPLICAS;
  try {
    for (;;) {
      const options = request === undefined ? {} : { stress: request };
      const replay = await replayOn(log.plan, backend, { mode: 'isolated', shape: 'wide', replicas, ...options });
      const elapsedMs = performance.now() - start;
      judge.count(replay, counts, elapsedMs);
      warmMs ??= elapsedMs;
      if (replay.fault !== undefined || isOver(limits, counts, elapsedMs - warmMs)) return counts;
      request = nextRequest(request, replay);
      replicas = nextReplicas(replicas, counts.runs, limits, elapsedMs - warmMs);
    }
  } finally {
    await run.backend.stop();
  }
}

/** Other settings than before, and what has done best so far. */
function nextRequest(request: StressRequest | undefined, { onDevice }: BackendReplay): StressRequest | undefined {
  if (request === undefined || 'settings' in request) return request;
  const best = onDevice?.stress?.best;
  return { seed: new RandomWords(request.seed).next(), candidates: best === undefined ? [] : [best.settings] };
}

/** Twice as many, but no more than are asked for or than there seems to be time for. */
function nextReplicas(last: number, runs: number, { runs: wanted, seconds }: RunLimits, elapsedMs: number): number {
  const missing = wanted > runs ? (wanted - runs) / PARALLEL_EPOCHS : Number.POSITIVE_INFINITY;
  const fitting = elapsedMs === 0 ? 2 * last : ((seconds * 1_000) / elapsedMs - 1) * (runs / PARALLEL_EPOCHS);
  return Math.ceil(Math.min(2 * last, MOST_REPLICAS, missing, Math.max(last / 2, fitting)));
}

/** Records races on the sound kernel, slot after slot. Each has words of its own, so none depends on those before it. */
async function recordRaces(mutant: Mutant, sound: Kernel, seed: number): Promise<RacesLog> {
  const epochs = parallelEpochs(mutant, new RandomWords(seed));
  const capacity = epochs.reduce((sum, { slots }) => sum + slots.length + 1, 0);
  const recording = await recordInMemory(new ReferenceBackend(sound), sound, epochs, {
    capacity,
    tool: 'vrrl mutants',
  });
  return { plan: planReplay(recording, { kernel: sound }), epochs };
}

/** Judges what a replay of races came to, epoch by epoch. */
class LogJudge {
  readonly #log: RacesLog;
  readonly #sound: SerialRunner;
  readonly #soundPlaces: PlaceJudge;
  readonly #ownPlaces: PlaceJudge;

  constructor({ base }: Mutant, { sound, kernel }: RacesRun, rarity: Rarity | undefined, log: RacesLog) {
    this.#log = log;
    this.#sound = new SerialRunner(sound);
    this.#soundPlaces = new PlaceJudge(base, this.#sound, rarity);
    this.#ownPlaces = new PlaceJudge(base, new SerialRunner(kernel), rarity);
  }

  count({ epochs, fault }: BackendReplay, counts: ObjectionCounts, atMs: number): void {
    for (const epoch of epochs) this.#countEpoch(epoch, counts, atMs);
    if (fault !== undefined) {
      if (!isOfTheKernel(fault)) throw fault;
      counts.add(STOPPED, atMs);
    }
  }

  #countEpoch(replay: EpochReplay, counts: ObjectionCounts, atMs: number): void {
    const { outcomes, unlistedCount, replicas, replicasDiffering } = replay;
    let listed = 0;
    let differing = 0;
    for (const outcome of outcomes) {
      const objections = this.#objections(outcome, replay);
      counts.add(objections, atMs, outcome.count);
      listed += outcome.count;
      if (objections.has('diff')) differing += outcome.count;
    }
    // What was only counted differs from the recording somewhere; its words were not kept.
    const unlistedDiffering = Math.max(0, Math.min(unlistedCount, replicasDiffering - differing));
    counts.add(DIFFERS, atMs, unlistedDiffering);
    counts.add(NOTHING, atMs, replicas - listed - unlistedDiffering);
  }

  #objections({ snapshot, tally, faults }: Outcome, { epoch }: EpochReplay): Objections {
    const { plan, epochs } = this.#log;
    const recorded = epoch.observed === undefined ? undefined : plan.observations?.wordsAfter(epoch.observed);
    const objections = new Set<Oracle>();
    if (snapshot !== undefined && recorded !== undefined) {
      if (!compareSnapshots(this.#sound.layout, recorded, snapshot).equal) objections.add('diff');
      const isSerial = (judge: PlaceJudge) => epochs[epoch.index].races.every((race) => judge.isSerial(race, snapshot));
      if (!isSerial(this.#soundPlaces)) objections.add('level');
      if (!isSerial(this.#ownPlaces)) objections.add('self');
    }
    if (tally.faulted > 0 || faults.length > 0) objections.add('watchdog');
    if (tally.done !== epoch.endRecord - epoch.firstRecord || tally.pending > 0) objections.add('ends');
    return objections;
  }
}

const DIFFERS: Objections = new Set(['diff']);
const STOPPED: Objections = new Set(['watchdog']);
const NOTHING: Objections = new Set();
