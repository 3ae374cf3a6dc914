/** What a plan has to know of a log, whatever its version: its records, how they are numbered, and what is missing. */

import { RECORD_ARGUMENT_COUNT, type RecordColumns } from '../log/index.ts';
import type { Observations } from '../observe/index.ts';
import { ARGUMENT_COUNT } from '../protocol/index.ts';

/** The log of a recording. */
export interface RecordedLog {
  readonly columns: RecordColumns;
  /** Records that are known to be lost; those that were overwritten are not. */
  readonly lost: number;
  /** Its first record is the first that was ever published to a fresh kernel, as far as the log tells. */
  readonly startsFresh: boolean;
  /** Its records hold all that slots had. */
  readonly hasWholeSlots: boolean;
  /** What slots had beyond v1 records; undefined if nothing, or if the log does not keep it. */
  readonly slotRests: SlotRests | undefined;
  /** The kernel that recorded it, as the log itself describes it. */
  readonly kernel?: unknown;
  /** The records' own numbers, where the log gives them some. */
  readonly sequences: Float64Array | undefined;
  /** Lost records right before the one at `index`; for `columns.length`, those behind the last. */
  lostBefore(index: number): number;
  /** The numbers that a stream of observations knows the records by. */
  align(observations: Observations): Alignment;
}

/** What v1 records have no room for. */
export interface SlotRests {
  priority(record: number): number;
  /** Argument 4 … 11. */
  argument(record: number, index: number): number;
}

/** Which records of a log the epochs of a stream mean. */
export interface Alignment {
  /** The sequence number of the newest record in the log. */
  readonly newestSequence: number;
  /** The sequence number of the oldest record of the recording that the log has room for. */
  readonly oldestSequence: number;
  /** The sequence number of a record, given its index in the columns. Less than 1 if it is older than the recording. */
  sequenceOf(index: number): number;
}

/** All arguments of a record's slot that are known: four, or twelve where the rest was kept. */
export function knownArguments(columns: RecordColumns, rests: SlotRests | undefined, record: number): number[] {
  const kept = Array.from(columns.args.subarray(RECORD_ARGUMENT_COUNT * record, RECORD_ARGUMENT_COUNT * (record + 1)));
  if (rests === undefined) return kept;
  for (let index = RECORD_ARGUMENT_COUNT; index < ARGUMENT_COUNT; index += 1) kept.push(rests.argument(record, index));
  return kept;
}
