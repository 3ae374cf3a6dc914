/**
 * A contradiction made small. A slot may be left out only if what remains is still a fair question: nothing that remains
 * loads what it wrote, and the words that it wrote are asked no more. Then any order of all slots, with that slot crossed
 * out, is an order of the rest that answers the smaller question; so if the smaller one has no answer, the larger has none.
 */

import type { Budget } from './budget.ts';
import type { LostSlot } from './lost-slot.ts';
import type { Question } from './question.ts';
import { answerSerially, type SerialAnswer } from './serial-level.ts';
import type { SlotMachine } from './slot-machine.ts';
import { reachedOf, type SlotShape } from './slot-shape.ts';

/** A question without an answer, as small as it gets. */
export interface SmallContradiction {
  readonly question: Question;
  readonly answer: SerialAnswer;
  /** Whether each further step was tried and failed. */
  readonly isMinimal: boolean;
  /** Why no order answers it, where that was told without orders; it may leave out slots that were no fair ones to. */
  readonly lost: LostSlot | undefined;
}

/** Makes a question that has no answer smaller, slot by slot, then word by word. */
export function shrinkContradiction(
  question: Question,
  answer: SerialAnswer,
  machine: SlotMachine,
  budget: Budget,
): SmallContradiction {
  const shrinker = new Shrinker(question, answer, machine, budget);
  shrinker.run();
  return shrinker.result();
}

class Shrinker {
  #question: Question;
  #answer: SerialAnswer;
  readonly #machine: SlotMachine;
  readonly #budget: Budget;
  #isMinimal = true;

  constructor(question: Question, answer: SerialAnswer, machine: SlotMachine, budget: Budget) {
    this.#question = question;
    this.#answer = answer;
    this.#machine = machine;
    this.#budget = budget;
  }

  run(): void {
    for (let changed = true; changed; ) {
      changed = false;
      // From the back, so that those that were published first stay if either will do.
      for (const slot of this.#question.slots.toReversed()) {
        const smaller = this.#question.slots.includes(slot) ? withoutSlot(this.#question, slot) : undefined;
        if (smaller !== undefined && this.#take(smaller)) changed = true;
      }
      if (this.#leaveOutWords()) changed = true;
    }
  }

  /** Many at once first: of a thousand words that are asked, an argument is about two or three. */
  #leaveOutWords(): boolean {
    let changed = false;
    for (let size = Math.ceil(this.#question.askedWords.length / 2); size >= 1; size = Math.floor(size / 2)) {
      const words = this.#question.askedWords;
      for (let at = 0; at < words.length; at += size) {
        const chunk = new Set(words.slice(at, at + size));
        const askedWords = this.#question.askedWords.filter((word) => !chunk.has(word));
        if (this.#take({ ...this.#question, askedWords })) changed = true;
      }
    }
    return changed;
  }

  result(): SmallContradiction {
    const [question, answer, isMinimal] = [this.#question, this.#answer, this.#isMinimal];
    return { question, answer, isMinimal, lost: undefined };
  }

  #take(smaller: Question): boolean {
    if (this.#budget.isSpent) {
      this.#isMinimal = false;
      return false;
    }
    const answer = answerSerially(smaller, this.#machine, this.#budget);
    if (answer.verdict === 'unknown') this.#isMinimal = false;
    if (answer.verdict !== 'none') return false;
    this.#question = smaller;
    this.#answer = answer;
    return true;
  }
}

/** The question that leaves a slot out; undefined if that would be no fair one. */
function withoutSlot(question: Question, slot: number): Question | undefined {
  const { slots, analysis, askedWords, askedRegions, waiting } = question;
  const rest = slots.filter((each) => each !== slot);
  const shape = analysis.shapes[slot];
  const states = new Set(question.stateWords);
  const written = wordsOf(shape, 'written', states);
  const prints = shape.records.length > 0 && states.has(analysis.scenario.kernel.controlWords);
  if (rest.length === 0 || written === undefined || prints) return undefined;
  if (waiting !== undefined || askedRegions.length > 0) return undefined;
  const loads = rest.map((each) => wordsOf(analysis.shapes[each], 'read', states));
  const isRead = loads.some((words) => words === undefined || [...written].some((word) => words.has(word)));
  if (isRead) return undefined;
  return { ...question, slots: rest, askedWords: askedWords.filter((word) => !written.has(word)) };
}

/** Of the words that orders may differ in, those that a slot may write or that matter to what it does; undefined: any. */
function wordsOf(
  { steps, isOpaque }: SlotShape,
  how: 'written' | 'read',
  states: ReadonlySet<number>,
): Set<number> | undefined {
  const words = new Set<number>();
  if (isOpaque) return undefined;
  for (const step of steps) {
    const { kind, isValueUsed, operation } = step;
    const isConcerned = how === 'written' ? kind !== 'load' : kind !== 'store';
    // What an addition leaves depends on what was there, whether or not it is looked at.
    if (!isConcerned || (how === 'read' && operation === 'exchange' && !isValueUsed)) continue;
    for (const word of reachedOf(step, states)) words.add(word);
  }
  return words;
}
