/** Orders of accesses as tables, and two of them beside each other. */

import type { LaneRow, LaneTable, ReportedEpoch } from '../report.ts';
import { kindText, plural, tableTitle, valuesText } from '../sentences.ts';
import { html, type Markup } from './markup.ts';

/** Two tables of so many lanes fit beside each other. */
const MOST_LANES_BESIDE = 3;

/** The tables of an epoch; undefined if it has none. */
export function orders({ failing, passing, partsAtRow }: ReportedEpoch): Markup | undefined {
  if (failing === undefined && passing === undefined) return undefined;
  const isWide = (failing ?? passing)!.lanes.length > MOST_LANES_BESIDE;
  return html`<section aria-labelledby="orders"><h2 id="orders">Lane by lane</h2>
<p class="soft">A column is a lane with its slot, a row is an access. Marked are the words that the argument is about.</p>
<div class="orders${isWide && ' stacked'}">${failing && tableOf(failing, true, partsAtRow)}${passing && tableOf(passing, false, partsAtRow)}</div></section>`;
}

function tableOf(table: LaneTable, isFailing: boolean, partsAtRow: number | undefined): Markup {
  const { lanes, rows, rowsLeftOut } = table;
  const title = tableTitle(table, isFailing);
  return html`<div><h3>${title}</h3>
<div class="scroll" tabindex="0" role="region" aria-label="${title}"><table class="lanes">
<thead><tr><th scope="col"><span class="soft">#</span></th>${lanes.map(
    ({ slot, slotIndex, text }) =>
      html`<th scope="col" title="lane ${slotIndex}">slot ${slot}<small>${text}</small></th>`,
  )}</tr></thead>
<tbody>${rows.map((row, index) => [
    index === partsAtRow && partsHere(lanes.length),
    rowOf(row, index, lanes.length, index === partsAtRow),
  ])}</tbody></table></div>
${rowsLeftOut > 0 && html`<p class="soft">${plural(rowsLeftOut, 'more row')} not shown.</p>`}</div>`;
}

function partsHere(lanes: number): Markup {
  return html`<tr class="parts"><td></td><td class="here" colspan="${lanes}">▼ from here on the orders differ</td></tr>`;
}

function rowOf(row: LaneRow, index: number, lanes: number, parts: boolean): Markup {
  const cells = Array.from({ length: lanes }, (_, lane) => (lane === row.lane ? cellOf(row) : html`<td></td>`));
  return html`<tr${parts && html` class="first"`}><td>${index + 1}</td>${cells}</tr>`;
}

function cellOf(row: LaneRow): Markup {
  const { kind, word, isConcerned } = row;
  return html`<td class="v${isConcerned && ' c'}"><i>${kindText(kind)}</i> <b>${word}</b> ${valuesText(row)}</td>`;
}
