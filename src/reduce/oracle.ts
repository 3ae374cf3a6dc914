/**
 * Says whether what a run showed is a failure. What was recorded is no measure: with slots taken out something else is to be
 * expected. So every candidate has its own: what the serial reference makes of it, or what the backend itself mostly does.
 */

import { ReferenceBackend } from '../backend/index.ts';
import { resolveLayout } from '../observe/index.ts';
import { freshSnapshot, type Scenario, type ScenarioOutcome } from '../scenario/index.ts';
import type { LogCandidate } from './candidate.ts';
import { objectionTo, violationOf } from './explained.ts';
import { runCandidate } from './run-candidate.ts';
import { type Difference, differenceOf } from './signature.ts';

export const ORACLES = ['unexplained', 'unserializable', 'differs-from-reference', 'differs-from-itself'] as const;
/**
 * - `unexplained`: no order of whole slots is known to explain it, because there is none, or because nobody can tell.
 * - `unserializable`: there is none.
 * - `differs-from-reference`: it is not what the slots do one after the other in the order of publishing. Slots that may run in
 *   any order can differ from that and be right.
 * - `differs-from-itself`: it is not what the same backend mostly shows; for runtimes whose kernel vrrl does not know.
 */
export type OracleName = (typeof ORACLES)[number];
/** Those that know what slots do. */
export type KernelOracleName = Exclude<OracleName, 'differs-from-itself'>;

/** A run that failed. */
export interface Failure extends Difference {
  /** Which of the candidate's epochs shows it first. */
  readonly epoch: number;
  readonly expected: string;
  /** What was seen after each epoch. */
  readonly outcomes: readonly ScenarioOutcome[];
}

/** Looks at the runs of one candidate. */
export interface CandidateOracle {
  /** What is wrong with a run; undefined if nothing is, or if it cannot be told. */
  failureOf(outcomes: readonly ScenarioOutcome[]): Failure | undefined;
}

/** What runs are compared with is known before any of them. */
export interface ReferenceOracle extends CandidateOracle {
  /** What the reference shows after each epoch. */
  readonly expected: readonly ScenarioOutcome[];
}

/** Says of what was seen of an epoch what stands against it, as a part of the failure's signature; undefined if nothing does. */
type Explain = (scenario: Scenario, outcome: ScenarioOutcome) => string | undefined;

/** Without one, being different is enough. */
const EXPLAIN: Readonly<Record<KernelOracleName, Explain | undefined>> = {
  unexplained: objectionTo,
  unserializable: violationOf,
  'differs-from-reference': undefined,
};

/**
 * Compares runs with the serial reference, one epoch after the other.
 *
 * @param onExcused is told of every run that differs and is no failure all the same.
 */
export async function referenceOracle(
  candidate: LogCandidate,
  oracle: KernelOracleName,
  onExcused: () => void = () => undefined,
): Promise<ReferenceOracle> {
  const expected = await referenceOutcomes(candidate);
  const { kernel } = candidate;
  if (kernel === undefined) throw new Error('there is no reference without a kernel');
  const layout = resolveLayout(new ReferenceBackend(kernel).layout);
  const explain = EXPLAIN[oracle];
  const explained = explain && explainOnce(candidate, explain);
  return {
    expected,
    failureOf(outcomes) {
      let isExcused = false;
      for (const [epoch, seen] of outcomes.entries()) {
        const difference = differenceOf(layout, kernel, expected[epoch], seen);
        if (difference === undefined) continue;
        const found = { ...difference, epoch, outcomes };
        if (explained === undefined) return found;
        // Epochs after it start from what it left, and are explained from there.
        const why = explained(epoch, outcomes);
        if (why !== undefined) return { ...found, signature: `${why}, ${difference.signature}` };
        isExcused = true;
      }
      if (isExcused) onExcused();
      return undefined;
    },
  };
}

/** What the slots of a candidate do one after the other, in the order of publishing, epoch by epoch. */
export async function referenceOutcomes(candidate: LogCandidate): Promise<ScenarioOutcome[]> {
  const { kernel } = candidate;
  if (kernel === undefined) throw new Error('there is no reference without a kernel');
  const backend = new ReferenceBackend(kernel);
  return await runCandidate(backend, resolveLayout(backend.layout).snapshotWords, candidate);
}

/** Outcomes of large epochs take memory, and hardly come again where there are so many of them. */
const MOST_REMEMBERED = 2_048;

/** Explanations cost a search, and outcomes come again. */
function explainOnce(candidate: LogCandidate, explain: Explain) {
  const known = new Map<string, string | undefined>();
  return (epoch: number, outcomes: readonly ScenarioOutcome[]): string | undefined => {
    const { kernel, initial, epochs } = candidate;
    if (kernel === undefined) return undefined;
    const before = epoch === 0 ? (initial ?? freshSnapshot(kernel)) : startOf(outcomes[epoch - 1], kernel.controlWords);
    const { words, done, pending, faults } = outcomes[epoch];
    const key = `${epoch} ${done} ${pending} ${JSON.stringify(faults)} ${words.join()}`;
    if (known.size >= MOST_REMEMBERED && !known.has(key)) known.clear();
    if (!known.has(key)) known.set(key, explain({ kernel, initial: before, ...epochs[epoch] }, outcomes[epoch]));
    return known.get(key);
  };
}

/** What an epoch left, as the next one starts from it: whoever observed it took the records of the debug log away. */
function startOf({ words }: ScenarioOutcome, cursor: number): Uint32Array {
  const start = words.slice();
  start[cursor] = 0;
  return start;
}

/** Compares runs with the one that most of the first few were like. */
export class MajorityOracle implements CandidateOracle {
  readonly #layout: ReturnType<typeof resolveLayout>;
  readonly #candidate: LogCandidate;
  readonly #first: (readonly ScenarioOutcome[])[] = [];
  #usual: readonly ScenarioOutcome[] | undefined;

  constructor(layout: ReturnType<typeof resolveLayout>, candidate: LogCandidate) {
    this.#layout = layout;
    this.#candidate = candidate;
  }

  /** How many runs it has to be shown before it can judge any. */
  static readonly RUNS_TO_LEARN = 5;

  get needsRun(): boolean {
    return this.#usual === undefined;
  }

  learn(outcomes: readonly ScenarioOutcome[]): void {
    this.#first.push(outcomes);
    if (this.#first.length < MajorityOracle.RUNS_TO_LEARN) return;
    const likes = this.#first.map((each) => this.#first.filter((other) => !this.#differ(each, other)).length);
    this.#usual = this.#first[likes.indexOf(Math.max(...likes))];
  }

  failureOf(outcomes: readonly ScenarioOutcome[]): Failure | undefined {
    return this.#usual && this.#differ(this.#usual, outcomes);
  }

  #differ(expected: readonly ScenarioOutcome[], seen: readonly ScenarioOutcome[]): Failure | undefined {
    for (const [epoch, outcome] of seen.entries()) {
      const difference = differenceOf(this.#layout, this.#candidate.kernel, expected[epoch], outcome);
      if (difference !== undefined) return { ...difference, epoch, outcomes: seen };
    }
    return undefined;
  }
}
