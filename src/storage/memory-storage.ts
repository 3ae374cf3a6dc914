import type { ReplaceableStorage } from './replaceable-storage.ts';
import type { Storage } from './storage.ts';

/** Storage in an array that grows: for pages, for tests and for logs that need not outlive the process. */
export class MemoryStorage implements ReplaceableStorage {
  readonly label: string;
  #bytes: Uint8Array;
  #length: number;

  /** Borrows `content`: a write within its length changes the caller's array. */
  constructor(content: Uint8Array = new Uint8Array(0), label = '[memory]') {
    this.label = label;
    this.#bytes = content;
    this.#length = content.length;
  }

  size(): number {
    return this.#length;
  }

  readAt(target: Uint8Array, position: number): number {
    const available = this.#bytes.subarray(
      Math.min(position, this.#length),
      Math.min(position + target.length, this.#length),
    );
    target.set(available);
    return available.length;
  }

  writeAt(source: Uint8Array, position: number): void {
    const end = position + source.length;
    this.#reserve(end);
    this.#bytes.set(source, position);
    this.#length = Math.max(this.#length, end);
  }

  resize(bytes: number): void {
    this.#reserve(bytes);
    if (bytes < this.#length) this.#bytes.fill(0, bytes, this.#length);
    this.#length = bytes;
  }

  /** After this the array that the constructor borrowed is the caller's alone. */
  replaceWith(write: (fresh: Storage) => void): void {
    const fresh = new MemoryStorage(new Uint8Array(0), this.label);
    write(fresh);
    this.#bytes = fresh.#bytes;
    this.#length = fresh.#length;
  }

  sync(): void {}

  close(): void {}

  /** A copy of what is held. */
  toBytes(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(bytes, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}
