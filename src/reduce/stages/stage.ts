/** What a stage of a reduction gets, and gives back. */

import type { LogCandidate } from '../candidate.ts';
import type { Decider } from '../decide.ts';

/** One kind of thing made smaller. The candidate that comes back fails as the one that went in. */
export type Stage = (candidate: LogCandidate, decider: Decider<LogCandidate>) => Promise<StageResult>;

export interface StageResult {
  readonly candidate: LogCandidate;
  /** Nothing of the stage's own kind can be left out; undefined where that is no question. */
  readonly isMinimal?: boolean;
  /** Elements of the last pass of which it could not be told whether they are needed. */
  readonly unresolved?: number;
}

/** Tries candidates one after the other and keeps the first that fails; undefined if none does. */
export async function firstThatFails(
  decider: Decider<LogCandidate>,
  tries: Iterable<Try>,
): Promise<LogCandidate | undefined> {
  for (const { candidate, stage, what, sizeBefore, size } of tries) {
    if (await decider.fails(candidate, { stage, what, sizeBefore, size })) return candidate;
  }
  return undefined;
}

/** A candidate, and what the ledger is to say of it. */
export interface Try {
  readonly candidate: LogCandidate;
  readonly stage: string;
  readonly what: string;
  readonly sizeBefore: number;
  readonly size: number;
}
