/** The slots of a question as operations of the serial search: a slot is applied by running it. */

import { compareSnapshots } from '../observe/index.ts';
import { SlotStatus } from '../protocol/index.ts';
import type { SerialModel } from '../serial/index.ts';
import type { Question } from './question.ts';
import { hasEnded, type SlotMachine } from './slot-machine.ts';
import { isLoaded, mayReach, reachedOf, type SlotShape } from './slot-shape.ts';

/** Operation *i* is slot `question.slots[i]`. */
export class ComponentModel implements SerialModel {
  readonly operationCount: number;
  readonly #question: Question;
  readonly #machine: SlotMachine;
  readonly #words: Uint32Array;
  readonly #asked: Uint8Array;
  readonly #wanted: Uint32Array;
  /** By operation, the words that it may write and that orders may differ in. */
  readonly #writes: readonly Uint32Array[];
  readonly #observers: readonly boolean[];
  readonly #isState: ReadonlySet<number>;
  /** By word, the only slot that touches it, or −1. */
  readonly #owners: ReadonlyMap<number, number>;
  /** By word, how many operations that are not applied may leave it as it is wanted, and how many surely do not. */
  readonly #providers: Int32Array;
  readonly #spoilers: Int32Array;
  /** By operation, parallel to its words: whether it is a provider of it. */
  readonly #provides: readonly Uint8Array[];
  /** What was in the words before each applied operation, end to end. */
  readonly #undo: number[] = [];
  readonly #waits: boolean[] = [];
  #waiting = 0;
  #hash = 0;

  constructor(question: Question, machine: SlotMachine) {
    this.#question = question;
    this.#machine = machine;
    this.#words = machine.words;
    this.#words.set(question.initial);
    this.operationCount = question.slots.length;
    const { shapes } = question.analysis;
    this.#asked = new Uint8Array(this.#words.length);
    this.#wanted = question.outcome.words;
    for (const word of question.askedWords) this.#asked[word] = 1;
    const states = new Set(question.stateWords);
    this.#isState = states;
    this.#owners = ownersOf(question);
    this.#writes = question.slots.map((slot) => writesOf(shapes[slot], states, question));
    this.#provides = question.slots.map((slot, operation) =>
      Uint8Array.from(this.#writes[operation], (word) =>
        surelySpoils(shapes[slot], word, this.#wanted[word]) ? 0 : 1,
      ),
    );
    this.#providers = new Int32Array(this.#words.length);
    this.#spoilers = new Int32Array(this.#words.length);
    for (let operation = 0; operation < this.operationCount; operation += 1) this.#count(operation, 1);
    this.#observers = question.slots.map((slot) => this.#isObserver(shapes[slot], slot));
  }

  /** The words that are not as wanted and that no order can mend; empty if there is none. */
  lostWords(): number[] {
    return this.#question.askedWords.filter((word) => this.#isLost(word));
  }

  /** Pairs (before, after) that hold in every order: what surely spoils a word comes before its only provider. */
  impliedPairs(): [number, number][] {
    const pairs: [number, number][] = [];
    const spoilers = this.#spoilersByWord();
    for (let operation = 0; operation < this.operationCount; operation += 1) {
      for (const [at, word] of this.#writes[operation].entries()) {
        const isOnly = this.#provides[operation][at] === 1 && this.#asked[word] === 1 && this.#providers[word] === 1;
        if (!isOnly || this.#spoilers[word] === 0 || this.#wanted[word] === this.#words[word]) continue;
        for (const other of spoilers.get(word) ?? []) pairs.push([other, operation]);
      }
    }
    return pairs;
  }

  #spoilersByWord(): Map<number, number[]> {
    const spoilers = new Map<number, number[]>();
    for (let operation = 0; operation < this.operationCount; operation += 1) {
      for (const [at, word] of this.#writes[operation].entries()) {
        if (this.#provides[operation][at] === 1) continue;
        const known = spoilers.get(word);
        if (known === undefined) spoilers.set(word, [operation]);
        else known.push(operation);
      }
    }
    return spoilers;
  }

  apply(operation: number): boolean {
    const slot = this.#question.slots[operation];
    const writes = this.#writes[operation];
    for (const word of writes) this.#undo.push(this.#words[word]);
    const status = this.#machine.run(slot);
    const waits = !hasEnded(status);
    this.#waits.push(waits);
    if (waits) this.#waiting += 1;
    this.#rehash(writes);
    this.#count(operation, -1);
    if (this.#fits(slot, status) && !this.#hasLost(writes)) return true;
    this.undo(operation);
    return false;
  }

  undo(operation: number): void {
    const writes = this.#writes[operation];
    this.#rehash(writes);
    const start = this.#undo.length - writes.length;
    for (let at = 0; at < writes.length; at += 1) this.#words[writes[at]] = this.#undo[start + at];
    this.#undo.length = start;
    if (this.#waits.pop() === true) this.#waiting -= 1;
    this.#count(operation, 1);
  }

  isFinal(): boolean {
    const { askedWords, askedRegions, analysis, waiting } = this.#question;
    if (waiting !== undefined && waiting !== this.#waiting) return false;
    for (const word of askedWords) if (this.#words[word] !== this.#wanted[word]) return false;
    if (askedRegions.length === 0) return true;
    const regions = askedRegions.map((region) => analysis.layout.regions[region]);
    return compareSnapshots({ ...analysis.layout, regions }, this.#wanted, this.#words).differences.length === 0;
  }

  stateHash(): number {
    return this.#hash ^ this.#waiting;
  }

  captureState(): unknown {
    const { stateWords } = this.#question;
    const state = new Uint32Array(stateWords.length + 1);
    for (let at = 0; at < stateWords.length; at += 1) state[at] = this.#words[stateWords[at]];
    state[stateWords.length] = this.#waiting;
    return state;
  }

  equalsState(captured: unknown): boolean {
    const { stateWords } = this.#question;
    // What `captureState` made; the search hands back nothing else.
    const state = captured as Uint32Array;
    for (let at = 0; at < stateWords.length; at += 1) if (state[at] !== this.#words[stateWords[at]]) return false;
    return state[stateWords.length] === this.#waiting;
  }

  changesNothing(operation: number): boolean {
    return this.#observers[operation];
  }

  #fits(slot: number, status: number): boolean {
    const { waiting, faults } = this.#question;
    if (waiting !== undefined && this.#waiting > waiting) return false;
    const expected = faults[slot];
    if (expected === undefined) return true;
    if (status !== SlotStatus.FAULT) return expected === 'none';
    const [reason, detail] = this.#machine.faultOf(slot);
    return expected !== 'none' && expected[0] === reason && expected[1] === detail;
  }

  #hasLost(writes: Uint32Array): boolean {
    for (const word of writes) if (this.#asked[word] === 1 && this.#isLost(word)) return true;
    return false;
  }

  /** Whether a word can no longer come out as it is wanted. */
  #isLost(word: number): boolean {
    if (this.#providers[word] > 0) return false;
    return this.#spoilers[word] > 0 || this.#words[word] !== this.#wanted[word];
  }

  #count(operation: number, by: 1 | -1): void {
    const writes = this.#writes[operation];
    const provides = this.#provides[operation];
    for (let at = 0; at < writes.length; at += 1) {
      if (provides[at] === 1) this.#providers[writes[at]] += by;
      else this.#spoilers[writes[at]] += by;
    }
  }

  /** Called after an operation, and before it is undone: what its words held before is on top of `#undo`. */
  #rehash(writes: Uint32Array): void {
    const start = this.#undo.length - writes.length;
    for (let at = 0; at < writes.length; at += 1) {
      const word = writes[at];
      this.#hash ^= mix(word, this.#undo[start + at]) ^ mix(word, this.#words[word]);
    }
  }

  /**
   * Whether a slot leaves things as they are whenever it fits: all it stores are words that are its alone, which are as
   * wanted then; and a compare-exchange that is known to have failed.
   */
  #isObserver(shape: SlotShape, slot: number): boolean {
    const { analysis, askedRegions } = this.#question;
    if (shape.isOpaque || shape.end !== 'done' || askedRegions.length > 0) return false;
    if (shape.records.length > 0 && !analysis.areRecordsFolded) return false;
    return shape.steps.every((each, step) => {
      const { kind, word, expected } = each;
      if (kind === 'load') return true;
      if (word === undefined) return reachedOf(each, this.#isState).length === 0;
      if (!this.#isState.has(word) || this.#owners.get(word) === slot) return true;
      if (kind !== 'compareExchange' || typeof expected !== 'number') return false;
      const seen = this.#knownOldValue(shape, slot, step);
      return seen !== undefined && seen !== expected;
    });
  }

  /** What a step found, if the slot stored it in a word of its own and it was seen there. */
  #knownOldValue(shape: SlotShape, slot: number, step: number): number | undefined {
    return knownOldValue(shape, step, (word) =>
      this.#asked[word] === 1 && this.#owners.get(word) === slot ? this.#wanted[word] : undefined,
    );
  }
}

/**
 * What a step of a slot found, told by the word that the slot stored it in.
 *
 * @param privateValue what was seen in a word that only this slot touches.
 */
export function knownOldValue(
  shape: SlotShape,
  step: number,
  privateValue: (word: number) => number | undefined,
): number | undefined {
  for (const { word, plus } of keptLoadsOf(shape).get(step) ?? []) {
    const seen = privateValue(word);
    if (seen !== undefined) return (seen - plus) >>> 0;
  }
  return undefined;
}

/** A word in which a slot leaves what one of its steps found, and something added to it. */
interface KeptLoad {
  readonly word: number;
  readonly plus: number;
}

const keptLoads = new WeakMap<SlotShape, ReadonlyMap<number, readonly KeptLoad[]>>();

/** By step, where the slot leaves what it found. Told once a shape: a slot that loops has thousands of steps. */
function keptLoadsOf(shape: SlotShape): ReadonlyMap<number, readonly KeptLoad[]> {
  const known = keptLoads.get(shape);
  if (known !== undefined) return known;
  const kept = new Map<number, KeptLoad[]>();
  keptLoads.set(shape, kept);
  for (const { kind, word, value, isConditional } of shape.steps) {
    if (kind !== 'store' || isConditional || word === undefined || !isLoaded(value)) continue;
    // A word that is stored twice shows the second value only.
    if (shape.steps.filter((each) => mayReach(each, word)).length !== 1) continue;
    kept.set(value.step, [...(kept.get(value.step) ?? []), { word, plus: value.plus }]);
  }
  return kept;
}

/** By word, the only slot of the question that touches it, or −1; nothing where a slot may touch anything. */
export function ownersOf({ slots, analysis, stateWords }: Question): Map<number, number> {
  const owners = new Map<number, number>();
  const states = new Set(stateWords);
  for (const slot of slots) {
    const { steps, isOpaque } = analysis.shapes[slot];
    if (isOpaque) return new Map();
    for (const step of steps) {
      for (const word of reachedOf(step, states)) owners.set(word, (owners.get(word) ?? slot) === slot ? slot : -1);
    }
  }
  return owners;
}

function writesOf(shape: SlotShape, states: ReadonlySet<number>, question: Question): Uint32Array {
  if (shape.isOpaque) return Uint32Array.from(states);
  const words = new Set<number>();
  for (const step of shape.steps) {
    if (step.kind !== 'load') for (const word of reachedOf(step, states)) words.add(word);
  }
  const { kernel } = question.analysis.scenario;
  if (shape.records.length > 0 || shape.usesDebugFreely) {
    for (const word of states) if (word >= kernel.controlWords) words.add(word);
  }
  return Uint32Array.from(words);
}

/** Whether a slot certainly leaves another value in a word than the one that is wanted, whatever it loads. */
function surelySpoils(shape: SlotShape, word: number, wanted: number): boolean {
  if (shape.isOpaque) return false;
  const last = shape.steps.findLast((step) => step.kind !== 'load' && mayReach(step, word));
  if (last?.word === undefined) return false;
  return last.kind === 'store' && !last.isConditional && typeof last.value === 'number' && last.value !== wanted;
}

function mix(word: number, value: number): number {
  const mixed = Math.imul(value ^ Math.imul(word + 1, 0x9e37_79b1), 0x85eb_ca6b);
  return Math.imul(mixed ^ (mixed >>> 15), 0xc2b2_ae35) ^ (mixed >>> 13);
}
