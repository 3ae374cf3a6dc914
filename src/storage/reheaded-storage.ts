import { ReadOnlyStorage } from './read-only-storage.ts';
import type { Storage } from './storage.ts';

/** A storage with other bytes at its start, to be read only. It is as long as it was. */
export class ReheadedStorage extends ReadOnlyStorage {
  readonly #storage: Storage;
  readonly #head: Uint8Array;

  constructor(storage: Storage, head: Uint8Array) {
    super(storage.label);
    this.#storage = storage;
    this.#head = head;
  }

  size(): number {
    return this.#storage.size();
  }

  readAt(target: Uint8Array, position: number): number {
    const found = this.#storage.readAt(target, position);
    if (position < this.#head.length) target.set(this.#head.subarray(position, position + found));
    return found;
  }
}
