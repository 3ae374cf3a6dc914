/** The journal's writer. */

import { crc32c } from '../base/crc32c.ts';
import { InputError } from '../base/errors.ts';
import { WORD_BYTES } from '../base/words.ts';
import {
  FRAME_HEADER_BYTES,
  FrameKind,
  FrameWord,
  frameBytes,
  KIND_PREFIX,
  KIND_PREFIX_MASK,
} from '../observe/index.ts';
import { JournalSpaceError } from './errors.ts';
import type { FlightGeometry } from './geometry.ts';
import { isBase, type JournalFrame, type JournalScan, type Stretch } from './journal-scan.ts';
import type { Medium } from './medium.ts';
import { writePair } from './pairs.ts';
import type { Id } from './superblock.ts';

const HEADER_WORDS = FRAME_HEADER_BYTES / WORD_BYTES;
const ZEROS = new Uint8Array(0x1_0000);
const HEADER_CRC_OFFSET = FrameWord.HEADER_CRC * WORD_BYTES;

/** Frames one behind the other, the newest over the oldest. */
export class JournalRing {
  readonly #medium: Medium;
  readonly #fileId: Id;
  readonly #offset: number;
  readonly #size: number;
  readonly #sync: () => void;
  /** What is in the ring, in the order in which it will be overwritten. */
  #frames: JournalFrame[];
  /** The first of `#frames` that is still there. */
  #first = 0;
  /** How many were taken out of `#frames`; indices below count them. */
  #dropped = 0;
  /** The newest frame that holds a whole state, and the newest that does so on stable storage; −1 if there is none. */
  #newestBase = -1;
  #newestSyncedBase = -1;
  #position: number;
  #newestFrame: number;
  /** Where a write that failed may have left something. */
  #spoilt: Stretch[] = [];
  readonly #header = new Uint32Array(HEADER_WORDS);
  readonly #headerBytes = new Uint8Array(this.#header.buffer);

  /** @param sync makes everything that was written survive the machine. */
  constructor(medium: Medium, geometry: FlightGeometry, fileId: Id, scan: JournalScan, sync: () => void) {
    this.#medium = medium;
    this.#fileId = fileId;
    this.#offset = geometry.journalOffset;
    this.#size = geometry.journalBytes;
    this.#sync = sync;
    this.#position = scan.nextPosition;
    this.#newestFrame = scan.newestFrame;
    this.#frames = this.#inOrder([...scan.frames, ...scan.forked]);
    this.#newestBase = this.#frames.findLastIndex(({ isBase }) => isBase);
  }

  /** In the order in which frames will be overwritten from where the next one goes. */
  #inOrder(frames: readonly JournalFrame[]): JournalFrame[] {
    const distance = (frame: JournalFrame): number => (frame.position - this.#position + this.#size) % this.#size;
    return [...frames].sort((left, right) => distance(left) - distance(right));
  }

  /** The number of the newest frame. */
  get newestFrame(): number {
    return this.#newestFrame;
  }

  /** Where the next frame goes, counted from the start of the journal. */
  get position(): number {
    return this.#position;
  }

  /** Told that all frames up to now are on stable storage. */
  noteSynced(): void {
    this.#newestSyncedBase = this.#newestBase;
  }

  /**
   * Appends whole frames as `FrameBuffer` makes them; they get numbers and salt of the journal. Header frames are left
   * out, because the metadata says the same.
   *
   * @throws InputError if the bytes are no frames; nothing is written then.
   * @throws JournalSpaceError if a frame has no room; those before it are written.
   * @throws StorageError if a write or a sync fails; the frame does not count, and the next one takes its place.
   */
  append(frames: Uint8Array): void {
    const starts = frameStarts(frames);
    for (const [index, start] of starts.entries()) {
      const frame = frames.subarray(start, starts[index + 1] ?? frames.length);
      if (kindOf(frame) !== FrameKind.HEADER) this.#append(frame);
    }
  }

  #append(frame: Uint8Array): void {
    if (isBaseFrame(frame) && this.#destroysNewestBase(frame.length)) this.#goBehindNewestBase();
    const wraps = this.#position + frame.length > this.#size;
    const start = wraps ? 0 : this.#position;
    const end = start + frame.length;
    if (frame.length > this.#size) throw this.#noSpace(frame, 'it is larger than the journal');
    const doomed = this.#countDoomed(wraps, end);
    this.#guardBases(frame, doomed);
    for (const { position, bytes } of this.#spoilt) this.#clear(position, position + bytes);
    // They are gone from here on, whether or not the write succeeds.
    const clearEnd = Math.max(end, this.#endOfLastDoomed(doomed, wraps, end));
    this.#disownDoomed(doomed);
    this.#dropDoomed(doomed);
    this.#spoilt = [{ position: start, bytes: clearEnd - start }];
    if (wraps) {
      this.#spoilt.push({ position: this.#position, bytes: this.#size - this.#position });
      this.#clear(this.#position, this.#size);
    }
    this.#makeHeader(frame);
    this.#store(frame, start, clearEnd);
    this.#spoilt = [];
    this.#newestFrame += 1;
    this.#position = end;
    const isBase = isBaseFrame(frame);
    this.#frames.push({ position: start, end, sequence: this.#newestFrame, kind: kindOf(frame), isBase });
    if (isBase) this.#newestBase = this.#dropped + this.#frames.length - 1;
  }

  /** How many of the oldest frames a frame that ends at `end` destroys. */
  #countDoomed(wraps: boolean, end: number): number {
    let count = 0;
    for (let index = this.#first; index < this.#frames.length; index += 1) {
      const { position } = this.#frames[index];
      const isBehind = position >= this.#position;
      const isDoomed = wraps ? isBehind || position < end : isBehind && position < end;
      if (!isDoomed) break;
      count += 1;
    }
    return count;
  }

  /** Where the last frame ends that is destroyed by being written over, rather than by what is left at the end. */
  #endOfLastDoomed(doomed: number, wraps: boolean, end: number): number {
    if (doomed === 0) return 0;
    const last = this.#frames[this.#first + doomed - 1];
    const isWrittenOver = last.position < end && (!wraps || last.position < this.#position);
    return isWrittenOver ? last.end : 0;
  }

  #destroysNewestBase(length: number): boolean {
    const wraps = this.#position + length > this.#size;
    const doomed = this.#countDoomed(wraps, (wraps ? 0 : this.#position) + length);
    return this.#newestBase >= 0 && this.#newestBase < this.#dropped + this.#first + doomed;
  }

  /**
   * Where power was lost, the newest whole state may lie just ahead of the newest frame, and every frame would be refused
   * from then on. A new state goes behind that one and the frames whose numbers follow, over frames of which nothing follows.
   */
  #goBehindNewestBase(): void {
    const live = this.#frames.slice(this.#first);
    let last = this.#frames[this.#newestBase - this.#dropped];
    for (let next: JournalFrame | undefined = last; next !== undefined; ) {
      last = next;
      next = live.find(({ sequence }) => sequence === last.sequence + 1);
    }
    const syncedBase = this.#frames[this.#newestSyncedBase - this.#dropped];
    this.#position = last.end;
    this.#frames = this.#inOrder(live);
    this.#first = 0;
    this.#dropped = 0;
    this.#newestBase = this.#frames.findLastIndex(({ isBase }) => isBase);
    this.#newestSyncedBase = this.#frames.indexOf(syncedBase);
  }

  /** A state to start from has to be there at every moment, after a power loss too. */
  #guardBases(frame: Uint8Array, doomed: number): void {
    const firstKept = this.#dropped + this.#first + doomed;
    if (this.#newestBase >= 0 && this.#newestBase < firstKept) {
      throw this.#noSpace(frame, 'it would destroy the newest state that a replay could start from');
    }
    if (this.#newestSyncedBase >= 0 && this.#newestSyncedBase < firstKept) this.#sync();
  }

  /**
   * In a mapping a payload arrives in whatever order the processor likes: were the frames that it destroys still whole, it
   * might take a newer one first, and the older one would say that one is missing.
   */
  #disownDoomed(doomed: number): void {
    const { mapping } = this.#medium;
    if (mapping === undefined) return;
    for (const { position } of this.#frames.slice(this.#first, this.#first + doomed)) {
      const crcAt = this.#offset + position + HEADER_CRC_OFFSET;
      Atomics.store(mapping.words, crcAt / WORD_BYTES, 0);
      mapping.onStored?.(crcAt, WORD_BYTES);
    }
  }

  #dropDoomed(doomed: number): void {
    this.#first += doomed;
    if (this.#first * 2 <= this.#frames.length) return;
    this.#frames.splice(0, this.#first);
    this.#dropped += this.#first;
    this.#first = 0;
  }

  #makeHeader(frame: Uint8Array): void {
    this.#headerBytes.set(frame.subarray(0, FRAME_HEADER_BYTES));
    writePair(this.#header, FrameWord.SEQUENCE, this.#newestFrame + 1);
    this.#header[FrameWord.SALT] = this.#fileId[0];
    this.#header[FrameWord.SALT + 1] = this.#fileId[1];
    this.#header[FrameWord.HEADER_CRC] = crc32c(this.#headerBytes, 0, HEADER_CRC_OFFSET);
  }

  #store(frame: Uint8Array, start: number, clearEnd: number): void {
    const end = start + frame.length;
    const { mapping } = this.#medium;
    if (mapping === undefined) {
      // In one write with what is to be cleared behind it, so that of the frames that it destroys the oldest goes first.
      const bytes = new Uint8Array(clearEnd - start);
      bytes.set(frame);
      bytes.set(this.#headerBytes);
      this.#medium.writeAt(bytes, this.#offset + start);
      return;
    }
    const crcAt = this.#offset + start + HEADER_CRC_OFFSET;
    Atomics.store(mapping.words, crcAt / WORD_BYTES, 0);
    mapping.onStored?.(crcAt, WORD_BYTES);
    this.#medium.writeAt(frame.subarray(FRAME_HEADER_BYTES), this.#offset + start + FRAME_HEADER_BYTES);
    this.#medium.writeAt(this.#headerBytes.subarray(0, HEADER_CRC_OFFSET), this.#offset + start);
    this.#clear(end, clearEnd);
    Atomics.store(mapping.words, crcAt / WORD_BYTES, this.#header[FrameWord.HEADER_CRC]);
    mapping.onStored?.(crcAt, WORD_BYTES);
  }

  #clear(start: number, end: number): void {
    for (let from = start; from < end; from += ZEROS.length) {
      this.#medium.writeAt(ZEROS.subarray(0, end - from), this.#offset + from);
    }
  }

  #noSpace(frame: Uint8Array, why: string): JournalSpaceError {
    return new JournalSpaceError(this.#medium.label, frame.length, this.#size, why);
  }
}

/** Where the frames in `bytes` start. */
function frameStarts(bytes: Uint8Array): number[] {
  const starts: number[] = [];
  for (let start = 0; start < bytes.length; ) {
    const frame = bytes.subarray(start);
    const isFrame = frame.length >= FRAME_HEADER_BYTES && (kindOf(frame) & KIND_PREFIX_MASK) === KIND_PREFIX;
    const length = isFrame ? frameBytes(wordAt(frame, FrameWord.PAYLOAD_BYTES)) : 0;
    if (!isFrame || length > frame.length) {
      throw new InputError(`there is no whole frame at byte ${start} of those to append`, 'append whole frames.');
    }
    starts.push(start);
    start += length;
  }
  return starts;
}

function kindOf(frame: Uint8Array): number {
  return wordAt(frame, FrameWord.KIND);
}

/** Without a view of its own: this is done a few times for every frame. */
function wordAt(bytes: Uint8Array, word: number): number {
  const at = word * WORD_BYTES;
  return (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0;
}

function isBaseFrame(frame: Uint8Array): boolean {
  return isBase(kindOf(frame), (index) => wordAt(frame, FRAME_HEADER_BYTES / WORD_BYTES + index));
}
