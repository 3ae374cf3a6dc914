/** Accesses of an explanation as people read them: a column a lane where these fit, otherwise a line an access. */

import type { AccessRow, Explanation } from '../../src/explain/index.ts';
import { table } from './table.ts';
import { plural } from './text.ts';

/** Rows that are shown; of more, those in the middle are left out. */
const MAX_ROWS = 24;
const INDENT = 4;
/** What the table puts between two columns. */
const GAP = 2;

/** The lines of the accesses of an explanation, for a terminal of so many columns. */
export function renderAccesses({ accesses, contradiction }: Explanation, width: number): string[] {
  if (accesses.length === 0) return [];
  const memory = memoryOfAll(accesses);
  const concerned = new Set(contradiction?.words.map(({ word }) => word) ?? []);
  const { first, last, leftOut } = cut(around(accesses, concerned), accesses.length);
  const lanes = [...new Set([...first, ...last].map(({ slot }) => slot))].sort((left, right) => left - right);
  const cells = [...first, ...last].map((access) => cellText(access, memory));
  const widest = Math.max(...cells.map(({ length }) => length), ...lanes.map((lane) => `slot ${lane}`.length));
  const isTable = lanes.length * (widest + GAP) + INDENT <= width;
  const rowsOf = (shown: readonly AccessRow[]) =>
    shown.map((access) =>
      isTable
        ? lanes.map((lane) => (lane === access.slot ? cellText(access, memory) : ''))
        : [`slot ${access.slot}`, cellText(access, memory)],
    );
  const between = leftOut === 0 ? [] : [[`… ${plural(leftOut, 'access', 'accesses')} left out`]];
  const head = isTable ? lanes.map((lane) => `slot ${lane}`.padEnd(widest)) : undefined;
  const padded = [...rowsOf(first), ...rowsOf(last)];
  const lines = table(head, padded);
  const at = first.length + (head === undefined ? 0 : 1);
  lines.splice(at, 0, ...between.map(([text]) => text));
  const where = memory === undefined ? '' : ` (words of ${memory}; → found, ← left)`;
  return ['', `  accesses, from above${where}:`, ...lines.map((line) => `    ${line}`)];
}

/** The memory that all of them are in, if it is one. */
function memoryOfAll(accesses: readonly AccessRow[]): string | undefined {
  const memories = new Set(accesses.map(({ word }) => word.slice(0, word.indexOf('['))));
  return memories.size === 1 ? [...memories][0] : undefined;
}

/** Of many accesses only those of words that the contradiction is about, or that slots are in each other's way at. */
function around(accesses: readonly AccessRow[], concerned: ReadonlySet<string>): readonly AccessRow[] {
  if (accesses.length <= MAX_ROWS) return accesses;
  const lanes = new Map<string, Set<number>>();
  for (const { word, slot } of accesses) lanes.set(word, (lanes.get(word) ?? new Set()).add(slot));
  return accesses.filter(({ word }) => concerned.has(word) || (lanes.get(word)?.size ?? 0) > 1);
}

function cut(accesses: readonly AccessRow[], all: number) {
  if (accesses.length <= MAX_ROWS) return { first: accesses, last: [], leftOut: all - accesses.length };
  const half = MAX_ROWS / 2;
  return { first: accesses.slice(0, half), last: accesses.slice(-half), leftOut: all - MAX_ROWS };
}

/** `161 → 1496` found, `161 ← 1497` left, both for an access that did both. */
function cellText({ word, read, written }: AccessRow, memory: string | undefined): string {
  const name = memory === undefined ? word : word.slice(memory.length + 1, -1);
  return `${name}${read === undefined ? '' : ` → ${read}`}${written === undefined ? '' : ` ← ${written}`}`;
}
