import { InputError } from '../base/errors.ts';
import type { Storage } from './storage.ts';

/** A storage with other bytes at its start, to be read only. It is as long as it was. */
export class ReheadedStorage implements Storage {
  readonly label: string;
  readonly #storage: Storage;
  readonly #head: Uint8Array;

  constructor(storage: Storage, head: Uint8Array) {
    this.label = storage.label;
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

  /** @throws InputError: it is only read. */
  writeAt(): void {
    throw readOnly(this.label);
  }

  /** @throws InputError: it is only read. */
  resize(): void {
    throw readOnly(this.label);
  }

  sync(): void {}

  close(): void {}
}

function readOnly(label: string): InputError {
  return new InputError(`\`${label}\` is only read here`, 'write to a copy.');
}
