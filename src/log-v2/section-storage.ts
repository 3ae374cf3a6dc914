import { InputError } from '../base/errors.ts';
import { ReadOnlyStorage, type Storage } from '../storage/index.ts';

/** Something of a v2 log that reads as a storage of its own. */
export abstract class FlightLogPart extends ReadOnlyStorage {
  protected override refusal(): InputError {
    return new InputError(`\`${this.label}\` is only read here`, 'write to it through `FlightLog`.');
  }
}

/** A stretch of a storage, to be read as if it were one of its own. */
export class SectionStorage extends FlightLogPart {
  readonly #storage: Storage;
  readonly #offset: number;
  readonly #bytes: number;

  /** Bytes that the storage is too short for are not there. */
  constructor(storage: Storage, offset: number, bytes: number) {
    super(storage.label);
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
}
