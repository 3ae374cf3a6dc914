/** Accesses of several slots as a table that fits a width: a column a lane if that fits, else a line an access. */

import type { TracedAccess } from '../../src/explore/index.ts';
import { table } from './table.ts';
import { plural } from './text.ts';

const MAX_ROWS = 60;

/** What a slot is called at length, and in short. */
export interface LaneNames {
  readonly long: (record: number) => string;
  readonly short: (record: number) => string;
}

/** @param width characters a line may have; a single word is never broken. */
export function laneTable(accesses: readonly TracedAccess[], names: LaneNames, width: number): string[] {
  const shown = accesses.slice(0, MAX_ROWS);
  const lanes = [...new Set(shown.map(({ record }) => record))].sort((left, right) => left - right);
  const isControl = shown.every(({ memory }) => memory === 'control');
  const long = columns(shown, lanes, names.long, (access) => accessText(access, false));
  const lines = fits(long, width)
    ? long
    : firstThatFits(
        [
          () => [
            ...columns(shown, lanes, names.short, (access) => accessText(access, isControl)),
            '',
            ...lanes.map((lane) => `slot ${names.long(lane)}`),
            ...(isControl ? ['[n] is word n of control memory'] : []),
          ],
          () => list(shown, names.long),
        ],
        width,
      );
  return accesses.length > MAX_ROWS ? [...lines, `and ${plural(accesses.length - MAX_ROWS, 'more access')}`] : lines;
}

function firstThatFits(ways: readonly (() => string[])[], width: number): string[] {
  const all = ways.map((way) => way());
  return all.find((lines) => fits(lines, width)) ?? all[all.length - 1];
}

function fits(lines: readonly string[], width: number): boolean {
  return lines.every((line) => line.length <= width);
}

function columns(
  accesses: readonly TracedAccess[],
  lanes: readonly number[],
  nameOf: (record: number) => string,
  textOf: (access: TracedAccess) => string,
): string[] {
  const rows = accesses.map((access, index) => [
    String(index + 1),
    ...lanes.map((lane) => (lane === access.record ? textOf(access) : '')),
  ]);
  return table(['', ...lanes.map(nameOf)], rows);
}

function list(accesses: readonly TracedAccess[], nameOf: (record: number) => string): string[] {
  return table(
    ['', 'slot', 'access'],
    accesses.map((access, index) => [String(index + 1), nameOf(access.record), accessText(access, false)]),
  );
}

function accessText({ kind, memory, word, found, stored }: TracedAccess, isShort: boolean): string {
  const place = isShort ? `[${word}]` : `${memory}[${word}]`;
  if (kind === 'load') return `${place} is ${found}`;
  if (kind === 'store') return `${place} := ${stored}`;
  if (stored === undefined) return `${place} is ${found}, not exchanged`;
  return `${isShort && kind === 'compareExchange' ? 'swap' : kind} ${place}: ${found} to ${stored}`;
}
