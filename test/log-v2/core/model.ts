/**
 * The v2 format once more, written from the specification alone and as plainly as possible: what writer, readers and
 * recovery are compared with. Imports nothing of what it checks but types.
 */

import fc from 'fast-check';
import { expect } from 'vitest';
import type { FlightEntry, Id } from '../../../src/log-v2/index.ts';

export const FILE_ID: Id = [0x1111_1111, 0x2222_2222, 0x3333_3333, 0xf444_4444];
export const METADATA: { readonly tool: string } = { tool: 'test 1' };
/** Of a log with these metadata. */
export const SLOTS_AT: number = 12_288 + 4096;

/** CRC32C, a bit at a time. */
export function sumOf(bytes: Uint8Array): number {
  let sum = 0xffff_ffff;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit += 1) sum = sum & 1 ? (sum >>> 1) ^ 0x82f6_3b78 : sum >>> 1;
  }
  return (sum ^ 0xffff_ffff) >>> 0;
}

export function saltOfId(id: Id): number {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  for (const [index, word] of id.entries()) view.setUint32(4 * index, word, true);
  return sumOf(bytes);
}

/** What a record has beyond what was appended. */
export interface Frame {
  readonly sequence: number;
  readonly incarnation: number;
  readonly previousCommit: number;
  readonly salt?: number;
}

/** The 128 bytes of a record. */
export function encodeRecord(entry: FlightEntry, frame: Frame): Uint8Array {
  const bytes = new Uint8Array(128);
  const view = new DataView(bytes.buffer);
  const word = (at: number, value: number): void => view.setUint32(at, value, true);
  view.setBigUint64(0, BigInt(frame.sequence), true);
  view.setBigUint64(8, entry.timestampNs, true);
  word(16, entry.epoch);
  word(20, entry.slotIndex);
  word(24, entry.opcode);
  word(28, entry.tenantId);
  word(32, entry.priority ?? 2);
  for (const [index, argument] of entry.args.entries()) word(36 + 4 * index, argument);
  word(84, entry.failure?.slotStatus ?? 0);
  word(88, entry.failure?.failureClass ?? 0);
  word(92, entry.failure?.backendCode ?? 0);
  view.setBigUint64(96, entry.failure?.outputDigest ?? 0n, true);
  word(104, frame.salt ?? saltOfId(FILE_ID));
  word(108, frame.incarnation);
  word(112, frame.previousCommit);
  let sum = sumOf(bytes.subarray(0, 124));
  if (sum === 0) {
    word(116, 1);
    sum = sumOf(bytes.subarray(0, 124));
  }
  word(124, sum);
  return bytes;
}

export function commitOf(record: Uint8Array): number {
  return new DataView(record.buffer, record.byteOffset).getUint32(124, true);
}

/** A log as its slots, each with the entry that is in it. */
export class ModelFlightLog {
  readonly capacity: number;
  next = 1;
  incarnation = 1;
  readonly #rows: Uint8Array[];
  readonly #entries: (FlightEntry | undefined)[];
  #previousCommit = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.#rows = Array.from({ length: capacity }, () => new Uint8Array(128));
    this.#entries = Array.from({ length: capacity }, () => undefined);
  }

  append(entry: FlightEntry): void {
    const position = (this.next - 1) % this.capacity;
    const { next: sequence, incarnation } = this;
    const row = encodeRecord(entry, { sequence, incarnation, previousCommit: this.#previousCommit });
    this.#rows[position] = row;
    this.#entries[position] = entry;
    this.#previousCommit = commitOf(row);
    this.next += 1;
  }

  slotBytes(): Uint8Array {
    const bytes = new Uint8Array(128 * this.capacity);
    for (const [position, row] of this.#rows.entries()) bytes.set(row, 128 * position);
    return bytes;
  }

  /** What a reader has to give back, oldest first. */
  read(): FlightEntry[] {
    const first = Math.max(1, this.next - this.capacity);
    return Array.from({ length: this.next - first }, (_, index) => {
      const sequence = first + index;
      return completed(this.#entries[(sequence - 1) % this.capacity]!, sequence);
    });
  }
}

/** An entry as a reader shows it. */
export function completed(entry: FlightEntry, sequence: number): FlightEntry & { sequence: number } {
  const args = [...entry.args, ...new Array(12 - entry.args.length).fill(0)];
  return { ...entry, sequence, priority: entry.priority ?? 2, args };
}

/** The i-th entry of a plausible stream: time and epoch go on. */
export function makeEntry(index: number): FlightEntry {
  return {
    timestampNs: 1_700_000_000_000_000_000n + 1000n * BigInt(index),
    slotIndex: index % 256,
    tenantId: index % 4,
    opcode: index % 8,
    priority: index % 5,
    args: Array.from({ length: index % 13 }, (_, argument) => Math.imul(index + argument, 0x9e37_79b1) >>> 0),
    epoch: index >> 2,
  };
}

const anyWord = fc.oneof(fc.nat(), fc.integer({ min: 0, max: 0xffff_ffff }), fc.constantFrom(0, 0xffff_ffff));
const anyLong = fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn });

const anyEvidence = fc
  .record({ slotStatus: anyWord, failureClass: anyWord, backendCode: anyWord, outputDigest: anyLong })
  .filter((evidence) => Object.values(evidence).some((value) => value !== 0 && value !== 0n));

/** Any entry at all. */
export const anyEntry: fc.Arbitrary<FlightEntry> = fc.record(
  {
    timestampNs: anyLong,
    slotIndex: anyWord,
    tenantId: anyWord,
    opcode: anyWord,
    priority: anyWord,
    args: fc.array(anyWord, { maxLength: 12 }),
    epoch: anyWord,
    failure: anyEvidence,
  },
  { requiredKeys: ['timestampNs', 'slotIndex', 'tenantId', 'opcode', 'args', 'epoch'] },
);

/** `toEqual` for bytes, but quick when they are. */
export function expectSameBytes(found: Uint8Array, expected: Uint8Array): void {
  if (Buffer.compare(found, expected) !== 0) expect(found).toEqual(expected);
}
