/** A contradiction between slots in prose, and as data. */

import type { ScenarioOutcome } from '../scenario/index.ts';
import type { EpochAnalysis } from './analysis.ts';
import type { SmallContradiction } from './contradiction.ts';
import type { ConcernedWord, Contradiction, ContradictionShape } from './explanation.ts';
import type { LostSlot } from './lost-slot.ts';
import { type Question, withFoldedRecords } from './question.ts';
import { replayOrder } from './replay-order.ts';
import { isLoaded, type SlotShape } from './slot-shape.ts';
import { actionText, listText, slotText, wordText } from './tell.ts';

interface Told {
  readonly summary: string;
  readonly argument: readonly string[];
  readonly contradiction: Contradiction;
}

/** Words with what they were and what was seen of them. */
export function concernedWords(
  { scenario }: EpochAnalysis,
  outcome: ScenarioOutcome,
  words: readonly number[],
  nearest: Uint32Array | undefined,
): ConcernedWord[] {
  return words.map((word) => ({
    word: wordText(scenario.kernel, word),
    initial: scenario.initial[word],
    seen: outcome.words[word],
    nearest: nearest?.[word],
  }));
}

/** Orders of so many slots are all told; of more, the nearest. */
const MAX_TOLD_SLOTS = 2;

/** A contradiction between slots as text and data. */
export function tellContradiction({ question, isMinimal, answer, lost }: SmallContradiction): Told {
  const { analysis, outcome, askedWords, slots } = question;
  const orders = slots.length <= 4 ? permutations(slots) : [completed(question, answer.order), [...slots]];
  const legal = orders.filter((order) => isInBatchOrder(analysis, order));
  const ranked = legal
    .map((order) => ({ order, words: runOrder(question, order) }))
    .sort((left, right) => distance(question, left.words) - distance(question, right.words));
  const nearest = ranked[0];
  const shape = shapeOfContradiction(question);
  const words = concernedWords(analysis, outcome, askedWords, nearest?.words);
  const groups = alikeSlots(question);
  const names = new Map(groups.flat().map((slot, index) => [slot, `S${index + 1}`]));
  return {
    summary: summaryOf(question, shape, lost),
    argument: [
      introduction(question, groups, names),
      ...words.map(({ word, initial, seen }) => `${word} was ${initial} before and was seen to be ${seen} after.`),
      ...(slots.length <= MAX_TOLD_SLOTS
        ? ranked.map(({ order, words: given }) => orderText(question, order, given, names))
        : nearestText(question, nearest, names)),
      ...(slots.length <= MAX_TOLD_SLOTS && lost === undefined ? ['There is no other order: a contradiction.'] : []),
      ...(lost === undefined ? [] : lost.argument),
    ],
    contradiction: { shape, slots, words, isMinimal, nearestOrder: nearest?.order },
  };
}

/** Slots or groups of slots that are named one by one. */
const MAX_NAMED = 12;

/** Slots that have the same text and do the same, together. */
function alikeSlots({ analysis, slots, stateWords }: Question): number[][] {
  const words = new Set(stateWords);
  const groups = new Map<string, number[]>();
  for (const slot of slots) {
    const key = `${slotText(analysis, slot).text} ${actionText(analysis, slot, words)}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [slot]);
    else group.push(slot);
  }
  return [...groups.values()];
}

function introduction(
  { analysis, slots, stateWords }: Question,
  groups: readonly (readonly number[])[],
  names: ReadonlyMap<number, string>,
): string {
  const words = new Set(stateWords);
  const told = groups.slice(0, MAX_NAMED);
  const shown = told.map((group) => {
    const [slot] = group;
    const { text } = slotText(analysis, slot);
    const action = actionText(analysis, slot, words);
    if (group.length === 1)
      return `${names.get(slot)} = slot ${slot}, ${text}${action === '' ? '' : `, which ${action}`}`;
    const last = group[group.length - 1];
    const numbers = group.slice(0, MAX_NAMED).join(', ');
    const list = `slots ${numbers}${group.length > MAX_NAMED ? ', …' : ''}`;
    return `${names.get(slot)} … ${names.get(last)} be ${list}: ${text}${action === '' ? '' : `, each of which ${action}`}`;
  });
  const left = slots.length - told.flat().length;
  return `Let ${shown.join('; ')}${left > 0 ? `; and ${left} more slots` : ''}.`;
}

function orderText(
  question: Question,
  order: readonly number[],
  given: Uint32Array,
  names: ReadonlyMap<number, string>,
): string {
  const wrong = wrongWords(question, given).map(
    ({ name, given: value, seen }) => `${name} would be ${value}, and ${seen} was seen`,
  );
  const why = wrong.length === 0 ? 'a slot would end otherwise than it was seen to' : listText(wrong);
  if (order.length === 1) return `When ${names.get(order[0])} has run, ${why}.`;
  return `${names.get(order[1])} cannot come after ${names.get(order[0])}, because then ${why}.`;
}

function nearestText(
  question: Question,
  nearest: { readonly order: readonly number[]; readonly words: Uint32Array } | undefined,
  names: ReadonlyMap<number, string>,
): string[] {
  if (nearest === undefined) return [];
  const wrong = wrongWords(question, nearest.words).map(
    ({ name, given, seen }) => `${name} = ${given} instead of ${seen}`,
  );
  const shown = nearest.order.slice(0, MAX_NAMED).map((slot) => names.get(slot));
  const order = [...shown, ...(nearest.order.length > MAX_NAMED ? ['…'] : [])].join(', ');
  const gives = wrong.length === 0 ? 'slots that end otherwise than they were seen to' : listText(wrong);
  return [`No order of these ${question.slots.length} slots gives that. The nearest, ${order}, gives ${gives}.`];
}

function wrongWords(question: Question, given: Uint32Array) {
  const { askedWords, outcome, analysis } = question;
  return askedWords
    .filter((word) => given[word] !== outcome.words[word])
    .map((word) => ({ name: wordText(analysis.scenario.kernel, word), given: given[word], seen: outcome.words[word] }));
}

function distance(question: Question, given: Uint32Array): number {
  return question.askedWords.filter((word) => given[word] !== question.outcome.words[word]).length;
}

/** What a question's slots alone give in an order. */
function runOrder(question: Question, order: readonly number[]): Uint32Array {
  const { analysis, initial, slots } = question;
  const { scenario, batchOf } = analysis;
  const chosen = [...slots].sort((left, right) => batchOf[left] - batchOf[right] || left - right);
  const place = new Map(chosen.map((slot, index) => [slot, index]));
  const batchEnds = chosen.flatMap((slot, index) =>
    index + 1 === chosen.length || batchOf[slot] !== batchOf[chosen[index + 1]] ? [index + 1] : [],
  );
  const part = { kernel: scenario.kernel, initial, slots: chosen.map((slot) => scenario.slots[slot]), batchEnds };
  const { words } = replayOrder(
    part,
    order.map((slot) => place.get(slot)!),
  );
  return withFoldedRecords(question, words);
}

/** The longest beginning that fitted, then the rest in the order of publishing. */
function completed({ slots, analysis }: Question, longest: readonly number[]): number[] {
  const { batchOf } = analysis;
  const order = [...longest, ...slots.filter((slot) => !longest.includes(slot))];
  return order.sort((left, right) => batchOf[left] - batchOf[right]);
}

function isInBatchOrder({ batchOf }: EpochAnalysis, order: readonly number[]): boolean {
  return order.every((slot, index) => index === 0 || batchOf[order[index - 1]] <= batchOf[slot]);
}

function permutations(items: readonly number[]): number[][] {
  if (items.length <= 1) return [[...items]];
  return items.flatMap((item, index) =>
    permutations(items.filter((_, other) => other !== index)).map((rest) => [item, ...rest]),
  );
}

function shapeOfContradiction({ slots, analysis, askedWords }: Question): ContradictionShape {
  const shapes = slots.map((slot) => analysis.shapes[slot]);
  if (askedWords.some((word) => shapes.filter((shape) => updates(shape, word)).length >= 2)) return 'lost update';
  if (shapes.some(({ steps }) => steps.some(({ kind }) => kind === 'compareExchange'))) return 'stale compare-exchange';
  if (shapes.some(isSeveralAccesses)) return 'torn';
  return 'no order';
}

/** Whether a slot stores to a word what it found there, changed: an update in two accesses. */
function updates({ steps }: SlotShape, word: number): boolean {
  return steps.some(
    ({ kind, word: stored, value }) =>
      kind === 'store' &&
      stored === word &&
      (value === undefined || (isLoaded(value) && steps[value.step]?.word === word)),
  );
}

function isSeveralAccesses({ steps }: SlotShape): boolean {
  return steps.filter(({ isValueUsed, kind }) => isValueUsed || kind === 'store').length > 1;
}

function summaryOf(
  { analysis, askedWords, outcome, slots }: Question,
  shape: ContradictionShape,
  lost: LostSlot | undefined,
): string {
  const { kernel } = analysis.scenario;
  const words = askedWords.slice(0, 3).map((word) => `${wordText(kernel, word)} = ${outcome.words[word]}`);
  const more = askedWords.length > 3 ? ` and ${askedWords.length - 3} more words` : '';
  const count = lost?.writers ?? slots.length;
  const why = lost === undefined ? '' : `: ${lost.summary}`;
  const what = `no order of its ${count} slot${count === 1 ? '' : 's'} gives ${words.join(', ')}${more}${why}`;
  return shape === 'no order' ? what : `${shape}: ${what}`;
}
