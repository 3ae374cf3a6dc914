import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32c } from '../../src/base/crc32c.ts';

/** RFC 3720, appendix B.4: the bytes and the CRC as the word that is sent. */
const readCommand = new Uint8Array(48);
readCommand.set([0x01, 0xc0], 0);
readCommand.set([0x14], 16);
readCommand.set([0x04], 22);
readCommand.set([0x14, 0, 0, 0, 0x18, 0x28], 27);
readCommand.set([0x02], 40);

const vectors: readonly (readonly [name: string, bytes: Uint8Array, sum: number])[] = [
  ['32 bytes of zeros', new Uint8Array(32), 0x8a91_36aa],
  ['32 bytes of ones', new Uint8Array(32).fill(0xff), 0x62a8_ab43],
  ['32 bytes rising', Uint8Array.from({ length: 32 }, (_, index) => index), 0x46dd_794e],
  ['32 bytes falling', Uint8Array.from({ length: 32 }, (_, index) => 31 - index), 0x113f_db5c],
  ['an iSCSI read command', readCommand, 0xd996_3a56],
  ['the digits 1 to 9', new TextEncoder().encode('123456789'), 0xe306_9283],
  ['nothing', new Uint8Array(0), 0],
];

/** One bit at a time, straight from the definition. */
function bitwise(bytes: Uint8Array): number {
  let sum = 0xffff_ffff;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0x82f6_3b78 : 0);
  }
  return ~sum >>> 0;
}

describe('crc32c', () => {
  it.each(vectors)('sums %s as RFC 3720 says', (_name, bytes, sum) => {
    expect(crc32c(bytes).toString(16)).toBe(sum.toString(16));
  });

  it('agrees with the definition on any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(crc32c(bytes)).toBe(bitwise(bytes));
      }),
    );
  });

  it('takes a stretch, and goes on from an earlier sum', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(100), fc.nat(100), (bytes, one, other) => {
        const start = Math.min(one, other, bytes.length);
        const end = Math.min(Math.max(one, other), bytes.length);
        expect(crc32c(bytes, start, end)).toBe(bitwise(bytes.subarray(start, end)));
        expect(crc32c(bytes, start, bytes.length, crc32c(bytes, 0, start))).toBe(bitwise(bytes));
      }),
    );
  });

  it('misses no burst of up to 32 bits and no two flipped bits in 64 bytes', () => {
    const bytes = Uint8Array.from({ length: 64 }, (_, index) => (index * 37) & 0xff);
    const intact = crc32c(bytes);
    for (let first = 0; first < 512; first++) {
      bytes[first >> 3] ^= 1 << (first & 7);
      expect(crc32c(bytes)).not.toBe(intact);
      for (let second = first + 1; second < 512; second++) {
        bytes[second >> 3] ^= 1 << (second & 7);
        if (crc32c(bytes) === intact) expect.fail(`bits ${first} and ${second} go unseen`);
        bytes[second >> 3] ^= 1 << (second & 7);
      }
      bytes[first >> 3] ^= 1 << (first & 7);
    }
  });
});
