import fc from 'fast-check';
import { expect, it } from 'vitest';
import { InputStorage } from '../../cli/input-storage.ts';

const PIECE = 0x1_0000;

it('reads as the bytes do that came, however they came, zeros included', () => {
  const stretch = fc.record({ bytes: fc.integer({ min: 0, max: 3 * PIECE }), value: fc.constantFrom(0, 0, 7, 255) });
  const property = fc.property(
    fc.array(stretch, { maxLength: 6 }),
    fc.array(fc.integer({ min: 1, max: 2 * PIECE }), { minLength: 1, maxLength: 5 }),
    fc.nat(4 * PIECE),
    fc.nat(3 * PIECE),
    (stretches, cuts, position, length) => {
      const whole = Buffer.concat(stretches.map(({ bytes, value }) => Buffer.alloc(bytes, value)));
      const storage = new InputStorage('[input]');
      for (let start = 0, turn = 0; start < whole.length; turn += 1) {
        const cut = cuts[turn % cuts.length];
        storage.push(whole.subarray(start, start + cut));
        start += cut;
      }
      expect(storage.size()).toBe(whole.length);
      const target = Buffer.alloc(length, 1);
      const expected = whole.subarray(position, position + length);
      expect(storage.readAt(target, position)).toBe(expected.length);
      expect(target.subarray(0, expected.length).equals(expected)).toBe(true);
      expect(target.subarray(expected.length).every((byte) => byte === 1)).toBe(true);
    },
  );
  fc.assert(property);
});

it('is only read', () => {
  expect(() => new InputStorage('[input]').writeAt()).toThrow(/can only be read. Fix: /);
  expect(() => new InputStorage('[input]').resize()).toThrow(/can only be read. Fix: /);
});
