/** Slots that cannot have run as a whole, told from what slots can make of one word. */

import type { Budget } from './budget.ts';
import type { Question } from './question.ts';
import type { SlotMachine } from './slot-machine.ts';
import { listText, slotName, wordText } from './tell.ts';
import { reachedFrom, valuesOf, type WordValues, wayTo } from './word-values.ts';

/** A word that came out as no order of whole slots leaves it. */
export interface LostSlot {
  /** The one word and the slots of the argument, which by themselves do not give it either. */
  readonly question: Question;
  /** How many slots write the word. Where some were left out, single accesses of the rest say nothing of all. */
  readonly writers: number;
  /** Whether none of its slots can be left out. */
  readonly isMinimal: boolean;
  /** What it comes to, as a part of a sentence. */
  readonly summary: string;
  /** Why no order gives it, whatever slots were left out. */
  readonly argument: readonly string[];
}

/** Looks for a word of a question that no order of its slots leaves as it was seen. */
export function findLostSlot(question: Question, machine: SlotMachine, budget: Budget): LostSlot | undefined {
  for (const word of question.askedWords) {
    const values = valuesOf(question, word, machine, budget);
    const lost = values === undefined ? undefined : lostIn(question, values);
    if (lost !== undefined) return lost;
  }
  return undefined;
}

function lostIn(question: Question, values: WordValues): LostSlot | undefined {
  const seen = values.values.indexOf(question.outcome.words[values.word]);
  if (seen < 0) return outOfReach(question, values);
  const trend = trendOf(values);
  const lost = values.writers
    .map((_, writer) => afterRunning(values, writer, trend))
    .filter(({ isReached }) => !isReached[seen]);
  // The one that is furthest from what was seen says most.
  const told = lost.toSorted((left, right) =>
    trend === 'falls' ? left.bound - right.bound : right.bound - left.bound,
  );
  return told.length === 0 ? undefined : lostSlot(question, values, told[0], seen);
}

/** Which way all slots change a word, if they change it one way. */
type Trend = 'rises' | 'falls' | undefined;

function trendOf({ values, next }: WordValues): Trend {
  const isAlways = (holds: (before: number, after: number) => boolean) =>
    next.every((places) => places.every((place, from) => holds(values[from], values[place])));
  if (isAlways((before, after) => before <= after)) return 'rises';
  return isAlways((before, after) => before >= after) ? 'falls' : undefined;
}

/** How a word may stand once a slot has run, with all others before or after it. */
interface AfterRunning {
  readonly writer: number;
  readonly trend: Trend;
  /** What the slot leaves at least; of a word that falls, at most. */
  readonly bound: number;
  readonly isReached: readonly boolean[];
}

function afterRunning(values: WordValues, writer: number, trend: Trend): AfterRunning {
  const isOther = (other: number) => other !== writer;
  const before = reachedFrom(values, [0], isOther);
  const left = new Set(values.next[writer].filter((_, from) => before[from]));
  const numbers = [...left].map((place) => values.values[place]);
  const bound = trend === 'falls' ? Math.max(...numbers) : Math.min(...numbers);
  return { writer, trend, bound, isReached: reachedFrom(values, [...left], isOther) };
}

function lostSlot(question: Question, values: WordValues, lost: AfterRunning, seen: number): LostSlot {
  const { word, writers } = values;
  const way = wayTo(values, seen, (writer) => writer !== lost.writer) ?? [];
  const slots = question.slots.filter((slot) => [lost.writer, ...way].some((writer) => writers[writer] === slot));
  const name = wordText(question.analysis.scenario.kernel, word);
  const slot = slotName(writers[lost.writer]);
  const value = question.outcome.words[word];
  const others = `The others of the ${writers.length} slots that may write ${name} do not help`;
  const told = { question: { ...question, slots, askedWords: [word] }, writers: writers.length };
  // One more than the lost one is what leaves what was seen.
  const isMinimal = slots.length <= 2;
  if (!isBeyond(lost, value)) {
    const argument = `${others}: once ${slot} has run, they lead to ${reachedText(values, lost)}, and not to ${value}.`;
    return { ...told, isMinimal, summary: `${slot} is lost`, argument: [argument] };
  }
  const [most, opposite] = lost.trend === 'rises' ? ['least', 'smaller'] : ['most', 'larger'];
  const bound = `${slot} leaves at ${most} ${lost.bound} in it`;
  return {
    ...told,
    isMinimal,
    summary: `${bound}, and none makes it ${opposite}`,
    argument: [`${others}: whatever they find there, none makes it ${opposite}, and ${bound}.`],
  };
}

/** Whether what a slot leaves, and which way the word goes from there, already says why a value is out of reach. */
function isBeyond({ trend, bound }: AfterRunning, value: number): boolean {
  return trend === 'rises' ? bound > value : trend === 'falls' && bound < value;
}

/** Values that are listed. */
const MAX_LISTED = 8;

function reachedText({ values }: WordValues, { isReached }: AfterRunning): string {
  return valuesText(values.filter((_, place) => isReached[place]));
}

function valuesText(values: readonly number[]): string {
  const texts = values.toSorted((left, right) => left - right).map(String);
  if (texts.length === 1) return texts[0];
  if (texts.length <= MAX_LISTED) return `one of ${listText(texts)}`;
  return `one of ${texts.slice(0, MAX_LISTED).join(', ')}, … (${texts.length} values)`;
}

function outOfReach(question: Question, { word, writers, values }: WordValues): LostSlot {
  const name = wordText(question.analysis.scenario.kernel, word);
  return {
    question: { ...question, slots: writers, askedWords: [word] },
    writers: writers.length,
    isMinimal: writers.length === 1,
    summary: 'whole slots never leave that there',
    argument: [`Whatever their order, ${name} holds ${valuesText(values)}.`],
  };
}
