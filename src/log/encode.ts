/** Records into the 16 words that they take in the file. */

import { InputError } from '../base/errors.ts';
import { isWord, MAX_WORD } from '../base/words.ts';
import type { FailureEvidence, LogRecord, RecordColumns } from './records.ts';
import { RECORD_ARGUMENT_COUNT, RECORD_LAYOUT, RECORD_MAGIC, wordOf } from './v1-layout.ts';

const MAGIC = wordOf(RECORD_LAYOUT.magic);
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

const MAX_LONG = 0xffff_ffff_ffff_ffffn;

// Storing a bigint here and reading two words back makes no garbage; shifts and masks of bigints would.
const splitLong = new BigUint64Array(1);
const splitWords = new Uint32Array(splitLong.buffer);

/**
 * Makes sure that a record, and the evidence that goes with it, fits its 64 bytes.
 *
 * @throws InputError naming the first field that does not.
 */
export function checkRecord(record: LogRecord, failure: FailureEvidence | undefined = record.failure): void {
  checkLong(record.timestampNs, 'timestampNs');
  checkWord(record.slotIndex, 'slotIndex');
  checkWord(record.tenantId, 'tenantId');
  checkWord(record.opcode, 'opcode');
  checkArguments(record.args);
  checkWord(record.epoch, 'epoch');
  if (failure === undefined) return;
  checkWord(failure.slotStatus, 'failure.slotStatus');
  checkWord(failure.failureClass, 'failure.failureClass');
  checkWord(failure.backendCode, 'failure.backendCode');
  checkLong(failure.outputDigest, 'failure.outputDigest');
}

/** Stores a checked record at `words[start]` … `words[start + 15]`. */
export function storeRecord(
  record: LogRecord,
  failure: FailureEvidence | undefined,
  words: Uint32Array,
  start: number,
): void {
  const { args } = record;
  words[start + MAGIC] = RECORD_MAGIC;
  storeLong(record.timestampNs, words, start + TIMESTAMP);
  words[start + SLOT_INDEX] = record.slotIndex;
  words[start + TENANT] = record.tenantId;
  words[start + OPCODE] = record.opcode;
  words[start + ARGS] = args[0];
  words[start + ARGS + 1] = args[1];
  words[start + ARGS + 2] = args[2];
  words[start + ARGS + 3] = args[3];
  words[start + EPOCH] = record.epoch;
  if (failure === undefined) {
    words.fill(0, start + SLOT_STATUS, start + OUTPUT_DIGEST + 2);
    return;
  }
  words[start + SLOT_STATUS] = failure.slotStatus;
  words[start + FAILURE_CLASS] = failure.failureClass;
  words[start + BACKEND_CODE] = failure.backendCode;
  storeLong(failure.outputDigest, words, start + OUTPUT_DIGEST);
}

/** Stores record `index` of `columns` at `words[start]` … `words[start + 15]`. Columns cannot hold what does not fit. */
export function storeColumns(columns: RecordColumns, index: number, words: Uint32Array, start: number): void {
  const { args, failure } = columns;
  words[start + MAGIC] = RECORD_MAGIC;
  words[start + TIMESTAMP] = columns.timestampWords[2 * index];
  words[start + TIMESTAMP + 1] = columns.timestampWords[2 * index + 1];
  words[start + SLOT_INDEX] = columns.slotIndex[index];
  words[start + TENANT] = columns.tenantId[index];
  words[start + OPCODE] = columns.opcode[index];
  words[start + ARGS] = args[4 * index];
  words[start + ARGS + 1] = args[4 * index + 1];
  words[start + ARGS + 2] = args[4 * index + 2];
  words[start + ARGS + 3] = args[4 * index + 3];
  words[start + EPOCH] = columns.epoch[index];
  words[start + SLOT_STATUS] = failure === undefined ? 0 : failure.slotStatus[index];
  words[start + FAILURE_CLASS] = failure === undefined ? 0 : failure.failureClass[index];
  words[start + BACKEND_CODE] = failure === undefined ? 0 : failure.backendCode[index];
  words[start + OUTPUT_DIGEST] = failure === undefined ? 0 : failure.outputDigestWords[2 * index];
  words[start + OUTPUT_DIGEST + 1] = failure === undefined ? 0 : failure.outputDigestWords[2 * index + 1];
}

function storeLong(value: bigint, words: Uint32Array, at: number): void {
  splitLong[0] = value;
  words[at] = splitWords[0];
  words[at + 1] = splitWords[1];
}

function checkWord(value: unknown, field: string): void {
  if (isWord(value)) return;
  throw new InputError(
    `the record's field ${field} is ${describe(value)}, expected an integer from 0 to ${MAX_WORD}`,
    'pass an unsigned 32-bit number.',
  );
}

function checkLong(value: unknown, field: string): void {
  if (typeof value === 'bigint' && value >= 0n && value <= MAX_LONG) return;
  throw new InputError(
    `the record's field ${field} is ${describe(value)}, expected a bigint from 0n to ${MAX_LONG}n`,
    'pass an unsigned 64-bit number as a bigint.',
  );
}

function checkArguments(args: readonly number[]): void {
  if (args.length !== RECORD_ARGUMENT_COUNT) {
    throw new InputError(
      `the record's field args has ${args.length} words, expected ${RECORD_ARGUMENT_COUNT}`,
      `pass exactly ${RECORD_ARGUMENT_COUNT} words; v1 keeps no more.`,
    );
  }
  for (let index = 0; index < RECORD_ARGUMENT_COUNT; index += 1) {
    if (!isWord(args[index])) checkWord(args[index], `args[${index}]`);
  }
}

function describe(value: unknown): string {
  return typeof value === 'bigint' ? `${value}n` : String(value);
}
