import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addToSums, DigestConstant, digestWords, finishDigest } from '../../src/observe/digest.ts';
import { below, seededRandom } from './streams.ts';

const WORD = 0xffff_ffffn;

/** The definition in `spec/observation.md`, with numbers that cannot overflow. */
function slowDigest(words: readonly number[]): [number, number] {
  const c = Object.fromEntries(Object.entries(DigestConstant).map(([name, value]) => [name, BigInt(value)]));
  const mix = (start: bigint, shift: bigint, one: bigint, two: bigint): bigint => {
    let mixed = start & WORD;
    mixed = ((mixed ^ (mixed >> 16n)) * one) & WORD;
    mixed = ((mixed ^ (mixed >> shift)) * two) & WORD;
    return mixed ^ (mixed >> 16n);
  };
  const mixLow = (value: bigint) => mix(value, 15n, c['LOW_MULTIPLY_1'], c['LOW_MULTIPLY_2']);
  const mixHigh = (value: bigint) => mix(value, 13n, c['HIGH_MULTIPLY_1'], c['HIGH_MULTIPLY_2']);
  let low = 0n;
  let high = 0n;
  for (const [index, word] of words.entries()) {
    const position = BigInt(index);
    low += mixLow(BigInt(word) ^ ((position * c['LOW_POSITION'] + c['LOW_OFFSET']) & WORD));
    high += mixHigh(BigInt(word) + position * c['HIGH_POSITION'] + c['HIGH_OFFSET']);
  }
  const count = BigInt(words.length);
  const finishedLow = mixLow(low + count * c['LOW_COUNT'] + c['LOW_OFFSET']);
  const finishedHigh = mixHigh(((high + count * c['HIGH_COUNT'] + c['HIGH_OFFSET']) & WORD) ^ finishedLow);
  return [Number(finishedLow), Number(finishedHigh)];
}

function digest(words: ArrayLike<number>): [number, number] {
  const out = new Uint32Array(2);
  digestWords(Uint32Array.from(words), 0, words.length, out, 0);
  return [out[0], out[1]];
}

const word = fc.integer({ min: 0, max: 0xffff_ffff });

describe('the digest of words', () => {
  it('is what its definition says', () => {
    fc.assert(
      fc.property(fc.array(word, { maxLength: 40 }), (words) => {
        expect(digest(words)).toEqual(slowDigest(words));
      }),
    );
  });

  it('can be summed in any order and in any parts', () => {
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 40 }), fc.nat(), (words, seed) => {
        const random = seededRandom(seed);
        const positions = words.map((_, index) => index);
        const shuffled = positions.toSorted(() => random() - 0.5);
        const sums = new Uint32Array(2);
        const array = Uint32Array.from(words);
        for (const position of shuffled) addToSums(array, position, 1, position, sums, 0);
        const out = new Uint32Array(2);
        finishDigest(sums[0], sums[1], words.length, out, 0);
        expect([...out]).toEqual(digest(words));
      }),
    );
  });

  it('takes a stretch, and writes where it is told', () => {
    const words = Uint32Array.from([9, 9, 1, 2, 3, 9]);
    const out = new Uint32Array(5).fill(8);
    digestWords(words, 2, 3, out, 2);
    expect([...out]).toEqual([8, 8, ...digest([1, 2, 3]), 8]);
  });

  it('always changes when one word does', () => {
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 20 }), fc.nat(), word, (words, at, other) => {
        const index = at % words.length;
        fc.pre(words[index] !== other);
        const changed = digest(words.with(index, other));
        const unchanged = digest(words);
        // The high lane is finished with the low one, so only the low one has to differ by itself.
        expect(changed[0]).not.toBe(unchanged[0]);
        expect(changed).not.toEqual(unchanged);
      }),
    );
  });

  it('depends on positions and on the length', () => {
    expect(digest([1, 2])).not.toEqual(digest([2, 1]));
    expect(digest([0])).not.toEqual(digest([0, 0]));
    expect(digest([])).not.toEqual(digest([0]));
  });

  it('flips every bit of the output half the time, whichever bit of the input flips', () => {
    const random = seededRandom(1);
    const words = new Uint32Array(4);
    const flips = new Float64Array(words.length * 32 * 64);
    const samples = 2000;
    for (let sample = 0; sample < samples; sample++) {
      for (let index = 0; index < words.length; index++) words[index] = below(random, 0x1_0000_0000);
      const before = digest(words);
      for (let bit = 0; bit < words.length * 32; bit++) {
        words[bit >> 5] ^= 1 << (bit & 31);
        const after = digest(words);
        words[bit >> 5] ^= 1 << (bit & 31);
        for (let lane = 0; lane < 2; lane++) {
          const changed = before[lane] ^ after[lane];
          for (let out = 0; out < 32; out++) flips[bit * 64 + lane * 32 + out] += (changed >>> out) & 1;
        }
      }
    }
    const rates = Array.from(flips, (count) => count / samples);
    expect(Math.min(...rates)).toBeGreaterThan(0.4);
    expect(Math.max(...rates)).toBeLessThan(0.6);
  });
});

/** Digests of states, to be searched for two that are the same. */
class DigestBag {
  readonly #digests: BigUint64Array;
  readonly #halves: Uint32Array;
  count = 0;

  constructor(capacity: number) {
    this.#digests = new BigUint64Array(capacity);
    this.#halves = new Uint32Array(this.#digests.buffer);
  }

  add(words: Uint32Array): void {
    digestWords(words, 0, words.length, this.#halves, this.count++ * 2);
  }

  collisions(): number {
    const sorted = this.#digests.subarray(0, this.count).sort();
    let collisions = 0;
    for (let index = 1; index < sorted.length; index++) if (sorted[index] === sorted[index - 1]) collisions++;
    return collisions;
  }
}

describe('near-equal states', () => {
  /** Every state once: what differs from all zeros in at most two words, by small values. */
  it('never collide when one or two words change', () => {
    const words = new Uint32Array(48);
    const values = 30;
    const bag = new DigestBag(1_020_000);
    bag.add(words);
    for (let one = 0; one < words.length; one++) {
      for (let value = 1; value <= values; value++) {
        words[one] = value;
        bag.add(words);
        for (let other = one + 1; other < words.length; other++) {
          for (let otherValue = 1; otherValue <= values; otherValue++) {
            words[other] = otherValue;
            bag.add(words);
          }
          words[other] = 0;
        }
      }
      words[one] = 0;
    }
    expect(bag.count).toBe(1 + 48 * values + (48 * 47 * values * values) / 2);
    expect(bag.count).toBeGreaterThan(1_000_000);
    expect(bag.collisions()).toBe(0);
  });

  it('never collide when bits flip, in pairs, anywhere in a state of counters', () => {
    const words = Uint32Array.from({ length: 24 }, (_, index) => index * 3);
    const bag = new DigestBag(300_000);
    for (let one = 0; one < 768; one++) {
      words[one >> 5] ^= 1 << (one & 31);
      for (let other = one + 1; other < 768; other++) {
        words[other >> 5] ^= 1 << (other & 31);
        bag.add(words);
        words[other >> 5] ^= 1 << (other & 31);
      }
      words[one >> 5] ^= 1 << (one & 31);
    }
    expect(bag.count).toBe((768 * 767) / 2);
    expect(bag.collisions()).toBe(0);
  });

  it('never collide when words are swapped, blocks shifted, or what is lost here is gained there', () => {
    const base = Uint32Array.from({ length: 256 }, (_, index) => index * 1000 + 100);
    const bag = new DigestBag(400_000);
    bag.add(base);
    const words = base.slice();
    for (let one = 0; one < base.length; one++) {
      for (let other = one + 1; other < base.length; other++) {
        words[one] = base[other];
        words[other] = base[one];
        bag.add(words);
        for (let amount = 1; amount <= 8; amount++) {
          words[one] = base[one] + amount;
          words[other] = base[other] - amount;
          bag.add(words);
        }
        words.set(base);
      }
    }
    // A block of ones in zeros, of every length at every place.
    for (let start = 0; start < 256; start++) {
      for (let end = start + 1; end <= 256; end++) {
        words.fill(0);
        words.fill(1, start, end);
        bag.add(words);
      }
    }
    expect(bag.count).toBeGreaterThan(320_000);
    expect(bag.collisions()).toBe(0);
  });
});
