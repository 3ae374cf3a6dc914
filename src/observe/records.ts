/**
 * Records of a multiset or set region, brought into an order that depends on nothing but their words.
 */

import { type ResolvedRegion, usedRecords } from './observation.ts';

/** The different records in use in a region, in the order of their words, and how often each is there. */
export interface DistinctRecords {
  readonly words: Uint32Array;
  readonly recordWords: number;
  /** Where in the snapshot a copy of each record starts. */
  readonly positions: Uint32Array;
  /** Copies of each; always 1 in a `set`, where more mean nothing. */
  readonly copies: Uint32Array;
}

/** Sorts a region's used records and counts the copies of each. */
export function distinctRecords(region: ResolvedRegion, words: Uint32Array): DistinctRecords {
  const { start, recordWords, equivalence } = region;
  const positions = new Uint32Array(usedRecords(region, words));
  for (let record = 0; record < positions.length; record++) positions[record] = start + record * recordWords;
  positions.sort((left, right) => compareRecords(words, left, words, right, recordWords));

  const copies = new Uint32Array(positions.length);
  let distinct = 0;
  for (const position of positions) {
    const isCopy = distinct > 0 && compareRecords(words, positions[distinct - 1], words, position, recordWords) === 0;
    if (!isCopy) positions[distinct++] = position;
    if (!isCopy || equivalence === 'multiset') copies[distinct - 1]++;
  }
  return { words, recordWords, positions: positions.subarray(0, distinct), copies: copies.subarray(0, distinct) };
}

/**
 * Walks two lists of records side by side and calls `onDifference` for every record whose number of copies differs, in
 * the order of the records' words.
 */
export function forEachRecordDifference(
  expected: DistinctRecords,
  seen: DistinctRecords,
  onDifference: (words: readonly number[], expectedCopies: number, seenCopies: number) => void,
): void {
  let left = 0;
  let right = 0;
  while (left < expected.positions.length || right < seen.positions.length) {
    const order = orderAt(expected, left, seen, right);
    const expectedCopies = order <= 0 ? expected.copies[left] : 0;
    const seenCopies = order >= 0 ? seen.copies[right] : 0;
    if (expectedCopies !== seenCopies) {
      const words = order <= 0 ? recordAt(expected, left) : recordAt(seen, right);
      onDifference(words, expectedCopies, seenCopies);
    }
    if (order <= 0) left++;
    if (order >= 0) right++;
  }
}

/** Which side's record comes first: negative the expected one, positive the one seen, zero if they are equal. */
function orderAt(expected: DistinctRecords, left: number, seen: DistinctRecords, right: number): number {
  if (right >= seen.positions.length) return -1;
  if (left >= expected.positions.length) return 1;
  const { words, positions, recordWords } = expected;
  return compareRecords(words, positions[left], seen.words, seen.positions[right], recordWords);
}

function compareRecords(
  left: Uint32Array,
  leftStart: number,
  right: Uint32Array,
  rightStart: number,
  recordWords: number,
): number {
  for (let word = 0; word < recordWords; word++) {
    const difference = left[leftStart + word] - right[rightStart + word];
    if (difference !== 0) return difference;
  }
  return 0;
}

function recordAt({ words, positions, recordWords }: DistinctRecords, index: number): number[] {
  return Array.from(words.subarray(positions[index], positions[index] + recordWords));
}
