/**
 * What whole slots can make of one word, where nothing else decides it: the values that the word can have at all, and to
 * which of them each slot leads from each. A slot that must have run and after which what was seen cannot be reached any
 * more has been lost. Orders are not tried, so it does not matter how many slots there are: fifty that only ever raise a
 * word come to fifty values.
 *
 * This is collecting semantics: P. Cousot and R. Cousot, "Abstract interpretation" (1977), over a set that is finite and
 * small enough to be had exactly. It holds more than any order gives, since every slot may run any number of times.
 */

import { type Budget, unitsOfState } from './budget.ts';
import type { Question } from './question.ts';
import { type SlotMachine, SlotsTooLong } from './slot-machine.ts';
import { mayReach, type SlotShape } from './slot-shape.ts';

/** One word, the values that it can have, and what slots do to it. */
export interface WordValues {
  readonly word: number;
  /** All slots that may write it. */
  readonly writers: readonly number[];
  /** The first is what it is in the beginning. */
  readonly values: readonly number[];
  /** By place in `writers`, then in `values`: the place in `values` to which the slot leads. */
  readonly next: readonly (readonly number[])[];
}

/** Runs of slots for one word; more are not worth it. */
const MOST_RUNS = 100_000;
/** A word of which so few slots write may still have a few more values than slots. */
const SPARE_VALUES = 16;

/** The values of a word that is asked; undefined if they are too many or something else has a say in them. */
export function valuesOf(
  question: Question,
  word: number,
  machine: SlotMachine,
  budget: Budget,
): WordValues | undefined {
  const { slots, analysis, faults } = question;
  const { shapes } = analysis;
  const writers = slots.filter((slot) => mayWrite(shapes[slot], word));
  const isDecided = (slot: number) => faults[slot] === 'none' && isDecidedBy(shapes[slot], word);
  if (writers.length === 0 || !writers.every(isDecided)) return undefined;
  const unitsARun = Math.max(...writers.map((slot) => unitsOfState(shapes[slot].statements, 1)));
  // Searches are to have their half, whatever comes of this.
  const maxRuns = Math.min(MOST_RUNS, budget.nodesFor(unitsARun) / 2);
  const walk = new ValueWalk(question, word, writers, machine);
  try {
    return walk.run(maxRuns);
  } catch (error) {
    if (!(error instanceof SlotsTooLong)) throw error;
    return undefined;
  } finally {
    budget.spendNodes(walk.runs, unitsARun);
  }
}

class ValueWalk {
  runs = 0;
  readonly #question: Question;
  readonly #word: number;
  readonly #writers: readonly number[];
  readonly #machine: SlotMachine;

  constructor(question: Question, word: number, writers: readonly number[], machine: SlotMachine) {
    this.#question = question;
    this.#word = word;
    this.#writers = writers;
    this.#machine = machine;
  }

  run(maxRuns: number): WordValues | undefined {
    const writers = this.#writers;
    const values = [this.#question.initial[this.#word]];
    const places = new Map([[values[0], 0]]);
    const next: number[][] = writers.map(() => []);
    const maxValues = 2 * writers.length + SPARE_VALUES;
    for (let place = 0; place < values.length; place += 1) {
      if (values.length > maxValues || this.runs + writers.length > maxRuns) return undefined;
      for (const [writer, slot] of writers.entries()) {
        const left = this.#leaves(slot, values[place]);
        const known = places.get(left) ?? values.length;
        if (known === values.length) {
          places.set(left, known);
          values.push(left);
        }
        next[writer].push(known);
      }
    }
    return { word: this.#word, writers, values, next };
  }

  /** What a slot leaves in the word if it finds a value there. */
  #leaves(slot: number, value: number): number {
    const { words } = this.#machine;
    this.runs += 1;
    words.set(this.#question.initial);
    words[this.#word] = value;
    this.#machine.run(slot);
    return words[this.#word];
  }
}

function mayWrite({ isOpaque, steps }: SlotShape, word: number): boolean {
  return isOpaque || steps.some((step) => step.kind !== 'load' && mayReach(step, word));
}

/** Whether what a slot leaves in a word depends on nothing but what it finds there, in an epoch as it is. */
function isDecidedBy({ isOpaque, end, usesDebugFreely, readsOtherSlots, steps }: SlotShape, word: number): boolean {
  if (isOpaque || end !== 'done' || usesDebugFreely || readsOtherSlots) return false;
  return steps.every((step) => (mayReach(step, word) ? step.word === word : !step.isValueUsed));
}

/** By place in `values`, whether some slots lead there from some values, each of them as often as it likes. */
export function reachedFrom(
  { values, next }: WordValues,
  starts: readonly number[],
  takesPart: (writer: number) => boolean,
): readonly boolean[] {
  const isReached: boolean[] = values.map(() => false);
  const open = [...starts];
  for (const start of starts) isReached[start] = true;
  for (let place = open.pop(); place !== undefined; place = open.pop()) {
    for (const [writer, places] of next.entries()) {
      if (isReached[places[place]] || !takesPart(writer)) continue;
      isReached[places[place]] = true;
      open.push(places[place]);
    }
  }
  return isReached;
}

/** A shortest way from the beginning to a value, as places in `writers`; undefined if none leads there. */
export function wayTo(
  { next }: WordValues,
  wanted: number,
  takesPart: (writer: number) => boolean,
): readonly number[] | undefined {
  const ways = new Map<number, readonly number[]>([[0, []]]);
  // A map is walked in the order of insertion, what is inserted meanwhile included: breadth first.
  for (const [place, way] of ways) {
    if (place === wanted) return way;
    for (const [writer, places] of next.entries()) {
      if (takesPart(writer) && !ways.has(places[place])) ways.set(places[place], [...way, writer]);
    }
  }
  return undefined;
}
