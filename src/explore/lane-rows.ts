/**
 * Orders of accesses as rows for people: what the tables of exploring, reducing and reporting are made of. A lane that waits
 * loads one word again and again; as long as it finds the same and nobody else does anything, that is one row.
 */

import { accessesThatMatter, placeOf } from './meetings.ts';
import type { TracedAccess } from './run.ts';

/** What a row needs of an access. */
export interface LaneAccess {
  /** Which slot made it, by a number of the caller's. */
  readonly slot: number;
  /** `load`, `store`, or what a read-modify-write does. */
  readonly kind: string;
  /** `control[42]`. */
  readonly word: string;
  readonly read: number | undefined;
  readonly written: number | undefined;
}

/** An access, or equal loads of a slot in a row. */
export interface LaneRow extends LaneAccess {
  /** How often it was made. */
  readonly times: number;
}

/** Accesses as rows, in their order. */
export function laneRows(accesses: readonly LaneAccess[]): LaneRow[] {
  const rows: LaneRow[] = [];
  for (const access of accesses) {
    const before = rows.at(-1);
    if (before !== undefined && access.kind === 'load' && isSameAccess(before, access)) {
      rows[rows.length - 1] = { ...before, times: before.times + 1 };
    } else rows.push({ ...access, times: 1 });
  }
  return rows;
}

/** What a row needs of an access that was traced; slots are numbered as in the scenario. */
export function laneAccess(access: TracedAccess): LaneAccess {
  const { record, kind, found, stored } = access;
  return { slot: record, kind, word: placeOf(access), read: found, written: stored };
}

/** Two orders of the same slots, with the accesses that matter in one of them; those that were scheduled if none does. */
export function laneRowsBeside(
  left: readonly TracedAccess[],
  right: readonly TracedAccess[],
): { readonly left: LaneRow[]; readonly right: LaneRow[] } {
  const words = new Set([left, right].flatMap((trace) => accessesThatMatter(trace).map(placeOf)));
  const isShown = (access: TracedAccess) => access.isContended && (words.size === 0 || words.has(placeOf(access)));
  const [leftRows, rightRows] = [left, right].map((trace) => laneRows(trace.filter(isShown).map(laneAccess)));
  return { left: leftRows, right: rightRows };
}

/** How many rows two orders begin with in common. */
export function commonRows(left: readonly LaneRow[], right: readonly LaneRow[]): number {
  const differs = left.findIndex((row, index) => {
    const other = right.at(index);
    return other === undefined || row.times !== other.times || !isSameAccess(row, other);
  });
  return differs < 0 ? left.length : differs;
}

function isSameAccess(left: LaneAccess, right: LaneAccess): boolean {
  return (
    left.slot === right.slot &&
    left.kind === right.kind &&
    left.word === right.word &&
    left.read === right.read &&
    left.written === right.written
  );
}
