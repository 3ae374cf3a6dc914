/** What every rendering of a report says, in one wording. */

import { type Rate, RECORDING } from '../diff/index.ts';
import type { Explanation, Level } from '../explain/index.ts';
import type {
  EpochOverview,
  EpochStretch,
  LaneRow,
  LaneTable,
  Remedies,
  Report,
  ReportedBackend,
  ReportedOutcome,
  ReportedReduction,
  SeenBy,
} from './report.ts';

/** A number with separators: 1,048,576. */
export function countText(value: number): string {
  return value.toLocaleString('en-US');
}

/** `1 epoch`, `2 epochs`. */
export function plural(value: number, noun: string): string {
  return `${countText(value)} ${noun}${value === 1 ? '' : 's'}`;
}

/** A share with two significant digits: 0%, 0.19%, 7.1%, 100%. */
export function percentText(share: number): string {
  if (share === 0 || share === 1) return `${share * 100}%`;
  return `${Number((share * 100).toPrecision(2))}%`;
}

/** `3 of 10, 95% interval 11% to 60%`. */
export function rateText({ count, total, low, high }: Rate): string {
  if (total === 0) return 'none ran';
  return `${countText(count)} of ${countText(total)}, 95% interval ${percentText(low)} to ${percentText(high)}`;
}

export function seenByText({ source, count, total }: SeenBy): string {
  return source === RECORDING ? sourceText(source) : `${source}, ${countText(count)} of ${countText(total)}`;
}

export function sourceText(source: string): string {
  return source === RECORDING ? 'the recording' : source;
}

export function overviewText(epochs: EpochOverview, comparedWith: Report['comparedWith']): string {
  const { total, agreeing, diverging, unknown, notReached } = epochs;
  const against = comparedWith === 'recording' ? 'with the recording' : 'with each other (nothing was recorded)';
  return [
    `${countText(agreeing)} of ${plural(total, 'epoch')} agree ${against}`,
    ...(diverging > 0 ? [`${countText(diverging)} ${diverging === 1 ? 'diverges' : 'diverge'}`] : []),
    ...(unknown > notReached ? [`${countText(unknown - notReached)} cannot be judged`] : []),
    ...(notReached > 0 ? [`${countText(notReached)} ${notReached === 1 ? 'was' : 'were'} not reached`] : []),
  ].join(', ');
}

/** Stretches that somebody listed in a line. */
const MAX_LISTED = 12;

/** `3, 17–19`; undefined if there are none. */
export function epochsText(stretches: readonly EpochStretch[], verdict: EpochStretch['verdict']): string | undefined {
  const found = stretches.filter((stretch) => stretch.verdict === verdict);
  if (found.length === 0) return undefined;
  const shown = found.slice(0, MAX_LISTED).map(({ first, count }) => rangeText(first, count));
  return found.length > MAX_LISTED ? `${shown.join(', ')} and more` : shown.join(', ');
}

function rangeText(first: number, count: number): string {
  return count === 1 ? `${first}` : `${first}–${first + count - 1}`;
}

export const LEVEL_TEXTS: Readonly<Record<Level, string>> = {
  provenance: 'every value comes from somewhere, every slot ends once',
  coherence: 'every word by itself has an order',
  weak: 'relaxed memory allows it',
  'access-serial': 'some order of single accesses gives it',
  'slot-serial': 'some order of whole slots gives it',
};

/** From the weakest demand to the strongest. */
export const LADDER = Object.keys(LEVEL_TEXTS) as readonly Level[];

/** The word for what came of explaining. */
export function verdictWord({ verdict, violated }: Pick<Explanation, 'verdict' | 'violated'>): string {
  if (verdict === 'unknown') return 'not explained';
  if (verdict === 'unserializable') return 'a violation';
  return violated === undefined ? 'a legal order' : 'legal, but not in one piece';
}

export function outcomeText({ explained }: ReportedOutcome): string {
  if (explained === undefined) return 'not explained';
  // Legal ones say so themselves.
  return explained.verdict === 'serializable' ? explained.summary : `${verdictWord(explained)}: ${explained.summary}`;
}

/** What a lane does in a row: `load control[170] → 3`, `add control[170] 3 → 4`. */

export function kindText(kind: string): string {
  return kind === 'compareExchange' ? 'compare-exchange' : kind;
}

export function valuesText({ read, written, times }: Pick<LaneRow, 'read' | 'written' | 'times'>): string {
  if (read === undefined) return written === undefined ? '' : `← ${written}`;
  const often = times === 1 ? '' : `, ${countText(times)} times`;
  return written === undefined ? `→ ${read}${often}` : `${read} → ${written}`;
}

export function tableTitle({ order, memory }: LaneTable, isFailing: boolean): string {
  if (!isFailing) return 'The nearest order that is fine: one slot after the other';
  if (order === 'serial') return 'The order of slots that gives what was seen';
  return memory === 'relaxed'
    ? 'How it can have come to this, with relaxed memory'
    : 'How it can have come to this, access by access';
}

export function backendText({ replicasRun, replicas, epochsRun, fault }: ReportedBackend): string {
  const ran = `${countText(replicasRun)} of ${plural(replicas, 'replica')} ran, ${plural(epochsRun, 'epoch')} in all`;
  return fault === undefined ? ran : `${ran}; it failed: ${fault}`;
}

export function reductionText({ reproduced, ...rest }: ReportedReduction): string {
  const { slotsBefore, slotsAfter, runs, isMinimal, unresolved } = rest;
  if (!reproduced || slotsBefore === undefined || slotsAfter === undefined) {
    return `Nothing failed in ${plural(runs, 'run')}, so nothing was made smaller.`;
  }
  const size = `From ${plural(slotsBefore, 'slot')} to ${countText(slotsAfter)} in ${plural(runs, 'run')}`;
  const minimal = isMinimal
    ? 'no slot of it can be left out (1-minimal)'
    : 'it may not be the smallest (not 1-minimal)';
  const open = unresolved === 0 ? '' : `; of ${plural(unresolved, 'slot')} it could not be told`;
  return `${size}; ${minimal}${open}.`;
}

export function remediesText({ working, tried, undecided, runs }: Remedies): string {
  if (tried === 0) return 'There was no change to try on the CPU model.';
  const how = `${plural(tried, 'change')} tried on the CPU model, all interleavings with each, ${plural(runs, 'run')}`;
  const open = undecided === 0 ? '' : `; ${countText(undecided)} had too many interleavings to tell`;
  return working.length > 0
    ? `It cannot come out any more with any one of these (${how}${open}):`
    : `None of them keeps it away. (${how}${open}.)`;
}

export const MUTANT_CAVEAT: string =
  'A guess: these known defects fail in this shape. It says where to look first, not what is wrong.';
