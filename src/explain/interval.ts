/**
 * Interval arithmetic over u32 that wraps: P. Cousot and R. Cousot, "Static determination of dynamic properties of
 * programs" (1976). An interval never leaves out a value that can be; where wrapping would tear it in two it is everything.
 */

import type { ArithmeticOperator, ComparisonOperator } from '../kernel/index.ts';

/** The values `low` … `high`, both included. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

const MOST = 0xffff_ffff;
/** Any u32. */
export const ANY: Interval = { low: 0, high: MOST };

export function single(value: number): Interval {
  return { low: value, high: value };
}

/** The values that are in both; undefined if none is. */
export function intersection(left: Interval, right: Interval): Interval | undefined {
  const [low, high] = [Math.max(left.low, right.low), Math.min(left.high, right.high)];
  return low <= high ? { low, high } : undefined;
}

/** The least interval that has both. */
export function hull(left: Interval, right: Interval): Interval {
  return { low: Math.min(left.low, right.low), high: Math.max(left.high, right.high) };
}

/** An interval with a number added to all of it, which may be negative; everything if that wraps for a part of it. */
export function moved({ low, high }: Interval, by: number): Interval {
  const turns = Math.floor((low + by) / (MOST + 1));
  if (Math.floor((high + by) / (MOST + 1)) !== turns) return ANY;
  const shift = by - turns * (MOST + 1);
  return { low: low + shift, high: high + shift };
}

export function complementOf({ low, high }: Interval): Interval {
  return { low: MOST - high, high: MOST - low };
}

/** What an operator gives for operands of two intervals. */
export function applyToIntervals(operator: ArithmeticOperator, left: Interval, right: Interval): Interval {
  switch (operator) {
    case 'add':
      return wrapped(left.low + right.low, left.high + right.high);
    case 'subtract':
      return wrapped(left.low - right.high, left.high - right.low);
    case 'multiply':
      return left.high * right.high <= MOST ? { low: left.low * right.low, high: left.high * right.high } : ANY;
    case 'divide':
      // By zero it gives the dividend.
      if (right.low === 0) return { low: Math.floor(left.low / Math.max(1, right.high)), high: left.high };
      return { low: Math.floor(left.low / right.high), high: Math.floor(left.high / right.low) };
    case 'remainder':
      // By zero it gives zero.
      if (left.high < right.low) return left;
      return { low: 0, high: Math.min(left.high, Math.max(0, right.high - 1)) };
    case 'and':
      return { low: 0, high: Math.min(left.high, right.high) };
    case 'or':
      return { low: Math.max(left.low, right.low), high: bitsUpTo(left.high, right.high) };
    case 'xor':
      return { low: 0, high: bitsUpTo(left.high, right.high) };
    case 'shiftLeft':
      return shiftedLeft(left, right);
    case 'shiftRight':
      return shiftedRight(left, right);
    case 'minimum':
      return { low: Math.min(left.low, right.low), high: Math.min(left.high, right.high) };
    case 'maximum':
      return { low: Math.max(left.low, right.low), high: Math.max(left.high, right.high) };
  }
}

/** Sums that wrapped once, or none of them did; everything if some did. */
function wrapped(low: number, high: number): Interval {
  if (low >= 0 && high <= MOST) return { low, high };
  if (low > MOST) return { low: low - MOST - 1, high: high - MOST - 1 };
  return high < 0 ? { low: low + MOST + 1, high: high + MOST + 1 } : ANY;
}

/** Ones in all places that either may have one in. */
function bitsUpTo(left: number, right: number): number {
  const zeros = Math.clz32(Math.max(left, right));
  return zeros === 32 ? 0 : MOST >>> zeros;
}

function shiftedLeft(left: Interval, right: Interval): Interval {
  if (right.low !== right.high) return ANY;
  const factor = 2 ** (right.low & 31);
  return left.high * factor <= MOST ? { low: left.low * factor, high: left.high * factor } : ANY;
}

function shiftedRight(left: Interval, right: Interval): Interval {
  if (right.low !== right.high) return { low: 0, high: left.high };
  const count = right.low & 31;
  return { low: left.low >>> count, high: left.high >>> count };
}

/** Whether a comparison of values of two intervals has only one answer, and which. */
export function compareIntervals(operator: ComparisonOperator, left: Interval, right: Interval): boolean | undefined {
  switch (operator) {
    case 'below':
      return left.high < right.low ? true : left.low >= right.high ? false : undefined;
    case 'atMost':
      return left.high <= right.low ? true : left.low > right.high ? false : undefined;
    case 'above':
      return compareIntervals('below', right, left);
    case 'atLeast':
      return compareIntervals('atMost', right, left);
    case 'equal':
      if (intersection(left, right) === undefined) return false;
      return left.low === left.high && right.low === right.high ? true : undefined;
    case 'notEqual': {
      const isEqual = compareIntervals('equal', left, right);
      return isEqual === undefined ? undefined : !isEqual;
    }
  }
}

const NEGATIONS: Readonly<Record<ComparisonOperator, ComparisonOperator>> = {
  equal: 'notEqual',
  notEqual: 'equal',
  below: 'atLeast',
  atLeast: 'below',
  atMost: 'above',
  above: 'atMost',
};

const MIRRORED: Readonly<Record<ComparisonOperator, ComparisonOperator>> = {
  equal: 'equal',
  notEqual: 'notEqual',
  below: 'above',
  above: 'below',
  atMost: 'atLeast',
  atLeast: 'atMost',
};

export function negated(operator: ComparisonOperator): ComparisonOperator {
  return NEGATIONS[operator];
}

/** The same comparison with its sides exchanged. */
export function mirrored(operator: ComparisonOperator): ComparisonOperator {
  return MIRRORED[operator];
}

/** What the left side may be where a comparison with the right one is true. */
export function narrowed(operator: ComparisonOperator, left: Interval, right: Interval): Interval {
  const narrower = (low: number, high: number) => intersection(left, { low, high }) ?? left;
  switch (operator) {
    case 'equal':
      return narrower(right.low, right.high);
    case 'below':
      return narrower(0, right.high - 1);
    case 'atMost':
      return narrower(0, right.high);
    case 'above':
      return narrower(right.low + 1, MOST);
    case 'atLeast':
      return narrower(right.low, MOST);
    case 'notEqual':
      if (right.low !== right.high) return left;
      if (left.low === right.low) return narrower(left.low + 1, left.high);
      return left.high === right.low ? narrower(left.low, left.high - 1) : left;
  }
}
