/** Records of a v2 log by the million, as columns. */

import {
  COLUMN_BYTES_PER_RECORD,
  FAILURE_BYTES_PER_RECORD,
  FailureColumns,
  RECORD_ARGUMENT_COUNT,
  RecordColumns,
} from '../log/index.ts';
import { Priority } from '../protocol/index.ts';
import { FLIGHT_ARGUMENT_COUNT, FLIGHT_RECORD_WORDS, RecordWord } from './layout.ts';
import { readSignedPair } from './pairs.ts';
import type { FlightRecord } from './record.ts';

/** What v1 columns have no room for: a word for the priority, then the arguments from 4 on. */
export const REST_WORDS: number = 1 + FLIGHT_ARGUMENT_COUNT - RECORD_ARGUMENT_COUNT;

/**
 * Records in the order of their sequence numbers.
 *
 * They are v1 columns and more, so that whatever goes through the one goes through the other; `args` has the first four
 * arguments, `argument` all of them.
 */
export class FlightColumns extends RecordColumns {
  /** Rising. Whole numbers, exact up to 2⁵³ − 1. */
  readonly sequence: Float64Array;
  /** Priority and arguments 4 to 11, nine words a record; undefined if all are normal and zero. */
  readonly rest: Uint32Array | undefined;

  constructor(
    buffer: ArrayBuffer,
    stride: number,
    length: number,
    sequence: Float64Array,
    rest: Uint32Array | undefined,
    failure: FailureColumns | undefined,
  ) {
    super(buffer, stride, length, failure);
    this.sequence = sequence.subarray(0, length);
    this.rest = rest?.subarray(0, length * REST_WORDS);
  }

  /** The priority of the record at `index`. */
  priority(index: number): number {
    return this.rest === undefined ? Priority.NORMAL : this.rest[index * REST_WORDS];
  }

  /** Argument 0 … 11 of the record at `index`. */
  argument(index: number, argument: number): number {
    if (argument < RECORD_ARGUMENT_COUNT) return this.args[index * RECORD_ARGUMENT_COUNT + argument];
    return this.rest === undefined ? 0 : this.rest[index * REST_WORDS + 1 + argument - RECORD_ARGUMENT_COUNT];
  }

  /**
   * The record at `index` with all that v2 keeps of it; `record` has what v1 keeps.
   *
   * @throws InputError if there is no such record.
   */
  fullRecord(index: number): FlightRecord {
    const record = this.record(index);
    const args = Array.from({ length: FLIGHT_ARGUMENT_COUNT }, (_, argument) => this.argument(index, argument));
    return { ...record, sequence: this.sequence[index], priority: this.priority(index), args };
  }

  /** The index of the first record whose number is not below `sequence`; `length` if there is none. */
  indexFrom(sequence: number): number {
    return lowerBound(this.length, (at) => this.sequence[at] < sequence);
  }

  /** The index of the record with a sequence number; undefined if it is not here. */
  indexOfSequence(sequence: number): number | undefined {
    const index = this.indexFrom(sequence);
    return this.sequence[index] === sequence ? index : undefined;
  }
}

/** The first of `length` indices for which `isBefore` does not hold, if it holds for all before some index. */
export function lowerBound(length: number, isBefore: (index: number) => boolean): number {
  let [first, end] = [0, length];
  while (first < end) {
    const middle = Math.floor((first + end) / 2);
    if (isBefore(middle)) first = middle + 1;
    else end = middle;
  }
  return first;
}

/** Takes valid records out of a log's rows. */
export class FlightCollector {
  length = 0;
  readonly #stride: number;
  readonly #columns: RecordColumns;
  readonly #sequence: Float64Array;
  #rest: Uint32Array | undefined;
  #failure: FailureColumns | undefined;
  // Signed views: which bits they are does not change, and the compiler then never widens a word to a double.
  readonly #timestamp: Int32Array;
  readonly #slotIndex: Int32Array;
  readonly #tenantId: Int32Array;
  readonly #opcode: Int32Array;
  readonly #args: Int32Array;
  readonly #epoch: Int32Array;
  readonly #position: Int32Array;

  /** Room for `records` of them. */
  constructor(records: number) {
    this.#stride = records;
    this.#columns = new RecordColumns(new ArrayBuffer(records * COLUMN_BYTES_PER_RECORD), records, records);
    this.#sequence = new Float64Array(records);
    this.#timestamp = signed(this.#columns.timestampWords);
    this.#slotIndex = signed(this.#columns.slotIndex);
    this.#tenantId = signed(this.#columns.tenantId);
    this.#opcode = signed(this.#columns.opcode);
    this.#args = signed(this.#columns.args);
    this.#epoch = signed(this.#columns.epoch);
    this.#position = signed(this.#columns.position);
  }

  /** Takes `count` records from `rows[start]` on, the first of which lies at `firstPosition`. */
  take(rows: Int32Array, start: number, count: number, firstPosition: number): void {
    const others = this.#takeColumns(rows, start, count, firstPosition);
    if (others !== 0 || this.#rest !== undefined) this.#takeOthers(rows, start, count);
    this.length += count;
  }

  /** What v1 has no room for, and what few records have. */
  #takeOthers(rows: Int32Array, firstStart: number, count: number): void {
    let hasRests = this.#rest !== undefined;
    for (let row = 0; row < count; row += 1) {
      const start = firstStart + row * FLIGHT_RECORD_WORDS;
      hasRests ||= restBits(rows, start) !== 0;
      if (hasRests) this.#takeRest(rows, start, this.length + row);
      if (evidenceBits(rows, start) !== 0) this.#takeEvidence(rows, start, this.length + row);
    }
  }

  /**
   * What v1 has too. In arrays of its own names, which the compiler need not look up for every record.
   *
   * @returns not 0 if any of the records has what v1 has no room for, or evidence.
   */
  #takeColumns(rows: Int32Array, firstStart: number, count: number, firstPosition: number): number {
    const sequence = this.#sequence;
    const timestamp = this.#timestamp;
    const slotIndex = this.#slotIndex;
    const tenantId = this.#tenantId;
    const opcode = this.#opcode;
    const args = this.#args;
    const epoch = this.#epoch;
    const position = this.#position;
    let index = this.length;
    let others = 0;
    for (let row = 0; row < count; row += 1) {
      const start = firstStart + row * FLIGHT_RECORD_WORDS;
      sequence[index] = readSignedPair(rows, start + RecordWord.SEQUENCE);
      timestamp[2 * index] = rows[start + RecordWord.TIMESTAMP];
      timestamp[2 * index + 1] = rows[start + RecordWord.TIMESTAMP + 1];
      slotIndex[index] = rows[start + RecordWord.SLOT_INDEX];
      tenantId[index] = rows[start + RecordWord.TENANT];
      opcode[index] = rows[start + RecordWord.OPCODE];
      args[4 * index] = rows[start + RecordWord.ARGS];
      args[4 * index + 1] = rows[start + RecordWord.ARGS + 1];
      args[4 * index + 2] = rows[start + RecordWord.ARGS + 2];
      args[4 * index + 3] = rows[start + RecordWord.ARGS + 3];
      epoch[index] = rows[start + RecordWord.EPOCH];
      position[index] = firstPosition + row;
      others |= restBits(rows, start) | evidenceBits(rows, start);
      index += 1;
    }
    return others;
  }

  /** The columns in the order of the sequence numbers. The collector is not to be fed any more. */
  finish(): FlightColumns {
    const stride = this.#stride;
    const failure = this.#failure && new FailureColumns(this.#failure.buffer, stride, this.length);
    const columns = new FlightColumns(this.#columns.buffer, stride, this.length, this.#sequence, this.#rest, failure);
    sortBySequence(columns);
    return columns;
  }

  #takeRest(rows: Int32Array, start: number, index: number): void {
    this.#rest ??= blankRests(this.#stride, index);
    const rest = this.#rest;
    const at = index * REST_WORDS;
    rest[at] = rows[start + RecordWord.PRIORITY];
    for (let word = 1; word < REST_WORDS; word += 1) {
      rest[at + word] = rows[start + RecordWord.ARGS + RECORD_ARGUMENT_COUNT - 1 + word];
    }
  }

  #takeEvidence(rows: Int32Array, start: number, index: number): void {
    const stride = this.#stride;
    this.#failure ??= new FailureColumns(new ArrayBuffer(stride * FAILURE_BYTES_PER_RECORD), stride, stride);
    const failure = this.#failure;
    failure.slotStatus[index] = rows[start + RecordWord.SLOT_STATUS];
    failure.failureClass[index] = rows[start + RecordWord.FAILURE_CLASS];
    failure.backendCode[index] = rows[start + RecordWord.BACKEND_CODE];
    failure.outputDigestWords[2 * index] = rows[start + RecordWord.OUTPUT_DIGEST];
    failure.outputDigestWords[2 * index + 1] = rows[start + RecordWord.OUTPUT_DIGEST + 1];
  }
}

/** Room for all, those of the first `taken` records being normal and zero. */
function blankRests(records: number, taken: number): Uint32Array {
  const rest = new Uint32Array(records * REST_WORDS);
  for (let at = 0; at < taken * REST_WORDS; at += REST_WORDS) rest[at] = Priority.NORMAL;
  return rest;
}

/** Not 0 if a record has a priority other than the normal one, or arguments beyond the fourth. Written out: a loop is slower. */
function restBits(rows: Int32Array, start: number): number {
  const rest = start + RecordWord.ARGS + RECORD_ARGUMENT_COUNT;
  return (
    (rows[start + RecordWord.PRIORITY] ^ Priority.NORMAL) |
    rows[rest] |
    rows[rest + 1] |
    rows[rest + 2] |
    rows[rest + 3] |
    rows[rest + 4] |
    rows[rest + 5] |
    rows[rest + 6] |
    rows[rest + 7]
  );
}

/** Not 0 if a record has evidence of a failure. */
function evidenceBits(rows: Int32Array, start: number): number {
  return (
    rows[start + RecordWord.SLOT_STATUS] |
    rows[start + RecordWord.FAILURE_CLASS] |
    rows[start + RecordWord.BACKEND_CODE] |
    rows[start + RecordWord.OUTPUT_DIGEST] |
    rows[start + RecordWord.OUTPUT_DIGEST + 1]
  );
}

function signed(words: Uint32Array): Int32Array {
  return new Int32Array(words.buffer, words.byteOffset, words.length);
}

/** In place. A log that was read from the right position on is in order already; any other is rotated, or it is strange. */
function sortBySequence(columns: FlightColumns): void {
  const { sequence, length } = columns;
  let descent = 1;
  while (descent < length && sequence[descent - 1] < sequence[descent]) descent += 1;
  if (descent >= length) return;
  const order = Uint32Array.from({ length }, (_, index) => (index + descent) % length);
  for (let index = 1; index < length; index += 1) {
    if (sequence[order[index - 1]] < sequence[order[index]]) continue;
    order.sort((left, right) => sequence[left] - sequence[right]);
    break;
  }
  for (const [column, perRecord] of allColumns(columns)) {
    const held = column.slice();
    for (let index = 0; index < length; index += 1) {
      for (let word = 0; word < perRecord; word += 1) {
        column[index * perRecord + word] = held[order[index] * perRecord + word];
      }
    }
  }
}

function allColumns(columns: FlightColumns): [Uint32Array | Float64Array, number][] {
  const { failure, rest } = columns;
  const all: [Uint32Array | Float64Array, number][] = [
    [columns.sequence, 1],
    [columns.timestampWords, 2],
    [columns.args, RECORD_ARGUMENT_COUNT],
  ];
  for (const column of [columns.slotIndex, columns.tenantId, columns.opcode, columns.epoch, columns.position]) {
    all.push([column, 1]);
  }
  if (rest !== undefined) all.push([rest, REST_WORDS]);
  if (failure !== undefined) {
    all.push([failure.outputDigestWords, 2]);
    for (const column of [failure.slotStatus, failure.failureClass, failure.backendCode]) all.push([column, 1]);
  }
  return all;
}
