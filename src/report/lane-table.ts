/** Orders of accesses as tables: a column a lane, a row an access, only the words that lanes have to do with each other in. */

import type { AccessRow, Explanation, SlotText } from '../explain/index.ts';
import { commonRows, exhaust, laneAccess, laneRows, type LaneRow as Row, type TracedAccess } from '../explore/index.ts';
import { ControlWord } from '../protocol/index.ts';
import type { Scenario } from '../scenario/index.ts';
import type { LaneRow, LaneTable } from './report.ts';

/** Rows that somebody may want to read. */
const MAX_ROWS = 200;
/** Columns, too. */
const MAX_LANES = 24;

export interface LaneTables {
  readonly failing: LaneTable | undefined;
  readonly passing: LaneTable | undefined;
  readonly partsAtRow: number | undefined;
}

/** The slots of an explanation's argument by themselves, and the words that it is about. */
export interface Part {
  readonly scenario: Scenario;
  /** Numbers of the whole scenario's slots. */
  readonly slots: readonly number[];
  readonly isConcerned: (word: string) => boolean;
}

/** The tables that an explanation is shown with. */
export function laneTables(scenario: Scenario, explanation: Explanation): LaneTables {
  const part = partOf(scenario, explanation);
  if (part === undefined) return { failing: undefined, passing: undefined, partsAtRow: undefined };
  const texts = textsOf(part, explanation);
  const { witness, accesses } = explanation;
  const isInterleaved = witness?.kind === 'accesses' && accesses.length > 0;
  const failingRows = isInterleaved ? laneRows(shared(accesses)) : undefined;
  const words = new Set((failingRows ?? []).map(({ word }) => word));
  const isShown = (word: string) => (failingRows === undefined ? isTelling(part, word) : words.has(word));
  const passingRows = nearestSerial(part, explanation, failingRows, isShown);
  const failing =
    failingRows === undefined || witness?.kind !== 'accesses'
      ? undefined
      : tableOf(part, texts, failingRows, 'interleaved', witness.memory);
  const passing = passingRows && tableOf(part, texts, passingRows, 'serial', 'sequential');
  const partsAtRow =
    failingRows === undefined || passingRows === undefined ? undefined : commonRows(failingRows, passingRows);
  return { failing, passing, partsAtRow };
}

/** The part of an epoch that an explanation argues with; undefined if it argues with none, or with too much to be shown. */
export function partOf(scenario: Scenario, { contradiction, witness, accesses }: Explanation): Part | undefined {
  const slots = witness?.kind === 'accesses' ? witness.slots : contradiction?.slots;
  if (contradiction === undefined || slots === undefined || slots.length === 0) return undefined;
  if (slots.length > MAX_LANES) return undefined;
  const words = new Set(contradiction.words.map(({ word }) => word));
  const initial = scenario.initial.slice();
  // Slots that take no part may have added to a word before: what an access found first is where it began.
  const known = new Set<string>();
  for (const { word, read } of accesses) {
    const index = wordIndex(scenario, word);
    if (!known.has(word) && read !== undefined && index !== undefined) initial[index] = read;
    known.add(word);
  }
  return {
    scenario: { kernel: scenario.kernel, initial, ...slotsInBatches(scenario, slots) },
    slots,
    isConcerned: (word) => words.has(word),
  };
}

/** Index into a snapshot of what is called `control[42]` or `debug[3]`. */
export function wordIndex({ kernel, initial }: Scenario, word: string): number | undefined {
  const [, memory, digits] = /^(control|debug)\[(\d+)\]$/.exec(word) ?? [];
  if (digits === undefined) return undefined;
  const index = Number(digits) + (memory === 'debug' ? kernel.controlWords : 0);
  return index < initial.length ? index : undefined;
}

function slotsInBatches(scenario: Scenario, slots: readonly number[]): Pick<Scenario, 'slots' | 'batchEnds'> {
  const batches = slots.map((slot) => batchOf(scenario, slot));
  const batchEnds = slots.flatMap((_, index) => (batches[index] === batches[index + 1] ? [] : [index + 1]));
  return { slots: slots.map((slot) => scenario.slots[slot]), batchEnds };
}

function batchOf({ batchEnds }: Scenario, slot: number): number {
  return batchEnds.findIndex((end) => slot < end);
}

/** Of the serial orders that suggest themselves the one that goes along with the failing order for longest. */
function nearestSerial(
  part: Part,
  { contradiction }: Explanation,
  failing: readonly Row[] | undefined,
  isShown: (word: string) => boolean,
): Row[] | undefined {
  const orders = [
    ...(failing === undefined ? [] : [orderOf(part, failing), orderOf(part, failing.toReversed()).toReversed()]),
    ...(contradiction?.nearestOrder === undefined ? [] : [contradiction.nearestOrder]),
    part.slots,
  ].filter((order) => order.length === part.slots.length && isInBatchOrder(part, order));
  const traced = orders.map((order) => {
    const accesses = traceSerially(part, order);
    return accesses === undefined ? undefined : laneRows(accesses.filter(({ word }) => isShown(word)));
  });
  const ranked = traced
    .filter((rows) => rows !== undefined)
    .toSorted((left, right) => commonRows(failing ?? [], right) - commonRows(failing ?? [], left));
  return failing === undefined ? traced.at(0) : ranked.at(0);
}

/** Slots by their first row. */
function orderOf({ slots }: Part, rows: readonly Row[]): readonly number[] {
  return [...new Set([...rows.map(({ slot }) => slot).filter((slot) => slots.includes(slot)), ...slots])];
}

function isInBatchOrder({ scenario, slots }: Part, order: readonly number[]): boolean {
  const batches = order.map((slot) => batchOf(scenario, slots.indexOf(slot)));
  return batches.every((batch, index) => index === 0 || batches[index - 1] <= batch);
}

/** Runs slots one after the other, each in a batch of its own; undefined if one of them does not come to its end. */
function traceSerially({ scenario, slots }: Part, order: readonly number[]): AccessRow[] | undefined {
  const placed = order.map((slot) => scenario.slots[slots.indexOf(slot)]);
  const serial: Scenario = { ...scenario, slots: placed, batchEnds: placed.map((_, index) => index + 1) };
  let rows: AccessRow[] | undefined;
  exhaust(serial, { maxRuns: 1, maxSteps: 10_000 }, (run) => {
    if (!run.isHung)
      rows = run
        .trace()
        .flatMap(observedAccess)
        .map((access) => ({ ...access, slot: order[access.slot] }));
    return true;
  });
  return rows;
}

/** The ring is nobody's business but the kernel's. */
function observedAccess(access: TracedAccess): AccessRow[] {
  return access.memory === 'control' || access.memory === 'debug' ? [laneAccess(access)] : [];
}

/** Every turn counts itself in words of the protocol; what slots compute is behind them. */
function isTelling({ scenario, isConcerned }: Part, word: string): boolean {
  return isConcerned(word) || (wordIndex(scenario, word) ?? 0) >= ControlWord.OBSERVABLE_BASE;
}

/** Rows about words that one slot writes and another touches: the others are in nobody's way. */
function shared(rows: readonly AccessRow[]): AccessRow[] {
  const touching = new Map<string, Set<number>>();
  const written = new Set<string>();
  for (const { slot, word, kind } of rows) {
    touching.set(word, (touching.get(word) ?? new Set()).add(slot));
    if (kind !== 'load') written.add(word);
  }
  const isAlone = touching.size > 0 && new Set(rows.map(({ slot }) => slot)).size === 1;
  return rows.filter(({ word }) => written.has(word) && (isAlone || (touching.get(word)?.size ?? 0) > 1));
}

function textsOf({ slots }: Part, explanation: Explanation): SlotText[] {
  const known = new Map(explanation.slots.map((text) => [text.slot, text]));
  return slots.map(
    (slot) => known.get(slot) ?? { slot, slotIndex: slot, batch: 0, text: '', promisesAtomicity: false },
  );
}

function tableOf(
  { slots, isConcerned }: Part,
  lanes: readonly SlotText[],
  rows: readonly Row[],
  order: LaneTable['order'],
  memory: LaneTable['memory'],
): LaneTable {
  const shown: LaneRow[] = rows.slice(0, MAX_ROWS).map(({ slot, kind, word, read, written, times }) => ({
    lane: slots.indexOf(slot),
    kind,
    word,
    read,
    written,
    times,
    isConcerned: isConcerned(word),
  }));
  return { order, memory, lanes, rows: shown, rowsLeftOut: rows.length - shown.length };
}
