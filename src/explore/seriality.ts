/**
 * Which outcomes an order of whole slots gives. What costs least comes first: orders that were run anyway, then orders near
 * the one in which a run's own accesses came, and only then somebody who searches.
 */

import { RandomWords } from '../base/random.ts';
import type { Scenario, ScenarioOutcome } from '../scenario/index.ts';
import { type CountedOutcome, OutcomeCensus } from './census.ts';
import { exhaustSerial, replayToken, runSerially } from './explorer.ts';
import { accessesThatMatter } from './meetings.ts';
import type { TracedAccess } from './run.ts';

/** Classes of orders of whole slots that are all tried if there are not more: seven slots that all depend on each other. */
const DEFAULT_MAX_ORDERS = 5_040;
/** Orders drawn where there are more. */
const RANDOM_ORDERS = 1_000;
/** Orders drawn around the accesses of a run. */
const ORDERS_AROUND_RUN = 100;
/** Outcomes for which that is done: following a schedule once more takes about as long as a thousand runs. */
const MOST_FOLLOWED = 100;

/**
 * Accesses that each of the three may take in all: where slots make many of them, an order costs a thousand times as much as
 * where they make a few, and these bounds end it first.
 */
const MOST_ACCESSES = 4_000_000;

/** Whether an order of whole slots gives an outcome. */
export type Seriality = 'serial' | 'not serial' | 'unknown';

/** Tells whether an order of whole slots gives an outcome, where there are too many to try them all. */
export type SerialJudge = (scenario: Scenario, outcome: ScenarioOutcome) => Seriality;

/** An outcome, whether it hung, and the schedule that gave it. */
export type JudgedOutcome = Pick<CountedOutcome, 'outcome' | 'isHung' | 'token'>;

/** Orders of whole slots that were run, and what they gave. */
export class SerialTrials {
  readonly #scenario: Scenario;
  readonly #census: OutcomeCensus;
  readonly #random = new RandomWords(1);
  #followed = 0;
  /** Accesses of orders around runs. */
  #accesses = 0;
  /** Every order was run. */
  readonly isComplete: boolean;
  /** Accesses of an order, at the mean: how costly it is to look into an outcome. */
  readonly accessesAnOrder: number;

  constructor(scenario: Scenario, maxOrders: number = DEFAULT_MAX_ORDERS) {
    this.#scenario = scenario;
    this.#census = new OutcomeCensus(scenario);
    const bounds = { maxRuns: maxOrders, maxAccesses: MOST_ACCESSES };
    const { complete, runs, accesses } = exhaustSerial(scenario, bounds, (run) => this.#census.add(run));
    this.isComplete = complete;
    this.accessesAnOrder = accesses / Math.max(1, runs);
    if (!this.isComplete) this.#run(this.#randomOrders(), MOST_ACCESSES);
  }

  /** Outcomes of the orders that were run. */
  outcomes(): CountedOutcome[] {
    return this.#census.outcomes();
  }

  /** Whether one of the orders that were run gave it. */
  gave({ outcome, isHung }: Pick<JudgedOutcome, 'outcome' | 'isHung'>): boolean {
    return this.#census.has(outcome, isHung);
  }

  /**
   * Runs orders in which each slot comes at some moment between its first access and its last. An outcome that an order
   * gives has such an order more often than not, since its slots seem to take effect while they run.
   */
  tryAround(judged: JudgedOutcome): void {
    if (this.#followed >= MOST_FOLLOWED || this.#accesses >= MOST_ACCESSES || judged.isHung) return;
    this.#followed += 1;
    const accesses = accessesThatMatter(replayToken(this.#scenario, judged.token).trace());
    for (let tried = 0; tried < ORDERS_AROUND_RUN && !this.gave(judged); tried += 10) {
      const left = MOST_ACCESSES - this.#accesses;
      if (left <= 0) return;
      this.#accesses += this.#run(
        Array.from({ length: 10 }, () => this.#momentsOf(accesses)),
        left,
      );
    }
  }

  /** For each slot the number of one of its accesses; slots without any come first. */
  #momentsOf(accesses: readonly TracedAccess[]): number[] {
    const moments = this.#scenario.slots.map(() => -1);
    const seen = this.#scenario.slots.map(() => 0);
    for (const [index, { record }] of accesses.entries()) {
      seen[record] += 1;
      if (this.#random.below(seen[record]) === 0) moments[record] = index;
    }
    return moments;
  }

  #randomOrders(): number[][] {
    return Array.from({ length: RANDOM_ORDERS }, () => {
      const ranks = Uint32Array.from(this.#scenario.slots.keys());
      this.#random.shuffle(ranks, ranks.length);
      return Array.from(ranks);
    });
  }

  /** @returns the accesses that they took. */
  #run(orders: readonly (readonly number[])[], maxAccesses: number): number {
    return runSerially(this.#scenario, orders, (run) => this.#census.add(run), maxAccesses).accesses;
  }
}

/**
 * Tells of each outcome whether an order of whole slots gives it: none if all orders were run, else as the other judge
 * says, who is asked about those that no order gave which was run, in the order of the outcomes.
 *
 * @param otherwise default: nobody knows.
 */
export function judgeSeriality(
  scenario: Scenario,
  outcomes: readonly JudgedOutcome[],
  trials: SerialTrials,
  otherwise: SerialJudge = () => 'unknown',
): Seriality[] {
  if (!trials.isComplete) for (const judged of outcomes) if (!trials.gave(judged)) trials.tryAround(judged);
  return outcomes.map((judged) => {
    if (trials.gave(judged)) return 'serial';
    if (trials.isComplete) return 'not serial';
    return judged.isHung ? 'unknown' : otherwise(scenario, judged.outcome);
  });
}
