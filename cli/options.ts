/** Parsers of option values. They throw what commander turns into a message of its own and exit code 2. */

import { InvalidArgumentError } from '@commander-js/extra-typings';

/** A whole number in a range, in decimal or with 0x. */
export function integer(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^(0x[0-9a-fA-F]+|[0-9][0-9_]*)$/.test(text) ? Number(text.replaceAll('_', '')) : Number.NaN;
    if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`Expected a whole number from ${least} to ${most}.`);
  };
}

/** Names separated by commas. */
export function list(text: string): string[] {
  const names = text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  if (names.length > 0) return names;
  throw new InvalidArgumentError('Expected at least one name.');
}
