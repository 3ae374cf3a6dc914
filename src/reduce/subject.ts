/** Whatever a reduction makes smaller: all that the core knows of it is how to run a candidate. */

import type { Awaitable } from '../backend/index.ts';

/** What some runs of one candidate showed. */
export interface Runs {
  /** Runs that came to an end, failing ones included. */
  readonly runs: number;
  /** How often each failure was seen, by its signature. */
  readonly failures: ReadonlyMap<string, number>;
  /** Why it could not be told, for people; undefined if it could. */
  readonly unresolved: string | undefined;
}

export interface Subject<Candidate> {
  /** What the ledger calls it: `threads`, `the command`. */
  readonly name: string;
  /** One run says it all. */
  readonly isDeterministic: boolean;
  /** Runs so far, of all candidates, that differed from the order of publishing and were no failures. */
  readonly excusedRuns?: number;
  /**
   * Runs a candidate `most` times at most.
   *
   * @param wanted once a run has failed with this signature the others need not happen.
   */
  run(candidate: Candidate, most: number, wanted: string | undefined): Awaitable<Runs>;
}
