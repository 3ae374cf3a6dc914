/**
 * The v1 log to the byte: every offset once, so that reader and writer cannot disagree. `spec/log-v1.md` has the same
 * numbers as tables, and a test compares the two.
 */

import { WORD_BYTES } from '../base/words.ts';

/** Where a field sits, counted from the start of its header or record. */
export interface FieldLayout {
  readonly offset: number;
  readonly bytes: number;
}

/** The header at the start of the file. */
export const HEADER_LAYOUT = {
  magic: { offset: 0, bytes: 8 },
  version: { offset: 8, bytes: 4 },
  flags: { offset: 12, bytes: 4 },
  capacity: { offset: 16, bytes: 8 },
  cursor: { offset: 24, bytes: 8 },
} as const;

/** A record. The last four fields are the failure evidence, which writers before 0.7 leave zero. */
export const RECORD_LAYOUT = {
  magic: { offset: 0, bytes: 4 },
  timestampNs: { offset: 4, bytes: 8 },
  slotIndex: { offset: 12, bytes: 4 },
  tenantId: { offset: 16, bytes: 4 },
  opcode: { offset: 20, bytes: 4 },
  args: { offset: 24, bytes: 16 },
  epoch: { offset: 40, bytes: 4 },
  slotStatus: { offset: 44, bytes: 4 },
  failureClass: { offset: 48, bytes: 4 },
  backendCode: { offset: 52, bytes: 4 },
  outputDigest: { offset: 56, bytes: 8 },
} as const;

export const HEADER_BYTES = 32;
export const RECORD_BYTES = 64;
export const RECORD_WORDS: number = RECORD_BYTES / WORD_BYTES;

/** The first eight bytes of a v1 log, as ASCII. */
export const LOG_MAGIC = 'VRRL0001';
/** The first eight bytes of the format after this one, which this reader refuses by name. */
export const LOG_MAGIC_V2 = 'VRRL0002';
export const LOG_VERSION = 1;

export const RECORD_MAGIC = 0xdead_beef;
/** The magic of a record that was never written. */
export const EMPTY_MAGIC = 0;

/** The most records that a log may have. */
export const MAX_CAPACITY = 1_048_576;

/** Argument words that v1 keeps of the twelve that a slot has. */
export const RECORD_ARGUMENT_COUNT: number = RECORD_LAYOUT.args.bytes / WORD_BYTES;

/** Bytes of a whole log. */
export function logBytes(capacity: number): number {
  return HEADER_BYTES + RECORD_BYTES * capacity;
}

/** Where in the file the record at `position` (0 … capacity − 1) starts. */
export function recordOffset(position: number): number {
  return HEADER_BYTES + RECORD_BYTES * position;
}

/** The offset of a field in words, for views of 32-bit words. */
export function wordOf(field: FieldLayout): number {
  return field.offset / WORD_BYTES;
}

assertLayout('header', HEADER_LAYOUT, HEADER_BYTES);
assertLayout('record', RECORD_LAYOUT, RECORD_BYTES);

function assertLayout(name: string, layout: Readonly<Record<string, FieldLayout>>, bytes: number): void {
  let end = 0;
  for (const [field, { offset, bytes: fieldBytes }] of Object.entries(layout)) {
    if (offset !== end || offset % WORD_BYTES !== 0) {
      throw new Error(`the ${name}'s field ${field} starts at ${offset}, expected ${end}. Fix: correct v1-layout.ts.`);
    }
    end += fieldBytes;
  }
  if (end !== bytes) throw new Error(`the ${name} has ${end} bytes, expected ${bytes}. Fix: correct v1-layout.ts.`);
}
