/**
 * The v2 log to the byte: every offset once, so that writer, reader and recovery cannot disagree. `spec/log-v2.md` has the
 * same numbers as tables, and a test compares the two.
 */

import { WORD_BYTES } from '../base/words.ts';

/** Where a field sits, counted from the start of what it is part of. */
export interface FieldLayout {
  readonly offset: number;
  readonly bytes: number;
}

/** The first eight bytes of a v2 log, as ASCII. */
export const FLIGHT_MAGIC = 'VRRL0002';
export const FLIGHT_VERSION = 2;
/** The flags that this program knows: none yet. */
export const KNOWN_COMPAT_FLAGS = 0;
export const KNOWN_INCOMPAT_FLAGS = 0;

/** Sections start at multiples of this. */
export const PAGE_BYTES = 4096;
export const SUPERBLOCK_COPIES = 2;
/** Of a superblock's page, the part in use. */
export const SUPERBLOCK_BYTES = 512;
export const HINTS_OFFSET: number = SUPERBLOCK_COPIES * PAGE_BYTES;
export const METADATA_OFFSET: number = HINTS_OFFSET + PAGE_BYTES;

export const SUPERBLOCK_LAYOUT = {
  magic: { offset: 0, bytes: 8 },
  version: { offset: 8, bytes: 4 },
  compatFlags: { offset: 12, bytes: 4 },
  incompatFlags: { offset: 16, bytes: 4 },
  incarnation: { offset: 20, bytes: 4 },
  fileId: { offset: 24, bytes: 16 },
  bootId: { offset: 40, bytes: 16 },
  generation: { offset: 56, bytes: 8 },
  firstSequence: { offset: 64, bytes: 8 },
  syncedSequence: { offset: 72, bytes: 8 },
  syncedFrame: { offset: 80, bytes: 8 },
  countedSequence: { offset: 88, bytes: 8 },
  countedFrame: { offset: 96, bytes: 8 },
  state: { offset: 104, bytes: 4 },
  copyIndex: { offset: 108, bytes: 4 },
  sectionCount: { offset: 112, bytes: 4 },
  unused: { offset: 116, bytes: 4 },
  losses: { offset: 120, bytes: 72 },
  sections: { offset: 192, bytes: 192 },
  spare: { offset: 384, bytes: 124 },
  sum: { offset: 508, bytes: 4 },
} as const;

export const LogState = { CLOSED: 0, OPEN: 1, RECOVERING: 2 } as const;

/** What can be lost, in the order in which a superblock counts it. */
export const LOSS_KINDS = [
  'unfinished',
  'overtaken',
  'torn',
  'corrupt',
  'foreign',
  'misplaced',
  'missing',
  'journalBytes',
  'missingFrames',
] as const;
export type LossKind = (typeof LOSS_KINDS)[number];

export const SECTION_LAYOUT = {
  kind: { offset: 0, bytes: 4 },
  unitBytes: { offset: 4, bytes: 4 },
  offset: { offset: 8, bytes: 8 },
  unitCount: { offset: 16, bytes: 8 },
} as const;
export const SECTION_BYTES = 24;
export const MAX_SECTIONS: number = SUPERBLOCK_LAYOUT.sections.bytes / SECTION_BYTES;

export const SectionKind = { HINTS: 1, METADATA: 2, SLOTS: 3, JOURNAL: 4, METADATA_COPY: 5 } as const;

export const HINTS_LAYOUT = {
  newestSequence: { offset: 0, bytes: 8 },
  newestFrame: { offset: 8, bytes: 8 },
  journalPosition: { offset: 16, bytes: 8 },
} as const;
export const HINTS_BYTES = 24;

/** The head of the metadata; the JSON follows. */
export const METADATA_LAYOUT = {
  jsonBytes: { offset: 0, bytes: 4 },
  salt: { offset: 4, bytes: 4 },
  sum: { offset: 8, bytes: 4 },
  unused: { offset: 12, bytes: 4 },
} as const;
export const METADATA_HEAD_BYTES = 16;
export const MAX_JSON_BYTES = 67_108_848;

export const FLIGHT_RECORD_LAYOUT = {
  sequence: { offset: 0, bytes: 8 },
  timestampNs: { offset: 8, bytes: 8 },
  epoch: { offset: 16, bytes: 4 },
  slotIndex: { offset: 20, bytes: 4 },
  opcode: { offset: 24, bytes: 4 },
  tenantId: { offset: 28, bytes: 4 },
  priority: { offset: 32, bytes: 4 },
  args: { offset: 36, bytes: 48 },
  slotStatus: { offset: 84, bytes: 4 },
  failureClass: { offset: 88, bytes: 4 },
  backendCode: { offset: 92, bytes: 4 },
  outputDigest: { offset: 96, bytes: 8 },
  salt: { offset: 104, bytes: 4 },
  incarnation: { offset: 108, bytes: 4 },
  previousCommit: { offset: 112, bytes: 4 },
  nonce: { offset: 116, bytes: 4 },
  unused: { offset: 120, bytes: 4 },
  commit: { offset: 124, bytes: 4 },
} as const;
export const FLIGHT_RECORD_BYTES = 128;
export const FLIGHT_RECORD_WORDS: number = FLIGHT_RECORD_BYTES / WORD_BYTES;

/** Words of a record, for views of 32-bit words. */
export const RecordWord = {
  SEQUENCE: 0,
  TIMESTAMP: 2,
  EPOCH: 4,
  SLOT_INDEX: 5,
  OPCODE: 6,
  TENANT: 7,
  PRIORITY: 8,
  ARGS: 9,
  SLOT_STATUS: 21,
  FAILURE_CLASS: 22,
  BACKEND_CODE: 23,
  OUTPUT_DIGEST: 24,
  SALT: 26,
  INCARNATION: 27,
  PREVIOUS_COMMIT: 28,
  NONCE: 29,
  UNUSED: 30,
  COMMIT: 31,
} as const;

/** What a caller hands over of a record: the words from its time to its evidence, all others are the log's own. */
export const BODY_START: number = RecordWord.TIMESTAMP;
export const BODY_WORDS: number = RecordWord.SALT - RecordWord.TIMESTAMP;

/** Argument words of a record: all that a slot has. */
export const FLIGHT_ARGUMENT_COUNT: number = FLIGHT_RECORD_LAYOUT.args.bytes / WORD_BYTES;

/** The lowest number of a frame in a journal: a reader puts the frames that are left out before it. */
export const FIRST_FRAME = 3;

/** 64-bit fields hold whole numbers up to 2⁵³ − 1. */
export const HIGH_WORD = 0x1_0000_0000;

/** The offset of a field in words. */
export function wordOf(field: FieldLayout): number {
  return field.offset / WORD_BYTES;
}

/** `bytes` rounded up to whole pages. */
export function wholePages(bytes: number): number {
  return Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES;
}

assertLayout('superblock', SUPERBLOCK_LAYOUT, SUPERBLOCK_BYTES);
assertLayout('section', SECTION_LAYOUT, SECTION_BYTES);
assertLayout('hints', HINTS_LAYOUT, HINTS_BYTES);
assertLayout('metadata', METADATA_LAYOUT, METADATA_HEAD_BYTES);
assertLayout('record', FLIGHT_RECORD_LAYOUT, FLIGHT_RECORD_BYTES);
if (Object.values(RecordWord).join() !== Object.values(FLIGHT_RECORD_LAYOUT).map(wordOf).join()) {
  throw new Error('the words of a record are not where its bytes are. Fix: correct layout.ts.');
}
if (SUPERBLOCK_LAYOUT.losses.bytes !== LOSS_KINDS.length * 8) {
  throw new Error(`the superblock has no room for ${LOSS_KINDS.length} losses. Fix: correct layout.ts.`);
}

function assertLayout(name: string, layout: Readonly<Record<string, FieldLayout>>, bytes: number): void {
  let end = 0;
  for (const [field, { offset, bytes: fieldBytes }] of Object.entries(layout)) {
    const alignment = fieldBytes === 8 ? 8 : WORD_BYTES;
    if (offset !== end || offset % alignment !== 0) {
      throw new Error(`the ${name}'s field ${field} starts at ${offset}, expected ${end}. Fix: correct layout.ts.`);
    }
    end += fieldBytes;
  }
  if (end !== bytes) throw new Error(`the ${name} has ${end} bytes, expected ${bytes}. Fix: correct layout.ts.`);
}
