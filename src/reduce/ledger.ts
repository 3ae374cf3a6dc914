/** The account of a reduction: everything that was tried, in order. */

/** Why a candidate was taken, or was not. */
export type TrialReason =
  /** A run failed with the signature that is looked for. */
  | 'failed'
  /** As many runs were clean as it takes to say that it does not fail at the rate asked for. */
  | 'clean'
  /** Runs failed, but none with that signature. */
  | 'other failure'
  /** It could not be told. */
  | 'unresolved'
  /** The runs that were allowed were used up before it could be told. */
  | 'out of runs';

/** One candidate, or one measurement of a rate. */
export interface LedgerEntry {
  readonly stage: string;
  /** What was tried, in words. */
  readonly what: string;
  /** Elements of what it was made from, and of itself, in the stage's own unit. */
  readonly sizeBefore: number;
  readonly size: number;
  readonly runs: number;
  readonly accepted: boolean;
  readonly reason: TrialReason;
  /** What else there is to say, for people. */
  readonly detail: string | undefined;
}

/** Told of every entry as it is made, with the runs used so far. */
export type LedgerListener = (entry: LedgerEntry, runsUsed: number) => void;
