import { InputError } from '../base/errors.ts';

/** 64-bit numbers as two words, low first, held in a number: exact up to 2⁵³ − 1, and no BigInt on hot paths. */

const HIGH_WORD = 0x1_0000_0000;

/** Writes a whole number as two words. */
export function writePair(words: Uint32Array, index: number, value: number): void {
  words[index] = value % HIGH_WORD;
  words[index + 1] = Math.floor(value / HIGH_WORD);
}

/** Reads two words as a number; beyond 2⁵³ − 1 it is not exact, and `Number.isSafeInteger` says so. */
export function readPair(words: Uint32Array, index: number): number {
  return words[index + 1] * HIGH_WORD + words[index];
}

/**
 * Checks a number that is to be written as two words.
 *
 * @throws InputError if it is not a whole number from `least` to 2⁵³ − 1.
 */
export function checkPair(value: number, least: number, what: string): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new InputError(`${what} is ${value}`, `use a whole number from ${least} to 2^53 - 1.`);
}
