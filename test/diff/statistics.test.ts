import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rateOf } from '../../src/diff/index.ts';

const anyTrials = fc.integer({ min: 1, max: 5_000 }).chain((total) => fc.tuple(fc.nat(total), fc.constant(total)));

describe('the interval of a rate', () => {
  // As scipy 1.17 has them: binomtest(count, total).proportion_ci(0.95, method='wilson').
  it.each([
    [0, 50, 0, 0.07135],
    [1, 50, 0.00354, 0.10496],
    [25, 50, 0.36645, 0.63355],
    [50, 50, 0.92865, 1],
    [0, 1, 0, 0.79345],
    [1, 1, 0.20655, 1],
    [10, 1_000, 0.00544, 0.01831],
  ])('of %i in %i goes from %f to %f', (count, total, low, high) => {
    const rate = rateOf(count, total);
    expect(rate).toMatchObject({ count, total });
    expect(rate.low).toBeCloseTo(low, 4);
    expect(rate.high).toBeCloseTo(high, 4);
  });

  it('ends where the normal approximation would just reject the share', () => {
    const property = fc.property(anyTrials, ([count, total]) => {
      const { low, high } = rateOf(count, total);
      const share = count / total;
      const deviationAt = (bound: number) => 1.959963984540054 * Math.sqrt((bound * (1 - bound)) / total);
      expect(share - low).toBeCloseTo(deviationAt(low), 9);
      expect(high - share).toBeCloseTo(deviationAt(high), 9);
    });
    fc.assert(property, { numRuns: 1_000 });
  });

  it('of nothing at all says nothing', () => {
    expect(rateOf(0, 0)).toEqual({ count: 0, total: 0, low: 0, high: 1 });
  });

  it('holds the share, and lies between 0 and 1', () => {
    const property = fc.property(anyTrials, ([count, total]) => {
      const { low, high } = rateOf(count, total);
      expect(low).toBeGreaterThanOrEqual(0);
      expect(high).toBeLessThanOrEqual(1);
      expect(low).toBeLessThanOrEqual(count / total);
      expect(high).toBeGreaterThanOrEqual(count / total);
      expect(low).toBeLessThan(high);
    });
    fc.assert(property, { numRuns: 1_000 });
  });

  it('rises with the count', () => {
    const property = fc.property(anyTrials, ([count, total]) => {
      fc.pre(count < total);
      const less = rateOf(count, total);
      const more = rateOf(count + 1, total);
      expect(more.low).toBeGreaterThan(less.low);
      expect(more.high).toBeGreaterThan(less.high);
    });
    fc.assert(property, { numRuns: 1_000 });
  });

  it('narrows with the trials', () => {
    const property = fc.property(anyTrials, ([count, total]) => {
      const few = rateOf(count, total);
      const many = rateOf(10 * count, 10 * total);
      expect(many.high - many.low).toBeLessThan(few.high - few.low);
    });
    fc.assert(property, { numRuns: 1_000 });
  });

  it('is the mirror image of that of the rest', () => {
    const property = fc.property(anyTrials, ([count, total]) => {
      const rate = rateOf(count, total);
      const rest = rateOf(total - count, total);
      expect(rest.low).toBeCloseTo(1 - rate.high, 12);
      expect(rest.high).toBeCloseTo(1 - rate.low, 12);
    });
    fc.assert(property, { numRuns: 1_000 });
  });
});
