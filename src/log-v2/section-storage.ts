import { InputError } from '../base/errors.ts';
import type { Storage } from '../storage/index.ts';

/** A stretch of a storage, to be read as if it were one of its own. */
export class SectionStorage implements Storage {
  readonly label: string;
  readonly #storage: Storage;
  readonly #offset: number;
  readonly #bytes: number;

  /** Bytes that the storage is too short for are not there. */
  constructor(storage: Storage, offset: number, bytes: number) {
    this.label = storage.label;
    this.#storage = storage;
    this.#offset = offset;
    this.#bytes = Math.max(0, Math.min(bytes, storage.size() - offset));
  }

  size(): number {
    return this.#bytes;
  }

  readAt(target: Uint8Array, position: number): number {
    const count = Math.max(0, Math.min(target.length, this.#bytes - position));
    return this.#storage.readAt(target.subarray(0, count), this.#offset + position);
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

/** What a storage that is only read throws. */
export function readOnly(label: string): InputError {
  return new InputError(`\`${label}\` is only read here`, 'write to it through `FlightLog`.');
}
