/** What is appended: the words of a record, in the shape that each log takes. The same content for all, 128 bytes. */

import type { LogRecord } from '../../src/log/index.ts';
import {
  BODY_START,
  BODY_WORDS,
  FLIGHT_RECORD_BYTES,
  type FlightEntry,
  FlightLog,
  flightLogBytes,
  MemoryMedium,
  scanFlightLogBytes,
} from '../../src/log-v2/index.ts';

/** Records of the ring that is written around, 8 MiB. */
export const RING_RECORDS = 65_536;
/** Different records that are taken in turn: more than a batch has, since some keep what they are given until it is written. */
const KINDS = 1_024;
const WORD_BYTES = 4;

/** Where the body of the index-th record starts. */
export function bodyStart(index: number): number {
  return (index & (KINDS - 1)) * BODY_WORDS;
}

const entries: readonly FlightEntry[] = Array.from({ length: KINDS }, (_, index) => ({
  timestampNs: 1_700_000_000_000_000_000n + 1_000n * BigInt(index),
  slotIndex: index,
  tenantId: index % 4,
  opcode: index % 8,
  priority: index % 3,
  args: Array.from({ length: 12 }, (_, argument) => Math.imul(index + argument, 0x9e37_79b1) >>> 0),
  epoch: index >> 6,
}));

/** The index-th record as an object. */
export function entryOf(index: number): FlightEntry {
  return entries[index & (KINDS - 1)];
}

/** Bodies for `appendWords`, one behind the other. */
export const bodies: Uint32Array = wordsOf(entries);

const v1Records: readonly LogRecord[] = entries.map((entry) => ({
  timestampNs: entry.timestampNs,
  slotIndex: entry.slotIndex,
  tenantId: entry.tenantId,
  opcode: entry.opcode,
  args: [entry.args[0], entry.args[1], entry.args[2], entry.args[3]],
  epoch: entry.epoch,
}));

/** Bodies of records that have no more than v1 keeps. */
export const shortBodies: Uint32Array = wordsOf(v1Records);

/** What a log makes of entries. */
function wordsOf(list: readonly FlightEntry[]): Uint32Array {
  const options = { capacity: list.length, metadata: { tool: 'bench' } };
  const medium = MemoryMedium.ofSize(flightLogBytes(options));
  FlightLog.create(medium, options).appendMany(list);
  const bytes = medium.toBytes();
  const { superblock, columns } = scanFlightLogBytes(bytes);
  const words = new Uint32Array(list.length * BODY_WORDS);
  for (const [index, position] of columns.position.entries()) {
    const start = superblock.geometry.slotsOffset + position * FLIGHT_RECORD_BYTES + BODY_START * WORD_BYTES;
    words.set(new Uint32Array(bytes.slice(start, start + BODY_WORDS * WORD_BYTES).buffer), index * BODY_WORDS);
  }
  return words;
}

/** As much of the index-th record as v1 keeps. */
export function v1RecordOf(index: number): LogRecord {
  return v1Records[index & (KINDS - 1)];
}

const rows: readonly Buffer[] = Array.from({ length: KINDS }, (_, index) => {
  const words = new Uint32Array(FLIGHT_RECORD_BYTES / WORD_BYTES);
  words.set(bodies.subarray(bodyStart(index), bodyStart(index) + BODY_WORDS), 2);
  return Buffer.from(words.buffer);
});

/** The index-th record as 128 bytes, with its number in front. Those who keep it have to copy it. */
export function rowOf(index: number): Buffer {
  const row = rows[index & (KINDS - 1)];
  row[0] = index;
  row[1] = index >> 8;
  row[2] = index >> 16;
  return row;
}
