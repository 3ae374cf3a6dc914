/** Which operations may come next, kept up while operations are applied and taken back. */

import { InputError } from '../base/errors.ts';
import { LinkedOperations } from './linked-operations.ts';
import type { SerialOrder } from './model.ts';

/** Operations are applied and taken back like a stack. */
export interface Precedence {
  /** Whether an operation that is not applied may be the next one. */
  isReady(operation: number): boolean;
  /** Whether, of operations in the order of their calls, neither this one nor any after it is ready. */
  endsCalls(operation: number): boolean;
  /** Whether an operation that may be left out comes before this one. */
  hasOptionalBefore(operation: number): boolean;
  apply(operation: number): void;
  undo(operation: number): void;
}

/**
 * What an order says of operations of which some may be left out.
 *
 * @throws InputError if the order is none: times are missing or the wrong way round, numbers are out of range.
 */
export function precedenceOf(order: SerialOrder | undefined, optional: Uint8Array): Precedence {
  if (order === undefined) return NO_ORDER;
  if ('pairs' in order) return new PairPrecedence(order.pairs, optional);
  checkTimes(order.call, order.return, optional.length);
  return new IntervalPrecedence(order.call, order.return, optional);
}

const NO_ORDER: Precedence = {
  isReady: () => true,
  endsCalls: () => false,
  hasOptionalBefore: () => false,
  apply: () => {},
  undo: () => {},
};

/** Whoever has not returned keeps back those that were called later than that. */
class IntervalPrecedence implements Precedence {
  readonly #call: ArrayLike<number>;
  readonly #return: ArrayLike<number>;
  readonly #optional: Uint8Array;
  /** Operations that have to come, by their return: the first one is who keeps others back. */
  readonly #waiting: LinkedOperations;
  readonly #firstOptionalReturn: number;
  /** The latest call of the first n applied operations, at n. */
  readonly #latestCalls: number[] = [Number.NEGATIVE_INFINITY];

  constructor(call: ArrayLike<number>, returns: ArrayLike<number>, optional: Uint8Array) {
    this.#call = call;
    this.#return = returns;
    this.#optional = optional;
    const all = Array.from(optional.keys());
    const mandatory = all.filter((operation) => optional[operation] === 0);
    // Not by subtraction: Infinity less Infinity is no number.
    mandatory.sort((left, right) => (returns[left] < returns[right] ? -1 : returns[left] > returns[right] ? 1 : 0));
    this.#waiting = new LinkedOperations(optional.length, [mandatory]);
    const others = all.filter((operation) => optional[operation] === 1);
    this.#firstOptionalReturn = others.reduce((least, other) => Math.min(least, returns[other]), Infinity);
  }

  isReady(operation: number): boolean {
    if (this.endsCalls(operation)) return false;
    // One that may be left out has kept nobody back, so it may have been left out already.
    return (
      this.#optional[operation] === 0 || this.#latestCalls[this.#latestCalls.length - 1] <= this.#return[operation]
    );
  }

  endsCalls(operation: number): boolean {
    const first = this.#waiting.first(0);
    return first >= 0 && this.#call[operation] > this.#return[first];
  }

  hasOptionalBefore(operation: number): boolean {
    return this.#firstOptionalReturn < this.#call[operation];
  }

  apply(operation: number): void {
    if (this.#optional[operation] === 0) this.#waiting.lift(operation);
    this.#latestCalls.push(Math.max(this.#latestCalls[this.#latestCalls.length - 1], this.#call[operation]));
  }

  undo(operation: number): void {
    if (this.#optional[operation] === 0) this.#waiting.unlift(operation);
    this.#latestCalls.pop();
  }
}

/** Whoever has somebody before it waits for that one. */
class PairPrecedence implements Precedence {
  readonly #optional: Uint8Array;
  readonly #before: readonly (readonly number[])[];
  readonly #after: readonly (readonly number[])[];
  /** How many operations, of those that have to come before it, are not applied yet; of an optional one also what came after it. */
  readonly #obstacles: Int32Array;

  constructor(pairs: readonly (readonly [number, number])[], optional: Uint8Array) {
    this.#optional = optional;
    const after = closeOverOptional(pairs, optional);
    const before: number[][] = Array.from(optional, () => []);
    this.#obstacles = new Int32Array(optional.length);
    after.forEach((followers, operation) => {
      for (const follower of followers) {
        before[follower].push(operation);
        // One that would have to come before itself never comes.
        if (optional[operation] === 0 || follower === operation) this.#obstacles[follower] += 1;
      }
    });
    this.#before = before;
    this.#after = after;
  }

  isReady(operation: number): boolean {
    return this.#obstacles[operation] === 0;
  }

  endsCalls(): boolean {
    return false;
  }

  hasOptionalBefore(operation: number): boolean {
    return this.#before[operation].some((other) => this.#optional[other] === 1);
  }

  apply(operation: number): void {
    this.#pass(operation, 1);
  }

  undo(operation: number): void {
    this.#pass(operation, -1);
  }

  #pass(operation: number, change: 1 | -1): void {
    if (this.#optional[operation] === 0) {
      for (const follower of this.#after[operation]) this.#obstacles[follower] -= change;
    }
    for (const other of this.#before[operation]) {
      if (this.#optional[other] === 1) this.#obstacles[other] += change;
    }
  }
}

/** For each operation those that come after it, also by way of operations that may be left out (S. Warshall 1962). */
function closeOverOptional(pairs: readonly (readonly [number, number])[], optional: Uint8Array): number[][] {
  const after = Array.from(optional, () => new Set<number>());
  const before = Array.from(optional, () => new Set<number>());
  const add = (first: number, second: number) => {
    after[first].add(second);
    before[second].add(first);
  };
  for (const [first, second] of pairs) {
    checkNumber(first, optional.length);
    checkNumber(second, optional.length);
    add(first, second);
  }
  optional.forEach((isOptional, between) => {
    if (isOptional === 0) return;
    for (const first of Array.from(before[between]))
      for (const second of Array.from(after[between])) add(first, second);
  });
  return after.map((followers) => Array.from(followers));
}

function checkNumber(operation: number, operationCount: number): void {
  if (Number.isInteger(operation) && operation >= 0 && operation < operationCount) return;
  const what = `a pair names operation ${operation}, and there are ${operationCount}, counted from 0`;
  throw new InputError(what, 'name operations of the model.');
}

function checkTimes(call: ArrayLike<number>, returns: ArrayLike<number>, operationCount: number): void {
  if (call.length !== operationCount || returns.length !== operationCount) {
    const what = `there are ${call.length} calls and ${returns.length} returns for ${operationCount} operations`;
    throw new InputError(what, 'give a call and a return for each, Infinity where nobody saw the end.');
  }
  for (let operation = 0; operation < operationCount; operation += 1) {
    if (call[operation] <= returns[operation]) continue;
    const what = `operation ${operation} is called at ${call[operation]} and returns at ${returns[operation]}`;
    throw new InputError(what, 'give numbers of which the return is not the smaller one.');
  }
}
