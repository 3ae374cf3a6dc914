/**
 * What the sums promise: any 5 flipped bits of a record or a superblock are found. Two flipped bits are tried, all 523,776
 * pairs of a record; for more of them it is told from how the sum changes with each bit, which for a CRC does not depend on
 * the other bits.
 */

import { describe, expect, it } from 'vitest';
import { crc32c } from '../../../src/base/crc32c.ts';
import { crc32cOf31Words } from '../../../src/base/crc32c-words.ts';
import { RandomWords } from '../../../src/base/random.ts';
import { FLIGHT_RECORD_WORDS, RecordWord, readSuperblock } from '../../../src/log-v2/index.ts';
import { judgePosition, PositionFinding } from '../../../src/log-v2/position.ts';
import { rulesOf } from '../../../src/log-v2/slot-walk.ts';
import { MemoryStorage } from '../../../src/storage/index.ts';
import { again, seed } from './choice.ts';
import { placesOf } from './expectation.ts';
import { makeKnownLog, STORIES, sequenceAt } from './known-log.ts';

const RECORD_BITS = 1024;
const SUPERBLOCK_BITS = 4096;

/** How much the sum differs from the stored one when a bit is flipped, for each bit of a message that ends in its sum. */
function changes(bits: number, sum: (words: Int32Array) => number): Uint32Array {
  const words = new Int32Array(bits / 32);
  const blank = sum(words);
  return Uint32Array.from({ length: bits }, (_, bit) => {
    if (bit >= bits - 32) return 2 ** (bit % 32);
    words[bit >> 5] ^= 1 << (bit & 31);
    const change = (sum(words) ^ blank) >>> 0;
    words[bit >> 5] = 0;
    return change;
  });
}

describe.each([
  ['record', RECORD_BITS, (words: Int32Array) => crc32cOf31Words(words, 0)],
  ['superblock', SUPERBLOCK_BITS, (words: Int32Array) => crc32c(new Uint8Array(words.buffer), 0, words.byteLength - 4)],
] as const)('flipped bits of a %s', (_, bits, sum) => {
  const change = changes(bits, sum);

  it('change the sum by what each of them does', () => {
    const random = new RandomWords(seed);
    const before = Int32Array.from({ length: bits / 32 }, () => random.next());
    const difference = (words: Int32Array): number => sum(words) ^ words[words.length - 1];
    for (let round = 0; round < 500; round += 1) {
      const after = before.slice();
      let expected = difference(before);
      for (let flips = random.below(8); flips >= 0; flips -= 1) {
        const bit = random.below(bits);
        after[bit >> 5] ^= 1 << (bit & 31);
        expected ^= change[bit];
      }
      expect(difference(after), again).toBe(expected);
    }
  });

  it('are found if they are 1, 3 or 5: each changes an odd number of the bits of the sum', () => {
    expect(change.every((word) => countBits(word) % 2 === 1)).toBe(true);
  });

  it('are found if they are 2 or 4: no two pairs change the sum alike', () => {
    const pairs = new Uint32Array((bits * (bits - 1)) / 2);
    let count = 0;
    for (let one = 0; one < bits; one += 1) {
      for (let other = one + 1; other < bits; other += 1) pairs[count++] = change[one] ^ change[other];
    }
    pairs.sort();
    expect(count).toBe(pairs.length);
    expect(pairs[0]).toBeGreaterThan(0);
    expect(pairs.findIndex((pair, index) => index > 0 && pair === pairs[index - 1])).toBe(-1);
  });
});

describe.each(STORIES)('two flipped bits of a record, in a log that is $name', (story) => {
  it('are found, all 523,776 pairs, and called torn or corrupt as the specification says', () => {
    const known = makeKnownLog(story);
    const { superblock } = readSuperblock(new MemoryStorage(known.bytes.slice()));
    const rules = rulesOf(superblock);
    const position = new RandomWords(seed).below(Math.min(known.capacity, known.records.size));
    const start = placesOf(known).slots + 128 * position;
    const bytes = known.bytes.slice(start, start + 128);
    const words = new Int32Array(bytes.buffer);
    expect(judgePosition(words, 0, position, rules)).toBe(PositionFinding.VALID);
    let pairs = 0;
    for (let one = 0; one < RECORD_BITS; one += 1) {
      words[one >> 5] ^= 1 << (one & 31);
      for (let other = one + 1; other < RECORD_BITS; other += 1) {
        words[other >> 5] ^= 1 << (other & 31);
        pairs += 1;
        const sequence = sequenceAt(bytes, 0);
        const isPlaced = sequence >= 1 && sequence < 2 ** 53 && (sequence - 1) % known.capacity === position;
        const isTorn = words[RecordWord.COMMIT] === 0 || (isPlaced && sequence > superblock.syncedSequence);
        const expected = isTorn ? PositionFinding.TORN : PositionFinding.CORRUPT;
        const finding = judgePosition(words, 0, position, rules);
        if (finding !== expected) expect.fail(`bits ${one} and ${other} of position ${position}: ${finding}; ${again}`);
        words[other >> 5] ^= 1 << (other & 31);
      }
      words[one >> 5] ^= 1 << (one & 31);
    }
    expect([pairs, words.length]).toEqual([523_776, FLIGHT_RECORD_WORDS]);
  });
});

function countBits(word: number): number {
  let bits = 0;
  for (let rest = word; rest !== 0; rest >>>= 1) bits += rest & 1;
  return bits;
}
