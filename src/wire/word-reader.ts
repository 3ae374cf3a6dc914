/** Takes words from the front of a payload, wherever it lies in memory, and none that are not there. */

import { WORD_BYTES } from '../base/words.ts';
import { WireError } from './errors.ts';
import { oneLine } from './json.ts';

const MAX_TEXT_LENGTH = 400;

export class WordReader {
  readonly #view: DataView;
  readonly #what: string;
  #at = 0;

  /** @param what the message, for errors. */
  constructor(payload: Uint8Array, what: string) {
    this.#view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
    this.#what = what;
  }

  next(name: string): number {
    this.#expect(WORD_BYTES, name);
    this.#at += WORD_BYTES;
    return this.#view.getUint32(this.#at - WORD_BYTES, true);
  }

  take(count: number, name: string): number[] {
    this.#expect(count * WORD_BYTES, name);
    return Array.from({ length: count }, () => this.next(name));
  }

  /** As {@link take}, for many: a copy. */
  takeArray(count: number, name: string): Uint32Array<ArrayBuffer> {
    const bytes = this.takeBytes(count * WORD_BYTES, name);
    const words = new Uint32Array(count);
    new Uint8Array(words.buffer).set(bytes);
    return words;
  }

  /** A view. What pads them to whole words is passed over. */
  takeBytes(byteCount: number, name: string): Uint8Array {
    const padded = Math.ceil(byteCount / WORD_BYTES) * WORD_BYTES;
    this.#expect(padded, name);
    const start = this.#view.byteOffset + this.#at;
    this.#at += padded;
    return new Uint8Array(this.#view.buffer, start, byteCount);
  }

  /** Text, padded to whole words. */
  text(byteCount: number): string {
    return decodeText(this.takeBytes(byteCount, 'text'));
  }

  expectEnd(): void {
    const left = this.#view.byteLength - this.#at;
    if (left !== 0) throw new WireError(`${this.#what}: ${left} bytes are left behind its end`);
  }

  /** Asked before anything is allocated: a count that lies must not cost what it announces. */
  #expect(byteCount: number, name: string): void {
    if (this.#at + byteCount <= this.#view.byteLength) return;
    throw new WireError(`${this.#what}: it ends before its ${name} do`);
  }
}

/** Bytes that are no UTF-8 cost a character, not the message. */
export function decodeText(bytes: Uint8Array): string {
  return oneLine(new TextDecoder().decode(bytes), MAX_TEXT_LENGTH);
}
