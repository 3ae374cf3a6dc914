/**
 * Little-endian words.
 *
 * Logs and rings are little-endian. Typed arrays follow the host, so fast paths that view bytes as words are right only
 * on a little-endian host: this module refuses any other at load instead of writing logs nobody can read.
 */

const hostIsLittleEndian = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;
if (!hostIsLittleEndian) {
  throw new Error('vrrl needs a little-endian host. Fix: run it on x86-64 or AArch64.');
}

/** Bytes in a word. */
export const WORD_BYTES = 4;

/** The greatest value a word can hold. */
export const MAX_WORD = 0xffff_ffff;

/** Whether `value` is an integer that fits a word. */
export function isWord(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_WORD;
}

/** Eight hexadecimal digits for each word, most significant first, so that equal digests print alike. */
export function hex64(low: number, high: number): string {
  return (high >>> 0).toString(16).padStart(8, '0') + (low >>> 0).toString(16).padStart(8, '0');
}
