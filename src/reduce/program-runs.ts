/** Runs of a candidate on a device that takes it up as a program: thousands in one go instead of a round trip each. */

import {
  type Backend,
  type CapturedOutcome,
  EPOCH_TOTAL_WORDS,
  EpochTotal,
  type LoadedProgram,
  layoutOf,
  MAX_CAPTURED_OF_EPOCH,
  type ProgramResult,
  PublishError,
} from '../backend/index.ts';
import { freshSnapshot, type ScenarioOutcome } from '../scenario/index.ts';
import type { LogCandidate } from './candidate.ts';
import { programOfCandidate } from './candidate-program.ts';
import type { Failure, ReferenceOracle } from './oracle.ts';
import { refuseBeyondRing } from './run-candidate.ts';

/** What some runs in one go showed. */
export interface ProgramRuns {
  readonly runs: number;
  /** Failures, each with the number of runs that showed it. */
  readonly failures: readonly (readonly [failure: Failure, runs: number])[];
}

/** At first no more than can be handed back, so that what fails often is told run by run. */
const FIRST_TURN: number = MAX_CAPTURED_OF_EPOCH;
const GROWTH = 4;
/** A driver kills what keeps a device busy for too long, and somebody waits for the progress. */
const LONGEST_TURN = 4_096;

/** One candidate, taken up by a device. */
export class ProgramRunner {
  readonly candidate: LogCandidate;
  readonly #program: LoadedProgram;
  readonly #oracle: ReferenceOracle;
  #turn = FIRST_TURN;
  #replicas = 0;

  private constructor(candidate: LogCandidate, program: LoadedProgram, oracle: ReferenceOracle) {
    this.candidate = candidate;
    this.#program = program;
    this.#oracle = oracle;
  }

  /**
   * @returns undefined if the backend takes no programs, or not this one.
   * @throws PublishError if a slot is beyond the ring.
   */
  static async load(
    backend: Backend,
    candidate: LogCandidate,
    oracle: ReferenceOracle,
  ): Promise<ProgramRunner | undefined> {
    const { kernel, initial } = candidate;
    if (backend.load === undefined || kernel === undefined) return undefined;
    refuseBeyondRing(backend, candidate);
    const start = initial ?? freshSnapshot(kernel);
    const program = await backend.load(programOfCandidate(candidate, layoutOf(backend), start, oracle.expected));
    return program && new ProgramRunner(candidate, program, oracle);
  }

  /**
   * Runs it once, or a few thousand times: turns get longer as long as nothing fails.
   *
   * @param most runs.
   * @throws PublishError if a slot was not free when it had to be published.
   */
  async run(most: number): Promise<ProgramRuns> {
    const replicas = Math.min(most, this.#turn);
    const result = await this.#program.run({
      mode: 'chained',
      replicas,
      shape: 'wide',
      stress: this.candidate.stress ?? {},
      firstReplica: this.#replicas,
    });
    this.#replicas += replicas;
    const { failures, isAllSeen } = this.#failuresOf(result);
    // What is legal must not hide what is not.
    const isShort = failures.length > 0 || !isAllSeen;
    this.#turn = isShort ? FIRST_TURN : Math.min(LONGEST_TURN, this.#turn * GROWTH);
    return { runs: replicas, failures };
  }

  async release(): Promise<void> {
    await this.#program.release();
  }

  /**
   * The first epoch that came out different in any run: before it all runs were as expected, so that of those which differ there the
   * whole history is known. Runs that differ later only are left out.
   */
  #failuresOf({ totals, captured }: ProgramResult): {
    readonly failures: ProgramRuns['failures'];
    /** Whether all runs that differ were handed back. */
    readonly isAllSeen: boolean;
  } {
    for (let epoch = 0; epoch * EPOCH_TOTAL_WORDS < totals.length; epoch += 1) {
      const total = totals.subarray(epoch * EPOCH_TOTAL_WORDS, (epoch + 1) * EPOCH_TOTAL_WORDS);
      if (total[EpochTotal.REFUSED] > 0) {
        throw new PublishError('a slot was not free when it had to be published', 'leave one of the two out.');
      }
      const different = total[EpochTotal.DIFFERENT];
      if (different === 0) continue;
      const seen = captured.filter((outcome) => outcome.epoch === epoch && outcome.relation === 'different');
      return { failures: this.#judge(seen, different), isAllSeen: seen.length >= different };
    }
    return { failures: [], isAllSeen: true };
  }

  /** What was not handed back is taken to be like what was. */
  #judge(seen: readonly CapturedOutcome[], different: number): ProgramRuns['failures'] {
    const found = new Map<string, { readonly failure: Failure; runs: number }>();
    for (const outcome of seen) {
      const before = this.#oracle.expected.slice(0, outcome.epoch);
      const failure = this.#oracle.failureOf([...before, outcomeOf(outcome)]);
      if (failure === undefined) continue;
      const known = found.get(failure.signature);
      if (known === undefined) found.set(failure.signature, { failure, runs: 1 });
      else known.runs += 1;
    }
    return [...found.values()].map(({ failure, runs }) => [failure, Math.floor((runs * different) / seen.length)]);
  }
}

function outcomeOf({ snapshot, done, pending, faults }: CapturedOutcome): ScenarioOutcome {
  return { words: snapshot.slice(), done, pending, faults };
}
