import fc from 'fast-check';
import { expect, it } from 'vitest';
import { crc32c } from '../../src/base/crc32c.ts';
import {
  CRC32C_OF_ZEROS,
  CRC32C_WORDS,
  crc32cOf31Words,
  crc32cOfFourRecords,
  prepareTerms,
  termOfWord,
} from '../../src/base/crc32c-words.ts';

it('sums 31 words as crc32c sums their bytes, wherever they start', () => {
  const anyWords = fc.int32Array({ minLength: CRC32C_WORDS, maxLength: CRC32C_WORDS + 9 });
  fc.assert(
    fc.property(anyWords, (words) => {
      const start = words.length - CRC32C_WORDS;
      const bytes = new Uint8Array(words.buffer, words.byteOffset + 4 * start, 4 * CRC32C_WORDS);
      expect(crc32cOf31Words(words, start) >>> 0).toBe(crc32c(bytes));
    }),
  );
});

it('sums zeros and ones', () => {
  expect(crc32cOf31Words(new Int32Array(31), 0) >>> 0).toBe(crc32c(new Uint8Array(124)));
  expect(crc32cOf31Words(new Int32Array(31).fill(-1), 0) >>> 0).toBe(crc32c(new Uint8Array(124).fill(255)));
});

it('sums words one by one as it sums them all', () => {
  prepareTerms();
  const anyWords = fc.int32Array({ minLength: CRC32C_WORDS, maxLength: CRC32C_WORDS });
  fc.assert(
    fc.property(anyWords, (words) => {
      let sum = CRC32C_OF_ZEROS;
      for (const [position, word] of words.entries()) sum ^= termOfWord(word, position);
      expect(sum).toBe(crc32cOf31Words(words, 0));
    }),
  );
});

it('sums four records at a time as it sums one', () => {
  const anyWords = fc.int32Array({ minLength: 4 * 32, maxLength: 4 * 32 + 3 });
  // Records whose last arguments and evidence are zero are summed in another way, unless one of the four has some.
  const anyBlanks = fc.record({ first: fc.nat(31), end: fc.nat(32), records: fc.subarray([0, 1, 2, 3]) });
  fc.assert(
    fc.property(anyWords, fc.nat(4), anyBlanks, (words, at, { first, end, records }) => {
      const start = words.length - 4 * 32;
      for (const record of records)
        words.fill(0, start + 32 * record + first, start + 32 * record + Math.max(first, end));
      const sums = new Int32Array(8);
      crc32cOfFourRecords(words, start, sums, at);
      const each = [0, 1, 2, 3].map((record) => crc32cOf31Words(words, start + 32 * record));
      expect([...sums.subarray(at, at + 4)]).toEqual(each);
    }),
    {
      examples: [13, 12, 14].map((from) => [
        new Int32Array(4 * 32).fill(-1),
        0,
        { first: from, end: 26, records: [0, 1, 2, 3] },
      ]),
    },
  );
});
