/** The writer of v2 logs. */

import { InputError } from '../base/errors.ts';
import { WORD_BYTES } from '../base/words.ts';
import type { LogRecord } from '../log/index.ts';
import type { FlightColumns } from './columns.ts';
import type { FlightFinding } from './findings.ts';
import { type FlightGeometry, planGeometry } from './geometry.ts';
import { JournalRing } from './journal-ring.ts';
import { scanJournal } from './journal-scan.ts';
import {
  BODY_WORDS,
  FLIGHT_RECORD_BYTES,
  FLIGHT_RECORD_WORDS,
  HINTS_BYTES,
  HINTS_LAYOUT,
  LogState,
  RecordWord,
  wordOf,
} from './layout.ts';
import type { Medium } from './medium.ts';
import { encodeMetadata, type FlightMetadata, saltOf } from './metadata.ts';
import { writePair } from './pairs.ts';
import { checkEntry, type FlightEntry, storeEntry } from './record.ts';
import { type FlightSlot, HIGH_WORD_SCALE, RecordStore, type StoreListener } from './record-store.ts';
import { type RecoveredLog, type RecoveryOptions, recoverFlightLog } from './recovery.ts';
import { type FlightLoss, type FlightScan, type FlightScanOptions, scanFlightLog } from './scan.ts';
import { type Id, newSuperblockWords, randomId, readSuperblock, SuperblockWriter } from './superblock.ts';

/** What a new log is made of. */
export interface FlightLogOptions {
  /** Records that it keeps, 1 … 1,048,576. */
  readonly capacity: number;
  /** Bytes for observations; 0, the default, keeps none. At least two keyframe intervals. */
  readonly journalBytes?: number;
  readonly metadata: FlightMetadata;
  /** The number of the first record: more than 1 in a log that is cut out of another. */
  readonly firstSequence?: number;
  /** Random unless a test wants the same bytes again. */
  readonly fileId?: Id;
  readonly bootId?: Id;
}

/** Bytes of the file that a log with these options needs; a mapping has to have exactly these. */
export function flightLogBytes(options: FlightLogOptions): number {
  return geometryFor(options, NO_ID).fileBytes;
}

const NO_ID: Id = [0, 0, 0, 0];
/** A batch is written to a file in pieces of at most this many records, 1 MiB. */
const BATCH_RECORDS = 8_192;
/** In a file, where a hint costs a call, it may be this many records behind. */
const HINT_INTERVAL = 64;

/** Of a cache. */
const LINE_WORDS = 64 / WORD_BYTES;

/** What a writer starts with. */
interface Start {
  readonly medium: Medium;
  readonly geometry: FlightGeometry;
  readonly fileId: Id;
  readonly metadata: FlightMetadata;
  readonly superblocks: SuperblockWriter;
  readonly journal: JournalRing;
  readonly store: RecordStore;
  readonly recovered: Pick<RecoveredLog, 'findings' | 'freshLoss'> | undefined;
}

/**
 * A v2 log open for writing: a ring of proven records in which the newest overwrites the oldest, with a journal of
 * observations.
 *
 * Every append is with the medium when it returns: it survives the death of the process. `sync` makes it survive the
 * death of the machine. There must be one writer at a time; `node/` holds a lock to make sure.
 */
export class FlightLog {
  readonly capacity: number;
  readonly metadata: FlightMetadata;
  /** What opening found and put right; empty for a new log. */
  readonly recovered: readonly FlightFinding[];
  /** What opening found lost that no opening before it had counted; undefined for a new log. */
  readonly recoveredLoss: FlightLoss | undefined;
  readonly #medium: Medium;
  /** The mapping's words; undefined if there is none. */
  readonly #words: Int32Array | undefined;
  readonly #onStored: StoreListener | undefined;
  readonly #geometry: FlightGeometry;
  readonly #superblocks: SuperblockWriter;
  readonly #journal: JournalRing;
  readonly #store: RecordStore;
  readonly #slotsWord: number;
  readonly #hintsWord: number;
  readonly #hints = new Uint32Array(HINTS_BYTES / WORD_BYTES);
  readonly #body = new Uint32Array(BODY_WORDS);
  #rows = new Int32Array(FLIGHT_RECORD_WORDS);
  /** The position that the next record goes to. */
  #position: number;
  #hintsBehind = 0;
  /** The first number that was not made ready. */
  #prepared = 1;
  /** Why nothing can be done any more: a failed sync, or a close. */
  #end: unknown;

  private constructor({ medium, geometry, metadata, superblocks, journal, store, recovered }: Start) {
    this.capacity = geometry.capacity;
    this.metadata = metadata;
    this.recovered = recovered?.findings ?? [];
    this.recoveredLoss = recovered?.freshLoss;
    this.#medium = medium;
    this.#words = medium.mapping?.words;
    this.#onStored = medium.mapping?.onStored;
    this.#geometry = geometry;
    this.#superblocks = superblocks;
    this.#journal = journal;
    this.#store = store;
    this.#slotsWord = geometry.slotsOffset / WORD_BYTES;
    this.#hintsWord = geometry.hintsOffset / WORD_BYTES;
    this.#position = (store.next - 1) % geometry.capacity;
    this.#journal.noteSynced();
    this.#writeHints();
  }

  /**
   * Makes a log in a medium that is empty, or has exactly `flightLogBytes` zeros.
   *
   * @throws InputError if the options cannot be used, or the medium holds something.
   * @throws ZeroCapacityError, CapacityOverflowError if the capacity is impossible.
   * @throws StorageError if a call on the medium fails.
   */
  static create(medium: Medium, options: FlightLogOptions): FlightLog {
    const fileId = options.fileId ?? randomId();
    const geometry = geometryFor(options, fileId);
    const firstSequence = options.firstSequence ?? 1;
    if (!Number.isSafeInteger(firstSequence) || firstSequence < 1) {
      throw new InputError(`the first sequence number is ${firstSequence}`, 'use a whole number from 1 to 2^53 - 1.');
    }
    refuseUsed(medium, geometry);
    medium.resize(geometry.fileBytes);
    const metadata = encodeMetadata(options.metadata, fileId);
    medium.writeAt(metadata, geometry.metadataOffset);
    medium.writeAt(metadata, geometry.metadataCopyOffset);
    const superblocks = new SuperblockWriter(medium, newSuperblockWords(fileId, geometry, firstSequence), 1);
    for (let copy = 0; copy < 2; copy += 1) {
      superblocks.write({ state: LogState.OPEN, bootId: options.bootId ?? NO_ID });
    }
    medium.sync();
    const { superblock } = readSuperblock(medium);
    const store = new RecordStore(saltOf(fileId), superblock.incarnation, firstSequence, 0);
    return FlightLog.#start(medium, geometry, fileId, options.metadata, superblocks, store);
  }

  /**
   * Opens a log for writing and recovers it; `recovered` says what was found. If it is refused it is as it was.
   *
   * @throws FlightFormatError, FlightVersionError, FlightFlagsError, FlightMetadataError if it cannot be written to.
   * @throws StorageError if a call on the medium fails.
   */
  static open(medium: Medium, options: RecoveryOptions = {}): FlightLog {
    const recovered = recoverFlightLog(medium, options);
    const { superblock, superblocks, incarnation, newestSequence, newestCommit, metadata } = recovered;
    const { geometry, fileId } = superblock;
    const store = new RecordStore(saltOf(fileId), incarnation, newestSequence + 1, newestCommit);
    return FlightLog.#start(medium, geometry, fileId, metadata, superblocks, store, recovered);
  }

  static #start(
    medium: Medium,
    geometry: FlightGeometry,
    fileId: Id,
    metadata: FlightMetadata,
    superblocks: SuperblockWriter,
    store: RecordStore,
    recovered?: RecoveredLog,
  ): FlightLog {
    const scan = recovered?.journal ?? scanJournal(medium, readSuperblock(medium).superblock);
    const journal = new JournalRing(medium, geometry, fileId, scan, () => log.sync());
    const log = new FlightLog({ medium, geometry, fileId, metadata, superblocks, journal, store, recovered });
    return log;
  }

  /** What errors call the log. */
  get path(): string {
    return this.#medium.label;
  }

  /** The number that the next record gets. */
  get nextSequence(): number {
    return this.#store.next;
  }

  /**
   * Writes a record. If this throws, it does not count, and the next one takes its place.
   *
   * @throws InputError naming the field that does not fit, or if the log is closed.
   * @throws StorageError if a write fails, or if a sync failed before.
   */
  append(entry: FlightEntry): void {
    checkEntry(entry);
    storeEntry(entry, this.#body);
    this.appendWords(this.#body, 0);
  }

  /**
   * `append` for those who have words: `body[start … start + 23]` are the words 2 to 25 of a record as `RecordWord` has
   * them, from the timestamp to the evidence. Nothing is checked, and nothing is allocated on a mapping.
   */
  appendWords(body: Uint32Array, start: number): void {
    if (this.#end !== undefined) throw this.#end;
    const words = this.#words;
    if (words === undefined) {
      this.#appendToFile(1, () => this.#store.make(body, start));
      return;
    }
    this.#store.make(body, start);
    this.#putMapped(words);
    this.#hintNewest(words);
  }

  /**
   * Writes records as if one by one, to a file in few large writes. Returns how many there were. All are checked before
   * the first is written; if a write fails, what was written before it counts, as `nextSequence` shows.
   *
   * @throws as `append` does.
   */
  appendMany(entries: Iterable<FlightEntry | LogRecord> | FlightColumns): number {
    const list: readonly FlightEntry[] = Array.isArray(entries) ? entries : [...entriesOf(entries)];
    for (const entry of list) checkEntry(entry);
    if (this.#end !== undefined) throw this.#end;
    if (this.#words === undefined) {
      this.#appendToFile(list.length, (index) => {
        storeEntry(list[index], this.#body);
        this.#store.make(this.#body, 0);
      });
      return list.length;
    }
    for (const entry of list) {
      storeEntry(entry, this.#body);
      this.#store.make(this.#body, 0);
      this.#putMapped(this.#words);
    }
    this.#hintNewest(this.#words);
    return list.length;
  }

  /**
   * `appendMany` for those who have words: `count` bodies one behind the other, each as `appendWords` takes it.
   *
   * @throws StorageError as `appendMany` does.
   */
  appendManyWords(bodies: Uint32Array, count: number): void {
    if (this.#end !== undefined) throw this.#end;
    const words = this.#words;
    if (words === undefined) {
      this.#appendToFile(count, (index) => this.#store.make(bodies, index * BODY_WORDS));
      return;
    }
    for (let index = 0; index < count; index += 1) {
      this.#store.make(bodies, index * BODY_WORDS);
      this.#putMapped(words);
    }
    this.#hintNewest(words);
  }

  /**
   * Appends the records of slots that are about to be published together, in order; `epoch` is what EPOCH says. Their words
   * are not checked, and nothing is allocated on a mapping: lanes wait for this.
   *
   * @throws StorageError as `appendMany` does.
   */
  appendSlots(slots: readonly FlightSlot[], timestampNs: bigint, epoch: number): void {
    if (this.#end !== undefined) throw this.#end;
    this.#store.beginSlots(timestampNs, epoch);
    const words = this.#words;
    if (words === undefined) {
      this.#appendToFile(slots.length, (index) => this.#store.makeOfSlot(slots[index]));
      return;
    }
    for (const slot of slots) {
      this.#store.makeOfSlot(slot);
      this.#putMapped(words);
    }
    this.#hintNewest(words);
  }

  /**
   * Makes the memory of the next `records` records ready in a mapping, as one does in idle moments: the first store to a
   * page of a file that nobody has touched takes microseconds, and lines that were last written a whole ring ago have left
   * the caches. An append takes some tens of nanoseconds otherwise. Changes nothing, and does nothing without a mapping.
   */
  prepare(records: number): void {
    const words = this.#words;
    if (words === undefined || this.#end !== undefined) return;
    const { next } = this.#store;
    const end = next + Math.min(records, this.capacity);
    for (let number = Math.max(next, this.#prepared); number < end; number += 1) {
      const base = this.#slotsWord + ((number - 1) % this.capacity) * FLIGHT_RECORD_WORDS;
      // Stores that change nothing, and that no compiler leaves out.
      for (let line = 0; line < FLIGHT_RECORD_WORDS; line += LINE_WORDS) Atomics.or(words, base + line, 0);
    }
    this.#prepared = Math.max(end, this.#prepared);
  }

  /**
   * Leaves numbers out, so that the next record gets `sequence`: for logs that are cut out of others. Numbers in between
   * are missing.
   *
   * @throws InputError if it is not above `nextSequence`.
   */
  skipTo(sequence: number): void {
    if (!Number.isSafeInteger(sequence) || sequence < this.#store.next) {
      throw new InputError(`record ${sequence} is not after ${this.#store.next - 1}`, 'skip forwards only.');
    }
    if (sequence === this.#store.next) return;
    this.#store.next = sequence;
    this.#store.previousCommit = 0;
    this.#position = (sequence - 1) % this.capacity;
  }

  /**
   * Appends frames of observations to the journal, which gives them its own numbers and salt.
   *
   * @throws InputError if they are no frames, or the log is closed.
   * @throws JournalSpaceError if the journal is too small.
   * @throws StorageError if a write or sync fails; the frame does not count.
   */
  appendFrames(frames: Uint8Array): void {
    if (this.#end !== undefined) throw this.#end;
    this.#journal.append(frames);
    this.#tryToWriteHints();
  }

  /**
   * Returns once everything that was appended is on stable storage.
   *
   * @throws StorageError if it is not. That is final: what the system dropped then, a second try would not bring back.
   */
  sync(): void {
    this.#syncAs(LogState.OPEN);
  }

  /** Syncs, says that the log was closed, and closes the medium. Idempotent. */
  close(): void {
    if (this.#end instanceof ClosedError) return;
    try {
      if (this.#end === undefined) {
        this.#syncAs(LogState.CLOSED);
        this.#medium.sync();
      }
    } finally {
      this.#end = new ClosedError(this.path);
      this.#medium.close();
    }
  }

  /** Reads the log as it is in the medium now; see `scanFlightLog`. */
  scan(options?: FlightScanOptions): FlightScan {
    return scanFlightLog(this.#medium, options);
  }

  /** The data first; the mark that says so comes down with the next sync at the latest, so it never leads. */
  #syncAs(state: number): void {
    if (this.#end !== undefined) throw this.#end;
    const marks = { syncedSequence: this.#store.next - 1, syncedFrame: this.#journal.newestFrame, state };
    try {
      this.#writeHints();
      this.#medium.sync();
      this.#superblocks.write(marks);
    } catch (error) {
      this.#end = error;
      throw error;
    }
    this.#journal.noteSynced();
  }

  /** Puts the record that was made where it belongs. */
  #putMapped(words: Int32Array): void {
    const base = this.#slotsWord + this.#position * FLIGHT_RECORD_WORDS;
    const onStored = this.#onStored;
    if (onStored === undefined) this.#store.putMapped(words, base);
    else this.#store.putTraced(words, base, onStored);
    this.#position = this.#position + 1 === this.capacity ? 0 : this.#position + 1;
  }

  /** Followers look from there on, and need not for each record of a batch. */
  #hintNewest(words: Int32Array): void {
    const newest = this.#store.next - 1;
    words[this.#hintsWord] = newest | 0;
    words[this.#hintsWord + 1] = (newest * HIGH_WORD_SCALE) | 0;
    this.#onStored?.(this.#hintsWord * WORD_BYTES, 2 * WORD_BYTES);
  }

  /** `make` makes the record of an index. */
  #appendToFile(count: number, make: (index: number) => void): void {
    for (let index = 0; index < count; ) {
      const run = Math.min(count - index, this.capacity - this.#position, BATCH_RECORDS);
      this.#reserveRows(run);
      const { next, previousCommit } = this.#store;
      for (let row = 0; row < run; row += 1) {
        make(index + row);
        this.#store.put(this.#rows, row * FLIGHT_RECORD_WORDS);
      }
      try {
        this.#medium.writeAt(
          new Uint8Array(this.#rows.buffer, 0, run * FLIGHT_RECORD_BYTES),
          this.#geometry.slotsOffset + this.#position * FLIGHT_RECORD_BYTES,
        );
      } catch (error) {
        this.#store.next = next;
        this.#store.previousCommit = previousCommit;
        this.#eraseCommits(run);
        throw error;
      }
      index += run;
      this.#position = (this.#position + run) % this.capacity;
      this.#hintsBehind += run;
      if (this.#hintsBehind >= HINT_INTERVAL) this.#tryToWriteHints();
    }
  }

  /** A write that fails may leave records in part. What does not count must not read like what does. */
  #eraseCommits(run: number): void {
    const blank = new Uint8Array(WORD_BYTES);
    const first = this.#geometry.slotsOffset + this.#position * FLIGHT_RECORD_BYTES + RecordWord.COMMIT * WORD_BYTES;
    try {
      for (let row = 0; row < run; row += 1) this.#medium.writeAt(blank, first + row * FLIGHT_RECORD_BYTES);
    } catch (error) {
      // If not even that can be written, later records would follow ones that were never announced.
      this.#end = error;
    }
  }

  #reserveRows(records: number): void {
    const held = this.#rows.length / FLIGHT_RECORD_WORDS;
    if (held >= records) return;
    this.#rows = new Int32Array(Math.min(BATCH_RECORDS, Math.max(records, 2 * held)) * FLIGHT_RECORD_WORDS);
  }

  /** Nobody relies on hints: what was appended counts, whether or not they could be written. */
  #tryToWriteHints(): void {
    try {
      this.#writeHints();
    } catch {}
  }

  #writeHints(): void {
    writePair(this.#hints, wordOf(HINTS_LAYOUT.newestSequence), this.#store.next - 1);
    writePair(this.#hints, wordOf(HINTS_LAYOUT.newestFrame), this.#journal.newestFrame);
    writePair(this.#hints, wordOf(HINTS_LAYOUT.journalPosition), this.#journal.position);
    this.#medium.writeAt(new Uint8Array(this.#hints.buffer), this.#geometry.hintsOffset);
    this.#hintsBehind = 0;
  }
}

/** A closed log was used. */
class ClosedError extends InputError {
  constructor(path: string) {
    super(`the log \`${path}\` is closed`, 'append before you close it.');
  }
}

function geometryFor({ capacity, journalBytes = 0, metadata }: FlightLogOptions, fileId: Id): FlightGeometry {
  return planGeometry(capacity, journalBytes, encodeMetadata(metadata, fileId).length);
}

function* entriesOf(entries: Iterable<FlightEntry | LogRecord> | FlightColumns): Generator<FlightEntry> {
  if (!('fullRecord' in entries)) {
    yield* entries;
    return;
  }
  for (let index = 0; index < entries.length; index += 1) yield entries.fullRecord(index);
}

/** Nothing that is somebody's is written over, though only the start is looked at: the rest is proven wrong by its salt. */
function refuseUsed(medium: Medium, geometry: FlightGeometry): void {
  const bytes = medium.size();
  const start = new Uint8Array(geometry.slotsOffset);
  medium.readAt(start, 0);
  if ((bytes === 0 || bytes === geometry.fileBytes) && start.every((byte) => byte === 0)) return;
  throw new InputError(
    `\`${medium.label}\` holds ${bytes} bytes already, expected none, or ${geometry.fileBytes} zeros`,
    'name a file that does not exist yet, or remove it first.',
  );
}
