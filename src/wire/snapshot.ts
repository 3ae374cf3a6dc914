/** The words of a snapshot as bytes, for WORDS and RESTORE. The host is little-endian, as `base/words.ts` made sure. */

import { WORD_BYTES } from '../base/words.ts';
import { WireError } from './errors.ts';

/** The words as a payload: a copy, so that it can wait in a pipe while the words change. */
export function encodeWords(words: Uint32Array): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength).slice();
}

/**
 * Copies a payload into words, wherever it lies in memory.
 *
 * @throws WireError if it is not exactly as long.
 */
export function decodeWords(payload: Uint8Array, into: Uint32Array, what: string): void {
  if (payload.length !== into.byteLength) {
    const expected = `expected ${into.byteLength}, which is ${into.length} words of ${WORD_BYTES}`;
    throw new WireError(`${what} has ${payload.length} bytes, ${expected}`);
  }
  new Uint8Array(into.buffer, into.byteOffset, into.byteLength).set(payload);
}
