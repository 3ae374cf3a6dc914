/**
 * The observation stream on disk as constants: one place for every offset. `spec/observation.md` has the same numbers as
 * tables, and a test compares the two.
 *
 * A stream is a sequence of frames, each a header of 32 bytes, a payload, and zeros up to a multiple of 8 bytes.
 */

import { WORD_BYTES } from '../base/words.ts';

/** The version of everything below; a reader refuses any other. */
export const OBSERVATION_FORMAT_VERSION = 1;

/** Frames start at multiples of this, so that a reader that lost its way knows where to look. */
export const FRAME_ALIGNMENT_BYTES = 8;
export const FRAME_HEADER_BYTES = 32;

/** Words of a frame header. Sequence and salt are two words each, the low one first. */
export const FrameWord = {
  KIND: 0,
  PAYLOAD_BYTES: 1,
  SEQUENCE: 2,
  SALT: 4,
  PAYLOAD_CRC: 6,
  HEADER_CRC: 7,
} as const;

/** What a frame holds: the characters `vob` and one more, so that a hex dump shows them. */
export const FrameKind = {
  /** `vobH` */
  HEADER: 0x4862_6f76,
  /** `vobI` */
  INITIAL_STATE: 0x4962_6f76,
  /** `vobE` */
  EPOCH: 0x4562_6f76,
  /** `vobS` */
  SLOT_REST: 0x5362_6f76,
  /** `vobF` */
  FAULT: 0x4662_6f76,
  /** `vobZ` */
  END: 0x5a62_6f76,
} as const;

/** The low three characters, which every kind has. */
export const KIND_PREFIX = 0x0062_6f76;
export const KIND_PREFIX_MASK = 0x00ff_ffff;

/** The header's JSON may be this long. */
export const MAX_HEADER_BYTES = 0x0400_0000;

/** Words of an initial state's payload; the snapshot follows, then the memory. */
export const InitialStateWord = {
  NEXT_ORDINAL: 0,
  OVERWRITTEN_EPOCHS: 1,
  FIRST_LIVE_RECORD: 2,
  SNAPSHOT_WORDS: 4,
  MEMORY_WORDS: 5,
  STATE: 6,
} as const;

/** Words of an epoch's payload; after the digests come a bit a region that says whether it overflowed, then the state. */
export const EpochWord = {
  ORDINAL: 0,
  DEVICE_EPOCH: 1,
  FIRST_RECORD: 2,
  RECORD_COUNT: 4,
  DONE: 5,
  FAULTED: 6,
  PENDING: 7,
  FAULT_DIGEST: 8,
  RECORDS_DIGEST: 10,
  STATE_DIGEST: 12,
  REGION_COUNT: 14,
  STATE_ENCODING: 15,
  SLOT_REST_COUNT: 16,
  FAULT_ENTRY_COUNT: 17,
  REGION_DIGESTS: 18,
} as const;

/** How the state of an epoch is written: all its words, or what changed since the epoch before. */
export const StateEncoding = { KEYFRAME: 1, DELTA: 2 } as const;

/** Words of one slot's rest; a payload is one or more of them end to end. The last word is zero. */
export const SlotRestWord = { SEQUENCE: 0, PRIORITY: 2, ARGUMENTS: 3, UNUSED: 11 } as const;
export const SLOT_REST_WORDS = 12;
/** A v1 record holds arguments 0 to 3; the rest is arguments 4 to 11. */
export const REST_ARGUMENT_COUNT = 8;

/** Words of a fault frame's payload, and of each of its entries, which end in detail words. */
export const FaultWord = { ORDINAL: 0, ENTRY_COUNT: 1, ENTRIES: 2 } as const;
export const FaultEntryWord = { SLOT_INDEX: 0, OPCODE: 1, CODE: 2, DETAIL_COUNT: 3, DETAIL: 4 } as const;

/** Words of the end's payload: epochs appended since the stream began, and the sequence number of the last record. */
export const EndWord = { EPOCHS: 0, RECORDS: 2 } as const;
export const END_WORDS = 4;

/** Words of an epoch's payload before the state. */
export function epochFixedWords(regionCount: number): number {
  return EpochWord.REGION_DIGESTS + 2 * regionCount + Math.ceil(regionCount / 32);
}

/** Bytes of the largest frame that an epoch of so many regions and words of a snapshot can have. */
export function largestEpochBytes({
  regions,
  snapshotWords,
}: {
  regions: readonly unknown[];
  snapshotWords: number;
}): number {
  return frameBytes((epochFixedWords(regions.length) + snapshotWords) * WORD_BYTES);
}

/** Bytes of the largest frame of faults that have a word of detail each, as the slots of kernels do. */
export function largestFaultsBytes(faultCount: number): number {
  return frameBytes((FaultWord.ENTRIES + faultCount * (FaultEntryWord.DETAIL + 1)) * WORD_BYTES);
}

/** Bytes a frame takes up, header and padding included. */
export function frameBytes(payloadBytes: number): number {
  return FRAME_HEADER_BYTES + alignUp(payloadBytes);
}

/** `bytes` rounded up to where the next frame may start. */
export function alignUp(bytes: number): number {
  return Math.ceil(bytes / FRAME_ALIGNMENT_BYTES) * FRAME_ALIGNMENT_BYTES;
}
