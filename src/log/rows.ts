/** The records of a file as rows of words, a chunk at a time. */

import { type Storage, StorageError } from '../storage/index.ts';
import { RECORD_BYTES, recordOffset } from './v1-layout.ts';

/** Records read at a time: 1 MiB keeps calls rare and the rows in the processor's cache until they are taken. */
const CHUNK_RECORDS = 16_384;

/** Told how many bytes of how many were read. */
export type ProgressListener = (readBytes: number, totalBytes: number) => void;

/** Given `count` records of 16 words each, the first of which lies at `position`. `rows` is lent for the call only. */
export type RowVisitor = (rows: Int32Array, count: number, position: number) => void;

/** Reads through one buffer of at most 1 MiB. */
export class RowReader {
  readonly #storage: Storage;
  readonly #onProgress: ProgressListener | undefined;
  readonly #bytes: Uint8Array;
  readonly #rows: Int32Array;
  readonly #totalBytes: number;
  #readBytes = 0;

  /** `records` is how many there are to read in all: the buffer is not made larger than they need. */
  constructor(storage: Storage, records: number, onProgress?: ProgressListener) {
    this.#storage = storage;
    this.#onProgress = onProgress;
    const buffer = new ArrayBuffer(Math.min(CHUNK_RECORDS, records) * RECORD_BYTES);
    this.#bytes = new Uint8Array(buffer);
    this.#rows = new Int32Array(buffer);
    this.#totalBytes = records * RECORD_BYTES;
  }

  /**
   * Hands over positions `start` … `end − 1`; none if `end` is not beyond `start`.
   *
   * @throws StorageError if they cannot be read, or the file no longer has them.
   */
  visit(start: number, end: number, visitor: RowVisitor): void {
    for (let position = start; position < end; position += CHUNK_RECORDS) {
      const count = Math.min(CHUNK_RECORDS, end - position);
      this.#fill(count * RECORD_BYTES, recordOffset(position));
      visitor(this.#rows, count, position);
      this.#onProgress?.(this.#readBytes, this.#totalBytes);
    }
  }

  #fill(bytes: number, offset: number): void {
    const found = this.#storage.readAt(this.#bytes.subarray(0, bytes), offset);
    this.#readBytes += found;
    if (found < bytes) {
      throw new StorageError('read', this.#storage.label, new Error('the file became shorter while it was read'));
    }
  }
}
