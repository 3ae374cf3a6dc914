/** Reads a log while its writer is at work. */

import { InputError } from '../base/errors.ts';
import type { Storage } from '../storage/index.ts';
import type { FlightGeometry } from './geometry.ts';
import { readHints } from './hints.ts';
import { FLIGHT_RECORD_BYTES, FLIGHT_RECORD_WORDS, HINTS_LAYOUT, RecordWord, wordOf } from './layout.ts';
import { readSignedPair } from './pairs.ts';
import { judgePosition, PositionFinding, type PositionRules } from './position.ts';
import { type FlightRecord, loadRecord } from './record.ts';
import { rulesOf } from './slot-walk.ts';
import { readSuperblock, type Superblock } from './superblock.ts';

/** What a look at a log came to. */
export type Followed =
  | { readonly kind: 'record'; readonly record: FlightRecord }
  /** The writer was so much faster that these records are gone. */
  | { readonly kind: 'lapped'; readonly count: number }
  /** These records never arrived, or are damaged. */
  | { readonly kind: 'lost'; readonly count: number };

/** Looks that a follower believed nothing of. */
export interface RefusedLooks {
  /** The position was written to during the look. */
  readonly changed: number;
  /** What was there is no whole record: its writer was in the middle of it, or it is damaged. */
  readonly unproven: number;
}

/** Where a follower copies records from. */
interface Source {
  /** Copies a position into `row`; false if it was being written meanwhile. */
  copy(position: number, row: Int32Array): boolean;
  /** The newest record as the hints have it. */
  hint(): number;
  superblock(): Superblock;
}

/**
 * Follows a log from a number on. It sees a record as soon as its append has returned, and never a part of one; how often
 * it looks is up to the caller.
 */
export class FlightFollower {
  readonly #source: Source;
  #rules: PositionRules;
  #next: number;
  readonly #row = new Int32Array(FLIGHT_RECORD_WORDS);
  readonly #probe = new Int32Array(FLIGHT_RECORD_WORDS);
  #changed = 0;
  #unproven = 0;

  private constructor(source: Source, from: number | undefined) {
    const superblock = source.superblock();
    this.#source = source;
    this.#rules = rulesOf(superblock);
    this.#next = Math.max(from ?? this.#oldest(superblock), superblock.firstSequence);
  }

  /**
   * Follows through a storage: `pread` of a file that somebody else maps or writes.
   *
   * @param from the number to begin with; if it is left out, the oldest record that is there.
   * @throws FlightFormatError, FlightVersionError, FlightFlagsError as `readSuperblock` does.
   */
  static overStorage(storage: Storage, from?: number): FlightFollower {
    return new FlightFollower(new StorageSource(storage), from);
  }

  /**
   * Follows in memory that the writer stores to: a mapping, or a shared array. `storage` is the same bytes, for what is
   * read rarely.
   *
   * @throws InputError if `words` ends before the log's last record does, as after the file was cut short.
   * @throws as `overStorage` does.
   */
  static overWords(words: Int32Array, storage: Storage, from?: number): FlightFollower {
    return new FlightFollower(new WordsSource(words, storage), from);
  }

  /** The number of the record that comes next. */
  get nextSequence(): number {
    return this.#next;
  }

  /** How often it looked at what it could not believe: the more, the closer on the heels of its writer it is. */
  get refused(): RefusedLooks {
    return { changed: this.#changed, unproven: this.#unproven };
  }

  /** Looks once. Undefined: there is nothing new, or it is being written right now. */
  poll(): Followed | undefined {
    const row = this.#row;
    const finding = this.#look(this.#next, row);
    if (finding === undefined) return undefined;
    const isValid = finding === PositionFinding.VALID;
    const sequence = isValid ? readSignedPair(row, RecordWord.SEQUENCE) : 0;
    if (sequence === this.#next) {
      this.#next += 1;
      return { kind: 'record', record: loadRecord(row, 0) };
    }
    if (sequence > this.#next) return this.#fallBehind(sequence);
    return this.#lookBeyond();
  }

  /** Everything there is to see now, at most `limit` records. */
  *drain(limit: number = Number.POSITIVE_INFINITY): Generator<Followed> {
    for (let count = 0; count < limit; count += 1) {
      const followed = this.poll();
      if (followed === undefined) return;
      yield followed;
    }
  }

  /** A record above the next one lies where the next one was: all up to its place in the ring are gone. */
  #fallBehind(sequence: number): Followed {
    return this.#passTo(this.#oldestUnder(sequence), 'lapped');
  }

  /** Nothing new at the next position. Is there a record above it? Then the next one will not come any more. */
  #lookBeyond(): Followed | undefined {
    const hint = this.#source.hint();
    let above = this.#isValidNow(hint) && hint > this.#next ? hint : this.#next + 1;
    if (!this.#isValidNow(above)) return undefined;
    if (this.#oldestUnder(above) > this.#next) return this.#passTo(this.#oldestUnder(above), 'lapped');
    // It may have arrived since it was looked at.
    const finding = this.#look(this.#next, this.#row);
    if (finding === undefined) return undefined;
    const sequence = readSignedPair(this.#row, RecordWord.SEQUENCE);
    if (finding === PositionFinding.VALID && sequence >= this.#next) return this.poll();
    // So may others above it: what is there now counts only if it stays while the newest is looked for.
    while (this.#oldestUnder(above) <= this.#next && this.#isValidNow(above + 1)) above += 1;
    const oldest = this.#oldestUnder(above);
    if (oldest > this.#next) return this.#passTo(oldest, 'lapped');
    if (!this.#isUnchanged(this.#next)) return undefined;
    // The append that is in flight overwrites it, or the writer died in it. A number that is higher says so whatever was
    // found above: a record without its commit looks the same while it is written and a turn later, when it is overwritten.
    const isOvertaken = finding === PositionFinding.TORN && (oldest === this.#next || sequence > this.#next);
    return this.#passTo(this.#next + 1, isOvertaken ? 'lapped' : 'lost');
  }

  /** The oldest record that there is room for beside one. */
  #oldestUnder(sequence: number): number {
    return sequence - this.#rules.capacity + 1;
  }

  /** Whether the position of a number still holds what `#row` has. */
  #isUnchanged(sequence: number): boolean {
    return this.#look(sequence, this.#probe) !== undefined && this.#row.every((word, at) => word === this.#probe[at]);
  }

  #passTo(sequence: number, kind: 'lapped' | 'lost'): Followed {
    const count = sequence - this.#next;
    this.#next = sequence;
    return { kind, count };
  }

  #isValidNow(sequence: number): boolean {
    if (sequence < 1) return false;
    const isValid = this.#look(sequence, this.#probe) === PositionFinding.VALID;
    return isValid && readSignedPair(this.#probe, RecordWord.SEQUENCE) === sequence;
  }

  /** The finding about the position of a number; undefined if it was being written. */
  #look(sequence: number, row: Int32Array): number | undefined {
    const position = (sequence - 1) % this.#rules.capacity;
    if (!this.#source.copy(position, row)) {
      this.#changed += 1;
      return undefined;
    }
    if (row[RecordWord.INCARNATION] >>> 0 > this.#rules.incarnation) this.#rules = rulesOf(this.#source.superblock());
    const finding = judgePosition(row, 0, position, this.#rules);
    if (finding > PositionFinding.VALID) this.#unproven += 1;
    return finding;
  }

  #oldest({ geometry, firstSequence }: Superblock): number {
    const hint = this.#source.hint();
    if (!this.#isValidNow(hint)) return firstSequence;
    return Math.max(firstSequence, hint - geometry.capacity + 1);
  }
}

/** Two reads of a position have to agree in every word. */
class StorageSource implements Source {
  readonly #storage: Storage;
  readonly #geometry: FlightGeometry;
  readonly #again = new Int32Array(FLIGHT_RECORD_WORDS);
  readonly #againBytes = new Uint8Array(this.#again.buffer);

  constructor(storage: Storage) {
    this.#storage = storage;
    this.#geometry = this.superblock().geometry;
  }

  copy(position: number, row: Int32Array): boolean {
    const offset = this.#geometry.slotsOffset + position * FLIGHT_RECORD_BYTES;
    const bytes = new Uint8Array(row.buffer, row.byteOffset, FLIGHT_RECORD_BYTES);
    bytes.fill(0, this.#storage.readAt(bytes, offset));
    this.#againBytes.fill(0, this.#storage.readAt(this.#againBytes, offset));
    for (let word = 0; word < FLIGHT_RECORD_WORDS; word += 1) if (row[word] !== this.#again[word]) return false;
    return true;
  }

  hint(): number {
    return readHints(this.#storage, this.#geometry).newestSequence;
  }

  superblock(): Superblock {
    return readSuperblock(this.#storage).superblock;
  }
}

/** The commit word has to be the same before and after; where it is 0, the copy proves nothing and is not believed. */
class WordsSource implements Source {
  readonly #words: Int32Array;
  readonly #storage: Storage;
  readonly #slotsWord: number;
  readonly #hintWord: number;

  constructor(words: Int32Array, storage: Storage) {
    this.#words = words;
    this.#storage = storage;
    const { slotsOffset, hintsOffset, capacity } = this.superblock().geometry;
    const bytes = slotsOffset + capacity * FLIGHT_RECORD_BYTES;
    if (words.byteLength < bytes) {
      throw new InputError(
        `\`${storage.label}\` has records up to byte ${bytes}, and the memory to follow it in has ${words.byteLength} bytes`,
        'hand over all of the log, or follow it through its storage.',
      );
    }
    this.#slotsWord = slotsOffset / 4;
    this.#hintWord = hintsOffset / 4 + wordOf(HINTS_LAYOUT.newestSequence);
  }

  copy(position: number, row: Int32Array): boolean {
    const start = this.#slotsWord + position * FLIGHT_RECORD_WORDS;
    const before = Atomics.load(this.#words, start + RecordWord.COMMIT);
    for (let word = 0; word < FLIGHT_RECORD_WORDS; word += 1) row[word] = this.#words[start + word];
    const after = Atomics.load(this.#words, start + RecordWord.COMMIT);
    return before === after && row[RecordWord.COMMIT] === before;
  }

  hint(): number {
    const hint = readSignedPair(this.#words, this.#hintWord);
    return hint < Number.MAX_SAFE_INTEGER ? hint : 0;
  }

  superblock(): Superblock {
    return readSuperblock(this.#storage).superblock;
  }
}
