/**
 * The v1 format once more, written from the specification alone and as plainly as possible: what the writer and the
 * readers are compared with. Imports nothing of what it checks but the type of a record.
 */

import fc from 'fast-check';
import { expect } from 'vitest';
import type { FailureEvidence, LogRecord } from '../../src/log/index.ts';

/** A log as its header fields and its records' bytes. */
export class ModelLog {
  readonly capacity: number;
  cursor = 0;
  readonly #rows: Uint8Array[];

  constructor(capacity: number) {
    this.capacity = capacity;
    this.#rows = Array.from({ length: capacity }, () => new Uint8Array(64));
  }

  append(record: LogRecord): void {
    this.writeRecord(record, this.cursor);
    this.cursor = (this.cursor + 1) % this.capacity;
  }

  /** The first half of an append. */
  writeRecord(record: LogRecord, position: number): void {
    this.#rows[position] = encode(record);
  }

  toBytes(): Uint8Array {
    const bytes = new Uint8Array(32 + 64 * this.capacity);
    const view = new DataView(bytes.buffer);
    bytes.set(new TextEncoder().encode('VRRL0001'));
    view.setUint32(8, 1, true);
    view.setBigUint64(16, BigInt(this.capacity), true);
    view.setBigUint64(24, BigInt(this.cursor), true);
    for (const [index, row] of this.#rows.entries()) bytes.set(row, 32 + 64 * index);
    return bytes;
  }

  /** What is written, from `start` on, around the end. */
  read(start: number = this.cursor): LogRecord[] {
    const turned = [...this.#rows.slice(start), ...this.#rows.slice(0, start)];
    return turned.filter((row) => row.some((byte) => byte !== 0)).map(decode);
  }
}

function encode(record: LogRecord): Uint8Array {
  const row = new Uint8Array(64);
  const view = new DataView(row.buffer);
  view.setUint32(0, 0xdeadbeef, true);
  view.setBigUint64(4, record.timestampNs, true);
  view.setUint32(12, record.slotIndex, true);
  view.setUint32(16, record.tenantId, true);
  view.setUint32(20, record.opcode, true);
  for (const [index, argument] of record.args.entries()) view.setUint32(24 + 4 * index, argument, true);
  view.setUint32(40, record.epoch, true);
  if (record.failure === undefined) return row;
  view.setUint32(44, record.failure.slotStatus, true);
  view.setUint32(48, record.failure.failureClass, true);
  view.setUint32(52, record.failure.backendCode, true);
  view.setBigUint64(56, record.failure.outputDigest, true);
  return row;
}

function decode(row: Uint8Array): LogRecord {
  const view = new DataView(row.buffer);
  const word = (offset: number): number => view.getUint32(offset, true);
  const record: LogRecord = {
    timestampNs: view.getBigUint64(4, true),
    slotIndex: word(12),
    tenantId: word(16),
    opcode: word(20),
    args: [word(24), word(28), word(32), word(36)],
    epoch: word(40),
  };
  if (row.subarray(44).every((byte) => byte === 0)) return record;
  const failure = {
    slotStatus: word(44),
    failureClass: word(48),
    backendCode: word(52),
    outputDigest: view.getBigUint64(56, true),
  };
  return { ...record, failure };
}

/** The i-th record of a plausible stream: time and epoch go on. */
export function makeRecord(index: number): LogRecord {
  return {
    timestampNs: 1_700_000_000_000_000_000n + 1000n * BigInt(index),
    slotIndex: index % 256,
    tenantId: index % 4,
    opcode: index % 8,
    args: [Math.imul(index, 0x9e37_79b1) >>> 0, index, 0, 0xffff_ffff],
    epoch: index >> 2,
  };
}

export function makeRecords(count: number, first = 0): LogRecord[] {
  return Array.from({ length: count }, (_, index) => makeRecord(first + index));
}

/** A log of `capacity` that took records 0 … count − 1. */
export function makeModel(capacity: number, count: number): ModelLog {
  const model = new ModelLog(capacity);
  for (const record of makeRecords(count)) model.append(record);
  return model;
}

/** Bytes with one little-endian word replaced. */
export function withWord(bytes: Uint8Array, offset: number, word: number): Uint8Array {
  const copy = bytes.slice();
  new DataView(copy.buffer).setUint32(offset, word, true);
  return copy;
}

/** `toEqual` for bytes, but quick when they are. */
export function expectSameBytes(found: Uint8Array, expected: Uint8Array): void {
  if (Buffer.compare(found, expected) !== 0) expect(found).toEqual(expected);
}

const anyWord = fc.oneof(
  fc.nat(),
  fc.integer({ min: 0, max: 0xffff_ffff }),
  fc.constantFrom(0, 0xffff_ffff, 0xdead_beef),
);
const anyLong = fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn });

/** Evidence that is not all zero, as a reader would show it. */
export const anyEvidence: fc.Arbitrary<FailureEvidence> = fc
  .record({ slotStatus: anyWord, failureClass: anyWord, backendCode: anyWord, outputDigest: anyLong })
  .filter((evidence) => Object.values(evidence).some((value) => value !== 0 && value !== 0n));

/** Any record at all, without evidence. */
export const anyPlainRecord: fc.Arbitrary<LogRecord> = fc.record({
  timestampNs: anyLong,
  slotIndex: anyWord,
  tenantId: anyWord,
  opcode: anyWord,
  args: fc.tuple(anyWord, anyWord, anyWord, anyWord),
  epoch: anyWord,
});

/** Any record at all. */
export const anyRecord: fc.Arbitrary<LogRecord> = fc
  .tuple(anyPlainRecord, fc.option(anyEvidence, { nil: undefined, freq: 3 }))
  .map(([record, failure]) => (failure === undefined ? record : { ...record, failure }));
