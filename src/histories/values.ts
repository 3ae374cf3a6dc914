/** What histories are about: JSON's values without lists and objects. */

import { quoted } from './quoted.ts';

/** null is what a register that nobody wrote holds, and what a read of it answers. */
export type Value = null | boolean | number | string;

/** A whole number for each account. */
export type Balances = ReadonlyMap<string, number>;

/** Whatever a member of an input or an output may be. */
export type Member = Value | Balances;

/**
 * Numbers in the place of values: two values are the same exactly if their numbers are. What operations compare and store
 * again and again is then a number.
 */
export class ValueTable {
  readonly #numbers = new Map<Value, number>();
  readonly #values: Value[] = [];
  /** What comes of putting a text behind another, by the numbers of both. */
  readonly #joined = new Map<number, Map<number, number>>();

  numberOf(value: Value): number {
    const known = this.#numbers.get(value);
    if (known !== undefined) return known;
    const number = this.#values.length;
    this.#numbers.set(value, number);
    this.#values.push(value);
    return number;
  }

  valueOf(number: number): Value {
    return this.#values[number];
  }

  /** The number of a text with another behind it; undefined if the first is no text. Nothing counts as an empty one. */
  append(first: number, second: number): number | undefined {
    const known = this.#joined.get(first)?.get(second);
    if (known !== undefined) return known;
    const before = this.#values[first] ?? '';
    if (typeof before !== 'string') return undefined;
    const joined = this.numberOf(`${before}${this.#values[second]}`);
    const row = this.#joined.get(first) ?? new Map<number, number>();
    this.#joined.set(first, row.set(second, joined));
    return joined;
  }
}

/** A value as messages show it. */
export function showValue(value: Member): string {
  if (typeof value === 'string') return quoted(value);
  if (!(value instanceof Map)) return String(value);
  return `{${Array.from(value, ([name, balance]) => `${name}: ${balance}`).join(', ')}}`;
}
