/**
 * Decides whether candidates still fail, where failing may be a matter of luck.
 *
 * One run that fails with the right signature proves that a candidate can fail, so one is enough to take it. Clean runs
 * prove nothing, but a candidate that fails at the rate `p` has `n` of them in a row with the probability (1 − p)ⁿ only;
 * it is rejected once that is at most `alpha`. For `p` stands a lower bound of the rate at which what is being reduced was
 * seen to fail, and never less than the rate of the original: a candidate that fails less often than that is more likely
 * to be rejected than one that fails as often, so the result is not rarer than what it came from.
 */

import { InputError } from '../base/errors.ts';
import { type Rate, rateOf } from '../diff/index.ts';
import { isUndecided } from './explained.ts';
import type { LedgerEntry, LedgerListener, TrialReason } from './ledger.ts';
import { cleanRunsToReject } from './rates.ts';
import type { Runs, Subject } from './subject.ts';

export interface DecisionOptions {
  /** How likely a decision may be to reject a candidate wrongly. Default 0.05. */
  readonly alpha?: number | undefined;
  /** Runs over the whole reduction. Default 1,000,000. */
  readonly maxRuns?: number | undefined;
  /** The rate of the original, if somebody knows it. 1: every run of what fails fails. Default: measured. */
  readonly rate?: number | undefined;
  readonly onEntry?: LedgerListener | undefined;
}

export const DEFAULT_ALPHA = 0.05;
export const DEFAULT_MAX_RUNS = 1_000_000;

/**
 * A measured rate counts as no more than this. Runs that follow each other are not independent: whatever else a machine does makes
 * all of them fail for a while, and then none. A rejection takes eleven runs at the least so, at the usual alpha.
 */
const MOST_MEASURED_RATE = 0.25;

/** Failures that a rate is told from: its lower bound is then a half of it or more. */
const FAILURES_TO_MEASURE = 10;

/** A share of all runs, and no more than so many, may go into finding out how often the original fails. */
const SHARE_FOR_ORIGINAL = 0.25;
const MOST_FOR_ORIGINAL = 100_000;
/** Where runs differ in legal ways, so small a share of all runs tells that they do so in no other. */
const SHARE_AMONG_LEGAL = 0.02;

/** What a trial is about, for the ledger. */
export interface TrialLabel {
  readonly stage: string;
  readonly what: string;
  readonly sizeBefore: number;
  readonly size: number;
}

export class Decider<Candidate> {
  readonly alpha: number;
  readonly ledger: LedgerEntry[] = [];
  readonly #subject: Subject<Candidate>;
  readonly #maxRuns: number;
  readonly #knownRate: number | undefined;
  readonly #onEntry: LedgerListener | undefined;
  #signature: string | undefined;
  #floor = 1;
  #rate = 1;
  #runsUsed = 0;

  /** @throws InputError if an option is out of range. */
  constructor(subject: Subject<Candidate>, options: DecisionOptions = {}) {
    const { alpha = DEFAULT_ALPHA, maxRuns = DEFAULT_MAX_RUNS, rate } = options;
    if (!(alpha > 0 && alpha < 1)) throw new InputError(`alpha is ${alpha}`, 'use a number between 0 and 1.');
    if (rate !== undefined && !(rate > 0 && rate <= 1)) {
      throw new InputError(`the rate is ${rate}`, 'use a number above 0 and up to 1.');
    }
    this.alpha = alpha;
    this.#subject = subject;
    this.#maxRuns = maxRuns;
    this.#knownRate = subject.isDeterministic ? 1 : rate;
    this.#onEntry = options.onEntry;
  }

  /** What a failing run has to show to count. Undefined until something failed. */
  get signature(): string | undefined {
    return this.#signature;
  }

  /** The rate that candidates are held against. */
  get rate(): number {
    return this.#rate;
  }

  /** The rate of the original, or a lower bound of it. */
  get floor(): number {
    return this.#floor;
  }

  get runsUsed(): number {
    return this.#runsUsed;
  }

  get runsLeft(): number {
    return Math.max(0, this.#maxRuns - this.#runsUsed);
  }

  /**
   * Runs the original until it has failed often enough to tell its rate. Its most frequent failure becomes the signature, unless
   * one is given.
   *
   * @returns how often it failed that way; a count of zero if it did not.
   */
  async begin(original: Candidate, label: TrialLabel, signature?: string): Promise<Rate> {
    const most = Math.max(1, Math.min(MOST_FOR_ORIGINAL, Math.floor(this.#maxRuns * SHARE_FOR_ORIGINAL)));
    const seen = await this.#measure(original, label, signature, most);
    if (seen.signature === undefined) return rateOf(0, seen.runs);
    this.#signature = seen.signature;
    const measured = rateOf(seen.count, seen.runs);
    this.#floor = this.#knownRate ?? Math.min(measured.low, MOST_MEASURED_RATE);
    this.#rate = this.#floor;
    return measured;
  }

  /** Runs what there is now, and holds candidates against its rate from now on if that is higher than the original's. */
  async measure(current: Candidate, label: TrialLabel): Promise<Rate> {
    // So many that one which is ten times as rare as the original is known to be rarer.
    const most = Math.min(this.runsLeft, Math.ceil((4 * FAILURES_TO_MEASURE) / this.#floor));
    const seen = await this.#measure(current, label, this.#signature, most);
    const measured = rateOf(seen.count, seen.runs);
    if (this.#knownRate === undefined) {
      this.#rate = Math.max(this.#floor, Math.min(measured.low, MOST_MEASURED_RATE));
    }
    return measured;
  }

  /**
   * Whether a candidate still fails with the signature.
   *
   * @param alpha how likely it may be to be rejected wrongly; default that of all decisions.
   */
  async fails(candidate: Candidate, label: TrialLabel, alpha: number = this.alpha): Promise<boolean> {
    const needed = cleanRunsToReject(this.#rate, alpha);
    const most = Math.min(needed, this.runsLeft);
    if (most === 0) return this.#enter(label, 0, 'out of runs');
    const { runs, failures, unresolved } = await this.#run(candidate, most, this.#signature);
    if (this.#signature !== undefined && failures.has(this.#signature)) return this.#enter(label, runs, 'failed');
    if (unresolved !== undefined) return this.#enter(label, runs, 'unresolved', unresolved);
    if (runs < needed) return this.#enter(label, runs, 'out of runs');
    const [other] = failures.keys();
    return this.#enter(label, runs, other === undefined ? 'clean' : 'other failure', other);
  }

  async #measure(candidate: Candidate, label: TrialLabel, wanted: string | undefined, most: number) {
    const wantedCount = this.#knownRate === 1 ? 1 : FAILURES_TO_MEASURE;
    const failures = new Map<string, number>();
    let runs = 0;
    let unresolved: string | undefined;
    const isIdle = () => failures.size === 0 && (this.#subject.excusedRuns ?? 0) > 0;
    while (runs < most && unresolved === undefined && frequencyOf(failures, wanted).count < wantedCount) {
      if (isIdle() && runs >= this.#maxRuns * SHARE_AMONG_LEGAL) break;
      const some = await this.#run(candidate, Math.min(this.#pace(runs, failures, wanted), most - runs), undefined);
      runs += some.runs;
      for (const [each, count] of some.failures) failures.set(each, (failures.get(each) ?? 0) + count);
      unresolved = some.unresolved;
      // One run says it all: more of them would say it again.
      if (this.#knownRate === 1) break;
    }
    const { signature, count } = frequencyOf(failures, wanted);
    const reason = count > 0 ? 'failed' : unresolved === undefined ? 'clean' : 'unresolved';
    this.#enter(label, runs, reason, unresolved ?? `${count} of ${runs} runs failed as ${signature ?? 'nothing'}`);
    return { runs, count, signature };
  }

  /** Runs at once: few while it fails often, twice as many as before while it is clean. */
  #pace(runs: number, failures: ReadonlyMap<string, number>, wanted: string | undefined): number {
    const { count } = frequencyOf(failures, wanted);
    if (count === 0) return Math.max(1, runs);
    return Math.max(1, Math.ceil((runs / count) * (FAILURES_TO_MEASURE - count)));
  }

  async #run(candidate: Candidate, most: number, wanted: string | undefined): Promise<Runs> {
    const seen = await this.#subject.run(candidate, most, wanted);
    // What could not be told has cost something too, and a budget that nothing is taken from never ends.
    this.#runsUsed += Math.max(seen.runs, 1);
    return seen;
  }

  #enter(label: TrialLabel, runs: number, reason: TrialReason, detail?: string): boolean {
    const accepted = reason === 'failed';
    const entry: LedgerEntry = { ...label, runs, accepted, reason, detail };
    this.ledger.push(entry);
    this.#onEntry?.(entry, this.#runsUsed);
    return accepted;
  }
}

/** How often the signature was seen that is wanted, or else the most frequent one; what nobody can tell comes after all others. */
function frequencyOf(failures: ReadonlyMap<string, number>, wanted: string | undefined) {
  if (wanted !== undefined) return { signature: wanted, count: failures.get(wanted) ?? 0 };
  let most: { signature: string | undefined; count: number } = { signature: undefined, count: 0 };
  for (const [signature, count] of failures) {
    const isTold = !isUndecided(signature);
    const wasTold = most.signature !== undefined && !isUndecided(most.signature);
    if (isTold === wasTold ? count > most.count : isTold || most.signature === undefined) most = { signature, count };
  }
  return most;
}
