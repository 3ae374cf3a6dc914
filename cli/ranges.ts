/** Ranges on the command line: `3`, `3..9`, `3..`, `..9`, and moments. */

import { InvalidArgumentError } from '@commander-js/extra-typings';
import type { Range } from '../src/derive/index.ts';

/** One range of whole numbers, both ends included. */
export function range(text: string): Range {
  const found = /^(\d*)(\.\.)?(\d*)$/.exec(text.trim());
  const [from, dots, until] = [found?.[1] ?? '', found?.[2], found?.[3] ?? ''];
  const bounds = {
    from: from === '' ? 0 : Number(from),
    until: dots === undefined ? Number(from) : until === '' ? Number.MAX_SAFE_INTEGER : Number(until),
  };
  const isOne = found !== null && (from !== '' || until !== '');
  if (isOne && [bounds.from, bounds.until].every(Number.isSafeInteger) && bounds.from <= bounds.until) return bounds;
  throw new InvalidArgumentError('Expected a whole number or a range like 3..9, 3.. or ..9.');
}

/** Several, separated by commas. */
export function ranges(text: string): Range[] {
  return text.split(',').map(range);
}

const NS_PER_MS = 1_000_000n;
const MAX_LONG = 0xffff_ffff_ffff_ffffn;

/** Nanoseconds since the Unix epoch, or a date and time in ISO 8601. */
export function moment(text: string): bigint {
  if (/^\d+$/.test(text) && BigInt(text) <= MAX_LONG) return BigInt(text);
  const ms = /^\d{4}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isFinite(ms) && ms >= 0) return BigInt(ms) * NS_PER_MS;
  throw new InvalidArgumentError('Expected a time like 2026-01-31T12:00:00Z, or nanoseconds since 1970.');
}

/** The last moment there is. */
export const LAST_MOMENT: bigint = MAX_LONG;
