/** Races recorded as a log and replayed, on backends that replay whole logs by themselves. */

import { type Backend, type BackendFaultError, ReferenceBackend } from '../backend/index.ts';
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
import { PLACES } from './base-kernel.ts';
import type { Mutant } from './catalogue.ts';
import type { Objections, Oracle } from './oracles.ts';
import { type PlacedRace, PlaceJudge, placeRaces } from './races.ts';
import type { Rarity } from './rewrite/site.ts';
import { ObjectionCounts } from './score.ts';
import { SerialRunner } from './serial-outcomes.ts';

/** Races of an epoch: few, since only some outcomes of an epoch come back with their words. */
const RACES_OF_EPOCH = 4;
const EPOCHS = PLACES / RACES_OF_EPOCH;

export interface RacesRun {
  readonly sound: Kernel;
  /** What is run: the mutant, or the sound kernel too. */
  readonly kernel: Kernel;
  /** For that kernel. It is stopped at the end. */
  readonly backend: Backend;
}

export interface RacesOptions {
  /** Epochs of races. */
  readonly runs: number;
  /** After so many no further epoch is begun, where epochs are stepped. Default: no limit. */
  readonly seconds?: number;
  readonly seed: number;
  readonly rarity?: Rarity;
  /** Default: none. */
  readonly stress?: StressRequest;
}

interface RacesLog {
  readonly plan: ReplayPlan;
  /** By the plan's epoch. */
  readonly races: readonly (readonly PlacedRace[])[];
}

/**
 * Replays races that were recorded on the sound kernel.
 *
 * @throws BackendFaultError if the backend failed in another way than a kernel can make it fail.
 */
export async function replayRaces(mutant: Mutant, run: RacesRun, options: RacesOptions): Promise<ObjectionCounts> {
  const { runs, seed, stress } = options;
  const log = await recordRaces(mutant, run.sound, seed);
  const start = performance.now();
  const replay = await replayOn(log.plan, run.backend, {
    mode: 'isolated',
    shape: 'wide',
    replicas: Math.ceil(runs / EPOCHS),
    ...(stress === undefined ? {} : { stress }),
  });
  return new LogJudge(mutant, run, options.rarity, log).judge(replay, performance.now() - start);
}

/** Records races on the sound kernel, slot after slot. Each has words of its own, so none depends on those before it. */
async function recordRaces(mutant: Mutant, sound: Kernel, seed: number): Promise<RacesLog> {
  const random = new RandomWords(seed);
  const races = Array.from({ length: EPOCHS }, (_, epoch) =>
    placeRaces(mutant, random, epoch * RACES_OF_EPOCH, RACES_OF_EPOCH),
  );
  const epochs = races.map((placed) => ({ slots: placed.flatMap(({ slots }) => slots) }));
  const capacity = epochs.reduce((sum, { slots }) => sum + slots.length + 1, 0);
  const recording = await recordInMemory(new ReferenceBackend(sound), sound, epochs, {
    capacity,
    tool: 'vrrl mutants',
  });
  return { plan: planReplay(recording, { kernel: sound }), races };
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

  judge({ epochs, fault }: BackendReplay, atMs: number): ObjectionCounts {
    const counts = new ObjectionCounts();
    for (const epoch of epochs) this.#countEpoch(epoch, counts, atMs);
    if (fault !== undefined) {
      if (!isOfTheKernel(fault)) throw fault;
      counts.add(STOPPED, atMs);
    }
    return counts;
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
    const { plan, races } = this.#log;
    const recorded = epoch.observed === undefined ? undefined : plan.observations?.wordsAfter(epoch.observed);
    const objections = new Set<Oracle>();
    if (snapshot !== undefined && recorded !== undefined) {
      if (!compareSnapshots(this.#sound.layout, recorded, snapshot).equal) objections.add('diff');
      const isSerial = (judge: PlaceJudge) => races[epoch.index].every((race) => judge.isSerial(race, snapshot));
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

/** A kernel can hang a backend, take its device away, or use more than there is; it cannot make it speak nonsense. */
export function isOfTheKernel({ kind }: BackendFaultError): boolean {
  return kind === 'hang' || kind === 'device-lost' || kind === 'out-of-memory';
}
