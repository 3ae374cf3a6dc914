/**
 * Which positions of a log must hold a record, and in which order they were written.
 *
 * v1 keeps only a cursor, and a writer updates it after the record. So the cursor may be behind, a wrapped log cannot be
 * told from an exactly full one, and emptiness from the cursor on means "never written" in one log and "lost" in another.
 * What decides is argued here, case by case; every case that has two readings takes the one that destroys no record.
 */

import { PositionState, type RecordCollector } from './collect.ts';
import type { LogHeader } from './header.ts';
import type { RecordColumns } from './records.ts';

export interface Occupancy {
  /** Positions before this one must hold a record; from it on, none was written. */
  readonly occupied: number;
  /** How many of the records that were read first are in truth the last ones written. */
  readonly newestFirst: number;
  /** Where the next record belongs. */
  readonly nextPosition: number;
}

/**
 * Judges a log whose records were read from the cursor on, around the end, up to the cursor.
 *
 * `held` is how many whole records the file has, `fromCursor` how many of the columns' records lie at the cursor or
 * beyond it.
 */
export function judgeOccupancy(
  header: LogHeader,
  collector: RecordCollector,
  columns: RecordColumns,
  held: number,
  fromCursor: number,
): Occupancy {
  const { capacity, cursor } = header;
  if (fromCursor === 0) {
    const occupied = held <= cursor && beganLate(columns) ? capacity : cursor;
    return { occupied, newestFirst: 0, nextPosition: cursor };
  }
  const last = columns.position[fromCursor - 1];
  const emptyAfter = collector.states.indexOf(PositionState.EMPTY, last + 1) !== -1;
  if (hasNotWrapped({ emptyAfter, missingAfter: held < capacity }, header, columns, fromCursor)) {
    return { occupied: last + 1, newestFirst: fromCursor, nextPosition: last + 1 };
  }
  const newestFirst = countNewestFirst(header, columns);
  const nextPosition = newestFirst === 0 ? cursor : (columns.position[newestFirst - 1] + 1) % capacity;
  return { occupied: capacity, newestFirst, nextPosition };
}

/**
 * Whether the record at position 0 is of a later epoch than 0. Of a file that ends before its cursor could show more, that
 * is the only sign of a wrap: the first record of all has EPOCH 0, unless its kernel was running already. Then nothing is
 * lost behind the cursor, but to count too much as lost is better than to count too little.
 */
function beganLate({ length, position, epoch }: RecordColumns): boolean {
  return length > 0 && position[0] === 0 && epoch[0] > 0;
}

/**
 * There are records at the cursor or beyond it, with nothing after them. Either the log has not wrapped and its cursor is
 * behind, or it has wrapped and its end is lost.
 *
 * Empty positions at the end are what an unwrapped log looks like: only records that are older than those before the
 * cursor speak against it, or, where there are none before it, that a single position is empty behind several records.
 * A file that is cut short is one that lost its end: only records that are newer speak against that, or a single record
 * that is the first.
 */
function hasNotWrapped(
  end: { emptyAfter: boolean; missingAfter: boolean },
  { capacity }: LogHeader,
  columns: RecordColumns,
  fromCursor: number,
): boolean {
  const first = 0;
  const newestBeforeCursor = columns.length - 1;
  const someBeforeCursor = fromCursor < columns.length;
  const last = columns.position[fromCursor - 1];
  if (end.emptyAfter && someBeforeCursor) return !isNewer(columns, newestBeforeCursor, first);
  if (end.emptyAfter) return fromCursor === 1 || last < capacity - 2;
  if (!end.missingAfter) return false;
  return someBeforeCursor ? isNewer(columns, first, newestBeforeCursor) : last === 0;
}

/** A year. Nobody lets a log lie for longer and then goes on with it. */
const LONGEST_STEP_NS = 31_536_000_000_000_000n;

/**
 * How many of a full log's first records were in truth written last, by a writer that was killed before it moved the
 * cursor. 0 unless everything speaks for it:
 *
 * - the records on both sides of the cursor are there, and the one at the cursor is newer than the one before it: later by
 *   the clock, though not by years as where a clock forgot the date, and not of an earlier epoch;
 * - the clock goes back at exactly one place, right after the records in question;
 * - and if they are several (a batch was being written), the epoch goes back at that place too and nowhere else. A clock
 *   that somebody set back looks like a batch; an epoch that goes back with it does not come from that.
 */
function countNewestFirst({ capacity, cursor }: LogHeader, columns: RecordColumns): number {
  const last = columns.length - 1;
  if (last < 1 || columns.position[0] !== cursor) return 0;
  if (columns.position[last] !== (cursor + capacity - 1) % capacity) return 0;
  if (!isNewer(columns, 0, last)) return 0;
  if (columns.timestampNs[0] - columns.timestampNs[last] > LONGEST_STEP_NS) return 0;
  const count = findOnlyDescent(columns.length, (index) => timestampGoesBack(columns, index));
  if (count <= 1) return count;
  const epochCount = findOnlyDescent(columns.length, (index) => columns.epoch[index] < columns.epoch[index - 1]);
  return epochCount === count ? count : 0;
}

/** The only index from 1 on for which `goesBack` holds; 0 if there is none or more than one. */
function findOnlyDescent(length: number, goesBack: (index: number) => boolean): number {
  let found = 0;
  for (let index = 1; index < length; index += 1) {
    if (!goesBack(index)) continue;
    if (found !== 0) return 0;
    found = index;
  }
  return found;
}

/** Whether the record at `index` has an earlier timestamp than the one before it. */
export function timestampGoesBack({ timestampWords }: RecordColumns, index: number): boolean {
  const high = timestampWords[2 * index + 1];
  const highBefore = timestampWords[2 * index - 1];
  return high < highBefore || (high === highBefore && timestampWords[2 * index] < timestampWords[2 * index - 2]);
}

/** Whether record `index` is later than record `other` by the clock, and not of an earlier epoch. */
function isNewer(columns: RecordColumns, index: number, other: number): boolean {
  return columns.timestampNs[index] > columns.timestampNs[other] && columns.epoch[index] >= columns.epoch[other];
}
