/** Accesses of an explanation as people read them: a column a lane where these fit, otherwise a line an access. */

import type { AccessRow, Explanation } from '../../src/explain/index.ts';
import { laneRows, laneTable } from '../../src/explore/index.ts';
import { plural } from './text.ts';

/** Accesses of which all are shown; of more, only those that slots are in each other's way at. */
const MAX_ACCESSES = 24;
const INDENT = '    ';

/** The lines of the accesses of an explanation, for a terminal of so many columns. */
export function renderAccesses({ accesses, contradiction, slots }: Explanation, width: number): string[] {
  if (accesses.length === 0) return [];
  const shown = around(accesses, new Set(contradiction?.words.map(({ word }) => word) ?? []));
  const texts = new Map(slots.map(({ slot, text }) => [slot, text]));
  const names = {
    short: (slot: number) => String(slot),
    long: (slot: number) => (texts.has(slot) ? `${slot}: ${texts.get(slot)}` : `slot ${slot}`),
  };
  const lines = laneTable(laneRows(shown), { names, width: width - INDENT.length });
  const leftOut = accesses.length - shown.length;
  const where = leftOut === 0 ? '' : ` (${plural(leftOut, 'access', 'accesses')} to other words left out)`;
  return ['', `  accesses, from above${where}:`, ...lines.map((line) => `${INDENT}${line}`.trimEnd()), ''];
}

/** Of many accesses only those of words that the contradiction is about, or that slots are in each other's way at. */
function around(accesses: readonly AccessRow[], concerned: ReadonlySet<string>): readonly AccessRow[] {
  if (accesses.length <= MAX_ACCESSES) return accesses;
  const lanes = new Map<string, Set<number>>();
  for (const { word, slot } of accesses) lanes.set(word, (lanes.get(word) ?? new Set()).add(slot));
  return accesses.filter(({ word }) => concerned.has(word) || (lanes.get(word)?.size ?? 0) > 1);
}
