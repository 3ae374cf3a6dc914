/** Goes through all positions of a log and judges each. */

import { crc32cOf31Words, crc32cOfTwice31Words } from '../base/crc32c-words.ts';
import { type Storage, StorageError } from '../storage/index.ts';
import { FLIGHT_RECORD_BYTES, FLIGHT_RECORD_WORDS, RecordWord } from './layout.ts';
import { saltOf } from './metadata.ts';
import { readSignedPair } from './pairs.ts';
import { judgeSummed, PositionFinding, type PositionRules } from './position.ts';
import type { Superblock } from './superblock.ts';

/** Records read at a time: 256 KiB keeps calls rare and the rows in the processor's cache until they are taken. */
const CHUNK_RECORDS = 2_048;

/** Told how many bytes of how many were read. */
export type FlightProgress = (readBytes: number, totalBytes: number) => void;

/**
 * Given valid records that lie one behind the other, the first at `position`: `rows[start]` is its first word. `rows` is
 * lent for the call only.
 */
export type ValidVisitor = (rows: Int32Array, start: number, count: number, position: number) => void;

/** What every position holds. */
export interface SlotTable {
  /** A `PositionFinding` by position. */
  readonly findings: Uint8Array;
  /** The sequence number by position, where it holds a valid record or a torn one; 0 elsewhere. */
  readonly sequences: Float64Array;
  /** The highest number of a valid record; 0 if there is none. */
  readonly highest: number;
  /** The commit word of that record. */
  readonly highestCommit: number;
  /** Numbers of records that do not follow from the record before them, though both are there. */
  readonly forks: readonly number[];
}

/** What the positions of a log are judged by. */
export function rulesOf(superblock: Superblock): PositionRules {
  return {
    capacity: superblock.geometry.capacity,
    salt: saltOf(superblock.fileId),
    incarnation: superblock.incarnation,
    syncedSequence: superblock.syncedSequence,
  };
}

/**
 * Judges all positions, from `first` on and around the end, through one buffer of at most 256 KiB.
 *
 * @throws StorageError if the storage cannot be read, or becomes shorter meanwhile.
 */
export function walkSlots(
  storage: Storage,
  superblock: Superblock,
  first: number,
  onValid: ValidVisitor = () => {},
  onProgress?: FlightProgress,
): SlotTable {
  const walk = new SlotWalk(storage, superblock, onValid, onProgress);
  walk.run(first, superblock.geometry.capacity);
  walk.run(0, first);
  return walk.table();
}

/** A record that the one after it has to follow from. */
interface Link {
  readonly sequence: number;
  readonly commit: number;
  readonly incarnation: number;
}

class SlotWalk {
  readonly #storage: Storage;
  readonly #slotsOffset: number;
  readonly #rules: PositionRules;
  readonly #onValid: ValidVisitor;
  readonly #onProgress: FlightProgress | undefined;
  /** Bytes of the slots that the file has. */
  readonly #heldBytes: number;
  /** Positions that the file has room for, at least in part. */
  readonly #held: number;
  readonly #rows: Int32Array;
  readonly #bytes: Uint8Array;
  /** Of two rows. */
  readonly #sums = new Int32Array(2);
  readonly #findings: Uint8Array;
  readonly #sequences: Float64Array;
  readonly #forks: number[] = [];
  #readBytes = 0;
  #highest = 0;
  #highestCommit = 0;
  #previousSequence = 0;
  #previousCommit = 0;
  #previousIncarnation = 0;
  /** The first record of the walk, whose predecessor comes last. */
  #firstLink: (Link & { readonly previousCommit: number }) | undefined;

  constructor(storage: Storage, superblock: Superblock, onValid: ValidVisitor, onProgress?: FlightProgress) {
    const { capacity, slotsOffset } = superblock.geometry;
    this.#storage = storage;
    this.#slotsOffset = slotsOffset;
    this.#rules = rulesOf(superblock);
    this.#onValid = onValid;
    this.#onProgress = onProgress;
    this.#heldBytes = Math.max(0, Math.min(capacity * FLIGHT_RECORD_BYTES, storage.size() - slotsOffset));
    this.#held = Math.ceil(this.#heldBytes / FLIGHT_RECORD_BYTES);
    this.#rows = new Int32Array(Math.min(CHUNK_RECORDS, this.#held) * FLIGHT_RECORD_WORDS);
    this.#bytes = new Uint8Array(this.#rows.buffer);
    this.#findings = new Uint8Array(capacity);
    this.#sequences = new Float64Array(capacity);
  }

  run(first: number, end: number): void {
    const heldEnd = Math.min(end, this.#held);
    for (let position = first; position < heldEnd; position += CHUNK_RECORDS) {
      const count = Math.min(CHUNK_RECORDS, heldEnd - position);
      this.#read(position, count);
      this.#judgeRows(count, position);
      this.#onProgress?.(this.#readBytes, this.#heldBytes);
    }
  }

  table(): SlotTable {
    const link = this.#firstLink;
    if (link !== undefined && link.sequence === this.#previousSequence + 1) {
      this.#checkLink(link.sequence, link.previousCommit, link.incarnation);
    }
    return {
      findings: this.#findings,
      sequences: this.#sequences,
      highest: this.#highest,
      highestCommit: this.#highestCommit,
      forks: this.#forks.sort((left, right) => left - right),
    };
  }

  /** Of a record that the file ends in, the rest reads as zeros: so it will when the file has its length again. */
  #read(position: number, count: number): void {
    const start = position * FLIGHT_RECORD_BYTES;
    const end = Math.min(start + count * FLIGHT_RECORD_BYTES, this.#heldBytes);
    const bytes = this.#bytes.subarray(0, end - start);
    this.#bytes.fill(0, bytes.length, count * FLIGHT_RECORD_BYTES);
    const found = this.#storage.readAt(bytes, this.#slotsOffset + start);
    this.#readBytes += found;
    if (found < bytes.length) {
      throw new StorageError('read', this.#storage.label, new Error('the file became shorter while it was read'));
    }
  }

  /** Judges rows, the first of which lies at `position`, and hands stretches of valid ones on. */
  #judgeRows(count: number, position: number): void {
    let firstValid = 0;
    for (let row = 0; row < count; row += 2) {
      const end = Math.min(row + 2, count);
      this.#sumRows(row, end);
      for (let each = row; each < end; each += 1) {
        if (this.#judge(each * FLIGHT_RECORD_WORDS, position + each, this.#sums[each - row])) continue;
        this.#handOn(firstValid, each, position);
        firstValid = each + 1;
      }
    }
    this.#handOn(firstValid, count, position);
  }

  /** Sums one row or two, but none without a commit. */
  #sumRows(row: number, end: number): void {
    const rows = this.#rows;
    const start = row * FLIGHT_RECORD_WORDS;
    const otherStart = start + FLIGHT_RECORD_WORDS;
    const hasFirst = rows[start + RecordWord.COMMIT] !== 0;
    const hasSecond = end - row === 2 && rows[otherStart + RecordWord.COMMIT] !== 0;
    if (hasFirst && hasSecond) crc32cOfTwice31Words(rows, start, otherStart, this.#sums);
    else if (hasFirst) this.#sums[0] = crc32cOf31Words(rows, start);
    else if (hasSecond) this.#sums[1] = crc32cOf31Words(rows, otherStart);
  }

  #handOn(first: number, end: number, position: number): void {
    if (end > first) this.#onValid(this.#rows, first * FLIGHT_RECORD_WORDS, end - first, position + first);
  }

  /** Whether there is a valid record. */
  #judge(start: number, position: number, sum: number): boolean {
    const rows = this.#rows;
    const finding = judgeSummed(rows, start, position, this.#rules, sum);
    this.#findings[position] = finding;
    if (finding === PositionFinding.VALID) {
      this.#follow(start, position);
      return true;
    }
    if (finding === PositionFinding.TORN) {
      this.#sequences[position] = readSignedPair(rows, start + RecordWord.SEQUENCE);
    }
    return false;
  }

  #follow(start: number, position: number): void {
    const rows = this.#rows;
    const sequence = readSignedPair(rows, start + RecordWord.SEQUENCE);
    const commit = rows[start + RecordWord.COMMIT];
    const previousCommit = rows[start + RecordWord.PREVIOUS_COMMIT];
    const incarnation = rows[start + RecordWord.INCARNATION] >>> 0;
    this.#sequences[position] = sequence;
    if (sequence > this.#highest) {
      this.#highest = sequence;
      this.#highestCommit = commit;
    }
    if (this.#firstLink === undefined) this.#firstLink = { sequence, commit, incarnation, previousCommit };
    else if (sequence === this.#previousSequence + 1) this.#checkLink(sequence, previousCommit, incarnation);
    this.#previousSequence = sequence;
    this.#previousCommit = commit;
    this.#previousIncarnation = incarnation;
  }

  #checkLink(sequence: number, previousCommit: number, incarnation: number): void {
    if (previousCommit === this.#previousCommit && incarnation >= this.#previousIncarnation) return;
    this.#forks.push(sequence);
  }
}
