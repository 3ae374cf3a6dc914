/** Records from the file's rows into columns. */

import { checkRecord, storeRecord } from './encode.ts';
import {
  COLUMN_BYTES_PER_RECORD,
  FAILURE_BYTES_PER_RECORD,
  FailureColumns,
  type LogRecord,
  RecordColumns,
} from './records.ts';
import { RECORD_LAYOUT, RECORD_MAGIC, RECORD_WORDS, wordOf } from './v1-layout.ts';

const TIMESTAMP = wordOf(RECORD_LAYOUT.timestampNs);
const SLOT_INDEX = wordOf(RECORD_LAYOUT.slotIndex);
const TENANT = wordOf(RECORD_LAYOUT.tenantId);
const OPCODE = wordOf(RECORD_LAYOUT.opcode);
const ARGS = wordOf(RECORD_LAYOUT.args);
const EPOCH = wordOf(RECORD_LAYOUT.epoch);
const SLOT_STATUS = wordOf(RECORD_LAYOUT.slotStatus);
const FAILURE_CLASS = wordOf(RECORD_LAYOUT.failureClass);
const BACKEND_CODE = wordOf(RECORD_LAYOUT.backendCode);
const OUTPUT_DIGEST = wordOf(RECORD_LAYOUT.outputDigest);

/** The record magic as the signed word that an `Int32Array` shows. */
const SIGNED_MAGIC = RECORD_MAGIC | 0;

/** What a position of the file was found to hold. */
export const PositionState = { WRITTEN: 0, EMPTY: 1, DAMAGED: 2 } as const;

/**
 * Takes records in the order in which it is fed and remembers what every position held.
 *
 * The hot loop copies words as signed numbers: which bits they are does not change, and the compiler then never has to
 * widen a word to a double.
 */
export class RecordCollector {
  /** A `PositionState` for every position of the file. */
  readonly states: Uint8Array;
  /** Records taken so far. */
  length = 0;
  readonly #columns: RecordColumns;
  #failure: FailureColumns | undefined;

  /** Room for `records` of them: what the file holds, never what its header claims. */
  constructor(records: number) {
    this.states = new Uint8Array(records);
    this.#columns = new RecordColumns(new ArrayBuffer(records * COLUMN_BYTES_PER_RECORD), records, records);
  }

  /** Takes `count` records out of `rows`; the first of them lies at `firstPosition` in the file. */
  collect(rows: Int32Array, count: number, firstPosition: number): void {
    const columns = this.#columns;
    const timestamp = signed(columns.timestampWords);
    const slotIndex = signed(columns.slotIndex);
    const tenantId = signed(columns.tenantId);
    const opcode = signed(columns.opcode);
    const args = signed(columns.args);
    const epoch = signed(columns.epoch);
    const position = signed(columns.position);
    let index = this.length;
    for (let row = 0; row < count; row += 1) {
      const start = row * RECORD_WORDS;
      const magic = rows[start];
      if (magic !== SIGNED_MAGIC) {
        this.states[firstPosition + row] = magic === 0 ? PositionState.EMPTY : PositionState.DAMAGED;
        continue;
      }
      timestamp[2 * index] = rows[start + TIMESTAMP];
      timestamp[2 * index + 1] = rows[start + TIMESTAMP + 1];
      slotIndex[index] = rows[start + SLOT_INDEX];
      tenantId[index] = rows[start + TENANT];
      opcode[index] = rows[start + OPCODE];
      args[4 * index] = rows[start + ARGS];
      args[4 * index + 1] = rows[start + ARGS + 1];
      args[4 * index + 2] = rows[start + ARGS + 2];
      args[4 * index + 3] = rows[start + ARGS + 3];
      epoch[index] = rows[start + EPOCH];
      position[index] = firstPosition + row;
      if (hasEvidence(rows, start)) this.#collectEvidence(rows, start, index);
      index += 1;
    }
    this.length = index;
  }

  /** The columns filled so far. They share memory with the collector, which is not to be fed any more. */
  finish(): RecordColumns {
    const stride = this.states.length;
    const { buffer } = this.#columns;
    if (this.#failure === undefined) return new RecordColumns(buffer, stride, this.length);
    const failure = new FailureColumns(this.#failure.buffer, stride, this.length);
    return new RecordColumns(buffer, stride, this.length, failure);
  }

  #collectEvidence(rows: Int32Array, start: number, index: number): void {
    const stride = this.states.length;
    this.#failure ??= new FailureColumns(new ArrayBuffer(stride * FAILURE_BYTES_PER_RECORD), stride, stride);
    const failure = this.#failure;
    failure.slotStatus[index] = rows[start + SLOT_STATUS];
    failure.failureClass[index] = rows[start + FAILURE_CLASS];
    failure.backendCode[index] = rows[start + BACKEND_CODE];
    failure.outputDigestWords[2 * index] = rows[start + OUTPUT_DIGEST];
    failure.outputDigestWords[2 * index + 1] = rows[start + OUTPUT_DIGEST + 1];
  }
}

function hasEvidence(rows: Int32Array, start: number): boolean {
  const bits =
    rows[start + SLOT_STATUS] |
    rows[start + FAILURE_CLASS] |
    rows[start + BACKEND_CODE] |
    rows[start + OUTPUT_DIGEST] |
    rows[start + OUTPUT_DIGEST + 1];
  return bits !== 0;
}

function signed(words: Uint32Array): Int32Array {
  return new Int32Array(words.buffer, words.byteOffset, words.length);
}

/** Enough rows to make a call worth its set-up. */
const ROWS_AT_A_TIME = 256;

/**
 * Records as columns, in the order given; their positions are counted from 0.
 *
 * @throws InputError naming the first field that does not fit its column.
 */
export function columnsOf(records: readonly LogRecord[]): RecordColumns {
  const collector = new RecordCollector(records.length);
  const rows = new Uint32Array(ROWS_AT_A_TIME * RECORD_WORDS);
  for (let first = 0; first < records.length; first += ROWS_AT_A_TIME) {
    const count = Math.min(ROWS_AT_A_TIME, records.length - first);
    for (let row = 0; row < count; row += 1) {
      const record = records[first + row];
      checkRecord(record);
      storeRecord(record, record.failure, rows, row * RECORD_WORDS);
    }
    collector.collect(signed(rows), count, first);
  }
  return collector.finish();
}

/** Moves the first `count` records to the end, in place. */
export function rotateColumns(columns: RecordColumns, count: number): void {
  const { failure } = columns;
  const narrow = [columns.slotIndex, columns.tenantId, columns.opcode, columns.epoch, columns.position];
  const wide = [columns.timestampWords];
  if (failure !== undefined) {
    narrow.push(failure.slotStatus, failure.failureClass, failure.backendCode);
    wide.push(failure.outputDigestWords);
  }
  for (const column of narrow) rotateWords(column, count);
  for (const column of wide) rotateWords(column, 2 * count);
  rotateWords(columns.args, 4 * count);
}

/** Sets the shorter part aside, so that the memory on top is never more than half a column. */
function rotateWords(words: Uint32Array, count: number): void {
  const rest = words.length - count;
  if (count <= rest) {
    const front = words.slice(0, count);
    words.copyWithin(0, count);
    words.set(front, rest);
  } else {
    const back = words.slice(count);
    words.copyWithin(rest, 0, count);
    words.set(back, 0);
  }
}
