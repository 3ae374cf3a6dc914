/** What came through a pipe, to be read as if it were a file. */

import { InputError } from '../src/base/errors.ts';
import { ReadOnlyStorage } from '../src/storage/index.ts';

const PIECE_BYTES = 0x1_0000;
/** What has never been written to in a log of fixed size is zeros, often most of it: all of those are this one piece. */
const ZEROS = new Uint8Array(PIECE_BYTES);

/** Holds bytes in pieces, so that nothing is held twice while more of them come. */
export class InputStorage extends ReadOnlyStorage {
  readonly #pieces: Uint8Array[] = [];
  /** The piece that is not full yet. */
  #last = new Uint8Array(PIECE_BYTES);
  #size = 0;

  /** Adds what has come. */
  push(bytes: Uint8Array): void {
    for (let start = 0; start < bytes.length; ) {
      const at = this.#size % PIECE_BYTES;
      const part = bytes.subarray(start, start + PIECE_BYTES - at);
      this.#last.set(part, at);
      this.#size += part.length;
      start += part.length;
      if (this.#size % PIECE_BYTES === 0) this.#keepLast();
    }
  }

  size(): number {
    return this.#size;
  }

  readAt(target: Uint8Array, position: number): number {
    const end = Math.min(position + target.length, this.#size);
    for (let from = position; from < end; ) {
      const piece = this.#pieces[Math.floor(from / PIECE_BYTES)] ?? this.#last;
      const at = from % PIECE_BYTES;
      const part = piece.subarray(at, Math.min(PIECE_BYTES, at + end - from));
      target.set(part, from - position);
      from += part.length;
    }
    return Math.max(0, end - position);
  }

  protected override refusal(): InputError {
    return new InputError(`${this.label} can only be read`, 'name a file.');
  }

  /** Zeros are kept once, and the array that they came in takes the next piece. */
  #keepLast(): void {
    if (Buffer.compare(this.#last, ZEROS) === 0) {
      this.#pieces.push(ZEROS);
      return;
    }
    this.#pieces.push(this.#last);
    this.#last = new Uint8Array(PIECE_BYTES);
  }
}
