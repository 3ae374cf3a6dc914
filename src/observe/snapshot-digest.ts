import { InputError } from '../base/errors.ts';
import { addToSums, DIGEST_WORDS, digestWords, finishDigest } from './digest.ts';
import { checkSnapshot, type ResolvedLayout, type ResolvedRegion, usedRecords } from './observation.ts';
import { distinctRecords } from './records.ts';

/**
 * Writes the digest of every region of a snapshot, two words a region (low, high) in the order of `layout.regions`.
 *
 * Two snapshots have equal digests exactly if their regions are equivalent, but for collisions (about 2⁻⁶⁴). An ignored
 * region has the digest 0, 0.
 *
 * @throws InputError if the snapshot or `out` is too short.
 */
export function digestSnapshot(layout: ResolvedLayout, words: Uint32Array, out: Uint32Array): void {
  checkSnapshot(layout, words);
  if (out.length < layout.regions.length * DIGEST_WORDS) {
    throw new InputError(
      `${layout.regions.length} regions need ${layout.regions.length * DIGEST_WORDS} words of digests, not ${out.length}`,
      'hand over an array with two words a region.',
    );
  }
  for (let region = 0; region < layout.regions.length; region++) {
    digestRegion(layout.regions[region], words, out, region * DIGEST_WORDS);
  }
}

/** Writes the digest of one region of a snapshot to `out[outIndex]` (low) and the next (high). */
export function digestRegion(region: ResolvedRegion, words: Uint32Array, out: Uint32Array, outIndex: number): void {
  switch (region.equivalence) {
    case 'exact':
      digestWords(words, region.start, region.count, out, outIndex);
      break;
    case 'ignored':
      out.fill(0, outIndex, outIndex + DIGEST_WORDS);
      break;
    case 'multiset':
      digestMultiset(region, words, out, outIndex);
      break;
    case 'set':
      digestSet(region, words, out, outIndex);
      break;
  }
}

const recordSums = new Uint32Array(DIGEST_WORDS);
const recordDigest = new Uint32Array(DIGEST_WORDS);

/** The sum of the records' digests has no order; finished with the number of records it has a count. */
function digestMultiset(region: ResolvedRegion, words: Uint32Array, out: Uint32Array, outIndex: number): void {
  const { start, recordWords } = region;
  const count = usedRecords(region, words);
  let lowSum = 0;
  let highSum = 0;
  for (let record = 0; record < count; record++) {
    digestRecord(words, start + record * recordWords, recordWords);
    lowSum = (lowSum + recordDigest[0]) | 0;
    highSum = (highSum + recordDigest[1]) | 0;
  }
  finishDigest(lowSum, highSum, count, out, outIndex);
}

/** A set is the multiset of its distinct records. */
function digestSet(region: ResolvedRegion, words: Uint32Array, out: Uint32Array, outIndex: number): void {
  const { positions } = distinctRecords(region, words);
  let lowSum = 0;
  let highSum = 0;
  for (const position of positions) {
    digestRecord(words, position, region.recordWords);
    lowSum = (lowSum + recordDigest[0]) | 0;
    highSum = (highSum + recordDigest[1]) | 0;
  }
  finishDigest(lowSum, highSum, positions.length, out, outIndex);
}

function digestRecord(words: Uint32Array, start: number, recordWords: number): void {
  recordSums.fill(0);
  addToSums(words, start, recordWords, 0, recordSums, 0);
  finishDigest(recordSums[0], recordSums[1], recordWords, recordDigest, 0);
}
