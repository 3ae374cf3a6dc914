/** Goes through the journal and finds every intact frame, wherever it is. */

import {
  EndWord,
  EpochWord,
  FRAME_ALIGNMENT_BYTES,
  FRAME_HEADER_BYTES,
  type Frame,
  FrameKind,
  FrameReader,
  InitialStateWord,
  KIND_PREFIX,
  KIND_PREFIX_MASK,
  type Salt,
  StateEncoding,
} from '../observe/index.ts';
import type { Storage } from '../storage/index.ts';
import type { FlightGeometry } from './geometry.ts';
import { FIRST_FRAME } from './layout.ts';
import { readPair } from './pairs.ts';
import { SectionStorage } from './section-storage.ts';
import type { Superblock } from './superblock.ts';

/** An intact frame of the journal. Positions are counted from the start of the journal. */
export interface JournalFrame {
  readonly position: number;
  readonly end: number;
  readonly sequence: number;
  readonly kind: number;
  /** It holds a whole state, from which others can be told. */
  readonly isBase: boolean;
}

/** A stretch of bytes. */
export interface Stretch {
  readonly position: number;
  readonly bytes: number;
}

/** What a journal holds and what is lost of it. */
export interface JournalScan {
  /** In the order of their numbers, each number once. */
  readonly frames: readonly JournalFrame[];
  /** What is neither an intact frame nor zero. */
  readonly stray: readonly Stretch[];
  readonly strayBytes: number;
  /** Intact frames whose number another has, which comes before them in the journal. */
  readonly forked: readonly JournalFrame[];
  /** Numbers that are not there, from the lowest one here to the highest that is known to have been written. */
  readonly missingFrames: number;
  /** The highest number that is known to have been written; `FIRST_FRAME` − 1 if none is. */
  readonly newestFrame: number;
  /** Where the next frame goes. */
  readonly nextPosition: number;
  /** The newest record that an intact frame speaks of; 0 if none does. */
  readonly newestRecord: number;
}

/**
 * Summing payloads that turn out damaged may cost this many times the journal's size, as in observation streams: a
 * damaged frame is looked through for frames inside it, and nested headers made on purpose would cost the square of that.
 */
const FAILED_SUM_BUDGET = 4;
const CHUNK_BYTES = 0x10_0000;

/** Scans the journal of a log. */
export function scanJournal(storage: Storage, superblock: Superblock): JournalScan {
  const { geometry, fileId } = superblock;
  const journal = journalSection(storage, geometry);
  const walk = new JournalWalk(journal, ({ salt }) => salt[0] === fileId[0] && salt[1] === fileId[1]);
  walk.run();
  const inOrder = [...walk.frames].sort(
    (left, right) => left.sequence - right.sequence || left.position - right.position,
  );
  const isFirst = (frame: JournalFrame, index: number): boolean =>
    index === 0 || inOrder[index - 1].sequence !== frame.sequence;
  const frames = inOrder.filter(isFirst);
  const newest = frames.at(-1);
  const newestFrame = Math.max(FIRST_FRAME - 1, newest?.sequence ?? 0, superblock.syncedFrame);
  const oldestFrame = frames.at(0)?.sequence ?? newestFrame + 1;
  return {
    frames,
    stray: walk.stray,
    strayBytes: walk.stray.reduce((total, { bytes }) => total + bytes, 0),
    forked: inOrder.filter((frame, index) => !isFirst(frame, index)),
    missingFrames: frames.length === 0 ? newestFrame - FIRST_FRAME + 1 : newestFrame - oldestFrame + 1 - frames.length,
    newestFrame,
    nextPosition: newest?.end ?? 0,
    newestRecord: walk.newestRecord,
  };
}

/** Frames of one salt, wherever they are from. */
export interface SaltedFrames {
  readonly salt: Salt;
  readonly bytes: number;
  /** Of the first of them. */
  readonly firstPosition: number;
}

/** Whose frames there are where a journal may be, those with the most bytes first. */
export function findJournalSalts(journal: Storage): SaltedFrames[] {
  const walk = new JournalWalk(journal, () => true);
  walk.run();
  const reader = new FrameReader(journal);
  const bySalt = new Map<string, SaltedFrames>();
  for (const { position, end } of walk.frames) {
    const salt = reader.frameAt(position)?.salt ?? [0, 0];
    const found = bySalt.get(salt.join()) ?? { salt, bytes: 0, firstPosition: position };
    bySalt.set(salt.join(), { ...found, bytes: found.bytes + end - position });
  }
  return [...bySalt.values()].sort((left, right) => right.bytes - left.bytes);
}

/** The journal alone. */
export function journalSection(storage: Storage, { journalOffset, journalBytes }: FlightGeometry): SectionStorage {
  return new SectionStorage(storage, journalOffset, journalBytes);
}

class JournalWalk {
  readonly frames: JournalFrame[] = [];
  readonly stray: Stretch[] = [];
  newestRecord = 0;
  readonly #journal: Storage;
  readonly #reader: FrameReader;
  readonly #isOurs: (frame: Frame) => boolean;
  readonly #size: number;
  readonly #chunk: Uint32Array;
  #chunkStart = 0;
  #chunkEnd = 0;
  #failedBytes = 0;

  constructor(journal: Storage, isOurs: (frame: Frame) => boolean) {
    this.#journal = journal;
    this.#reader = new FrameReader(journal);
    this.#isOurs = isOurs;
    // Where a file was cut off, the rest of the last eight bytes reads as zeros.
    this.#size = Math.ceil(journal.size() / FRAME_ALIGNMENT_BYTES) * FRAME_ALIGNMENT_BYTES;
    this.#chunk = new Uint32Array(Math.min(CHUNK_BYTES, this.#size) / 4);
  }

  run(): void {
    let strayStart = -1;
    let strayEnd = 0;
    for (let position = 0; position < this.#size; ) {
      const frame = this.#looksLikeFrame(position) ? this.#intactFrame(position) : undefined;
      if (frame === undefined) {
        if (!this.#isBlank(position)) {
          if (strayStart < 0) strayStart = position;
          strayEnd = position + FRAME_ALIGNMENT_BYTES;
        }
        position += FRAME_ALIGNMENT_BYTES;
        continue;
      }
      if (strayStart >= 0) this.stray.push({ position: strayStart, bytes: strayEnd - strayStart });
      strayStart = -1;
      this.#take(frame);
      position = frame.end;
    }
    if (strayStart >= 0) this.stray.push({ position: strayStart, bytes: strayEnd - strayStart });
  }

  #looksLikeFrame(position: number): boolean {
    this.#load(position);
    return (this.#chunk[(position - this.#chunkStart) / 4] & KIND_PREFIX_MASK) === KIND_PREFIX;
  }

  #isBlank(position: number): boolean {
    const at = (position - this.#chunkStart) / 4;
    return (this.#chunk[at] | this.#chunk[at + 1]) === 0;
  }

  #load(position: number): void {
    if (position >= this.#chunkStart && position < this.#chunkEnd) return;
    const bytes = new Uint8Array(this.#chunk.buffer);
    const found = this.#journal.readAt(bytes.subarray(0, Math.min(bytes.length, this.#size - position)), position);
    bytes.fill(0, found);
    this.#chunkStart = position;
    this.#chunkEnd = position + bytes.length;
  }

  #intactFrame(position: number): Frame | undefined {
    if (position + FRAME_HEADER_BYTES > this.#size) return undefined;
    const frame = this.#reader.frameAt(position);
    if (frame === undefined || !this.#isOurs(frame)) return undefined;
    if (frame.sequence < FIRST_FRAME || frame.sequence >= Number.MAX_SAFE_INTEGER) return undefined;
    if (this.#failedBytes > this.#size * FAILED_SUM_BUDGET) return undefined;
    if (this.#reader.isIntact(frame)) return frame;
    this.#failedBytes += frame.payloadBytes;
    return undefined;
  }

  #take(frame: Frame): void {
    const words = this.#reader.payload(frame, 0, SPEAKING_BYTES)?.words ?? new Uint32Array(0);
    this.frames.push({
      position: frame.position,
      end: frame.end,
      sequence: frame.sequence,
      kind: frame.kind,
      isBase: isBase(frame.kind, (index) => words[index]),
    });
    const record = newestRecordOf(frame.kind, words);
    if (Number.isSafeInteger(record) && record < Number.MAX_SAFE_INTEGER) {
      this.newestRecord = Math.max(this.newestRecord, record);
    }
  }
}

/** So much of a payload says what it is about. */
const SPEAKING_BYTES: number = EpochWord.REGION_DIGESTS * 4;

/** Whether a frame holds a whole state; `payloadWord` gives a word of its payload. */
export function isBase(kind: number, payloadWord: (index: number) => number): boolean {
  if (kind === FrameKind.INITIAL_STATE) return payloadWord(InitialStateWord.SNAPSHOT_WORDS) > 0;
  return kind === FrameKind.EPOCH && payloadWord(EpochWord.STATE_ENCODING) === StateEncoding.KEYFRAME;
}

/** The newest record that a frame says was published; 0 if it says none. */
function newestRecordOf(kind: number, words: Uint32Array): number {
  if (kind === FrameKind.EPOCH && words.length > EpochWord.RECORD_COUNT) {
    return readPair(words, EpochWord.FIRST_RECORD) + words[EpochWord.RECORD_COUNT] - 1;
  }
  if (kind === FrameKind.END && words.length > EndWord.RECORDS + 1) return readPair(words, EndWord.RECORDS);
  return 0;
}
