/** 64-bit numbers as two words, low first, held in a number: exact up to 2⁵³ − 1, and no BigInt on hot paths. */

import { HIGH_WORD } from './layout.ts';

/** Writes a whole number as two words. */
export function writePair(words: Uint32Array, index: number, value: number): void {
  words[index] = value % HIGH_WORD;
  words[index + 1] = Math.floor(value / HIGH_WORD);
}

/** Reads two words as a number; beyond 2⁵³ − 1 it is not exact, and `Number.isSafeInteger` says so. */
export function readPair(words: Uint32Array, index: number): number {
  return words[index + 1] * HIGH_WORD + words[index];
}

/** `readPair` for words that are viewed as signed. */
export function readSignedPair(words: Int32Array, index: number): number {
  return (words[index + 1] >>> 0) * HIGH_WORD + (words[index] >>> 0);
}
