/** A log whose superblocks are gone, made readable again by what its records, frames and metadata prove by themselves. */

import { crc32c } from '../base/crc32c.ts';
import { MemoryStorage, ReheadedStorage, type Storage } from '../storage/index.ts';
import type { FlightGeometry } from './geometry.ts';
import { findJournalSalts } from './journal-scan.ts';
import {
  FLIGHT_RECORD_BYTES,
  FLIGHT_RECORD_WORDS,
  HINTS_OFFSET,
  LogState,
  METADATA_OFFSET,
  PAGE_BYTES,
  wholePages,
} from './layout.ts';
import { type Evidence, type FoundRecords, findEvidence, type PlacedMetadata } from './rebuild-evidence.ts';
import { guessSlots, type SlotsGuess } from './rebuild-geometry.ts';
import { SectionStorage } from './section-storage.ts';
import type { FlightProgress } from './slot-walk.ts';
import { type Id, newSuperblockWords, SuperblockWriter } from './superblock.ts';

/** A log with superblocks that say what is left to be known. */
export interface RebuiltLog {
  /** To be read as the log: the file, with other superblocks before it. */
  readonly storage: Storage;
  /** What nobody can tell any more, in words. */
  readonly unknown: readonly string[];
}

/**
 * Rebuilds the superblocks of a file. Nothing is written.
 *
 * The file id cannot be told; another one is made that proves the same records and frames. Marks of syncs and counts of
 * earlier losses are gone, and so is whether records came before the lowest that left a trace, or after the highest.
 *
 * @returns undefined if nothing in the file is a record of a v2 log.
 * @throws StorageError if the file cannot be read.
 */
export function rebuildFlightLog(storage: Storage, onProgress?: FlightProgress): RebuiltLog | undefined {
  const evidence = findEvidence(storage, onProgress);
  const records = recordsOf(evidence);
  if (records === undefined) return undefined;
  const metadata = evidence.metadata?.salt === records.salt ? evidence.metadata : undefined;
  const parts = placeParts(storage, records, metadata);
  if (parts === undefined) return undefined;
  const { geometry, slots, journalSalt } = parts;
  const fileId = idWith(journalSalt, records.salt);
  const firstSequence = lowestTrace(storage, slots, records);
  const heads = makeSuperblocks(fileId, geometry, firstSequence, records.incarnation);
  const unknown = [
    'the id of the file',
    'what was synced, and what was found lost before',
    ...(slots.isCapacityKnown ? [] : ['its exact capacity']),
    ...(isBeginningKnown(firstSequence, slots, records) ? [] : [`whether records before ${firstSequence} are lost`]),
    'whether records after the highest number are lost',
  ];
  return { storage: new ReheadedStorage(storage, heads), unknown };
}

/** Whether all records before the first are known to be overwritten, or never to have been. */
function isBeginningKnown(
  first: number,
  { isCapacityKnown, capacity }: SlotsGuess,
  { sequences }: FoundRecords,
): boolean {
  const newest = sequences.reduce((most, each) => Math.max(most, each), 0);
  return first === 1 || (isCapacityKnown && first <= newest - capacity + 1);
}

/** Those of the salt that the metadata has, or else of the one that most have. */
function recordsOf({ records, metadata }: Evidence): FoundRecords | undefined {
  return records.find(({ salt }) => salt === metadata?.salt) ?? records.at(0);
}

interface Parts {
  readonly geometry: FlightGeometry;
  readonly slots: SlotsGuess;
  readonly journalSalt: readonly [number, number];
}

/** The slots lie behind the metadata, the journal behind the slots, the second copy of the metadata at the end. */
function placeParts(storage: Storage, records: FoundRecords, metadata: PlacedMetadata | undefined): Parts | undefined {
  const metadataBytes = metadata === undefined ? PAGE_BYTES : wholePages(metadata.bytes.length);
  const size = wholePages(storage.size());
  const isSecond = metadata !== undefined && metadata.offset > METADATA_OFFSET;
  const lastRecordEnd = (records.places[records.count - 1] + 1) * FLIGHT_RECORD_BYTES;
  const metadataCopyOffset = isSecond ? metadata.offset : Math.max(size - metadataBytes, wholePages(lastRecordEnd));
  const behind = wholePages(lastRecordEnd);
  const search = new SectionStorage(storage, behind, Math.max(0, metadataCopyOffset - behind));
  const [frames] = findJournalSalts(search);
  const noFrames = metadata && metadataCopyOffset;
  const end = frames === undefined ? noFrames : behind + floorPage(frames.firstPosition);
  const slots = guessSlots(records, metadata && METADATA_OFFSET + metadataBytes, end);
  if (slots === undefined) return undefined;
  const { slotsOffset, capacity } = slots;
  const journalOffset = slotsOffset + wholePages(capacity * FLIGHT_RECORD_BYTES);
  const geometry = {
    capacity,
    hintsOffset: HINTS_OFFSET,
    metadataOffset: METADATA_OFFSET,
    metadataBytes: slotsOffset - METADATA_OFFSET,
    slotsOffset,
    journalOffset,
    // Without the metadata nobody knows what its words mean, nor where it ends.
    journalBytes: metadata === undefined ? 0 : Math.max(0, metadataCopyOffset - journalOffset),
    metadataCopyOffset: Math.max(metadataCopyOffset, journalOffset),
    fileBytes: Math.max(metadataCopyOffset, journalOffset) + metadataBytes,
  };
  return { geometry, slots, journalSalt: frames?.salt ?? [0, 0] };
}

function floorPage(position: number): number {
  return position - (position % PAGE_BYTES);
}

/**
 * The number from which on something is missing if it is not there: the lowest of the records that are, or of the
 * positions of the window in which something else was.
 */
function lowestTrace(storage: Storage, slots: SlotsGuess, records: FoundRecords): number {
  const { capacity, slotsOffset, isWindowKnown } = slots;
  let [lowest, newest] = [Number.POSITIVE_INFINITY, 0];
  for (const sequence of records.sequences) {
    lowest = Math.min(lowest, sequence);
    newest = Math.max(newest, sequence);
  }
  if (!isWindowKnown) return lowest;
  const words = new Int32Array(FLIGHT_RECORD_WORDS);
  const bytes = new Uint8Array(words.buffer);
  for (let number = Math.max(1, newest - capacity + 1); number < lowest; number += 1) {
    bytes.fill(0, storage.readAt(bytes, slotsOffset + ((number - 1) % capacity) * FLIGHT_RECORD_BYTES));
    if (words.some((word) => word !== 0)) return number;
  }
  return lowest;
}

/** An id of which the first two words are the salt of the frames, and all four have the sum that is that of the records. */
function idWith([low, high]: readonly [number, number], recordSalt: number): Id {
  const sumWith = (word: number): number => crc32c(new Uint8Array(Uint32Array.of(low, high, 0, word).buffer));
  const ofZero = sumWith(0);
  // The sum is linear in the bits of a word, but for the sum of zero: which bits give which is solved for as by hand.
  const pivots: { readonly sum: number; readonly word: number }[] = [];
  for (let bit = 0; bit < 32; bit += 1) {
    let [sum, word] = [(sumWith((1 << bit) >>> 0) ^ ofZero) >>> 0, (1 << bit) >>> 0];
    while (pivots[Math.clz32(sum)] !== undefined) {
      const pivot = pivots[Math.clz32(sum)];
      [sum, word] = [(sum ^ pivot.sum) >>> 0, (word ^ pivot.word) >>> 0];
    }
    pivots[Math.clz32(sum)] = { sum, word };
  }
  let [rest, word] = [(recordSalt ^ ofZero) >>> 0, 0];
  while (rest !== 0) {
    const pivot = pivots[Math.clz32(rest)];
    [rest, word] = [(rest ^ pivot.sum) >>> 0, (word ^ pivot.word) >>> 0];
  }
  return [low, high, 0, word];
}

/** Both copies, in the bytes before the hints. */
function makeSuperblocks(fileId: Id, geometry: FlightGeometry, firstSequence: number, incarnation: number): Uint8Array {
  const heads = new MemoryStorage(new Uint8Array(HINTS_OFFSET));
  const writer = new SuperblockWriter(heads, newSuperblockWords(fileId, geometry, firstSequence), 1);
  for (let copy = 0; copy < 2; copy += 1) writer.write({ incarnation, state: LogState.CLOSED });
  return heads.toBytes();
}
