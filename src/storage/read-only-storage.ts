import { InputError } from '../base/errors.ts';
import type { Storage } from './storage.ts';

/** The half of a storage that there is nothing to do for where it is only read. */
export abstract class ReadOnlyStorage implements Storage {
  readonly label: string;

  constructor(label: string) {
    this.label = label;
  }

  abstract size(): number;

  abstract readAt(target: Uint8Array, position: number): number;

  /** @throws InputError: it is only read. */
  writeAt(): void {
    throw this.refusal();
  }

  /** @throws InputError: it is only read. */
  resize(): void {
    throw this.refusal();
  }

  sync(): void {}

  close(): void {}

  /** Why it is not written to, and where to write instead. */
  protected refusal(): InputError {
    return new InputError(`\`${this.label}\` is only read here`, 'write to a copy.');
  }
}
