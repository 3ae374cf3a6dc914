/** All epochs as small cells. Their shapes differ, so that no colour is needed; a class of cells is one path. */

import type { EpochVerdict } from '../../diff/index.ts';
import type { EpochStretch } from '../report.ts';
import { html, type Markup } from './markup.ts';

/** More epochs than this share cells. */
const MAX_CELLS = 6_000;

/** What a cell shows that stands for several epochs: the first of these that one of them is. */
const WORST: readonly EpochVerdict[] = ['diverge', 'unknown', 'not reached', 'agree'];

const CLASSES: Readonly<Record<EpochVerdict, string>> = {
  agree: 'agree',
  diverge: 'diverge',
  unknown: 'unknown',
  'not reached': 'reached',
};

const WORDS: Readonly<Record<EpochVerdict, string>> = {
  agree: 'agrees',
  diverge: 'diverges',
  unknown: 'cannot be judged',
  'not reached': 'not reached',
};

/** The cells as an image, with a key. @param what says it in words, for those who cannot see it. */
export function strip(stretches: readonly EpochStretch[], what: string): Markup {
  const total = stretches.reduce((sum, { count }) => sum + count, 0);
  const size = Math.ceil(total / MAX_CELLS);
  const cells = cellsOf(stretches, size);
  const columns = cells.length <= 400 ? 50 : 120;
  const rows = Math.ceil(cells.length / columns);
  const verdicts = WORST.filter((verdict) => cells.includes(verdict));
  const data = stretches.map(({ verdict, first, count }) => `${verdict.replace(' ', '-')}:${first}:${count}`).join(' ');
  return html`<svg class="strip" role="img" aria-label="${what}" viewBox="0 0 ${columns} ${rows}" data-size="${size}" data-columns="${columns}" data-stretches="${data}">${verdicts.map(
    (verdict) => html`<path class="${CLASSES[verdict]}" d="${pathOf(cells, verdict, columns)}"/>`,
  )}</svg>
<ul class="key">${verdicts
    .toReversed()
    .map(
      (verdict) =>
        html`<li><svg class="strip" viewBox="0 0 1 1" aria-hidden="true"><path class="${CLASSES[verdict]}" d="${shapeOf(verdict, 0, 0)}"/></svg>${WORDS[verdict]}</li>`,
    )}<li class="strip-label">${size === 1 ? 'a cell an epoch' : `a cell for ${size} epochs, showing the worst of them`}</li></ul>`;
}

function cellsOf(stretches: readonly EpochStretch[], size: number): EpochVerdict[] {
  const cells: EpochVerdict[] = [];
  let held = 0;
  for (const { verdict, count } of stretches) {
    for (let left = count; left > 0; ) {
      const taken = Math.min(left, size - held);
      if (held === 0) cells.push(verdict);
      else cells[cells.length - 1] = worse(cells[cells.length - 1], verdict);
      held = (held + taken) % size;
      left -= taken;
    }
  }
  return cells;
}

function worse(left: EpochVerdict, right: EpochVerdict): EpochVerdict {
  return WORST.indexOf(left) <= WORST.indexOf(right) ? left : right;
}

function pathOf(cells: readonly EpochVerdict[], verdict: EpochVerdict, columns: number): string {
  const shapes = cells.map((cell, index) =>
    cell === verdict ? shapeOf(verdict, index % columns, Math.floor(index / columns)) : '',
  );
  return shapes.join('');
}

/** A ring of a square, a full square, a cross, a dot. */
function shapeOf(verdict: EpochVerdict, column: number, row: number): string {
  switch (verdict) {
    case 'agree':
      return `M${column}.2 ${row}.2h.6v.6h-.6z`;
    case 'diverge':
      return `M${column}.08 ${row}.08h.84v.84h-.84z`;
    case 'unknown':
      return `M${column}.2 ${row}.2l.6 .6m0 -.6l-.6 .6`;
    case 'not reached':
      return `M${column}.4 ${row}.4h.2v.2h-.2z`;
  }
}
