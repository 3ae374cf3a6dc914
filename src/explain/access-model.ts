/**
 * Single accesses as operations of the serial search: what slots do is known step by step, so no kernel has to run. A slot
 * of which the opcode is to be whole makes all the accesses of the opcode in one operation.
 */

import type { MemoryModel } from '../explore/index.ts';
import { findSerialOrder, type SerialModel } from '../serial/index.ts';
import { applyCommuting, type Question } from './question.ts';
import { isLoaded, mayReach, type ShapeValue, type SlotStep } from './slot-shape.ts';

export interface AccessOrder {
  readonly verdict: 'found' | 'none' | 'unknown';
  readonly nodes: number;
}

/**
 * Whether there is an order of the single accesses of a question's slots that answers it; undefined if it is not known
 * what these are.
 *
 * @param isWhole slots of which nobody comes in between what the opcode does.
 * @param memory whether the accesses of a slot come in the order of its program; relaxed memory keeps that order for those
 *   to one word and where one takes what another found.
 */
export function orderAccesses(
  question: Question,
  isWhole: (slot: number) => boolean,
  maxNodes: number,
  memory: MemoryModel = 'sequential',
): AccessOrder | undefined {
  const { slots, analysis, askedRegions, waiting } = question;
  const batches = new Set(slots.map((slot) => analysis.batchOf[slot]));
  if (batches.size > 1 || askedRegions.length > 0 || waiting !== undefined) return undefined;
  if (!slots.every((slot) => isPlain(question, slot) && takesWhatIsKnown(question, slot))) return undefined;
  const model = new AccessModel(question, isWhole, memory);
  const result = findSerialOrder(model, { order: { pairs: model.pairs }, maxNodes });
  return { verdict: result.verdict, nodes: result.nodes };
}

/** Whether all of a slot's accesses happen, to words and with values that are known or were loaded, and it is done. */
function isPlain({ analysis, stateWords, faults }: Question, slot: number): boolean {
  const { steps, isOpaque, end, records } = analysis.shapes[slot];
  if (isOpaque || end !== 'done' || faults[slot] !== 'none') return false;
  if (records.length > 0 && stateWords.includes(analysis.scenario.kernel.controlWords)) return false;
  return steps.every((step) => step.word !== undefined && !step.isConditional && hasKnownValues(step));
}

/**
 * Whether all that a slot's steps take of others was found in a word that is followed, or loaded from one that keeps the value
 * it had: a slot that seemed to write it may turn out not to. Asked of slots that are plain.
 */
function takesWhatIsKnown({ analysis, slots, stateWords }: Question, slot: number): boolean {
  const { steps } = analysis.shapes[slot];
  return steps.flatMap(takenBy).every((index) => {
    const { kind, word } = steps[index];
    if (stateWords.includes(word!)) return true;
    const writes = (step: SlotStep) => step.kind !== 'load' && mayReach(step, word!);
    return kind === 'load' && !slots.some((each) => analysis.shapes[each].steps.some(writes));
  });
}

function hasKnownValues({ kind, value, expected }: SlotStep): boolean {
  const isKnown = (each: ShapeValue) => typeof each === 'number' || isLoaded(each);
  return kind === 'load' || (isKnown(value) && (kind !== 'compareExchange' || isKnown(expected)));
}

interface Place {
  readonly slot: number;
  readonly index: number;
  readonly step: SlotStep;
  /** Whether an access of the slot after it takes what it found. */
  readonly isTaken: boolean;
}

class AccessModel implements SerialModel {
  readonly operationCount: number;
  readonly pairs: (readonly [number, number])[] = [];
  readonly #question: Question;
  readonly #operations: (readonly Place[])[] = [];
  readonly #words: Uint32Array;
  readonly #asked: ReadonlySet<number>;
  /** By word, the operations to come that may write it. */
  readonly #writers = new Map<number, number>();
  /** By slot, what those of its steps found that are taken. */
  readonly #found: ReadonlyMap<number, number[]>;
  /** Those steps, of all slots. */
  readonly #taken: Place[] = [];
  readonly #undo: number[] = [];
  #hash = 0;

  constructor(question: Question, isWhole: (slot: number) => boolean, memory: MemoryModel) {
    this.#question = question;
    this.#words = question.initial.slice();
    this.#asked = new Set(question.askedWords);
    const states = new Set(question.stateWords);
    const { shapes } = question.analysis;
    // What is in no word that is followed stays what it was.
    const before = ({ word }: SlotStep) => (states.has(word!) ? 0 : question.initial[word!]);
    this.#found = new Map(question.slots.map((slot) => [slot, shapes[slot].steps.map(before)]));
    for (const slot of question.slots) {
      const { steps } = shapes[slot];
      const taken = new Set(steps.flatMap(takenBy));
      const places = steps
        .map((step, index) => ({ slot, index, step, isTaken: taken.has(index) }))
        .filter(({ step }) => states.has(step.word!));
      this.#taken.push(...places.filter(({ isTaken }) => isTaken));
      const operations = isWhole(slot) ? runsOf(places) : places.map((place) => [place]);
      const first = this.#operations.length;
      for (const [index, operation] of operations.entries()) {
        for (let before = 0; before < index; before += 1) {
          const isKept = memory === 'sequential' ? before === index - 1 : isOrdered(operations[before], operation);
          if (isKept) this.pairs.push([first + before, first + index]);
        }
        this.#operations.push(operation);
      }
    }
    this.operationCount = this.#operations.length;
    for (const operation of this.#operations) this.#count(operation, 1);
  }

  apply(operation: number): boolean {
    const places = this.#operations[operation];
    for (const place of places) this.#access(place);
    this.#count(places, -1);
    const isLost = places.some(({ step: { word } }) => {
      return this.#writers.get(word!) === 0 && this.#asked.has(word!) && this.#words[word!] !== this.#wanted(word!);
    });
    if (!isLost) return true;
    this.undo(operation);
    return false;
  }

  undo(operation: number): void {
    const places = this.#operations[operation];
    this.#count(places, 1);
    for (const place of places.toReversed()) {
      this.#set(place.step.word!, this.#undo.pop()!);
      if (place.isTaken) this.#remember(place, this.#undo.pop()!);
    }
  }

  isFinal(): boolean {
    return this.#question.askedWords.every((word) => this.#words[word] === this.#wanted(word));
  }

  stateHash(): number {
    return this.#hash;
  }

  captureState(): unknown {
    return [
      ...this.#question.stateWords.map((word) => this.#words[word]),
      ...this.#taken.map(({ slot, index }) => this.#found.get(slot)![index]),
    ];
  }

  equalsState(captured: unknown): boolean {
    // What `captureState` made; the search hands back nothing else.
    const state = captured as readonly number[];
    let at = 0;
    for (const word of this.#question.stateWords) if (state[at++] !== this.#words[word]) return false;
    return this.#taken.every(({ slot, index }) => state[at++] === this.#found.get(slot)![index]);
  }

  #wanted(word: number): number {
    return this.#question.outcome.words[word];
  }

  #access(place: Place): void {
    const { slot, index, step, isTaken } = place;
    const word = step.word!;
    const before = this.#words[word];
    const found = this.#found.get(slot)!;
    if (isTaken) {
      this.#undo.push(found[index]);
      this.#remember(place, before);
    }
    this.#undo.push(before);
    const numberOf = (value: ShapeValue) =>
      isLoaded(value) ? (found[value.step] + value.plus) >>> 0 : (value as number) >>> 0;
    switch (step.kind) {
      case 'load':
        break;
      case 'store':
        this.#set(word, numberOf(step.value));
        break;
      case 'compareExchange':
        if (before === numberOf(step.expected)) this.#set(word, numberOf(step.value));
        break;
      case 'modify': {
        const value = numberOf(step.value);
        const isExchange = step.operation === undefined || step.operation === 'exchange';
        this.#set(word, isExchange ? value : applyCommuting(step.operation, before, value));
      }
    }
  }

  #set(word: number, value: number): void {
    this.#hash ^= mix(word, this.#words[word]) ^ mix(word, value);
    this.#words[word] = value;
  }

  #remember({ slot, index }: Place, value: number): void {
    const found = this.#found.get(slot)!;
    const place = 0x1000_0000 + slot * 64 + index;
    this.#hash ^= mix(place, found[index]) ^ mix(place, value);
    found[index] = value;
  }

  #count(places: readonly Place[], by: 1 | -1): void {
    for (const { step } of places) {
      if (step.kind !== 'load') this.#writers.set(step.word!, (this.#writers.get(step.word!) ?? 0) + by);
      else if (!this.#writers.has(step.word!)) this.#writers.set(step.word!, 0);
    }
  }
}

/** By what belongs together. */
function runsOf(places: readonly Place[]): readonly (readonly Place[])[] {
  const runs = new Map<number, Place[]>();
  for (const place of places) runs.set(place.step.run, [...(runs.get(place.step.run) ?? []), place]);
  return [...runs.values()];
}

/** Whether relaxed memory keeps the order of two operations of a slot. */
function isOrdered(before: readonly Place[], after: readonly Place[]): boolean {
  return before.some(({ step: { word }, index }) =>
    after.some(({ step }) => step.word === word || takenBy(step).includes(index)),
  );
}

/** The steps of its slot of which a step takes what they found. */
function takenBy({ value, expected }: SlotStep): number[] {
  return [value, expected].filter(isLoaded).map(({ step }) => step);
}

function mix(place: number, value: number): number {
  const mixed = Math.imul(value ^ Math.imul(place + 1, 0x9e37_79b1), 0x85eb_ca6b);
  return Math.imul(mixed ^ (mixed >>> 15), 0xc2b2_ae35) ^ (mixed >>> 13);
}
