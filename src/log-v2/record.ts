/** Records of a v2 log as objects, and into words and out of them. */

import { InputError } from '../base/errors.ts';
import { isWord, MAX_WORD } from '../base/words.ts';
import type { FailureEvidence } from '../log/index.ts';
import { Priority } from '../protocol/index.ts';
import { BODY_START, FLIGHT_ARGUMENT_COUNT, RecordWord } from './layout.ts';
import { readSignedPair } from './pairs.ts';

/** What is appended. A v1 record is one. All numbers but the timestamp are words. */
export interface FlightEntry {
  /** Wall clock in nanoseconds since the Unix epoch, 0 … 2⁶⁴ − 1. */
  readonly timestampNs: bigint;
  readonly slotIndex: number;
  readonly tenantId: number;
  readonly opcode: number;
  /** Normal if left out. */
  readonly priority?: number;
  /** At most twelve; those left out are 0. */
  readonly args: readonly number[];
  /** The control word EPOCH as seen at publish time. */
  readonly epoch: number;
  /** Present if and only if one of its four fields is not zero. */
  readonly failure?: FailureEvidence;
}

/** What a log gives back. */
export interface FlightRecord extends FlightEntry {
  /** Counted from 1 since the log was made, in no log used twice. */
  readonly sequence: number;
  readonly priority: number;
}

const MAX_LONG = 0xffff_ffff_ffff_ffffn;

// Storing a bigint here and reading two words back makes no garbage; shifts and masks of bigints would.
const splitLong = new BigUint64Array(1);
const splitWords = new Uint32Array(splitLong.buffer);

const TIMESTAMP = RecordWord.TIMESTAMP - BODY_START;
const EPOCH = RecordWord.EPOCH - BODY_START;
const SLOT_INDEX = RecordWord.SLOT_INDEX - BODY_START;
const OPCODE = RecordWord.OPCODE - BODY_START;
const TENANT = RecordWord.TENANT - BODY_START;
const PRIORITY = RecordWord.PRIORITY - BODY_START;
const ARGS = RecordWord.ARGS - BODY_START;
const SLOT_STATUS = RecordWord.SLOT_STATUS - BODY_START;
const FAILURE_CLASS = RecordWord.FAILURE_CLASS - BODY_START;
const BACKEND_CODE = RecordWord.BACKEND_CODE - BODY_START;
const OUTPUT_DIGEST = RecordWord.OUTPUT_DIGEST - BODY_START;

/**
 * Makes sure that an entry fits a record.
 *
 * @throws InputError naming the first field that does not.
 */
export function checkEntry(entry: FlightEntry): void {
  const { timestampNs, args, failure } = entry;
  checkLong(timestampNs, 'timestampNs');
  checkWord(entry.slotIndex, 'slotIndex');
  checkWord(entry.tenantId, 'tenantId');
  checkWord(entry.opcode, 'opcode');
  if (entry.priority !== undefined) checkWord(entry.priority, 'priority');
  if (args.length > FLIGHT_ARGUMENT_COUNT) {
    throw new InputError(
      `the record's field args has ${args.length} words, expected at most ${FLIGHT_ARGUMENT_COUNT}`,
      'split the work over several slots.',
    );
  }
  for (let index = 0; index < args.length; index += 1) {
    if (!isWord(args[index])) checkWord(args[index], `args[${index}]`);
  }
  checkWord(entry.epoch, 'epoch');
  if (failure === undefined) return;
  checkWord(failure.slotStatus, 'failure.slotStatus');
  checkWord(failure.failureClass, 'failure.failureClass');
  checkWord(failure.backendCode, 'failure.backendCode');
  checkLong(failure.outputDigest, 'failure.outputDigest');
}

/** Stores a checked entry as the body of a record: `BODY_WORDS` words from `body[0]` on. */
export function storeEntry(entry: FlightEntry, body: Uint32Array): void {
  const { args, failure } = entry;
  storeLong(entry.timestampNs, body, TIMESTAMP);
  body[EPOCH] = entry.epoch;
  body[SLOT_INDEX] = entry.slotIndex;
  body[OPCODE] = entry.opcode;
  body[TENANT] = entry.tenantId;
  body[PRIORITY] = entry.priority ?? Priority.NORMAL;
  const count = args.length;
  for (let index = 0; index < count; index += 1) body[ARGS + index] = args[index];
  for (let index = count; index < FLIGHT_ARGUMENT_COUNT; index += 1) body[ARGS + index] = 0;
  body[SLOT_STATUS] = failure === undefined ? 0 : failure.slotStatus;
  body[FAILURE_CLASS] = failure === undefined ? 0 : failure.failureClass;
  body[BACKEND_CODE] = failure === undefined ? 0 : failure.backendCode;
  storeLong(failure === undefined ? 0n : failure.outputDigest, body, OUTPUT_DIGEST);
}

/** The record in `words[start … start + 31]`, which was found valid. */
export function loadRecord(words: Int32Array, start: number): FlightRecord {
  const word = (index: number): number => words[start + index] >>> 0;
  const long = (index: number): bigint => (BigInt(word(index + 1)) << 32n) | BigInt(word(index));
  const record: FlightRecord = {
    sequence: readSignedPair(words, start + RecordWord.SEQUENCE),
    timestampNs: long(RecordWord.TIMESTAMP),
    slotIndex: word(RecordWord.SLOT_INDEX),
    tenantId: word(RecordWord.TENANT),
    opcode: word(RecordWord.OPCODE),
    priority: word(RecordWord.PRIORITY),
    args: Array.from({ length: FLIGHT_ARGUMENT_COUNT }, (_, index) => word(RecordWord.ARGS + index)),
    epoch: word(RecordWord.EPOCH),
  };
  const failure = {
    slotStatus: word(RecordWord.SLOT_STATUS),
    failureClass: word(RecordWord.FAILURE_CLASS),
    backendCode: word(RecordWord.BACKEND_CODE),
    outputDigest: long(RecordWord.OUTPUT_DIGEST),
  };
  const hasFailed = failure.slotStatus + failure.failureClass + failure.backendCode > 0 || failure.outputDigest > 0n;
  return hasFailed ? { ...record, failure } : record;
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

function describe(value: unknown): string {
  return typeof value === 'bigint' ? `${value}n` : String(value);
}
