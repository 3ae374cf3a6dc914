import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyDelta, DELTA_SLACK_BYTES, encodeDelta, findChangedRuns } from '../../src/observe/state-delta.ts';

const word = fc.integer({ min: 0, max: 0xffff_ffff });
const listener = { onChange: () => {} };

/** A state and the one after it: some words stay, some change by a little, some by a lot. */
const states = fc
  .array(fc.tuple(word, fc.oneof(fc.constant(0), fc.integer({ min: -200, max: 200 }), word)), {
    minLength: 1,
    maxLength: 60,
  })
  .map((pairs) => ({
    previous: Uint32Array.from(pairs, ([value]) => value),
    next: Uint32Array.from(pairs, ([value, change]) => value + change),
  }));

function deltaOf(previous: Uint32Array, next: Uint32Array, limit = 5000): Uint8Array | undefined {
  const runs = new Uint32Array(next.length + 1);
  const runsLength = findChangedRuns(previous, next, runs);
  const target = new Uint8Array(limit + DELTA_SLACK_BYTES);
  const end = encodeDelta(previous, next, runs, runsLength, target, 0, limit);
  return end < 0 ? undefined : target.slice(0, end);
}

describe('a delta', () => {
  it('leads from one state to the next, and tells the listener of every change', () => {
    fc.assert(
      fc.property(states, ({ previous, next }) => {
        const delta = deltaOf(previous, next);
        if (delta === undefined) expect.fail('does not fit');
        const words = previous.slice();
        const changes: number[][] = [];
        const isApplied = applyDelta(words, delta, 0, delta.length, {
          onChange: (index, before, after) => changes.push([index, before, after]),
        });
        expect(isApplied).toBe(true);
        expect(words).toEqual(next);
        const expected = Array.from(next, (after, index) => [index, previous[index], after]);
        expect(changes).toEqual(expected.filter(([, before, after]) => before !== after));
      }),
      { numRuns: 1000 },
    );
  });

  it('is not written beyond its limit and a little', () => {
    fc.assert(
      fc.property(states, fc.nat(300), ({ previous, next }, limit) => {
        const whole = deltaOf(previous, next);
        const limited = deltaOf(previous, next, limit);
        if (whole !== undefined && whole.length <= limit) expect(limited).toEqual(whole);
        else expect(limited).toBeUndefined();
      }),
    );
  });

  it('takes one byte for a counter that went up, and three for the first in a run', () => {
    const previous = new Uint32Array(100);
    expect(deltaOf(previous, previous)).toHaveLength(0);
    expect(deltaOf(previous, previous.with(50, 1))).toEqual(Uint8Array.of(50, 1, 2));
    expect(deltaOf(previous, previous.with(50, 1).with(51, 63))).toEqual(Uint8Array.of(50, 2, 2, 126));
    expect(deltaOf(previous.with(3, 5), previous.with(3, 4))).toEqual(Uint8Array.of(3, 1, 1));
  });

  const wrong: readonly (readonly [what: string, bytes: readonly number[]])[] = [
    ['a run that ends after the last word', [3, 2, 0, 0]],
    ['a run that starts after the last word', [4, 1, 0]],
    ['an empty run', [0, 0]],
    ['a run without its words', [0, 2, 0]],
    ['a run without a length', [1]],
    ['a varint that goes on', [0, 1, 0x80]],
    ['a varint of six bytes', [0, 1, 0x80, 0x80, 0x80, 0x80, 0x80, 0]],
    ['a varint of more than 32 bits', [0, 1, 0xff, 0xff, 0xff, 0xff, 0x10]],
    ['a skip of nearly 32 bits', [0xff, 0xff, 0xff, 0xff, 0x0f, 1, 0]],
  ];

  it.each(wrong)('is refused with %s', (_what, bytes) => {
    const words = new Uint32Array(4);
    expect(applyDelta(words, Uint8Array.from(bytes), 0, bytes.length, listener)).toBe(false);
  });

  it('of any bytes is applied or refused, and nothing else is read', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(40), (bytes, length) => {
        const end = Math.min(length, bytes.length);
        const words = new Uint32Array(20);
        const others = new Uint32Array(20);
        const isApplied = applyDelta(words, bytes, 0, end, listener);
        expect(applyDelta(others, bytes.slice(0, end), 0, end, listener)).toBe(isApplied);
        expect(others).toEqual(words);
      }),
      { numRuns: 2000 },
    );
  });
});
