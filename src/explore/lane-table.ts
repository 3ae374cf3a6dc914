/** Rows of accesses as a table of text that fits a width: a column a lane if that fits, else a line an access. */

import type { LaneRow } from './lane-rows.ts';

const MAX_ROWS = 60;
const GAP = '  ';

/** What a slot is called at length, and in short. */
export interface LaneNames {
  readonly long: (slot: number) => string;
  readonly short: (slot: number) => string;
}

export interface LaneTableOptions {
  readonly names: LaneNames;
  /** Characters a line may have; a single word is never broken. */
  readonly width: number;
  /** The row from which on the order differs from another one that is shown beside it. */
  readonly partsAtRow?: number | undefined;
}

/** @returns lines, not yet printable. */
export function laneTable(rows: readonly LaneRow[], options: LaneTableOptions): string[] {
  const shown = rows.slice(0, MAX_ROWS);
  const ways = [longColumns, shortColumns, list].map((draw) => () => withParts(draw(shown, options.names), options));
  const lines = firstThatFits(ways, options.width);
  const more = rows.length - shown.length;
  return more === 0 ? lines : [...lines, `and ${more} more ${more === 1 ? 'row' : 'rows'}`];
}

/** A head, a line a row, and what is to be said below. */
interface Drawn {
  readonly lines: readonly string[];
  readonly legend: readonly string[];
}

function firstThatFits(ways: readonly (() => string[])[], width: number): string[] {
  let lines: string[] = [];
  for (const way of ways) {
    lines = way();
    if (lines.every(({ length }) => length <= width)) break;
  }
  return lines;
}

function withParts({ lines, legend }: Drawn, { partsAtRow }: LaneTableOptions): string[] {
  const all = [...lines];
  // Orders that differ from the first row on need no line that says so.
  const at = partsAtRow === undefined || partsAtRow === 0 ? lines.length : partsAtRow + 1;
  if (at < lines.length) all.splice(at, 0, '-- from here on the orders differ');
  return [...all, ...legend];
}

function longColumns(rows: readonly LaneRow[], names: LaneNames): Drawn {
  return { lines: columns(rows, names.long, false), legend: [] };
}

function shortColumns(rows: readonly LaneRow[], names: LaneNames): Drawn {
  const isControl = rows.every(({ word }) => word.startsWith('control['));
  const legend = [
    '',
    ...lanesOf(rows).map((slot) => `slot ${names.long(slot)}`),
    ...(isControl ? ['[n] is word n of control memory'] : []),
  ];
  return { lines: columns(rows, names.short, isControl), legend };
}

function list(rows: readonly LaneRow[], names: LaneNames): Drawn {
  const cells = rows.map((row, index) => [String(index + 1), names.long(row.slot), accessText(row, false)]);
  return { lines: aligned([['', 'slot', 'access'], ...cells]), legend: [] };
}

function columns(rows: readonly LaneRow[], nameOf: (slot: number) => string, isShort: boolean): string[] {
  const lanes = lanesOf(rows);
  const cells = rows.map((row, index) => [
    String(index + 1),
    ...lanes.map((lane) => (lane === row.slot ? accessText(row, isShort) : '')),
  ]);
  return aligned([['', ...lanes.map(nameOf)], ...cells]);
}

function lanesOf(rows: readonly LaneRow[]): number[] {
  return [...new Set(rows.map(({ slot }) => slot))].sort((left, right) => left - right);
}

function aligned(cells: readonly (readonly string[])[]): string[] {
  const widths = cells[0].map((_, column) => Math.max(...cells.map((row) => row[column].length)));
  return cells.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]))
      .join(GAP)
      .trimEnd(),
  );
}

/** `control[42] is 7`, `control[42] := 7`, `add control[42]: 7 to 8`. */
function accessText({ kind, word, read, written, times }: LaneRow, isShort: boolean): string {
  const place = isShort ? word.slice('control'.length) : word;
  if (kind === 'load') return `${place} is ${read}${times === 1 ? '' : `, ${times} times`}`;
  if (kind === 'store') return `${place} := ${written}`;
  if (written === undefined) return `${place} is ${read}, not exchanged`;
  return `${isShort && kind === 'compareExchange' ? 'swap' : kind} ${place}: ${read} to ${written}`;
}
