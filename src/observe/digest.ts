/**
 * The digest of words: 64 bits, kept as two words (low, high).
 *
 * It is a sum over positions of a strong mix of (word, position), modulo 2³² in each of two independent lanes, then
 * finished with the number of words. A sum has no order, so a workgroup can reduce it, and one changed word is one
 * term taken out and one put in. Only operations that WGSL has on `u32` are used; `spec/observation.md` has the WGSL.
 *
 * A change of one word always changes the digest: for a given position each lane's mix is a chain of bijections of the
 * word (xor or add of a constant, multiply by an odd number, xor with its own right shift), so the two terms differ, so
 * do the sums, and finishing is a bijection of the two sums. Anything else goes unseen with a probability of about 2⁻⁶⁴.
 * It guards against chance, not against somebody who looks for collisions.
 */

/** Words of a digest. */
export const DIGEST_WORDS = 2;

/** A digest, or the fixed part of one that travels in an object: (low, high). */
export type Digest = readonly [low: number, high: number];

/**
 * Every constant of the digest, as `spec/observation.md` lists them.
 *
 * The position keys are Weyl sequences; the mixes are C. Wellons' `lowbias32` (hash-prospector, 2018) for the low lane and
 * the finaliser of A. Appleby's MurmurHash3 for the high lane. The low lane takes its key by xor and the high one by
 * addition, so that two words that could trade their terms in one lane cannot in the other.
 */
export const DigestConstant = {
  LOW_POSITION: 0x9e37_79b1,
  LOW_OFFSET: 0x7f4a_7c15,
  LOW_MULTIPLY_1: 0x7feb_352d,
  LOW_MULTIPLY_2: 0x846c_a68b,
  LOW_COUNT: 0xc2b2_ae3d,
  HIGH_POSITION: 0x85eb_ca77,
  HIGH_OFFSET: 0x27d4_eb2f,
  HIGH_MULTIPLY_1: 0x85eb_ca6b,
  HIGH_MULTIPLY_2: 0xc2b2_ae35,
  HIGH_COUNT: 0x1656_67b1,
} as const;

const {
  LOW_POSITION,
  LOW_OFFSET,
  LOW_MULTIPLY_1,
  LOW_MULTIPLY_2,
  LOW_COUNT,
  HIGH_POSITION,
  HIGH_OFFSET,
  HIGH_MULTIPLY_1,
  HIGH_MULTIPLY_2,
  HIGH_COUNT,
} = DigestConstant;

/** `lowbias32`: a bijection of the word. */
function mixLow(word: number): number {
  let mixed = word ^ (word >>> 16);
  mixed = Math.imul(mixed, LOW_MULTIPLY_1);
  mixed ^= mixed >>> 15;
  mixed = Math.imul(mixed, LOW_MULTIPLY_2);
  return mixed ^ (mixed >>> 16);
}

/** MurmurHash3's `fmix32`: a bijection of the word. */
function mixHigh(word: number): number {
  let mixed = word ^ (word >>> 16);
  mixed = Math.imul(mixed, HIGH_MULTIPLY_1);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, HIGH_MULTIPLY_2);
  return mixed ^ (mixed >>> 16);
}

/** What a word at a position adds to the low lane's sum. */
export function lowTerm(word: number, position: number): number {
  return mixLow(word ^ (Math.imul(position, LOW_POSITION) + LOW_OFFSET));
}

/** What a word at a position adds to the high lane's sum. */
export function highTerm(word: number, position: number): number {
  return mixHigh((word + Math.imul(position, HIGH_POSITION) + HIGH_OFFSET) | 0);
}

/** Writes the digest that two sums over `count` terms make: a bijection of the sums, so nothing is lost here. */
export function finishDigest(lowSum: number, highSum: number, count: number, out: Uint32Array, outIndex: number): void {
  const low = mixLow((lowSum + Math.imul(count, LOW_COUNT) + LOW_OFFSET) | 0);
  out[outIndex] = low;
  out[outIndex + 1] = mixHigh(((highSum + Math.imul(count, HIGH_COUNT) + HIGH_OFFSET) | 0) ^ low);
}

/**
 * Adds the terms of `words[start … start + count)` to the sums at `sums[sumIndex]` (low) and the next (high). The first
 * word counts as position `firstPosition`.
 */
export function addToSums(
  words: Uint32Array,
  start: number,
  count: number,
  firstPosition: number,
  sums: Uint32Array,
  sumIndex: number,
): void {
  let lowSum = sums[sumIndex] | 0;
  let highSum = sums[sumIndex + 1] | 0;
  let lowKey = (Math.imul(firstPosition, LOW_POSITION) + LOW_OFFSET) | 0;
  let highKey = (Math.imul(firstPosition, HIGH_POSITION) + HIGH_OFFSET) | 0;
  for (let index = start, end = start + count; index < end; index++) {
    const word = words[index];
    lowSum = (lowSum + mixLow(word ^ lowKey)) | 0;
    highSum = (highSum + mixHigh((word + highKey) | 0)) | 0;
    lowKey = (lowKey + LOW_POSITION) | 0;
    highKey = (highKey + HIGH_POSITION) | 0;
  }
  sums[sumIndex] = lowSum;
  sums[sumIndex + 1] = highSum;
}

/** Exchanges the term of one word for that of another at the same position, in the sums at `sums[sumIndex]`. */
export function replaceTerm(
  previous: number,
  next: number,
  position: number,
  sums: Uint32Array,
  sumIndex: number,
): void {
  sums[sumIndex] += lowTerm(next, position) - lowTerm(previous, position);
  sums[sumIndex + 1] += highTerm(next, position) - highTerm(previous, position);
}

const scratchSums = new Uint32Array(DIGEST_WORDS);

/** Writes the digest of `words[start … start + count)` to `out[outIndex]` (low) and `out[outIndex + 1]` (high). */
export function digestWords(
  words: Uint32Array,
  start: number,
  count: number,
  out: Uint32Array,
  outIndex: number,
): void {
  scratchSums.fill(0);
  addToSums(words, start, count, 0, scratchSums, 0);
  finishDigest(scratchSums[0], scratchSums[1], count, out, outIndex);
}
