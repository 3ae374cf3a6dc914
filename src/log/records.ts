/** Records of a v1 log: one by one as objects, and by the million as columns. */

import { InputError } from '../base/errors.ts';

/** What a slot left behind when it failed. */
export interface FailureEvidence {
  readonly slotStatus: number;
  /** An index of `FAILURE_CLASS_NAMES`; logs may hold numbers beyond it. */
  readonly failureClass: number;
  readonly backendCode: number;
  /** The first 8 bytes of BLAKE3 over the output, as a little-endian number. */
  readonly outputDigest: bigint;
}

/** One published slot. All numbers but the timestamp are words (0 … 2³² − 1). */
export interface LogRecord {
  /** Wall clock in nanoseconds since the Unix epoch, 0 … 2⁶⁴ − 1. */
  readonly timestampNs: bigint;
  readonly slotIndex: number;
  readonly tenantId: number;
  readonly opcode: number;
  readonly args: readonly [number, number, number, number];
  /** The control word EPOCH as seen at publish time. */
  readonly epoch: number;
  /** Present if and only if one of its four fields is not zero. */
  readonly failure?: FailureEvidence;
}

/** The failure classes that v1 knows, by number. */
export const FAILURE_CLASS_NAMES = ['none', 'deviceLoss', 'transientQueue', 'programBug', 'unclassified'] as const;
export type FailureClassName = (typeof FAILURE_CLASS_NAMES)[number];

/** The name of a failure class, or `class9` for a number that v1 does not know. */
export function failureClassName(failureClass: number): FailureClassName | `class${number}` {
  return FAILURE_CLASS_NAMES[failureClass] ?? `class${failureClass}`;
}

/** Bytes that a record takes in the columns that are always there. */
export const COLUMN_BYTES_PER_RECORD = 44;
/** Bytes that a record takes in the failure columns. */
export const FAILURE_BYTES_PER_RECORD = 20;

/** Cuts views off a buffer one after another; the 64-bit ones have to come first to be aligned. */
class ColumnCutter {
  readonly #buffer: ArrayBuffer;
  readonly #stride: number;
  readonly #length: number;
  #offset = 0;

  constructor(buffer: ArrayBuffer, stride: number, length: number) {
    this.#buffer = buffer;
    this.#stride = stride;
    this.#length = length;
  }

  longs(): BigUint64Array {
    const column = new BigUint64Array(this.#buffer, this.#offset, this.#length);
    this.#offset += this.#stride * BigUint64Array.BYTES_PER_ELEMENT;
    return column;
  }

  words(perRecord = 1): Uint32Array {
    const column = new Uint32Array(this.#buffer, this.#offset, this.#length * perRecord);
    this.#offset += this.#stride * perRecord * Uint32Array.BYTES_PER_ELEMENT;
    return column;
  }
}

/** Failure evidence of every record of a `RecordColumns`; all zero where a record has none. */
export class FailureColumns {
  readonly buffer: ArrayBuffer;
  readonly slotStatus: Uint32Array;
  readonly failureClass: Uint32Array;
  readonly backendCode: Uint32Array;
  readonly outputDigest: BigUint64Array;
  /** The same memory as `outputDigest`: low word at 2i, high word at 2i + 1. */
  readonly outputDigestWords: Uint32Array;

  /** Views `length` records of a buffer laid out for `stride` of them. */
  constructor(buffer: ArrayBuffer, stride: number, length: number) {
    const cutter = new ColumnCutter(buffer, stride, length);
    this.buffer = buffer;
    this.outputDigest = cutter.longs();
    this.outputDigestWords = wordsOf(this.outputDigest);
    this.slotStatus = cutter.words();
    this.failureClass = cutter.words();
    this.backendCode = cutter.words();
  }

  /** The evidence of the record at `index`, or undefined if it has none. */
  evidence(index: number): FailureEvidence | undefined {
    const slotStatus = this.slotStatus[index];
    const failureClass = this.failureClass[index];
    const backendCode = this.backendCode[index];
    const outputDigest = this.outputDigest[index];
    if (slotStatus === 0 && failureClass === 0 && backendCode === 0 && outputDigest === 0n) return undefined;
    return { slotStatus, failureClass, backendCode, outputDigest };
  }
}

/**
 * Records as one typed array a field, in publish order.
 *
 * The columns are views of one buffer, so a million records cost one allocation and travel to a worker in one transfer.
 * They are the scan's own memory, not a copy: whoever changes them changes what others see.
 */
export class RecordColumns implements Iterable<LogRecord> {
  readonly length: number;
  /** Holds every column but the failure evidence. */
  readonly buffer: ArrayBuffer;
  readonly timestampNs: BigUint64Array;
  /** The same memory as `timestampNs`: low word at 2i, high word at 2i + 1. Much faster to read than bigints. */
  readonly timestampWords: Uint32Array;
  readonly slotIndex: Uint32Array;
  readonly tenantId: Uint32Array;
  readonly opcode: Uint32Array;
  /** Four words a record, from 4i on. */
  readonly args: Uint32Array;
  readonly epoch: Uint32Array;
  /** Where in the file the record lies, counted in records. */
  readonly position: Uint32Array;
  /** Undefined if no record has failure evidence. */
  readonly failure: FailureColumns | undefined;

  /** Views `length` records of a buffer laid out for `stride` of them (`COLUMN_BYTES_PER_RECORD` each). */
  constructor(buffer: ArrayBuffer, stride: number, length: number, failure?: FailureColumns) {
    const cutter = new ColumnCutter(buffer, stride, length);
    this.length = length;
    this.buffer = buffer;
    this.timestampNs = cutter.longs();
    this.timestampWords = wordsOf(this.timestampNs);
    this.slotIndex = cutter.words();
    this.tenantId = cutter.words();
    this.opcode = cutter.words();
    this.args = cutter.words(4);
    this.epoch = cutter.words();
    this.position = cutter.words();
    this.failure = failure;
  }

  /**
   * The record at `index` (0 … length − 1) as an object of its own.
   *
   * @throws InputError if there is no such record.
   */
  record(index: number): LogRecord {
    if (!Number.isInteger(index) || index < 0 || index >= this.length) {
      throw new InputError(`there is no record ${index} among ${this.length}`, 'pass an integer from 0 to length - 1.');
    }
    const { args } = this;
    const record: LogRecord = {
      timestampNs: this.timestampNs[index],
      slotIndex: this.slotIndex[index],
      tenantId: this.tenantId[index],
      opcode: this.opcode[index],
      args: [args[4 * index], args[4 * index + 1], args[4 * index + 2], args[4 * index + 3]],
      epoch: this.epoch[index],
    };
    const failure = this.failure?.evidence(index);
    return failure === undefined ? record : { ...record, failure };
  }

  /** The records one after another, each as an object of its own. */
  *[Symbol.iterator](): Generator<LogRecord> {
    for (let index = 0; index < this.length; index += 1) yield this.record(index);
  }
}

function wordsOf(longs: BigUint64Array): Uint32Array {
  return new Uint32Array(longs.buffer, longs.byteOffset, longs.length * 2);
}
