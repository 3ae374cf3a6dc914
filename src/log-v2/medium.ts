/** What a writer writes to. */

import { InputError } from '../base/errors.ts';
import { WORD_BYTES } from '../base/words.ts';
import type { Storage } from '../storage/index.ts';

/**
 * Memory that is the file, there and then: a mapping.
 *
 * Stores to it reach the file in the order in which they are made, and without a call, so a writer has to mind that order.
 */
export interface Mapping {
  /** The whole file. */
  readonly words: Int32Array;
  /**
   * Told after every group of stores whose order to other groups matters, with where it was in bytes. Tests trace stores
   * with it; a mapping proper leaves it out.
   */
  readonly onStored?: (offset: number, bytes: number) => void;
}

/**
 * A storage that may be a mapping too. Without one, records and frames are written whole by `writeAt`. Every plain
 * `Storage` is a medium.
 */
export interface Medium extends Storage {
  readonly mapping?: Mapping | undefined;
}

/** Where the calls and stores of a medium can be watched. */
export interface MediumTrace {
  /** After a store or a write. */
  onStored?(offset: number, bytes: number): void;
  onSync?(): void;
}

/** A medium in memory, of fixed size: for tests, for pages, and for logs that need not outlive the process. */
export class MemoryMedium implements Medium {
  readonly label: string;
  readonly mapping?: Mapping;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #trace: MediumTrace;

  /**
   * Borrows `content`, which has to be aligned to words.
   *
   * @param options.isMapped whether writers store to it directly; otherwise they go through `writeAt`.
   */
  constructor(
    content: Uint8Array<ArrayBuffer>,
    options: { readonly isMapped?: boolean; readonly trace?: MediumTrace; readonly label?: string } = {},
  ) {
    const { isMapped = true, trace = {}, label = '[memory]' } = options;
    this.label = label;
    this.#bytes = content;
    this.#trace = trace;
    if (isMapped) this.mapping = mappingOf(content, trace);
  }

  /** A medium of `bytes` zeros. */
  static ofSize(bytes: number, options?: ConstructorParameters<typeof MemoryMedium>[1]): MemoryMedium {
    return new MemoryMedium(new Uint8Array(bytes), options);
  }

  size(): number {
    return this.#bytes.length;
  }

  readAt(target: Uint8Array, position: number): number {
    const found = this.#bytes.subarray(position, position + target.length);
    target.set(found);
    return found.length;
  }

  writeAt(source: Uint8Array, position: number): void {
    this.#bytes.set(source, position);
    this.#trace.onStored?.(position, source.length);
  }

  /** @throws InputError: the size is fixed. */
  resize(bytes: number): void {
    if (bytes === this.#bytes.length) return;
    throw new InputError(
      `\`${this.label}\` has ${this.#bytes.length} bytes and cannot have ${bytes}`,
      'make it as large as the log is to be (flightLogBytes).',
    );
  }

  sync(): void {
    this.#trace.onSync?.();
  }

  close(): void {}

  /** A copy of what is held. */
  toBytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice();
  }
}

function mappingOf(content: Uint8Array<ArrayBuffer>, trace: MediumTrace): Mapping {
  const words = new Int32Array(content.buffer, content.byteOffset, content.length / WORD_BYTES);
  const { onStored } = trace;
  return onStored === undefined ? { words } : { words, onStored: onStored.bind(trace) };
}
