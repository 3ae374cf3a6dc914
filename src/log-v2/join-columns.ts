/** Records of several v2 logs as the columns of one. */

import {
  COLUMN_BYTES_PER_RECORD,
  FAILURE_BYTES_PER_RECORD,
  FailureColumns,
  RECORD_ARGUMENT_COUNT,
  RecordColumns,
} from '../log/index.ts';
import { Priority } from '../protocol/index.ts';
import { FlightColumns, REST_WORDS } from './columns.ts';

/** Some records of a log: those at the indices `first` … `end` − 1. */
export interface ColumnRange {
  readonly columns: FlightColumns;
  readonly first: number;
  readonly end: number;
}

/** Copies records of logs one behind the other; their numbers have to rise over all of them. */
export function joinColumns(ranges: readonly ColumnRange[]): FlightColumns {
  const length = ranges.reduce((sum, { first, end }) => sum + end - first, 0);
  const target = new RecordColumns(new ArrayBuffer(length * COLUMN_BYTES_PER_RECORD), length, length);
  const sequence = new Float64Array(length);
  const rest = ranges.some(({ columns }) => columns.rest !== undefined)
    ? new Uint32Array(length * REST_WORDS)
    : undefined;
  const failure = ranges.some(({ columns }) => columns.failure !== undefined)
    ? new FailureColumns(new ArrayBuffer(length * FAILURE_BYTES_PER_RECORD), length, length)
    : undefined;
  let at = 0;
  for (const range of ranges) {
    sequence.set(range.columns.sequence.subarray(range.first, range.end), at);
    copyColumns(target, at, range);
    if (rest !== undefined) copyRests(rest, at, range);
    if (failure !== undefined && range.columns.failure !== undefined) {
      copyFailures(failure, at, range.columns.failure, range);
    }
    at += range.end - range.first;
  }
  return new FlightColumns(target.buffer, length, length, sequence, rest, failure);
}

function copyColumns(target: RecordColumns, at: number, { columns, first, end }: ColumnRange): void {
  copy(target.timestampWords, columns.timestampWords, 2);
  copy(target.args, columns.args, RECORD_ARGUMENT_COUNT);
  for (const name of ['slotIndex', 'tenantId', 'opcode', 'epoch', 'position'] as const) {
    copy(target[name], columns[name], 1);
  }
  function copy(to: Uint32Array, from: Uint32Array, perRecord: number): void {
    to.set(from.subarray(first * perRecord, end * perRecord), at * perRecord);
  }
}

function copyRests(rest: Uint32Array, at: number, { columns, first, end }: ColumnRange): void {
  if (columns.rest !== undefined) {
    rest.set(columns.rest.subarray(first * REST_WORDS, end * REST_WORDS), at * REST_WORDS);
    return;
  }
  for (let index = at; index < at + end - first; index += 1) rest[index * REST_WORDS] = Priority.NORMAL;
}

function copyFailures(target: FailureColumns, at: number, from: FailureColumns, { first, end }: ColumnRange): void {
  target.outputDigest.set(from.outputDigest.subarray(first, end), at);
  for (const name of ['slotStatus', 'failureClass', 'backendCode'] as const) {
    target[name].set(from[name].subarray(first, end), at);
  }
}
