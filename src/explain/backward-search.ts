/**
 * The search for a serial order from its end: which slot can have come last?
 *
 * What is known of the state is what has to be, not what is: a word has to hold a value, or not to hold some, or it is of
 * no matter. A slot that only writes words of no matter can always be last, and one that only looks can be last as soon
 * as what it saw has to be there; neither takes a choice. Forward, every order of such slots is another state; backward
 * most of them are none at all. It takes what a slot does as assignments (E. Dijkstra's weakest preconditions, 1975), so
 * it is only for slots of which all accesses are known.
 */

import { RandomWords } from '../base/random.ts';
import type { Question } from './question.ts';
import type { SerialAnswer } from './serial-level.ts';
import { type Effect, effectsOf, type SlotCase } from './slot-effects.ts';

/** Deeper than this, recursion might not fit the stack. */
const MAX_SLOTS = 2_000;
/** A choice looks at every slot that is left, so it takes as long as so many states of the search from the front. */
const NODES_A_CHOICE = 16;
/** Choices of the first try, and how many times as many the next one has. */
const FIRST_BUDGET = 128;
const BUDGET_GROWTH = 1.25;

/** Looks for an order from its end; undefined if the slots are not of the kind that this takes. */
export function answerBackward(question: Question, maxNodes: number): SerialAnswer | undefined {
  const { slots, askedRegions, waiting } = question;
  if (slots.length > MAX_SLOTS || askedRegions.length > 0 || waiting !== undefined) return undefined;
  const cases = slots.map((slot) => effectsOf(question, slot));
  // Every member is checked; the compiler does not see through `includes`.
  if (cases.includes(undefined)) return undefined;
  return new BackwardSearch(question, cases as (readonly SlotCase[])[], maxNodes).run();
}

/** What a word has to be: a value, anything but some values, or anything. */
type Demand = number | readonly number[] | undefined;

/** A case as it stands: the demands before it, where they differ from those after it. */
interface Candidate {
  readonly operation: number;
  readonly changes: readonly (readonly [word: number, demand: Demand])[];
  readonly rank: number;
}

class BackwardSearch {
  readonly #question: Question;
  readonly #cases: (readonly SlotCase[])[];
  readonly #batches: readonly number[];
  /** By word, what it has to be. */
  #demands = new Map<number, Demand>();
  readonly #left: Set<number>;
  /** By word, the operations that may write it, and how many that are left look at it. */
  readonly #writers = new Map<number, number[]>();
  readonly #readers = new Map<number, number>();
  /** By word, the only operation that touches it, or −1. */
  readonly #owners = new Map<number, number>();
  readonly #visited = new Set<string>();
  /** From the last slot to the first. */
  readonly #order: number[] = [];
  #longest: readonly number[] = [];
  readonly #maxChoices: number;
  #choices = 0;
  #budgetEnd = 0;
  readonly #random = new RandomWords(1);

  constructor(question: Question, cases: (readonly SlotCase[])[], maxNodes: number) {
    this.#question = question;
    this.#cases = cases;
    this.#maxChoices = Math.ceil(maxNodes / NODES_A_CHOICE);
    this.#batches = question.slots.map((slot) => question.analysis.batchOf[slot]);
    this.#left = new Set(cases.keys());
    for (const word of question.askedWords) this.#demands.set(word, question.outcome.words[word]);
    for (const operation of cases.keys()) this.#index(operation);
    for (const operation of cases.keys()) this.#cases[operation] = this.#possibleCases(operation);
  }

  run(): SerialAnswer {
    // A slot that can have gone no way at all leaves no order.
    const isPossible = this.#cases.every((cases) => cases.length > 0);
    let isFound = false;
    // A wrong choice near the end costs a search all it has, so it begins anew with other choices, for longer each time
    // (C. Gomes, B. Selman and H. Kautz, "Boosting combinatorial search through randomization", 1998).
    for (let budget = FIRST_BUDGET; isPossible && !isFound; budget *= BUDGET_GROWTH) {
      this.#budgetEnd = Math.min(this.#maxChoices, this.#choices + budget);
      isFound = this.#search();
      if (this.#choices < this.#budgetEnd || this.#budgetEnd === this.#maxChoices) break;
      this.#visited.clear();
    }
    const nodes = Math.min(this.#choices, this.#maxChoices) * NODES_A_CHOICE;
    if (isFound) {
      const order = this.#order.map((operation) => this.#question.slots[operation]).reverse();
      return { verdict: 'found', order, nodes, lostWords: [] };
    }
    const end = this.#longest.map((operation) => this.#question.slots[operation]).reverse();
    const begin = this.#question.slots.filter((slot) => !end.includes(slot));
    const verdict = this.#choices >= this.#maxChoices ? 'unknown' : 'none';
    return { verdict, order: [...begin, ...end], nodes, lostWords: [] };
  }

  #index(operation: number): void {
    const writes = new Set(this.#cases[operation].flatMap(({ effects }) => effects.map(({ word }) => word)));
    const reads = new Set(this.#cases[operation].flatMap(readsOf));
    for (const word of writes) this.#writers.set(word, [...(this.#writers.get(word) ?? []), operation]);
    for (const word of reads) this.#readers.set(word, (this.#readers.get(word) ?? 0) + 1);
    for (const word of new Set([...writes, ...reads])) {
      this.#owners.set(word, (this.#owners.get(word) ?? operation) === operation ? operation : -1);
    }
  }

  /** What was seen in a word that is a slot's alone says which way the slot went. */
  #possibleCases(operation: number): readonly SlotCase[] {
    return this.#cases[operation].filter((each) =>
      each.effects.every(({ word, base, value }) => {
        const demand = this.#owners.get(word) === operation ? this.#demands.get(word) : undefined;
        if (typeof demand !== 'number') return true;
        if (base === undefined) return demand === value;
        const before = (demand - value) >>> 0;
        const equals = each.equals.every((guard) => guard.word !== base || guard.value === before);
        return equals && each.differs.every((guard) => guard.word !== base || guard.value !== before);
      }),
    );
  }

  /** Whether what is left can come before what is in `#order`; if not, everything is as it was. */
  #search(): boolean {
    const depth = this.#order.length;
    const before = this.#demands;
    this.#demands = new Map(before);
    this.#takeFreely();
    if (this.#left.size === 0) {
      if (this.#isInitial()) return true;
    } else if (this.#isNew()) {
      this.#choices += 1;
      if (this.#choices < this.#budgetEnd && this.#choose()) return true;
    }
    if (this.#order.length > this.#longest.length) this.#longest = [...this.#order];
    while (this.#order.length > depth) this.#putBack();
    this.#demands = before;
    return false;
  }

  #choose(): boolean {
    const candidates = [...this.#ofLastBatch()].flatMap((operation) =>
      this.#cases[operation].flatMap((each) => this.#candidate(operation, each) ?? []),
    );
    candidates.sort((left, right) => left.rank - right.rank);
    for (const { operation, changes } of candidates) {
      const before = this.#demands;
      this.#demands = new Map(before);
      this.#take(operation, changes);
      if (!this.#isHopeless(changes, operation) && this.#search()) return true;
      this.#putBack();
      this.#demands = before;
      if (this.#choices >= this.#budgetEnd) return false;
    }
    return false;
  }

  /** Takes slots that can be last without a choice, as long as there are some. */
  #takeFreely(): void {
    for (let hasTaken = true; hasTaken; ) {
      hasTaken = false;
      for (const operation of this.#ofLastBatch()) {
        const changes = this.#freeChanges(operation);
        if (changes === undefined) continue;
        this.#take(operation, changes);
        hasTaken = true;
      }
    }
  }

  /** What taking a slot changes if nothing is lost by taking it now; undefined if something may be. */
  #freeChanges(operation: number): Candidate['changes'] | undefined {
    const cases = this.#cases[operation];
    const writes = cases.flatMap(({ effects }) => effects.map(({ word }) => word));
    // Somebody that is left and looks may need what it wrote.
    if (writes.some((word) => (this.#readers.get(word) ?? 0) !== this.#ownReads(operation, word))) return undefined;
    if (writes.every((word) => this.#demands.get(word) === undefined)) return [];
    if (cases.length !== 1) return undefined;
    const candidate = this.#candidate(operation, cases[0]);
    if (candidate === undefined) return undefined;
    // In any order it can be moved to the end: nobody misses it where it was, and what it wrote is asked of nobody else.
    // That takes that nothing is asked before it but what is asked after it, and nothing of the words that it writes.
    const after = new Map(candidate.changes);
    const isFreed = (word: number) => (after.has(word) ? after.get(word) : this.#demands.get(word)) === undefined;
    const written = new Set(writes);
    const isFree = candidate.changes.every(([word]) => written.has(word)) && writes.every(isFreed);
    return isFree ? candidate.changes : undefined;
  }

  #ownReads(operation: number, word: number): number {
    return this.#cases[operation].some((each) => readsOf(each).includes(word)) ? 1 : 0;
  }

  /** The weakest demands before a case that make those after it come true; undefined if none do. */
  #candidate(operation: number, { effects, equals, differs }: SlotCase): Candidate | undefined {
    const changes = new Map<number, Demand>();
    for (const { word } of effects) changes.set(word, undefined);
    const demand = (word: number) => (changes.has(word) ? changes.get(word) : this.#demands.get(word));
    const ask = (word: number, wanted: Demand): boolean => {
      const both = bothOf(demand(word), wanted);
      if (both === 'nothing') return false;
      if (both !== demand(word)) changes.set(word, both);
      return true;
    };
    for (const effect of effects) {
      const wanted = this.#demands.get(effect.word);
      if (wanted !== undefined && !askedBefore(effect, wanted, ask)) return undefined;
    }
    for (const { word, value } of equals) if (!ask(word, value)) return undefined;
    for (const { word, value } of differs) if (!ask(word, [value])) return undefined;
    const list = [...changes].filter(([word, after]) => after !== this.#demands.get(word));
    let rank = 0;
    for (const [word, after] of list) rank += weight(after) - weight(this.#demands.get(word));
    return { operation, changes: list, rank: rank + this.#random.next() / 2 ** 32 };
  }

  #take(operation: number, changes: Candidate['changes']): void {
    for (const [word, demand] of changes) this.#demands.set(word, demand);
    this.#left.delete(operation);
    this.#order.push(operation);
    this.#countReads(operation, -1);
  }

  #putBack(): void {
    const operation = this.#order.pop()!;
    this.#left.add(operation);
    this.#countReads(operation, 1);
  }

  #countReads(operation: number, by: 1 | -1): void {
    for (const word of new Set(this.#cases[operation].flatMap(readsOf))) {
      this.#readers.set(word, (this.#readers.get(word) ?? 0) + by);
    }
  }

  #ofLastBatch(): number[] {
    const left = [...this.#left];
    const last = Math.max(...left.map((operation) => this.#batches[operation]));
    return left.filter((operation) => this.#batches[operation] === last);
  }

  #isInitial(): boolean {
    for (const [word, demand] of this.#demands) if (!meets(this.#question.initial[word], demand)) return false;
    return true;
  }

  /** Whether a word that was asked for can be brought about neither by a slot that is left nor by the beginning. */
  #isHopeless(changes: Candidate['changes'], operation: number): boolean {
    const words = new Set(changes.map(([word]) => word));
    for (const { effects } of this.#cases[operation]) for (const { word } of effects) words.add(word);
    for (const word of words) if (!this.#isWithinReach(word)) return true;
    return false;
  }

  #isWithinReach(word: number): boolean {
    const demand = this.#demands.get(word);
    if (demand === undefined) return true;
    let surelyWritten = false;
    for (const operation of this.#writers.get(word) ?? []) {
      if (!this.#left.has(operation)) continue;
      let writesAlways = true;
      for (const { effects } of this.#cases[operation]) {
        const effect = effects.find((each) => each.word === word);
        if (effect === undefined) writesAlways = false;
        else if (effect.base !== undefined || meets(effect.value, demand)) return true;
      }
      surelyWritten ||= writesAlways;
    }
    return !surelyWritten && meets(this.#question.initial[word], demand);
  }

  #isNew(): boolean {
    const left = [...this.#left].sort((one, other) => one - other).join(' ');
    const demands = [...this.#demands].filter(([, demand]) => demand !== undefined);
    demands.sort(([one], [other]) => one - other);
    const key = `${left}|${demands.map(([word, demand]) => `${word}=${typeof demand === 'number' ? demand : `!${demand}`}`).join(' ')}`;
    if (this.#visited.has(key)) return false;
    this.#visited.add(key);
    return true;
  }
}

function readsOf({ effects, equals, differs }: SlotCase): number[] {
  const bases = effects.flatMap(({ base }) => (base === undefined ? [] : [base]));
  return [...bases, ...equals.map(({ word }) => word), ...differs.map(({ word }) => word)];
}

/** Asks for what makes an effect leave what is wanted. */
function askedBefore({ base, value }: Effect, wanted: Demand, ask: (word: number, wanted: Demand) => boolean): boolean {
  if (base === undefined) return meets(value, wanted);
  if (typeof wanted === 'number') return ask(base, (wanted - value) >>> 0);
  return ask(
    base,
    wanted?.map((each) => (each - value) >>> 0),
  );
}

function bothOf(left: Demand, right: Demand): Demand | 'nothing' {
  if (left === undefined || right === undefined) return left ?? right;
  if (typeof left === 'number') return meets(left, right) ? left : 'nothing';
  if (typeof right === 'number') return meets(right, left) ? right : 'nothing';
  const added = right.filter((value) => !left.includes(value));
  return added.length === 0 ? left : [...left, ...added].sort((one, other) => one - other);
}

function meets(value: number, demand: Demand): boolean {
  if (demand === undefined) return true;
  return typeof demand === 'number' ? value === demand : !demand.includes(value);
}

/** How much a demand asks for; a choice that asks for less is tried first. */
function weight(demand: Demand): number {
  if (demand === undefined) return 0;
  return typeof demand === 'number' ? 4 : 1;
}
