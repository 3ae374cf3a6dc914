/** Candidates on the CPU model: every run is a schedule drawn at random, or all of them where they are few. */

import { Explorer, type MemoryModel, type Run, type Sampler } from '../explore/index.ts';
import type { Kernel } from '../kernel/index.ts';
import type { Scenario, ScenarioOutcome } from '../scenario/index.ts';
import { type LogCandidate, scenarioOf, slotCountOf } from './candidate.ts';
import { type CandidateOracle, type Failure, type KernelOracleName, referenceOracle } from './oracle.ts';
import type { Runs, Subject } from './subject.ts';

export interface ExplorerSubjectOptions {
  readonly oracle: KernelOracleName;
  /** Default `sequential`. */
  readonly memory?: MemoryModel | undefined;
  /** Default `uniform`. */
  readonly sampler?: Sampler | undefined;
  /** Where seeds begin. Default 1. */
  readonly seed?: number | undefined;
  /** Whether the time for all of it is over: what has not been told by then stays untold. Default: it never is. */
  readonly isOver?: (() => boolean) | undefined;
}

const OVER = 'the time that the CPU model had is over';

/** A failing run, and its schedule. */
export interface ScheduledFailure {
  readonly failure: Failure;
  readonly token: string;
}

/** Accesses over all runs that go into one question: kernels that loop take thousands for a single run. */
const MOST_ACCESSES = 4_000_000;

/** How many runs of a scenario are worth it, of those wanted. */
export function affordableRuns(explorer: Explorer, scenario: Scenario, memory: MemoryModel, wanted: number): number {
  let steps = 1;
  explorer.sample(scenario, { memory, runs: 1 }, (run) => {
    steps = Math.max(1, run.steps);
  });
  return Math.max(1, Math.min(wanted, Math.floor(MOST_ACCESSES / steps)));
}

/** Candidates of so many slots are gone through schedule by schedule, if that comes to an end soon. */
const MOST_SLOTS_TO_EXHAUST = 4;
const MOST_SCHEDULES = 20_000;

export class ExplorerSubject implements Subject<LogCandidate> {
  readonly name = 'the CPU model';
  /** One schedule says nothing about another. */
  readonly isDeterministic = false;
  readonly #options: ExplorerSubjectOptions;
  #explorer: { readonly kernel: Kernel; readonly explorer: Explorer } | undefined;
  #judged: { readonly candidate: LogCandidate; readonly oracle: CandidateOracle } | undefined;
  #seen: { readonly candidate: LogCandidate; readonly failures: Map<string, ScheduledFailure> } | undefined;
  #seed: number;
  #excused = 0;

  constructor(options: ExplorerSubjectOptions) {
    this.#options = options;
    this.#seed = options.seed ?? 1;
  }

  async run(candidate: LogCandidate, most: number, wanted: string | undefined): Promise<Runs> {
    const failures = new Map<string, number>();
    const { isOver = () => false } = this.#options;
    if (isOver()) return { runs: 0, failures, unresolved: OVER };
    const scenario = scenarioOf(candidate);
    if (scenario === undefined) return { runs: 0, failures, unresolved: 'it is more than one epoch of a kernel' };
    if (slotCountOf(candidate) === 0) return { runs: most, failures, unresolved: undefined };
    const oracle = await this.oracleFor(candidate);
    const look = (run: Run): boolean => {
      const found = this.#look(candidate, oracle, run);
      if (found === undefined) return isOver();
      failures.set(found, (failures.get(found) ?? 0) + 1);
      return found === wanted || isOver();
    };
    const explorer = this.explorerOf(scenario.kernel);
    const { memory = 'sequential', sampler = 'uniform' } = this.#options;
    const isSmall = wanted !== undefined && slotCountOf(candidate) <= MOST_SLOTS_TO_EXHAUST;
    // The search looks at pairs of accesses, so that long runs cost it far more than their length.
    if (isSmall && affordableRuns(explorer, scenario, memory, MOST_SCHEDULES) === MOST_SCHEDULES) {
      const all = explorer.exhaust(scenario, { memory, maxRuns: MOST_SCHEDULES }, look);
      // All schedules are more than any number of drawn ones.
      if (all.complete || all.stopped) return { runs: all.complete ? most : all.runs, failures, unresolved: undefined };
    }
    this.#seed = (this.#seed + 1) >>> 0;
    const { runs } = explorer.sample(scenario, { memory, sampler, seed: this.#seed, runs: most }, look);
    return { runs, failures, unresolved: runs < most && isOver() ? OVER : undefined };
  }

  /** Runs of all candidates that differed from the order of publishing and were no failures. */
  get excusedRuns(): number {
    return this.#excused;
  }

  /** The newest failing run of the newest candidate with that signature. */
  failureOf(candidate: LogCandidate, signature: string): ScheduledFailure | undefined {
    return this.#seen?.candidate === candidate ? this.#seen.failures.get(signature) : undefined;
  }

  /** What the schedule of a token shows of a candidate. */
  async replay(candidate: LogCandidate, token: string): Promise<Failure | undefined> {
    const scenario = scenarioOf(candidate);
    if (scenario === undefined) return undefined;
    const oracle = await this.oracleFor(candidate);
    return oracle.failureOf([copyOf(this.explorerOf(scenario.kernel).replay(scenario, token).outcome)]);
  }

  /** How many runs of a candidate are worth it, of those wanted. */
  affordable(candidate: LogCandidate, wanted: number): number {
    const scenario = scenarioOf(candidate);
    if (scenario === undefined) return wanted;
    const { memory = 'sequential' } = this.#options;
    return affordableRuns(this.explorerOf(scenario.kernel), scenario, memory, wanted);
  }

  explorerOf(kernel: Kernel): Explorer {
    if (this.#explorer?.kernel !== kernel) this.#explorer = { kernel, explorer: new Explorer(kernel) };
    return this.#explorer.explorer;
  }

  async oracleFor(candidate: LogCandidate): Promise<CandidateOracle> {
    if (this.#judged?.candidate !== candidate) {
      const oracle = await referenceOracle(candidate, this.#options.oracle, () => {
        this.#excused += 1;
      });
      this.#judged = { candidate, oracle };
    }
    return this.#judged.oracle;
  }

  /** The signature of a run that failed. */
  #look(candidate: LogCandidate, oracle: CandidateOracle, run: Run): string | undefined {
    if (run.isHung) return undefined;
    const failure = oracle.failureOf([run.outcome]);
    if (failure === undefined) return undefined;
    if (this.#seen?.candidate !== candidate) this.#seen = { candidate, failures: new Map() };
    const { failures } = this.#seen;
    if (!failures.has(failure.signature)) {
      const outcomes = [copyOf(run.outcome)];
      failures.set(failure.signature, { failure: { ...failure, outcomes }, token: run.token() });
    }
    return failure.signature;
  }
}

/** What a run shows is borrowed. */
export function copyOf(outcome: ScenarioOutcome): ScenarioOutcome {
  return { ...outcome, words: outcome.words.slice(), faults: [...outcome.faults] };
}
