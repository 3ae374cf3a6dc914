/** The writer of v1 logs, byte for byte as the reference writes them. */

import type { Storage } from '../storage/index.ts';
import { type LogScan, type ScanOptions, scanLog } from './decode.ts';
import { checkRecord, storeColumns, storeRecord } from './encode.ts';
import type { Finding } from './findings.ts';
import { type OpenOptions, openLog } from './open-log.ts';
import { type FailureEvidence, type LogRecord, RecordColumns } from './records.ts';
import { readStrictly } from './replay-strict.ts';
import { HEADER_BYTES, HEADER_LAYOUT, RECORD_BYTES, RECORD_LAYOUT, RECORD_WORDS, recordOffset } from './v1-layout.ts';

/** A batch is written in pieces of at most this many records, 1 MiB. */
const BATCH_RECORDS = 16_384;

/** Encoded records on their way down: one buffer, seen as words to fill and as bytes to write. */
class RowBuffer {
  readonly words: Uint32Array;
  readonly bytes: Uint8Array;

  constructor(records: number) {
    const buffer = new ArrayBuffer(records * RECORD_BYTES);
    this.words = new Uint32Array(buffer);
    this.bytes = new Uint8Array(buffer);
  }
}

/** Stores record `index` of some source at `words[start]` on. */
type StoreRow = (index: number, words: Uint32Array, start: number) => void;

/**
 * A v1 log open for writing: a ring of records in which the newest overwrites the oldest.
 *
 * Every append is down when it returns, in the sense that it survives the death of the process; `sync` makes it survive
 * the death of the machine. There must be one writer at a time, which v1 has no means to ensure.
 */
export class RingLog {
  /** What opening put right, in the order in which it was found. */
  readonly recovered: readonly Finding[];
  readonly capacity: number;
  readonly #storage: Storage;
  #cursor: number;
  readonly #record = new RowBuffer(1);
  #batch: RowBuffer | undefined;
  // The high word stays zero: a cursor is less than the greatest capacity.
  readonly #cursorWords = new Uint32Array(HEADER_LAYOUT.cursor.bytes / Uint32Array.BYTES_PER_ELEMENT);
  readonly #cursorBytes = new Uint8Array(this.#cursorWords.buffer);

  protected constructor(storage: Storage, capacity: number | bigint, options?: OpenOptions) {
    const opened = openLog(storage, capacity, options);
    this.#storage = storage;
    this.#cursor = opened.cursor;
    this.capacity = opened.capacity;
    this.recovered = opened.recovered;
  }

  /**
   * Opens the log in `storage`, or makes one there of `capacity` records (1 … 1,048,576). An existing log keeps its own
   * capacity, whatever is asked for. The storage stays the caller's if this throws, and untouched if the log is refused.
   *
   * @throws ZeroCapacityError, CapacityOverflowError, InputError if the capacity asked for is impossible.
   * @throws TruncatedHeaderError, HeaderMismatchError if the storage holds something else than a v1 log.
   * @throws StorageError if a call on the storage fails.
   */
  static open(storage: Storage, capacity: number | bigint): RingLog {
    return new RingLog(storage, capacity);
  }

  /** The position that the next record goes to, 0 … capacity − 1. */
  get cursor(): number {
    return this.#cursor;
  }

  /** What errors call the log. */
  get path(): string {
    return this.#storage.label;
  }

  /**
   * Writes a record, and its failure evidence if it has some. If this throws, the record does not count as written, all
   * earlier ones are there, and it may be tried again.
   *
   * @throws InputError naming the field that does not fit.
   * @throws StorageError if a write fails.
   */
  append(record: LogRecord): void {
    this.#append(record, record.failure);
  }

  /** `append` with `evidence` instead of what the record may have. */
  appendWithFailure(record: LogRecord, evidence: FailureEvidence): void {
    this.#append(record, evidence);
  }

  /**
   * Writes records as if one by one, but in few large writes. Returns how many there were.
   *
   * All are checked before the first is written. If a write fails, what was written before it counts, as `cursor` shows.
   * Of a batch longer than the log only the records that survive it are written; a writer killed in such a batch leaves
   * the log's older records out of order.
   *
   * @throws InputError naming the field that does not fit; nothing is written then.
   * @throws StorageError if a write fails.
   */
  appendMany(records: Iterable<LogRecord> | RecordColumns): number {
    if (records instanceof RecordColumns) {
      this.#appendRows(records.length, (index, words, start) => storeColumns(records, index, words, start));
      return records.length;
    }
    const list: readonly LogRecord[] = Array.isArray(records) ? records : [...records];
    for (const record of list) checkRecord(record);
    this.#appendRows(list.length, (index, words, start) => storeRecord(list[index], list[index].failure, words, start));
    return list.length;
  }

  /**
   * All records as the reference reads them: from the cursor on, and not at all if one of them is damaged. Use `scan` to
   * read what can be read.
   *
   * @throws HeaderMismatchError, TruncatedBodyError, StorageError
   */
  replayAll(): LogRecord[] {
    return [...readStrictly(this.#storage, this.capacity, this.#cursor)];
  }

  /** Reads the log as it is in the storage now; see `scanLog`. */
  scan(options?: ScanOptions): LogScan {
    return scanLog(this.#storage, options);
  }

  /** Returns once all that was appended is on stable storage. */
  sync(): void {
    this.#storage.sync();
  }

  /** Closes the storage. Idempotent. */
  close(): void {
    this.#storage.close();
  }

  #append(record: LogRecord, failure: FailureEvidence | undefined): void {
    checkRecord(record, failure);
    storeRecord(record, failure, this.#record.words, 0);
    this.#writeRecords(this.#record.bytes, this.#cursor);
    this.#moveCursor(this.#cursor + 1 === this.capacity ? 0 : this.#cursor + 1);
  }

  #appendRows(count: number, storeRow: StoreRow): void {
    const skipped = Math.max(0, count - this.capacity);
    let position = (this.#cursor + skipped) % this.capacity;
    for (let index = skipped; index < count; ) {
      const run = Math.min(count - index, this.capacity - position, BATCH_RECORDS);
      const { words, bytes } = this.#reserveBatch(run);
      for (let row = 0; row < run; row += 1) storeRow(index + row, words, row * RECORD_WORDS);
      this.#writeRecords(bytes.subarray(0, run * RECORD_BYTES), position);
      index += run;
      position = (position + run) % this.capacity;
      this.#moveCursor(position);
    }
  }

  /** A write that fails may leave a record in part. What does not count must not read like one that does. */
  #writeRecords(bytes: Uint8Array, position: number): void {
    try {
      this.#storage.writeAt(bytes, recordOffset(position));
    } catch (error) {
      this.#eraseMagics(position, bytes.length / RECORD_BYTES);
      throw error;
    }
  }

  #eraseMagics(position: number, records: number): void {
    const blank = new Uint8Array(RECORD_LAYOUT.magic.bytes);
    try {
      const end = Math.min(position + records, Math.ceil((this.#storage.size() - HEADER_BYTES) / RECORD_BYTES));
      for (let index = position; index < end; index += 1) this.#storage.writeAt(blank, recordOffset(index));
    } catch {
      // The error that is on its way says more.
    }
  }

  #reserveBatch(records: number): RowBuffer {
    const held = this.#batch === undefined ? 0 : this.#batch.words.length / RECORD_WORDS;
    if (this.#batch === undefined || held < records) {
      this.#batch = new RowBuffer(Math.min(BATCH_RECORDS, Math.max(records, 2 * held)));
    }
    return this.#batch;
  }

  /** Only after the records before it are down, and only remembered once it is down itself. */
  #moveCursor(next: number): void {
    this.#cursorWords[0] = next;
    this.#storage.writeAt(this.#cursorBytes, HEADER_LAYOUT.cursor.offset);
    this.#cursor = next;
  }
}
