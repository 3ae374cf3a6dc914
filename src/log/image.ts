/** A v1 log written in one go, each record where it is wanted: for logs that are made from others. */

import type { Storage } from '../storage/index.ts';
import { storeColumns } from './encode.ts';
import { cursorBytes, newHeader } from './header.ts';
import { checkCapacity } from './open-log.ts';
import type { RecordColumns } from './records.ts';
import { HEADER_LAYOUT, logBytes, RECORD_BYTES, RECORD_WORDS, recordOffset } from './v1-layout.ts';

/** Rows on their way down: 1 MiB. */
const BATCH_RECORDS = 16_384;

/** Positions that nothing is put into read as never written. */
export class RingImage {
  readonly #storage: Storage;
  readonly #words = new Uint32Array(BATCH_RECORDS * RECORD_WORDS);
  #first = 0;
  #count = 0;

  /**
   * Makes the file of an empty log.
   *
   * @param storage an empty one.
   * @throws ZeroCapacityError, CapacityOverflowError, InputError if the capacity is impossible.
   * @throws StorageError if the storage cannot be written.
   */
  constructor(storage: Storage, capacity: number) {
    checkCapacity(capacity);
    this.#storage = storage;
    storage.resize(logBytes(capacity));
    storage.writeAt(newHeader(capacity), 0);
  }

  /** Puts record `index` of `columns` at a position. Positions that follow each other are written together. */
  put(columns: RecordColumns, index: number, position: number): void {
    if (this.#count === BATCH_RECORDS || position !== this.#first + this.#count) this.#flush();
    if (this.#count === 0) this.#first = position;
    storeColumns(columns, index, this.#words, this.#count * RECORD_WORDS);
    this.#count += 1;
  }

  /** Writes what is left, and where the next record goes. */
  finish(cursor: number): void {
    this.#flush();
    this.#storage.writeAt(cursorBytes(cursor), HEADER_LAYOUT.cursor.offset);
  }

  #flush(): void {
    if (this.#count === 0) return;
    const bytes = new Uint8Array(this.#words.buffer, 0, this.#count * RECORD_BYTES);
    this.#storage.writeAt(bytes, recordOffset(this.#first));
    this.#count = 0;
  }
}
