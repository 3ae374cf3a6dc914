/** Which records of a log are lost: the table of `spec/log-v2.md`, row by row. */

import { LogState, type LossKind } from './layout.ts';
import { expectedSequence, PositionFinding } from './position.ts';
import type { SlotTable } from './slot-walk.ts';
import type { Superblock } from './superblock.ts';

/** What a position means for the window. Those from 1 to 7 are the first losses of a superblock, in their order. */
export const Answer = {
  NOTHING: 0,
  UNFINISHED: 1,
  OVERTAKEN: 2,
  TORN: 3,
  CORRUPT: 4,
  FOREIGN: 5,
  MISPLACED: 6,
  MISSING: 7,
  RECORD: 8,
} as const;

/** The answers that are losses, with their names. */
export const SLOT_LOSSES: readonly (readonly [LossKind, number])[] = [
  ['unfinished', Answer.UNFINISHED],
  ['overtaken', Answer.OVERTAKEN],
  ['torn', Answer.TORN],
  ['corrupt', Answer.CORRUPT],
  ['foreign', Answer.FOREIGN],
  ['misplaced', Answer.MISPLACED],
  ['missing', Answer.MISSING],
];

/** The window of a log, and what became of each of its numbers. */
export interface WindowReport {
  /** The newest number that was used, whether or not its record is there. */
  readonly newest: number;
  /** The lowest number of the window. */
  readonly oldest: number;
  /** An `Answer` by position. */
  readonly answers: Uint8Array;
  /** Positions whose loss no recovery has counted yet: 1. */
  readonly isFresh: Uint8Array;
  /** Valid records older than the window. */
  readonly older: number;
}

/** Goes through the window; `newestRecord` is what the journal speaks of. */
export function judgeWindow(table: SlotTable, superblock: Superblock, newestRecord: number): WindowReport {
  const { capacity } = superblock.geometry;
  const { firstSequence, syncedSequence, countedSequence, state } = superblock;
  const newest = Math.max(table.highest, syncedSequence, newestRecord, firstSequence - 1);
  const oldest = Math.max(firstSequence, newest - capacity + 1);
  const answers = new Uint8Array(capacity);
  const isFresh = new Uint8Array(capacity);
  const { findings, sequences } = table;
  let older = 0;
  let expected = expectedSequence(0, newest, capacity) - 1;
  for (let position = 0; position < capacity; position += 1) {
    // Numbers rise with positions, but for the newest, which the oldest follows.
    expected = expected === newest ? newest - capacity + 1 : expected + 1;
    const finding = findings[position];
    const sequence = sequences[position];
    if (finding === PositionFinding.VALID && sequence === expected && expected >= oldest) {
      answers[position] = Answer.RECORD;
      continue;
    }
    const isInWindow = expected >= firstSequence;
    const answer = judgeNumber(finding, isInWindow, sequence, expected, newest, capacity);
    answers[position] = answer;
    if (finding === PositionFinding.VALID && sequence < oldest) older += 1;
    if (answer === Answer.NOTHING || answer === Answer.RECORD) continue;
    const isWhole = finding === PositionFinding.EMPTY || finding === PositionFinding.VALID;
    const wasCounted = isWhole ? expected <= countedSequence : state === LogState.RECOVERING;
    if (!wasCounted) isFresh[position] = 1;
  }
  return { newest, oldest, answers, isFresh, older };
}

/** What a position means, given what it holds and the number that belongs there. */
export function judgeNumber(
  finding: number,
  isInWindow: boolean,
  sequence: number,
  expected: number,
  newest: number,
  capacity: number,
): number {
  switch (finding) {
    case PositionFinding.VALID:
      return isInWindow && sequence < expected ? Answer.MISSING : Answer.RECORD;
    case PositionFinding.EMPTY:
      return isInWindow ? Answer.MISSING : Answer.NOTHING;
    case PositionFinding.TORN:
      if (!isInWindow) return Answer.UNFINISHED;
      return sequence === expected + capacity || expected === newest - capacity + 1 ? Answer.OVERTAKEN : Answer.TORN;
    case PositionFinding.CORRUPT:
      return Answer.CORRUPT;
    case PositionFinding.FOREIGN:
      return Answer.FOREIGN;
    default:
      return Answer.MISPLACED;
  }
}
