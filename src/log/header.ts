/** The 32 bytes at the start of a v1 log. */

import type { Storage } from '../storage/index.ts';
import {
  BLANK_MAGIC,
  CapacityOverflowError,
  HeaderMismatchError,
  TruncatedHeaderError,
  ZeroCapacityError,
} from './errors.ts';
import { HEADER_BYTES, HEADER_LAYOUT, LOG_MAGIC, LOG_VERSION, MAX_CAPACITY } from './v1-layout.ts';

/** A header that was checked. */
export interface LogHeader {
  readonly version: number;
  /** Writers leave it 0 and readers ignore it. */
  readonly flags: number;
  /** Records that the log has room for, 1 … 1,048,576. */
  readonly capacity: number;
  /** Where the next record goes, as stored. */
  readonly storedCursor: bigint;
  /** The stored cursor modulo the capacity. */
  readonly cursor: number;
}

/**
 * Reads and checks the header. Allocates nothing that depends on what it says.
 *
 * @throws TruncatedHeaderError if the file is too short to have one.
 * @throws HeaderMismatchError if magic or version are not those of v1.
 * @throws ZeroCapacityError, CapacityOverflowError if the capacity is impossible.
 * @throws StorageError if the file cannot be read.
 */
export function readHeader(storage: Storage): LogHeader {
  const path = storage.label;
  const bytes = new Uint8Array(HEADER_BYTES);
  const found = storage.readAt(bytes, 0);
  if (found < HEADER_BYTES) {
    throw new TruncatedHeaderError(path, found, startsLikeHeader(bytes.subarray(0, found)));
  }
  const view = new DataView(bytes.buffer);
  checkMagic(bytes.subarray(0, HEADER_LAYOUT.magic.bytes), path);
  const version = view.getUint32(HEADER_LAYOUT.version.offset, true);
  if (version !== LOG_VERSION) throw new HeaderMismatchError(path, 'version', `${version}`, `${LOG_VERSION}`);
  const capacity = view.getBigUint64(HEADER_LAYOUT.capacity.offset, true);
  if (capacity === 0n) throw new ZeroCapacityError(path);
  if (capacity > BigInt(MAX_CAPACITY)) throw new CapacityOverflowError(capacity, path);
  const storedCursor = view.getBigUint64(HEADER_LAYOUT.cursor.offset, true);
  return {
    version,
    flags: view.getUint32(HEADER_LAYOUT.flags.offset, true),
    capacity: Number(capacity),
    storedCursor,
    cursor: Number(storedCursor % capacity),
  };
}

/** The header of a new log. */
export function newHeader(capacity: number): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  for (let index = 0; index < LOG_MAGIC.length; index += 1) bytes[index] = LOG_MAGIC.charCodeAt(index);
  view.setUint32(HEADER_LAYOUT.version.offset, LOG_VERSION, true);
  view.setUint32(HEADER_LAYOUT.capacity.offset, capacity, true);
  return bytes;
}

/** The eight bytes of a cursor. */
export function cursorBytes(cursor: number): Uint8Array {
  const bytes = new Uint8Array(HEADER_LAYOUT.cursor.bytes);
  new DataView(bytes.buffer).setUint32(0, cursor, true);
  return bytes;
}

/** Whether some v1 header starts with these bytes (fewer than a header has). No bytes at all start none. */
export function startsLikeHeader(bytes: Uint8Array): boolean {
  if (bytes.length === 0) return false;
  const { magic, version, capacity } = HEADER_LAYOUT;
  const model = newHeader(1);
  const fixed = [
    { start: magic.offset, end: magic.offset + magic.bytes },
    { start: version.offset, end: version.offset + version.bytes },
  ];
  for (const { start, end } of fixed) {
    for (let index = start; index < Math.min(end, bytes.length); index += 1) {
      if (bytes[index] !== model[index]) return false;
    }
  }
  return canBecomeCapacity(bytes.subarray(capacity.offset, capacity.offset + capacity.bytes));
}

/** Whether some capacity from 1 to the maximum has these as its low bytes. */
function canBecomeCapacity(lowBytes: Uint8Array): boolean {
  let value = 0n;
  for (let index = 0; index < lowBytes.length; index += 1) value |= BigInt(lowBytes[index]) << BigInt(8 * index);
  if (value > 0n) return value <= BigInt(MAX_CAPACITY);
  return 1n << BigInt(8 * lowBytes.length) <= BigInt(MAX_CAPACITY);
}

/** Whether there is nothing but zeros in `bytes`. */
export function isBlank(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

function checkMagic(magic: Uint8Array, path: string): void {
  let text = '';
  for (const byte of magic) text += String.fromCharCode(byte);
  if (text !== LOG_MAGIC) throw new HeaderMismatchError(path, 'magic', printMagic(magic, text), LOG_MAGIC);
}

function printMagic(magic: Uint8Array, text: string): string {
  if (isBlank(magic)) return BLANK_MAGIC;
  if (/^[\x21-\x7e]+$/.test(text)) return text;
  return `0x${[...magic].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}

/** How a record magic prints. */
export function printWord(word: number): string {
  return `0x${word.toString(16)}`;
}
