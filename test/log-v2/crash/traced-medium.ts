/** A medium in memory that remembers what was stored and synced in which order, and can die in the middle of a store. */

import { type Mapping, type Medium, MemoryMedium } from '../../../src/log-v2/index.ts';

/** One thing that a writer did to its medium. */
export type TraceEvent =
  | { readonly kind: 'store'; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: 'sync' }
  /** An operation of the writer returned: nothing happened to the medium, but more is promised from here on. */
  | { readonly kind: 'returned' };

/** The process was killed: nothing that it does from here on reaches the medium. */
export class KilledError extends Error {
  constructor() {
    super('killed');
  }
}

/** Where a process is killed: after so many more stores, of the last of which so many bytes arrive. */
export interface Death {
  readonly stores: number;
  readonly lastBytes: number;
}

/** Bytes with a trace. With `isMapped` writers store to it directly and say where; otherwise all goes through `writeAt`. */
export class TracedMedium implements Medium {
  readonly label = '[traced]';
  readonly mapping?: Mapping;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  /** What the medium holds as far as the trace knows: what a killed process stored beyond that is taken back. */
  readonly #known: Uint8Array;
  readonly #onEvent: (event: TraceEvent) => void;
  #death: Death | undefined;
  #isDead = false;

  /** Starts as a copy of `content`. */
  constructor(content: Uint8Array, isMapped: boolean, onEvent: (event: TraceEvent) => void) {
    this.#bytes = new Uint8Array(content);
    this.#known = content.slice();
    this.#onEvent = onEvent;
    const words = new Int32Array(this.#bytes.buffer);
    if (isMapped) this.mapping = { words, onStored: (offset, bytes) => this.#stored(offset, bytes) };
  }

  /** The process is to die there. */
  dieAfter(death: Death): void {
    this.#death = death;
  }

  /** Another process takes over, with what the dead one left. */
  revive(): void {
    this.#death = undefined;
    this.#isDead = false;
  }

  toBytes(): Uint8Array {
    return this.#bytes.slice();
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
    if (this.#isDead) throw new KilledError();
    this.#bytes.set(source, position);
    this.#stored(position, source.length);
  }

  resize(bytes: number): void {
    if (bytes !== this.#bytes.length) throw new Error(`a traced medium keeps its ${this.#bytes.length} bytes`);
  }

  sync(): void {
    if (this.#isDead) throw new KilledError();
    this.#onEvent({ kind: 'sync' });
  }

  close(): void {}

  #stored(offset: number, bytes: number): void {
    const arrived = this.#takeLife(bytes);
    const end = offset + arrived;
    const stored = this.#bytes.slice(offset, end);
    this.#bytes.set(this.#known.subarray(end, offset + bytes), end);
    this.#known.set(stored, offset);
    this.#onEvent({ kind: 'store', offset, bytes: stored });
    if (this.#isDead) throw new KilledError();
  }

  /** How many of the bytes of a store arrive. */
  #takeLife(bytes: number): number {
    const death = this.#death;
    if (death === undefined) return bytes;
    this.#death = { ...death, stores: death.stores - 1 };
    if (death.stores > 1) return bytes;
    this.#isDead = true;
    return Math.min(bytes, death.lastBytes);
  }
}

/** Bytes that are read and written without a trace; a mapping proper, if it is one. */
export class PlainMedium extends MemoryMedium {
  /** Borrows `bytes`. */
  constructor(bytes: Uint8Array<ArrayBuffer>, isMapped: boolean) {
    super(bytes, { isMapped, label: '[image]' });
  }
}
