/** What is known of a routine's names while its shape is told: values, and between which numbers they lie. */

import { type ComparisonOperator, type Expression, evaluateBinary } from '../kernel/index.ts';
import {
  ANY,
  applyToIntervals,
  compareIntervals,
  complementOf,
  hull,
  type Interval,
  intersection,
  mirrored,
  moved,
  narrowed,
  negated,
  single,
} from './interval.ts';
import type { LoadedValue, ShapeValue } from './slot-shape.ts';

/** A position in the debug log that an atomic addition reserved: the number of the record, and words beyond its start. */
export class Cursor implements LoadedValue {
  readonly step: number;
  readonly plus: number;
  readonly record: number;

  constructor(step: number, plus: number, record: number) {
    this.step = step;
    this.plus = plus;
    this.record = record;
  }
}

type BinaryExpression = Extract<Expression, { kind: 'binary' }>;

const COMPARISONS: ReadonlySet<string> = new Set(['equal', 'notEqual', 'below', 'atMost', 'above', 'atLeast']);

function isComparison(operator: BinaryExpression['operator']): operator is ComparisonOperator {
  return COMPARISONS.has(operator);
}

/**
 * Names with their values. What is said of a value that a step loaded is kept by the step, so that it holds for every
 * name that was computed from it by adding a constant.
 */
export class Locals {
  readonly #values: Map<string, ShapeValue>;
  readonly #intervals: Map<string, Interval>;
  /** By step, what it may have loaded. */
  readonly #loaded: Map<number, Interval>;
  /** Told where a place in the debug log goes into a computation. */
  readonly #onLost: () => void;

  constructor(onLost: () => void, values: Iterable<readonly [string, ShapeValue]> = []) {
    this.#values = new Map(values);
    this.#intervals = new Map();
    this.#loaded = new Map();
    this.#onLost = onLost;
  }

  copy(): Locals {
    const made = new Locals(this.#onLost, this.#values);
    for (const [name, interval] of this.#intervals) made.#intervals.set(name, interval);
    for (const [step, interval] of this.#loaded) made.#loaded.set(step, interval);
    return made;
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  set(name: string, value: ShapeValue, interval: Interval = ANY): void {
    this.#values.set(name, value);
    if (interval.low === 0 && interval.high === ANY.high) this.#intervals.delete(name);
    else this.#intervals.set(name, interval);
  }

  assign(name: string, expression: Expression): void {
    const value = this.value(expression);
    // What is known to be one value, or follows from what was loaded, needs no interval of its own.
    const needsInterval = value === undefined && expression.kind !== 'not';
    this.set(name, value, needsInterval ? this.interval(expression) : ANY);
  }

  /** The names of this with what is known of them on another way. */
  becomes(other: Locals): void {
    for (const name of this.#values.keys()) this.set(name, other.#values.get(name), other.#intervals.get(name));
    this.#loaded.clear();
    for (const [step, interval] of other.#loaded) this.#loaded.set(step, interval);
  }

  /** The names of this with what holds of them on both ways. */
  becomesEither(left: Locals, right: Locals): void {
    const facts = new Map<number, Interval>();
    for (const [step, interval] of left.#loaded) {
      const other = right.#loaded.get(step);
      if (other !== undefined) facts.set(step, hull(interval, other));
    }
    for (const name of [...this.#values.keys()]) {
      const value = sameValue(left.#values.get(name), right.#values.get(name));
      const interval = hull(left.#intervalOfName(name), right.#intervalOfName(name));
      this.set(name, value, value === undefined ? interval : ANY);
    }
    this.#loaded.clear();
    for (const [step, interval] of facts) this.#loaded.set(step, interval);
  }

  value(expression: Expression): ShapeValue {
    switch (expression.kind) {
      case 'constant':
        return expression.value;
      case 'local':
        return this.#values.get(expression.name);
      case 'complement': {
        const operand = this.value(expression.operand);
        return typeof operand === 'number' ? ~operand >>> 0 : this.lost(operand);
      }
      case 'not': {
        const operand = this.value(expression.operand);
        return typeof operand === 'boolean' ? !operand : undefined;
      }
      case 'select': {
        const condition = this.value(expression.condition);
        const whenTrue = this.value(expression.whenTrue);
        const whenFalse = this.value(expression.whenFalse);
        return typeof condition === 'boolean' ? (condition ? whenTrue : whenFalse) : sameValue(whenTrue, whenFalse);
      }
      case 'binary':
        return this.#binary(expression);
    }
  }

  /** A place in the debug log that goes into a computation is more than a place to write to. */
  lost(value: ShapeValue): undefined {
    if (value instanceof Cursor) this.#onLost();
    return undefined;
  }

  #binary(expression: BinaryExpression): ShapeValue {
    const { operator } = expression;
    const [first, second] = [this.value(expression.left), this.value(expression.right)];
    if (isKnown(first) && isKnown(second)) return evaluateBinary(operator, first, second);
    if (operator === 'add' && typeof second === 'number' && isLoadedValue(first)) return plus(first, second);
    if (operator === 'add' && typeof first === 'number' && isLoadedValue(second)) return plus(second, first);
    if (operator === 'subtract' && typeof second === 'number' && isLoadedValue(first)) return plus(first, -second);
    this.lost(first);
    this.lost(second);
    if (operator === 'both') return first === false || second === false ? false : undefined;
    if (operator === 'either') return first === true || second === true ? true : undefined;
    if (isComparison(operator)) {
      return compareIntervals(operator, this.interval(expression.left), this.interval(expression.right));
    }
    const { low, high } = this.interval(expression);
    return low === high ? low : undefined;
  }

  /** Between which numbers the value of an expression lies, which is no condition. */
  interval(expression: Expression): Interval {
    switch (expression.kind) {
      case 'constant':
        return single(expression.value);
      case 'local':
        return this.#intervalOfName(expression.name);
      case 'complement':
        return complementOf(this.interval(expression.operand));
      case 'select':
        return this.#intervalOfSelect(expression);
      case 'binary':
        return this.#intervalOfBinary(expression);
      case 'not':
        return ANY;
    }
  }

  #intervalOfSelect({ condition, whenTrue, whenFalse }: Extract<Expression, { kind: 'select' }>): Interval {
    const known = this.value(condition);
    if (typeof known === 'boolean') return this.interval(known ? whenTrue : whenFalse);
    const [then, otherwise] = [this.copy(), this.copy()];
    then.narrow(condition, true);
    otherwise.narrow(condition, false);
    return hull(then.interval(whenTrue), otherwise.interval(whenFalse));
  }

  #intervalOfBinary({ operator, left, right }: BinaryExpression): Interval {
    if (isComparison(operator) || operator === 'both' || operator === 'either') return ANY;
    return applyToIntervals(operator, this.interval(left), this.interval(right));
  }

  #intervalOfName(name: string): Interval {
    const value = this.#values.get(name);
    if (typeof value === 'number') return single(value);
    const own = this.#intervals.get(name) ?? ANY;
    if (!isLoadedValue(value) || value instanceof Cursor) return own;
    return intersection(own, moved(this.#loaded.get(value.step) ?? ANY, value.plus)) ?? own;
  }

  /** Takes in that a condition is, or is not, true. */
  narrow(condition: Expression, isTrue: boolean): void {
    if (condition.kind === 'not') return this.narrow(condition.operand, !isTrue);
    if (condition.kind !== 'binary') return;
    const { operator, left, right } = condition;
    if ((operator === 'both' && isTrue) || (operator === 'either' && !isTrue)) {
      this.narrow(left, isTrue);
      this.narrow(right, isTrue);
    }
    if (!isComparison(operator)) return;
    const holds = isTrue ? operator : negated(operator);
    const [first, second] = [this.interval(left), this.interval(right)];
    this.#restrict(left, narrowed(holds, first, second));
    this.#restrict(right, narrowed(mirrored(holds), second, first));
  }

  /** Takes in that an index was in bounds. */
  bound(index: Expression, below: number): void {
    this.#restrict(index, { low: 0, high: below - 1 });
  }

  /** Takes in that an expression lies in an interval. */
  #restrict(expression: Expression, to: Interval): void {
    if (expression.kind === 'local') return this.#restrictName(expression.name, to);
    if (expression.kind !== 'binary') return;
    const { operator, left, right } = expression;
    const [first, second] = [this.value(left), this.value(right)];
    if (operator === 'add' && typeof second === 'number') this.#restrictMoved(left, to, second);
    else if (operator === 'add' && typeof first === 'number') this.#restrictMoved(right, to, first);
    else if (operator === 'subtract' && typeof second === 'number') this.#restrictMoved(left, to, -second);
  }

  /** Takes in that an expression plus a number lies in an interval. */
  #restrictMoved(expression: Expression, to: Interval, by: number): void {
    const known = this.interval(expression);
    const sum = { low: known.low + by, high: known.high + by };
    // Where the sum may wrap, it says nothing in one piece.
    if (sum.low < 0 || sum.high > ANY.high) return;
    const both = intersection(sum, to);
    if (both !== undefined) this.#restrict(expression, { low: both.low - by, high: both.high - by });
  }

  #restrictName(name: string, to: Interval): void {
    const value = this.#values.get(name);
    if (value === undefined) {
      const both = intersection(this.#intervals.get(name) ?? ANY, to);
      if (both !== undefined) this.#intervals.set(name, both);
    } else if (isLoadedValue(value) && !(value instanceof Cursor)) {
      const known = this.#loaded.get(value.step) ?? ANY;
      const both = intersection(known, moved(to, -value.plus));
      if (both !== undefined) this.#loaded.set(value.step, both);
    }
  }
}

function isKnown(value: ShapeValue): value is number | boolean {
  return typeof value === 'number' || typeof value === 'boolean';
}

function isLoadedValue(value: ShapeValue): value is LoadedValue {
  return typeof value === 'object';
}

function plus(value: LoadedValue, by: number): LoadedValue {
  const sum = (value.plus + by) >>> 0;
  return value instanceof Cursor ? new Cursor(value.step, sum, value.record) : { step: value.step, plus: sum };
}

function sameValue(left: ShapeValue, right: ShapeValue): ShapeValue {
  if (left === right) return left;
  if (!isLoadedValue(left) || !isLoadedValue(right)) return undefined;
  return left.step === right.step && left.plus === right.plus ? left : undefined;
}
