/** Goes through all positions of a log and judges each. */

import { crc32cOfFourRecords, SUMMED_RECORDS } from '../base/crc32c-words.ts';
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
  /** The CRC of each row. */
  readonly #sums: Int32Array;
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
    // Whole fours of rows, since so many are summed at a time.
    const rowCount = SUMMED_RECORDS * Math.ceil(Math.min(CHUNK_RECORDS, this.#held) / SUMMED_RECORDS);
    this.#rows = new Int32Array(rowCount * FLIGHT_RECORD_WORDS);
    this.#sums = new Int32Array(rowCount);
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
    this.#sumRows(count);
    let firstValid = 0;
    for (let row = 0; row < count; ) {
      if (this.#judge(row, position + row)) {
        row = this.#followRows(row, count, position);
        continue;
      }
      this.#handOn(firstValid, row, position);
      row += 1;
      firstValid = row;
    }
    this.#handOn(firstValid, count, position);
  }

  /** Some rows behind the last are summed too, as they were left; nobody looks at their sums. */
  #sumRows(count: number): void {
    for (let row = 0; row < count; row += SUMMED_RECORDS) {
      crc32cOfFourRecords(this.#rows, row * FLIGHT_RECORD_WORDS, this.#sums, row);
    }
  }

  /**
   * Goes on from a valid row as long as each is valid because it continues the one before it, which is nearly always.
   *
   * @returns the first row that has to be judged by itself.
   */
  #followRows(first: number, count: number, position: number): number {
    const rows = this.#rows;
    const sums = this.#sums;
    let row = first + 1;
    while (row < count && sums[row] !== 0 && continues(rows, row * FLIGHT_RECORD_WORDS, sums[row])) row += 1;
    const last = row - 1;
    if (last === first) return row;
    const sequence = this.#previousSequence;
    for (let each = first + 1; each < row; each += 1) this.#sequences[position + each] = sequence + (each - first);
    this.#findings.fill(PositionFinding.VALID, position + first + 1, position + row);
    const commit = rows[last * FLIGHT_RECORD_WORDS + RecordWord.COMMIT];
    this.#previousSequence = sequence + (last - first);
    this.#previousCommit = commit;
    if (this.#previousSequence > this.#highest) {
      this.#highest = this.#previousSequence;
      this.#highestCommit = commit;
    }
    return row;
  }

  #handOn(first: number, end: number, position: number): void {
    if (end > first) this.#onValid(this.#rows, first * FLIGHT_RECORD_WORDS, end - first, position + first);
  }

  /** Whether there is a valid record. */
  #judge(row: number, position: number): boolean {
    const rows = this.#rows;
    const start = row * FLIGHT_RECORD_WORDS;
    const finding = judgeSummed(rows, start, position, this.#rules, this.#sums[row]);
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

/**
 * Whether the row at `start` has the next number and follows from the row before it, which is valid: the same file and
 * incarnation, so that what was judged there need not be judged again. The position is the next too.
 */
function continues(rows: Int32Array, start: number, sum: number): boolean {
  const before = start - FLIGHT_RECORD_WORDS;
  return (
    rows[start + RecordWord.COMMIT] === sum &&
    rows[start + RecordWord.PREVIOUS_COMMIT] === rows[before + RecordWord.COMMIT] &&
    rows[start + RecordWord.SEQUENCE] === rows[before + RecordWord.SEQUENCE] + 1 &&
    rows[start + RecordWord.SEQUENCE + 1] === rows[before + RecordWord.SEQUENCE + 1] &&
    rows[start + RecordWord.SALT] === rows[before + RecordWord.SALT] &&
    rows[start + RecordWord.INCARNATION] === rows[before + RecordWord.INCARNATION] &&
    rows[start + RecordWord.UNUSED] === rows[before + RecordWord.UNUSED] &&
    rows[start + RecordWord.NONCE] >>> 0 <= 1
  );
}
