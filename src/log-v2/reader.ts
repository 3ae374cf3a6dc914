/** Single records and stretches of a log, without reading all of it. */

import { InputError } from '../base/errors.ts';
import type { Storage } from '../storage/index.ts';
import { FlightCollector, type FlightColumns } from './columns.ts';
import { readHints } from './hints.ts';
import { scanJournal } from './journal-scan.ts';
import { FLIGHT_RECORD_BYTES, FLIGHT_RECORD_WORDS, RecordWord } from './layout.ts';
import { type FlightMetadata, readMetadata } from './metadata.ts';
import { readSignedPair } from './pairs.ts';
import { judgePosition, PositionFinding, type PositionRules } from './position.ts';
import { type FlightRecord, loadRecord } from './record.ts';
import { rulesOf, walkSlots } from './slot-walk.ts';
import { readSuperblock, type Superblock } from './superblock.ts';

/** Which records to read. What is left out does not narrow it down. */
export interface FlightSelection {
  /** The lowest number, and the one above the highest. */
  readonly fromSequence?: number;
  readonly untilSequence?: number;
  readonly tenants?: readonly number[];
  readonly opcodes?: readonly number[];
  readonly epochs?: { readonly from: number; readonly until: number };
  readonly times?: { readonly fromNs: bigint; readonly untilNs: bigint };
}

const CHUNK_RECORDS = 8_192;

/**
 * Reads records by number, epoch, time and tenant. Every record is proven; memory is one chunk of at most 1 MiB, and for
 * `chunks` the columns of one chunk.
 *
 * By epoch and by time it searches in the order of the numbers, as in a dictionary. That finds what is there if they rise;
 * a log whose clock or kernel was set back (the scan says so) has to be gone through with `chunks`.
 */
export class FlightReader {
  readonly superblock: Superblock;
  /** Undefined if both copies are damaged. */
  readonly metadata: FlightMetadata | undefined;
  /** The lowest number that the log has room for now. */
  readonly oldestSequence: number;
  /** The highest number that was used. */
  readonly newestSequence: number;
  readonly #storage: Storage;
  readonly #rules: PositionRules;
  readonly #row = new Int32Array(FLIGHT_RECORD_WORDS);

  private constructor(storage: Storage) {
    const { superblock } = readSuperblock(storage);
    const { capacity } = superblock.geometry;
    this.#storage = storage;
    this.superblock = superblock;
    this.metadata = readMetadata(storage, superblock.geometry, superblock.fileId).metadata;
    this.#rules = rulesOf(superblock);
    this.newestSequence = this.#findNewest();
    this.oldestSequence = Math.max(superblock.firstSequence, this.newestSequence - capacity + 1);
  }

  /**
   * Opens a log for reading; the storage stays the caller's, and has to stay open.
   *
   * @throws FlightFormatError, FlightVersionError, FlightFlagsError as `readSuperblock` does.
   * @throws StorageError if it cannot be read.
   */
  static open(storage: Storage): FlightReader {
    return new FlightReader(storage);
  }

  /** The record with a number; undefined if it is not there, or not whole. */
  record(sequence: number): FlightRecord | undefined {
    if (!Number.isSafeInteger(sequence) || sequence < 1) {
      throw new InputError(`there is no record ${sequence}`, 'count records from 1.');
    }
    return this.#isThere(sequence) ? loadRecord(this.#row, 0) : undefined;
  }

  /** The lowest number from which on records have an epoch of at least `epoch`; one above the newest if none has. */
  firstOfEpoch(epoch: number): number {
    return this.#search((row) => row[RecordWord.EPOCH] >>> 0 < epoch);
  }

  /** The lowest number from which on records are not from before `timestampNs`; one above the newest if all are. */
  firstOfTime(timestampNs: bigint): number {
    return this.#search((row) => {
      const [low, high] = [row[RecordWord.TIMESTAMP] >>> 0, row[RecordWord.TIMESTAMP + 1] >>> 0];
      return ((BigInt(high) << 32n) | BigInt(low)) < timestampNs;
    });
  }

  /** The records of a selection as columns, a chunk of positions at a time; chunks without any are left out. */
  *chunks(selection: FlightSelection = {}): Generator<FlightColumns> {
    const { capacity } = this.superblock.geometry;
    const matches = matcherOf(selection);
    const first = Math.max(this.oldestSequence, selection.fromSequence ?? 0);
    const end = Math.min(this.newestSequence + 1, selection.untilSequence ?? Number.MAX_SAFE_INTEGER);
    for (let sequence = first; sequence < end; ) {
      const position = (sequence - 1) % capacity;
      const count = Math.min(end - sequence, capacity - position, CHUNK_RECORDS);
      const columns = this.#collect(sequence, position, count, matches);
      if (columns.length > 0) yield columns;
      sequence += count;
    }
  }

  #collect(sequence: number, position: number, count: number, matches: RowMatcher): FlightColumns {
    const rows = new Int32Array(count * FLIGHT_RECORD_WORDS);
    const collector = new FlightCollector(count);
    this.#read(rows, position);
    for (let row = 0; row < count; row += 1) {
      const start = row * FLIGHT_RECORD_WORDS;
      const isRecord = judgePosition(rows, start, position + row, this.#rules) === PositionFinding.VALID;
      const isExpected = readSignedPair(rows, start + RecordWord.SEQUENCE) === sequence + row;
      if (isRecord && isExpected && matches(rows, start)) collector.take(rows, start, 1, position + row);
    }
    return collector.finish();
  }

  #isThere(sequence: number): boolean {
    const row = this.#row;
    const position = (sequence - 1) % this.superblock.geometry.capacity;
    this.#read(row, position);
    const isRecord = judgePosition(row, 0, position, this.#rules) === PositionFinding.VALID;
    return isRecord && readSignedPair(row, RecordWord.SEQUENCE) === sequence;
  }

  /** What the file is too short for reads as zeros. */
  #read(rows: Int32Array, position: number): void {
    const bytes = new Uint8Array(rows.buffer);
    const found = this.#storage.readAt(bytes, this.superblock.geometry.slotsOffset + position * FLIGHT_RECORD_BYTES);
    bytes.fill(0, found);
  }

  /** Lost records are looked past, to the next that is there; each of them once, or a log that lost many would take for ever. */
  #search(isBefore: (row: Int32Array) => boolean): number {
    let [first, end] = [this.oldestSequence, this.newestSequence + 1];
    while (first < end) {
      const middle = first + Math.floor((end - first) / 2);
      let present = middle;
      while (present < end && !this.#isThere(present)) present += 1;
      if (present < end && isBefore(this.#row)) first = present + 1;
      else end = middle;
    }
    return first;
  }

  /**
   * A hint is not believed, but if the record that it names is there, the newest is close behind it: all that could be
   * wrong then is that a later one lies beyond a gap, so what the marks and the journal know counts too. Without a good
   * hint all positions are looked at.
   */
  #findNewest(): number {
    const { superblock } = this;
    const { newestSequence: hint } = readHints(this.#storage, superblock.geometry);
    const known = Math.max(superblock.syncedSequence, superblock.firstSequence - 1);
    if (hint < 1 || hint < known || !this.#isThere(hint)) {
      const { highest } = walkSlots(this.#storage, superblock, 0);
      return Math.max(known, highest, scanJournal(this.#storage, superblock).newestRecord);
    }
    let newest = hint;
    while (this.#isThere(newest + 1)) newest += 1;
    return newest;
  }
}

type RowMatcher = (rows: Int32Array, start: number) => boolean;

function matcherOf({ tenants, opcodes, epochs, times }: FlightSelection): RowMatcher {
  const tenantSet = tenants && new Set(tenants);
  const opcodeSet = opcodes && new Set(opcodes);
  return (rows, start) => {
    if (tenantSet !== undefined && !tenantSet.has(rows[start + RecordWord.TENANT] >>> 0)) return false;
    if (opcodeSet !== undefined && !opcodeSet.has(rows[start + RecordWord.OPCODE] >>> 0)) return false;
    const epoch = rows[start + RecordWord.EPOCH] >>> 0;
    if (epochs !== undefined && (epoch < epochs.from || epoch >= epochs.until)) return false;
    if (times === undefined) return true;
    const time =
      (BigInt(rows[start + RecordWord.TIMESTAMP + 1] >>> 0) << 32n) | BigInt(rows[start + RecordWord.TIMESTAMP] >>> 0);
    return time >= times.fromNs && time < times.untilNs;
  };
}
