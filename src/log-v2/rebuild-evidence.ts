/** What a file proves by itself, without a superblock: records by their sums, metadata by its own. */

import { crc32cOf31Words } from '../base/crc32c-words.ts';
import type { Storage } from '../storage/index.ts';
import {
  FLIGHT_RECORD_BYTES,
  FLIGHT_RECORD_WORDS,
  MAX_JSON_BYTES,
  METADATA_HEAD_BYTES,
  METADATA_LAYOUT,
  METADATA_OFFSET,
  PAGE_BYTES,
  RecordWord,
  wordOf,
} from './layout.ts';
import { type FoundMetadata, readMetadataAt } from './metadata.ts';
import { readSignedPair } from './pairs.ts';
import type { FlightProgress } from './slot-walk.ts';

/** Records that were found, by index; all of one salt. */
export interface FoundRecords {
  readonly salt: number;
  readonly count: number;
  /** Where each lies, counted in records from the start of the file. */
  readonly places: Float64Array;
  readonly sequences: Float64Array;
  /** The highest of all. */
  readonly incarnation: number;
}

/** A copy of the metadata, and where it lies. */
export interface PlacedMetadata extends FoundMetadata {
  readonly offset: number;
}

export interface Evidence {
  /** By salt, the one with the most first. */
  readonly records: readonly FoundRecords[];
  readonly metadata: PlacedMetadata | undefined;
}

const CHUNK_BYTES = 0x10_0000;
/** Summing what turns out to be no metadata may cost this many times the size of the file. */
const SUM_BUDGET = 4;

/** Goes through a file once, in pieces of 1 MiB. Memory: 16 bytes a record that is found. */
export function findEvidence(storage: Storage, onProgress?: FlightProgress): Evidence {
  const search = new EvidenceSearch(storage);
  const size = storage.size();
  const words = new Int32Array(CHUNK_BYTES / 4);
  const bytes = new Uint8Array(words.buffer);
  search.tryMetadata(METADATA_OFFSET);
  for (let start = 0; start < size; start += CHUNK_BYTES) {
    const found = storage.readAt(bytes.subarray(0, Math.min(CHUNK_BYTES, size - start)), start);
    bytes.fill(0, found);
    search.take(words, start);
    onProgress?.(Math.min(size, start + CHUNK_BYTES), size);
  }
  return search.finish();
}

class EvidenceSearch {
  readonly #storage: Storage;
  readonly #bySalt = new Map<number, RecordList>();
  #metadata: PlacedMetadata | undefined;
  #summedBytes = 0;

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  take(words: Int32Array, start: number): void {
    for (let at = 0; at < words.length; at += FLIGHT_RECORD_WORDS) {
      if (isRecord(words, at)) this.#add(words, at, start / FLIGHT_RECORD_BYTES + at / FLIGHT_RECORD_WORDS);
      else if ((at * 4) % PAGE_BYTES === 0 && looksLikeMetadata(words, at)) {
        this.#summedBytes += words[at + wordOf(METADATA_LAYOUT.jsonBytes)] >>> 0;
        this.tryMetadata(start + at * 4);
      }
    }
  }

  /** The first intact copy counts. */
  tryMetadata(offset: number): void {
    const size = this.#storage.size();
    if (this.#metadata !== undefined || this.#summedBytes > size * SUM_BUDGET) return;
    const found = readMetadataAt(this.#storage, offset, Math.max(0, size - offset));
    if (found !== undefined) this.#metadata = { ...found, offset };
  }

  finish(): Evidence {
    const records = [...this.#bySalt.values()].map((list) => list.finish());
    records.sort((left, right) => right.count - left.count);
    return { records, metadata: this.#metadata };
  }

  #add(words: Int32Array, at: number, place: number): void {
    const salt = words[at + RecordWord.SALT] >>> 0;
    let list = this.#bySalt.get(salt);
    if (list === undefined) {
      list = new RecordList(salt);
      this.#bySalt.set(salt, list);
    }
    list.add(place, readSignedPair(words, at + RecordWord.SEQUENCE), words[at + RecordWord.INCARNATION] >>> 0);
  }
}

/** Grows as records are found. */
class RecordList {
  readonly #salt: number;
  #count = 0;
  #incarnation = 0;
  #places = new Float64Array(1);
  #sequences = new Float64Array(1);

  constructor(salt: number) {
    this.#salt = salt;
  }

  add(place: number, sequence: number, incarnation: number): void {
    if (this.#count === this.#places.length) {
      this.#places = grown(this.#places);
      this.#sequences = grown(this.#sequences);
    }
    this.#places[this.#count] = place;
    this.#sequences[this.#count] = sequence;
    this.#incarnation = Math.max(this.#incarnation, incarnation);
    this.#count += 1;
  }

  finish(): FoundRecords {
    const [salt, count, incarnation] = [this.#salt, this.#count, this.#incarnation];
    const [places, sequences] = [this.#places.subarray(0, count), this.#sequences.subarray(0, count)];
    return { salt, count, places, sequences, incarnation };
  }
}

function grown(old: Float64Array): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(2 * old.length);
  larger.set(old);
  return larger;
}

/** Whether some writer made these words as they are. */
function isRecord(words: Int32Array, at: number): boolean {
  const commit = words[at + RecordWord.COMMIT];
  if (commit === 0 || words[at + RecordWord.NONCE] >>> 0 > 1 || words[at + RecordWord.UNUSED] !== 0) return false;
  const sequence = readSignedPair(words, at + RecordWord.SEQUENCE);
  if (sequence < 1 || sequence > Number.MAX_SAFE_INTEGER || words[at + RecordWord.INCARNATION] === 0) return false;
  return crc32cOf31Words(words, at) === commit;
}

/** Cheap to ask of every page: whether a head and the start of an object may be there. */
function looksLikeMetadata(words: Int32Array, at: number): boolean {
  if (words[at + wordOf(METADATA_LAYOUT.jsonBytes)] >>> 0 > MAX_JSON_BYTES) return false;
  const firstByte = words[at + METADATA_HEAD_BYTES / 4] & 0xff;
  return words[at + wordOf(METADATA_LAYOUT.unused)] === 0 && firstByte === '{'.charCodeAt(0);
}
