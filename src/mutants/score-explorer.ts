/** Mutants on the CPU model: one race at a time, its accesses under a scheduler of our own. */

import { RandomWords } from '../base/random.ts';
import { explain } from '../explain/index.ts';
import { exhaust, type MemoryModel, type Sampler, sample } from '../explore/index.ts';
import { type Kernel, observationLayoutOf } from '../kernel/index.ts';
import { resolveLayout } from '../observe/index.ts';
import { freshSnapshot, type Scenario, type ScenarioOutcome } from '../scenario/index.ts';
import type { Race } from './base-kernel.ts';
import { type Mutant, mutate } from './catalogue.ts';
import { NO_OBJECTIONS, type Objections, type Oracle, RaceJudge } from './oracles.ts';
import { isAnyStruck, struckSlots } from './races.ts';
import { LOT_THAT_STRIKES } from './rewrite/rare.ts';
import type { Rarity } from './rewrite/site.ts';
import { type KillExplanation, ObjectionCounts, type Score } from './score.ts';
import { sameOutcome } from './serial-outcomes.ts';
import { scenarioOfRace } from './workload.ts';

export interface ExplorerScoreOptions {
  /** Runs of each mutant, at least; after so many one that no oracle objected to is run on for `seconds`. */
  readonly runs: number;
  readonly seconds: number;
  readonly seed: number;
  readonly rarity?: Rarity;
  /** Whether the first run that is killed is explained too, which may take longer than finding it. Default true. */
  readonly explains?: boolean;
}

/** Slots of the ring: more than a race has. */
const SLOTS = 8;
/** Schedules of a scenario before the next one, with other lots. */
const RUNS_OF_SCENARIO = 64;
/** In turn: none of them is the best for all bugs. */
const SAMPLERS: readonly Sampler[] = ['uniform', 'pos', 'pct'];
/** Accesses of a lane before it counts as hung; the longest race takes a few dozen. */
const MAX_STEPS = 1_000;
const MAX_EXHAUSTIVE_RUNS = 300_000;
const MAX_EXPLAINING_RUNS = 500;

/** Memory that a mutant needs to show: interleavings of single accesses, or weaker. */
export function memoryFor({ kind }: Mutant): MemoryModel {
  return kind === 'weak' ? 'relaxed' : 'sequential';
}

/** Scores mutants on the CPU model. What the sound kernels show there is found out once for mutants of one race. */
export class ExplorerScorer {
  readonly #options: ExplorerScoreOptions;
  readonly #controls = new Map<string, { readonly runs: number; readonly objectors: readonly Oracle[] }>();

  constructor(options: ExplorerScoreOptions) {
    this.#options = options;
  }

  score(mutant: Mutant): Score {
    const { rarity, seconds, runs, explains = true } = this.#options;
    const sound = mutant.base.kernel(SLOTS);
    const kernel = mutate(mutant, sound, rarity);
    if (kernel === undefined) throw new TypeError(`mutant ${mutant.number} does not apply to its base`);
    const fixed = { mutant, backend: 'explorer', memory: memoryFor(mutant), oneIn: rarity?.oneIn };
    // Asked before, so that what is no judge does not end the search, and after it, when there were more runs.
    let noJudges = this.#control(mutant, sound, runs);
    const exploration = new Exploration(mutant, sound, kernel, this.#options);
    exploration.run((counts) => counts.runs < runs);
    if (!exploration.counts.isKilled(noJudges)) {
      const reason = whyEquivalent(mutant, sound, kernel);
      if (reason !== undefined) {
        const { elapsedMs } = exploration;
        return { ...fixed, ...exploration.counts.summary(noJudges), elapsedMs, fate: 'equivalent', reason };
      }
    }
    let isSettled = false;
    while (!isSettled) {
      const known = noJudges;
      exploration.run((counts) => !counts.isKilled(known) && exploration.elapsedMs < seconds * 1_000);
      noJudges = this.#control(mutant, sound, exploration.counts.runs);
      isSettled = exploration.counts.isKilled(noJudges) || exploration.elapsedMs >= seconds * 1_000;
    }
    const summary = exploration.counts.summary(noJudges);
    const found = { ...fixed, ...summary, elapsedMs: exploration.elapsedMs, reason: undefined };
    if (summary.killed.count === 0) return { ...found, fate: 'survived' };
    const odd = exploration.odd.find(({ objections }) => objects(objections, noJudges));
    return {
      ...found,
      fate: 'killed',
      ...(odd === undefined || !explains ? {} : { explanation: explained(odd, sound) }),
    };
  }

  /** The oracles that object to the sound kernel in as many runs of the same scenarios. */
  #control(mutant: Mutant, sound: Kernel, runs: number): readonly Oracle[] {
    const key = `${mutant.base.name}: ${mutant.race.name}, ${memoryFor(mutant)}`;
    const known = this.#controls.get(key);
    if (known !== undefined && known.runs >= runs) return known.objectors;
    const exploration = new Exploration(mutant, sound, sound, this.#options);
    exploration.run((counts) => counts.runs < runs);
    const { objectors } = exploration.counts;
    this.#controls.set(key, { runs, objectors });
    return objectors;
  }
}

/** Schedules of one race after the other, on one kernel, until somebody has seen enough; goes on where it ended. */
class Exploration {
  readonly counts: ObjectionCounts = new ObjectionCounts();
  /** The first run of each kind that oracles objected to. */
  readonly odd: OddRun[] = [];
  elapsedMs = 0;
  readonly #race: Race;
  readonly #memory: MemoryModel;
  readonly #kernel: Kernel;
  readonly #rarity: Rarity | undefined;
  readonly #random: RandomWords;
  readonly #judge: RaceJudge;
  readonly #initial: Uint32Array;
  #turn = 0;

  constructor(mutant: Mutant, sound: Kernel, kernel: Kernel, { seed, rarity }: ExplorerScoreOptions) {
    this.#race = mutant.race;
    this.#memory = memoryFor(mutant);
    this.#kernel = kernel;
    this.#rarity = rarity;
    this.#random = new RandomWords(seed);
    this.#judge = new RaceJudge(sound, kernel);
    this.#initial = freshSnapshot(kernel);
  }

  run(goesOn: (counts: ObjectionCounts) => boolean): void {
    const start = performance.now() - this.elapsedMs;
    while (goesOn(this.counts)) {
      this.#runScenario(start);
      this.elapsedMs = performance.now() - start;
    }
  }

  #runScenario(start: number): void {
    const scenario = scenarioOfRace(this.#kernel, this.#race, () => this.#random.next(), this.#initial);
    const struck = struckSlots(
      scenario.slots.map(({ slot }) => slot),
      this.#rarity,
    );
    // The kernel is the sound one there: running it would say nothing.
    if (!isAnyStruck(struck)) return this.counts.add(NO_OBJECTIONS, performance.now() - start, RUNS_OF_SCENARIO);
    const options = {
      memory: this.#memory,
      sampler: SAMPLERS[this.#turn % SAMPLERS.length],
      seed: this.#random.next(),
      runs: RUNS_OF_SCENARIO,
      maxSteps: MAX_STEPS,
    };
    this.#turn += 1;
    sample(scenario, options, ({ outcome, isHung }) => {
      const objections = this.#judge.judge(scenario, struck, outcome, isHung);
      this.counts.add(objections, performance.now() - start);
      if (objections.size > 0 && !this.odd.some((known) => known.objections === objections)) {
        this.odd.push({ objections, scenario, outcome: { ...outcome, words: outcome.words.slice() } });
      }
    });
  }
}

/** A run that oracles objected to. */
interface OddRun {
  readonly objections: Objections;
  readonly scenario: Scenario;
  readonly outcome: ScenarioOutcome;
}

function objects(objections: Objections, noJudges: readonly Oracle[]): boolean {
  return [...objections].some((oracle) => !noJudges.includes(oracle));
}

/** What explaining says of a run, when what is right is what the sound kernel does. */
function explained(odd: OddRun, sound: Kernel): KillExplanation {
  const { verdict, violated, contradiction, summary } = explain({ ...odd.scenario, kernel: sound }, odd.outcome, {
    maxRuns: MAX_EXPLAINING_RUNS,
  });
  return { verdict, violated, shape: contradiction?.shape, summary };
}

/** Why nothing could kill a mutant, if that is so: all schedules are taken, of both kernels. */
function whyEquivalent(mutant: Mutant, sound: Kernel, kernel: Kernel): string | undefined {
  const [own, expected] = [kernel, sound].map((each) => allOutcomes(mutant, each));
  if (own === undefined || expected === undefined || own.length !== expected.length) return undefined;
  const layout = resolveLayout(observationLayoutOf(sound));
  const isSame = own.every((one) => expected.some((other) => sameOutcome(layout, one, other)));
  return isSame ? 'all schedules of this race give what those of the sound kernel give' : undefined;
}

/** What all schedules of a mutant's race give, each slot meeting the defect; undefined if they are too many. */
export function allOutcomes(mutant: Mutant, kernel: Kernel): readonly ScenarioOutcome[] | undefined {
  const scenario = scenarioOfRace(kernel, mutant.race, () => LOT_THAT_STRIKES, freshSnapshot(kernel));
  const layout = resolveLayout(observationLayoutOf(kernel));
  const outcomes: ScenarioOutcome[] = [];
  const options = { memory: memoryFor(mutant), maxRuns: MAX_EXHAUSTIVE_RUNS, maxSteps: MAX_STEPS };
  const { complete } = exhaust(scenario, options, ({ outcome }) => {
    if (!outcomes.some((known) => sameOutcome(layout, known, outcome))) {
      outcomes.push({ ...outcome, words: outcome.words.slice() });
    }
  });
  return complete ? outcomes : undefined;
}
