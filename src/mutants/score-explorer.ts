/** Mutants on the CPU model: one race at a time, its accesses under a scheduler of our own. */

import { RandomWords } from '../base/random.ts';
import { explain } from '../explain/index.ts';
import { exhaust, type MemoryModel, type Sampler, sample } from '../explore/index.ts';
import { type Kernel, observationLayoutOf } from '../kernel/index.ts';
import { resolveLayout } from '../observe/index.ts';
import { freshSnapshot, type Scenario, type ScenarioOutcome } from '../scenario/index.ts';
import { type Mutant, mutate } from './catalogue.ts';
import { type Objections, type Oracle, RaceJudge } from './oracles.ts';
import { struckSlots } from './races.ts';
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
}

/** Slots of the ring: more than a race has. */
const SLOTS = 8;
/** Schedules of a scenario before the next one, with other lots. Lots decide little where the defect is always met. */
const RUNS_OF_SCENARIO = 64;
const RUNS_OF_RARE_SCENARIO = 16;
/** In turn: none of them is the best for all bugs. */
const SAMPLERS: readonly Sampler[] = ['uniform', 'pos', 'pct'];
/** Accesses of a lane before it counts as hung; the longest race takes a few dozen. */
const MAX_STEPS = 1_000;
const MAX_EXHAUSTIVE_RUNS = 300_000;
const MAX_EXPLAINING_RUNS = 2_000;

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
    const { rarity, seconds, runs } = this.#options;
    const sound = mutant.base.kernel(SLOTS);
    const kernel = mutate(mutant, sound, rarity);
    if (kernel === undefined) throw new TypeError(`mutant ${mutant.number} does not apply to its base`);
    // Found out before, so that what is no judge does not end the search; and after it, since there were more runs by then.
    const known = this.#control(mutant, sound, runs);
    const start = performance.now();
    const explored = this.#explore(mutant, sound, kernel, (counts) => {
      if (counts.runs < runs) return true;
      return !counts.isKilled(known) && performance.now() - start < seconds * 1_000;
    });
    const elapsedMs = performance.now() - start;
    const noJudges = this.#control(mutant, sound, explored.counts.runs);
    const summary = explored.counts.summary(noJudges);
    const fixed = {
      mutant,
      backend: 'explorer',
      memory: memoryFor(mutant),
      oneIn: rarity?.oneIn,
      ...summary,
      elapsedMs,
    };
    if (summary.killed.count === 0) return { ...fixed, ...fateOfSurvivor(mutant, sound, kernel) };
    const explanation = explained(
      explored.odd.find(({ objections }) => objects(objections, noJudges)),
      sound,
    );
    return { ...fixed, fate: 'killed', reason: undefined, ...(explanation === undefined ? {} : { explanation }) };
  }

  /** The oracles that object to the sound kernel in as many runs of the same scenarios. */
  #control(mutant: Mutant, sound: Kernel, runs: number): readonly Oracle[] {
    const key = `${mutant.base.name}: ${mutant.race.name}, ${memoryFor(mutant)}`;
    const known = this.#controls.get(key);
    if (known !== undefined && known.runs >= runs) return known.objectors;
    const { counts } = this.#explore(mutant, sound, sound, (soFar) => soFar.runs < runs);
    this.#controls.set(key, { runs, objectors: counts.objectors });
    return counts.objectors;
  }

  #explore(mutant: Mutant, sound: Kernel, kernel: Kernel, goesOn: (counts: ObjectionCounts) => boolean): Explored {
    const { seed, rarity } = this.#options;
    const random = new RandomWords(seed);
    const counts = new ObjectionCounts();
    const odd: OddRun[] = [];
    const judge = new RaceJudge(sound, kernel);
    const initial = freshSnapshot(kernel);
    const start = performance.now();
    for (let turn = 0; goesOn(counts); turn += 1) {
      const scenario = scenarioOfRace(kernel, mutant.race, () => random.next(), initial);
      const struck = struckSlots(
        scenario.slots.map(({ slot }) => slot),
        rarity,
      );
      const options = {
        memory: memoryFor(mutant),
        sampler: SAMPLERS[turn % SAMPLERS.length],
        seed: random.next(),
        runs: rarity === undefined ? RUNS_OF_SCENARIO : RUNS_OF_RARE_SCENARIO,
        maxSteps: MAX_STEPS,
      };
      sample(scenario, options, ({ outcome, isHung }) => {
        const objections = judge.judge(scenario, struck, outcome, isHung);
        counts.add(objections, performance.now() - start);
        if (objections.size > 0 && !odd.some((known) => known.objections === objections)) {
          odd.push({ objections, scenario, outcome: { ...outcome, words: outcome.words.slice() } });
        }
      });
    }
    return { counts, odd };
  }
}

/** The first run of each kind that oracles objected to. */
interface OddRun {
  readonly objections: Objections;
  readonly scenario: Scenario;
  readonly outcome: ScenarioOutcome;
}

interface Explored {
  readonly counts: ObjectionCounts;
  readonly odd: readonly OddRun[];
}

function objects(objections: Objections, noJudges: readonly Oracle[]): boolean {
  return [...objections].some((oracle) => !noJudges.includes(oracle));
}

/** What explaining says of a run, when what is right is what the sound kernel does. */
function explained(odd: OddRun | undefined, sound: Kernel): KillExplanation | undefined {
  if (odd === undefined) return undefined;
  const { verdict, violated, contradiction, summary } = explain({ ...odd.scenario, kernel: sound }, odd.outcome, {
    maxRuns: MAX_EXPLAINING_RUNS,
  });
  return { verdict, violated, shape: contradiction?.shape, summary };
}

/** Whether a mutant that survived could have been killed: all schedules are taken, of both kernels. */
function fateOfSurvivor(mutant: Mutant, sound: Kernel, kernel: Kernel): Pick<Score, 'fate' | 'reason'> {
  const [own, expected] = [kernel, sound].map((each) => allOutcomes(mutant, each));
  if (own === undefined || expected === undefined) return { fate: 'survived', reason: undefined };
  const layout = resolveLayout(observationLayoutOf(sound));
  const isSame =
    own.length === expected.length && own.every((one) => expected.some((other) => sameOutcome(layout, one, other)));
  if (!isSame) return { fate: 'survived', reason: 'it has outcomes of its own, which were not met' };
  return { fate: 'equivalent', reason: 'all schedules of this race give what those of the sound kernel give' };
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
