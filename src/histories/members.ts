/** Reads members of somebody else's JSON as what they have to be. */

import type { MemberKind } from './language.ts';
import { quoted } from './quoted.ts';
import type { Balances, Member, Value } from './values.ts';

/** Throws what is wrong, and what to do about it. */
export type Refuse = (what: string, fix: string, cause?: unknown) => never;

export class MemberReader {
  readonly #refuse: Refuse;

  constructor(refuse: Refuse) {
    this.#refuse = refuse;
  }

  object(where: string, value: unknown, fix: string): ReadonlyMap<string, unknown> {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return this.#refuse(`${where} is ${describe(value)}, not an object`, fix);
    }
    return new Map(Object.entries(value));
  }

  member(where: string, value: unknown, kind: MemberKind): Member {
    switch (kind) {
      case 'value':
        return this.#value(where, value);
      case 'text':
        return typeof value === 'string' ? value : this.#wrong(where, value, 'a text');
      case 'number':
        return this.#wholeNumber(where, value, 'a whole number', Number.MIN_SAFE_INTEGER);
      case 'amount':
        return this.#wholeNumber(where, value, 'a whole number from 0 on', 0);
      case 'name':
        return this.#name(where, value);
      case 'boolean':
        return typeof value === 'boolean' ? value : this.#wrong(where, value, 'true or false');
      case 'balances':
        return this.balances(where, value);
    }
  }

  balances(where: string, value: unknown): Balances {
    const members = this.object(where, value, 'write a whole number for each account, {"a":10,"b":0}.');
    return new Map(
      Array.from(members, ([name, balance]) => {
        return [name, this.#wholeNumber(`${where} of ${quoted(name)}`, balance, 'a whole number from 0 on', 0)];
      }),
    );
  }

  time(where: string, value: unknown): number {
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    return this.#wrong(where, value, 'a number');
  }

  #value(where: string, value: unknown): Value {
    if (typeof value === 'number') return this.#exactNumber(where, value);
    if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
    return this.#wrong(where, value, 'a number, a text, true, false or null');
  }

  /** JSON has numbers that JavaScript has not: two of them could look the same. */
  #exactNumber(where: string, value: number): number {
    const isExact = Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value));
    if (!isExact) this.#refuse(`${where} is beyond ±(2^53 − 1) and not read exactly`, 'write it as a text.');
    // JSON has a −0, which is 0.
    return value === 0 ? 0 : value;
  }

  #wholeNumber(where: string, value: unknown, expected: string, least: number): number {
    if (typeof value !== 'number' || !Number.isInteger(value)) return this.#wrong(where, value, expected);
    const exact = this.#exactNumber(where, value);
    return exact >= least ? exact : this.#wrong(where, value, expected);
  }

  /** A number is the text that it is written as. */
  #name(where: string, value: unknown): string {
    if (typeof value === 'string') return value;
    if (typeof value === 'number' && Number.isSafeInteger(value)) return String(value);
    return this.#wrong(where, value, 'a text or a whole number');
  }

  #wrong(where: string, value: unknown, expected: string): never {
    return this.#refuse(
      `${where} is ${describe(value)}, expected ${expected}`,
      'see spec/history.md for what it may be.',
    );
  }
}

function describe(value: unknown): string {
  if (value === undefined) return 'not there';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  return typeof value === 'string' ? quoted(value) : String(value);
}
