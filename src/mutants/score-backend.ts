/** Mutants on a backend: races recorded on the sound kernel, replayed with the mutant. */

import type { Backend, BackendFaultError } from '../backend/index.ts';
import type { Kernel } from '../kernel/index.ts';
import { compareSnapshots, type ResolvedLayout } from '../observe/index.ts';
import { type BackendReplay, type EpochReplay, type Outcome, replayOn, type StressRequest } from '../replay/index.ts';
import { scenarioOfSlots } from '../scenario/index.ts';
import { type BaseKernel, COLUMNS } from './base-kernel.ts';
import { type Mutant, mutate } from './catalogue.ts';
import type { Objections, Oracle } from './oracles.ts';
import { LOG_SLOTS, type PlacedRace, type RacesLog, recordRaces } from './races-log.ts';
import type { Rarity } from './rewrite/site.ts';
import { ObjectionCounts, type Score } from './score.ts';
import { SerialRunner } from './serial-outcomes.ts';
import { placedSlots } from './workload.ts';

export interface BackendScoreOptions {
  /** Replicas of a log; it has ten epochs of four races. */
  readonly replicas: number;
  readonly seed: number;
  readonly rarity?: Rarity;
  /** For backends that replay whole programs by themselves. */
  readonly stress?: StressRequest;
}

/** A backend that mutants are scored on. */
export interface ScoredBackend {
  readonly name: string;
  readonly make: (kernel: Kernel) => Backend | Promise<Backend>;
  /** The kernel as the backend runs it. Kernels that come to the same text cannot be told apart there. */
  readonly lower: (kernel: Kernel) => string;
  /** Why what needs weak memory cannot show there; undefined if it can. */
  readonly strongMemory?: string;
}

/** Scores mutants on one backend. What the sound kernels show there is found out once for mutants of one race. */
export class BackendScorer {
  readonly #backend: ScoredBackend;
  readonly #options: BackendScoreOptions;
  readonly #controls = new Map<string, Promise<readonly Oracle[]>>();

  constructor(backend: ScoredBackend, options: BackendScoreOptions) {
    this.#backend = backend;
    this.#options = options;
  }

  /** @throws BackendFaultError if the backend does not even run the sound kernel. */
  async score(mutant: Mutant): Promise<Score> {
    const { rarity } = this.#options;
    const sound = mutant.base.kernel(LOG_SLOTS);
    const kernel = mutate(mutant, sound, rarity);
    if (kernel === undefined) throw new TypeError(`mutant ${mutant.number} does not apply to its base`);
    const { name, lower, strongMemory } = this.#backend;
    const fixed = { mutant, backend: name, oneIn: rarity?.oneIn };
    if (lower(kernel) === lower(sound)) {
      return { ...fixed, ...notRun(), fate: 'unobservable', reason: 'its program is that of the sound kernel here' };
    }
    const noJudges = await this.#control(mutant, sound);
    const start = performance.now();
    const counts = await this.#run(mutant, sound, kernel);
    const summary = counts.summary(noJudges);
    const isKilled = summary.killed.count > 0;
    const hidden = !isKilled && mutant.kind === 'weak' ? strongMemory : undefined;
    const fate = isKilled ? 'killed' : hidden === undefined ? 'survived' : 'unobservable';
    return { ...fixed, ...summary, fate, reason: hidden, elapsedMs: performance.now() - start };
  }

  /** The oracles that object to the sound kernel. */
  #control(mutant: Mutant, sound: Kernel): Promise<readonly Oracle[]> {
    const key = `${mutant.base.name}: ${mutant.race.name}`;
    let control = this.#controls.get(key);
    if (control === undefined) {
      control = this.#run(mutant, sound, sound).then((counts) => counts.objectors);
      this.#controls.set(key, control);
    }
    return control;
  }

  async #run(mutant: Mutant, sound: Kernel, kernel: Kernel): Promise<ObjectionCounts> {
    const { seed, replicas, stress } = this.#options;
    const log = await recordRaces(mutant, sound, seed);
    const start = performance.now();
    const backend = await this.#backend.make(kernel);
    const replay = await replayOn(log.plan, backend, {
      mode: 'isolated',
      replicas,
      ...(stress === undefined ? {} : { stress, shape: 'wide' }),
    });
    const counts = new ObjectionCounts();
    const judge = new LogJudge(mutant.base, sound, kernel, log);
    judge.count(replay, counts, performance.now() - start);
    return counts;
  }
}

function notRun(): Pick<Score, 'runs' | 'killed' | 'oracles' | 'noJudges' | 'firstKillMs' | 'elapsedMs'> {
  return { ...new ObjectionCounts().summary([]), elapsedMs: 0 };
}

/** Judges what a replay of races came to, epoch by epoch. */
class LogJudge {
  readonly #base: BaseKernel;
  readonly #sound: SerialRunner;
  readonly #own: SerialRunner;
  readonly #log: RacesLog;
  readonly #layout: ResolvedLayout;

  constructor(base: BaseKernel, sound: Kernel, kernel: Kernel, log: RacesLog) {
    this.#base = base;
    this.#sound = new SerialRunner(sound);
    this.#own = new SerialRunner(kernel);
    this.#log = log;
    this.#layout = this.#sound.layout;
  }

  /** @throws BackendFaultError if the backend failed in another way than a kernel can make it fail. */
  count({ epochs, fault }: BackendReplay, counts: ObjectionCounts, atMs: number): void {
    for (const epoch of epochs) this.#countEpoch(epoch, counts, atMs);
    if (fault === undefined) return;
    if (!isOfTheKernel(fault)) throw fault;
    counts.add(new Set<Oracle>(['watchdog']), atMs);
  }

  #countEpoch(
    { epoch, outcomes, unlistedCount, replicas, replicasDiffering }: EpochReplay,
    counts: ObjectionCounts,
    atMs: number,
  ): void {
    let listed = 0;
    let differing = 0;
    const recorded = epoch.observed === undefined ? undefined : this.#log.plan.observations?.wordsAfter(epoch.observed);
    const slots = epoch.endRecord - epoch.firstRecord;
    const races = this.#log.races[epoch.index];
    for (const outcome of outcomes) {
      const objections = this.#objections(outcome, recorded, slots, races);
      counts.add(objections, atMs, outcome.count);
      listed += outcome.count;
      if (objections.has('diff')) differing += outcome.count;
    }
    // What was only counted differs from the recording in some way; its words were not kept.
    const unlistedDiffering = Math.max(0, Math.min(unlistedCount, replicasDiffering - differing));
    counts.add(DIFFERS, atMs, unlistedDiffering);
    counts.add(NOTHING, atMs, replicas - listed - unlistedDiffering);
  }

  #objections(
    { snapshot, tally, faults }: Outcome,
    recorded: Uint32Array | undefined,
    slots: number,
    races: readonly PlacedRace[],
  ): Objections {
    const objections = new Set<Oracle>();
    if (snapshot !== undefined && recorded !== undefined) {
      if (!compareSnapshots(this.#layout, recorded, snapshot).equal) objections.add('diff');
      if (races.some((race) => !this.#isSerial(this.#sound, race, snapshot))) objections.add('level');
      if (races.some((race) => !this.#isSerial(this.#own, race, snapshot))) objections.add('self');
    }
    if (tally.faulted > 0 || faults.length > 0) objections.add('watchdog');
    if (tally.done !== slots || tally.pending > 0) objections.add('ends');
    return objections;
  }

  /** Whether some order of a race's slots gives what its words are. Races share no words, so each may be asked by itself. */
  #isSerial(runner: SerialRunner, race: PlacedRace, snapshot: Uint32Array): boolean {
    const seen = this.#wordsOf(race, snapshot);
    const scenario = scenarioOfSlots(runner.kernel, placedSlots(race.slots));
    return runner.allOrders(scenario).some(({ words }) => this.#wordsOf(race, words) === seen);
  }

  #wordsOf({ place }: PlacedRace, snapshot: Uint32Array): string {
    return this.#base.comparedRows
      .map((row) => snapshot.subarray(place.word(row), place.word(row) + COLUMNS).join(' '))
      .join(' ');
  }
}

const DIFFERS: Objections = new Set(['diff']);
const NOTHING: Objections = new Set();

/** A kernel can hang a backend, take its device away, or use more than there is; it cannot make it speak nonsense. */
function isOfTheKernel(fault: BackendFaultError): boolean {
  return fault.kind === 'hang' || fault.kind === 'device-lost' || fault.kind === 'out-of-memory';
}
