/** Which records are wanted. */

import { InputError } from '../base/errors.ts';

/** Whole numbers, both ends included. */
export interface Range {
  readonly from: number;
  readonly until: number;
}

/** Wall clock in nanoseconds since the Unix epoch, both ends included. */
export interface TimeRange {
  readonly fromNs: bigint;
  readonly untilNs: bigint;
}

export function isWithin(ranges: readonly Range[], value: number): boolean {
  return ranges.some(({ from, until }) => value >= from && value <= until);
}

/** @throws InputError: there would be no record in the new log. */
export function nothingSelected(label: string, what: string): InputError {
  return new InputError(`\`${label}\` has no record ${what}`, 'vrrl info says which epochs, numbers and times it has.');
}
