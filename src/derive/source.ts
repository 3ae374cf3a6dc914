/** What logs are made from: a recording, and the numbers of its records. */

import type { Observations, SlotRest } from '../observe/index.ts';
import { Priority } from '../protocol/index.ts';
import type { ReadLog, SlotRests } from '../reading/index.ts';

/** A recording to make another one from. */
export interface DerivationSource {
  /** What messages call it. */
  readonly label: string;
  readonly log: ReadLog;
  readonly observations?: Observations | undefined;
}

/**
 * The numbers that the records of a source have in logs that are made from it: their own, those that the observations know
 * them by, or, where there are neither, some that fit their positions.
 */
export class RecordNumbers {
  /** By index; rising. */
  readonly of: Float64Array;
  /** The lowest number that should be there. */
  readonly oldest: number;
  /** The highest number that was used, whether or not its record is there. */
  readonly newest: number;
  /** What was added to the numbers that the observations have: records older than they are have none above 0. */
  readonly shift: number;

  constructor({ log, observations }: DerivationSource) {
    const bare = log.sequences ?? inferred(log, observations);
    const count = bare.length;
    const alignment = count === 0 && observations !== undefined ? log.align(observations) : undefined;
    const oldest = count === 0 ? (alignment?.oldestSequence ?? 1) : bare[0] - log.lostBefore(0);
    this.shift = log.sequences === undefined ? shiftFor(log, oldest, observations !== undefined) : 0;
    this.of = this.shift === 0 ? bare : bare.map((number) => number + this.shift);
    this.oldest = oldest + this.shift;
    const newest = Math.max(alignment?.newestSequence ?? 0, oldest - 1 + log.lostBefore(0));
    this.newest = (count === 0 ? newest : bare[count - 1] + log.lostBefore(count)) + this.shift;
  }
}

/** Of v1 records. Where no observations tell, record 1 is at position 0, or a whole number of turns before it. */
function inferred(log: ReadLog, observations: Observations | undefined): Float64Array {
  const { columns } = log;
  const numbers = new Float64Array(columns.length);
  if (columns.length === 0) return numbers;
  numbers[0] = observations === undefined ? columns.position[0] + 1 : log.align(observations).sequenceOf(0);
  for (let index = 1; index < numbers.length; index += 1) {
    numbers[index] = numbers[index - 1] + 1 + log.lostBefore(index);
  }
  return numbers;
}

/** Numbers begin at 1. And a log that may have wrapped must not have them begin there: that would say that it has not. */
function shiftFor({ capacity, columns, startsFresh }: ReadLog, oldest: number, isObserved: boolean): number {
  // 1 is the first of the recording, and the oldest ones are not.
  if (isObserved) return oldest < 1 ? 2 - oldest : 0;
  if (oldest < 1) return capacity * Math.ceil((1 - oldest) / capacity);
  return oldest === 1 && columns.length > 0 && !startsFresh && columns.epoch[0] === 0 ? capacity : 0;
}

/** What the slots of a source's records had beyond v1 records; undefined if that is nothing, or nobody knows. */
export function restsOf({ log, observations }: DerivationSource, numbers: RecordNumbers): SlotRests | undefined {
  if (log.slotRests !== undefined || log.hasWholeSlots || observations === undefined) return log.slotRests;
  return new StreamedRests(observations, numbers);
}

/** Looks them up in a stream, one record at a time. */
class StreamedRests implements SlotRests {
  readonly #observations: Observations;
  readonly #numbers: RecordNumbers;
  #record = -1;
  #rest: SlotRest | undefined;

  constructor(observations: Observations, numbers: RecordNumbers) {
    this.#observations = observations;
    this.#numbers = numbers;
  }

  priority(record: number): number {
    return this.#find(record)?.priority ?? Priority.NORMAL;
  }

  argument(record: number, index: number): number {
    return this.#find(record)?.arguments[index - FIRST_REST_ARGUMENT] ?? 0;
  }

  #find(record: number): SlotRest | undefined {
    if (record !== this.#record) {
      this.#record = record;
      this.#rest = this.#observations.slotRest(this.#numbers.of[record] - this.#numbers.shift);
    }
    return this.#rest;
  }
}

const FIRST_REST_ARGUMENT = 4;
