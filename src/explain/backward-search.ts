/**
 * The search for a serial order from its end: which slot can have come last?
 *
 * What is known of the state is what has to be, not what is: a word has to hold a value, or not to hold some, or it is of
 * no matter. A slot that only writes words of no matter can always be last, and one that only looks can be last as soon
 * as what it saw has to be there; neither takes a choice. Forward, every order of such slots is another state; backward
 * most of them are none at all. It takes what a slot does as assignments (E. Dijkstra's weakest preconditions, 1975), so
 * it is only for slots of which all accesses are known.
 *
 * Slots that touch one shared word are cheap as long as words are looked at one by one; what ties words together are slots
 * that touch several, such as copies. So whatever falls apart is searched part by part, and what does not is searched by
 * the question which tying slot comes last: slots of other words can always be moved before it, so that only slots of its
 * own words are tried after it (a persistent set: P. Godefroid, "Partial-order methods for the verification of concurrent
 * systems", 1996).
 */

import { RandomWords } from '../base/random.ts';
import type { Question } from './question.ts';
import type { SerialAnswer } from './serial-level.ts';
import { type Effect, effectsOf, type SlotCase } from './slot-effects.ts';

/** Deeper than this, recursion might not fit the stack. */
const MAX_SLOTS = 1_000;
/** A choice looks at every slot that is left, so it takes as long as so many states of the search from the front. */
const NODES_A_CHOICE = 16;
/** Choices of the first try besides one for each slot, and how many times as many the next one has. */
const FIRST_BUDGET = 128;
const BUDGET_GROWTH = 1.25;
/** Parts of which the answer is kept. */
const MAX_KNOWN = 200_000;
/** Slots that cannot be last as things stand are tried after those that can. */
const UNFIT_RANK = 1_000;

/** Whether a question's slots are of the kind that this takes. */
export function isForBackward(question: Question): boolean {
  const { slots, askedRegions, waiting } = question;
  if (slots.length > MAX_SLOTS || askedRegions.length > 0 || waiting !== undefined) return false;
  return slots.every((slot) => effectsOf(question, slot) !== undefined);
}

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

type Demands = ReadonlyMap<number, Demand>;

/** Operations that are left and what has to be when they have all been, for the words that concern them. */
interface Part {
  /** Rising. */
  readonly left: readonly number[];
  readonly demands: Demands;
  /** The operation that ties words together and comes last of those, if that is settled. */
  readonly focus: number | undefined;
}

/** How operations that are left use the words. */
interface WordUses {
  readonly writers: ReadonlyMap<number, readonly number[]>;
  readonly readers: ReadonlyMap<number, readonly number[]>;
}

class BackwardSearch {
  readonly #question: Question;
  readonly #cases: (readonly SlotCase[])[];
  readonly #batches: readonly number[];
  /** By operation, the words that it may write, look at, and either. */
  readonly #writes: readonly (readonly number[])[];
  readonly #reads: readonly (readonly number[])[];
  readonly #touches: readonly (readonly number[])[];
  /** Parts that were searched to the end: the order found, from its last operation, or undefined for none. */
  readonly #known = new Map<string, readonly number[] | undefined>();
  /** From the last slot to the first. */
  readonly #order: number[] = [];
  #longest: readonly number[] = [];
  readonly #maxChoices: number;
  #choices = 0;
  #budgetEnd = 0;
  readonly #random = new RandomWords(1);

  constructor(question: Question, cases: (readonly SlotCase[])[], maxNodes: number) {
    this.#question = question;
    this.#maxChoices = Math.ceil(maxNodes / NODES_A_CHOICE);
    this.#batches = question.slots.map((slot) => question.analysis.batchOf[slot]);
    this.#cases = possibleCases(question, cases);
    this.#writes = cases.map((each) => distinct(each.flatMap(writesOf)));
    this.#reads = cases.map((each) => distinct(each.flatMap(readsOf)));
    this.#touches = cases.map((_, operation) => distinct([...this.#writes[operation], ...this.#reads[operation]]));
  }

  run(): SerialAnswer {
    const { askedWords, outcome, slots } = this.#question;
    // A slot that can have gone no way at all leaves no order.
    const isPossible = this.#cases.every((cases) => cases.length > 0);
    const left = [...this.#cases.keys()];
    const demands = new Map<number, Demand>(askedWords.map((word) => [word, outcome.words[word]]));
    let isFound = false;
    // A wrong choice near the end costs a search all it has, so it begins anew with other choices, for longer each time
    // (C. Gomes, B. Selman and H. Kautz, "Boosting combinatorial search through randomization", 1998). What it knows of
    // parts stays.
    for (let budget = FIRST_BUDGET + left.length; isPossible && !isFound; budget *= BUDGET_GROWTH) {
      this.#budgetEnd = Math.min(this.#maxChoices, this.#choices + budget);
      isFound = this.#search({ left, demands, focus: undefined });
      if (this.#choices < this.#budgetEnd || this.#budgetEnd === this.#maxChoices) break;
    }
    const nodes = Math.min(this.#choices, this.#maxChoices) * NODES_A_CHOICE;
    if (isFound) return { verdict: 'found', order: this.#inSlots(this.#order), nodes, lostWords: [] };
    const end = this.#inSlots(this.#longest);
    const begin = slots.filter((slot) => !end.includes(slot));
    const verdict = isPossible && this.#choices >= this.#maxChoices ? 'unknown' : 'none';
    return { verdict, order: [...begin, ...end], nodes, lostWords: [] };
  }

  /** From the first to the last; parts are one after the other, but batches are not. */
  #inSlots(order: readonly number[]): number[] {
    const first = order.toReversed().sort((one, other) => this.#batches[one] - this.#batches[other]);
    return first.map((operation) => this.#question.slots[operation]);
  }

  get #isSpent(): boolean {
    return this.#choices >= this.#budgetEnd;
  }

  /** Whether what is left can come before what is in `#order`, where it is then; if not, `#order` is as it was. */
  #search(given: Part): boolean {
    const depth = this.#order.length;
    const rest = this.#takeFreely(given);
    const uses = this.#usesOf(rest.left);
    if (this.#isInitial(rest.demands, uses)) {
      let isFound = true;
      for (const part of this.#partsOf(rest, uses)) isFound &&= this.#searchPart(part);
      if (isFound) return true;
    }
    return this.#fail(depth);
  }

  #fail(depth: number): false {
    if (this.#order.length > this.#longest.length) this.#longest = [...this.#order];
    this.#order.length = depth;
    return false;
  }

  /** Searches a part that does not fall apart. */
  #searchPart(part: Part): boolean {
    const key = keyOf(part);
    const known = this.#known.get(key);
    if (known !== undefined) this.#order.push(...known);
    if (this.#known.has(key)) return known !== undefined;
    const depth = this.#order.length;
    this.#choices += 1;
    const isFound = !this.#isSpent && this.#choose(part);
    // What was cut off is not known.
    if ((isFound || !this.#isSpent) && this.#known.size < MAX_KNOWN) {
      this.#known.set(key, isFound ? this.#order.slice(depth) : undefined);
    }
    return isFound || this.#fail(depth);
  }

  #choose(part: Part): boolean {
    const last = this.#ofLastBatch(part.left);
    const words = this.#mainWords(part);
    const isTie = (operation: number) => countOf(this.#touches[operation], words) > 1;
    if (part.focus !== undefined) {
      const others = last.filter((each) => !isTie(each));
      return this.#chooseAround(part, part.focus, others);
    }
    const ties = last.filter(isTie);
    if (ties.length > 0) return this.#chooseTie(part, ties);
    // None of them has to do with those of other words, and whatever has comes before all of them.
    const word = this.#touches[last[0]].find((each) => words.has(each));
    const ofWord = last.filter((each) => word === undefined || this.#touches[each].includes(word));
    return this.#try(part, this.#candidates(part, ofWord));
  }

  /** Settles which of the slots that tie words together comes last. */
  #chooseTie(part: Part, ties: readonly number[]): boolean {
    const ranks = new Map<number, number>();
    for (const { operation, rank } of this.#candidates(part, ties)) {
      ranks.set(operation, Math.min(rank, ranks.get(operation) ?? Number.POSITIVE_INFINITY));
    }
    const rankOf = (tie: number) => ranks.get(tie) ?? UNFIT_RANK + this.#random.next() / 2 ** 32;
    const ranked = ties.map((tie) => ({ tie, rank: rankOf(tie) })).sort((one, other) => one.rank - other.rank);
    for (const { tie } of ranked) {
      if (this.#searchPart({ ...part, focus: tie })) return true;
      if (this.#isSpent) return false;
    }
    return false;
  }

  /** Takes the slot that was settled on, or one that touches but one of its words and comes after it. */
  #chooseAround(part: Part, focus: number, others: readonly number[]): boolean {
    const near = others.filter((each) => this.#touches[each].some((word) => this.#touches[focus].includes(word)));
    return this.#try(part, this.#candidates(part, [...near, focus]));
  }

  #candidates({ demands }: Part, operations: readonly number[]): Candidate[] {
    return operations
      .flatMap((operation) => this.#cases[operation].flatMap((each) => this.#candidate(demands, operation, each) ?? []))
      .sort((left, right) => left.rank - right.rank);
  }

  #try({ left, demands, focus }: Part, candidates: readonly Candidate[]): boolean {
    for (const { operation, changes } of candidates) {
      const rest = {
        left: left.filter((each) => each !== operation),
        demands: withChanges(demands, changes),
        focus: focus === operation ? undefined : focus,
      };
      if (this.#isHopeless(rest, changes, operation)) continue;
      this.#order.push(operation);
      if (this.#search(rest)) return true;
      this.#order.pop();
      if (this.#isSpent) return false;
    }
    return false;
  }

  /** Takes slots that can be last without a choice, as long as there are some. */
  #takeFreely({ left, demands, focus }: Part): Part {
    const rest = new Set(left);
    const readers = new Map<number, number>();
    for (const operation of left) for (const word of this.#reads[operation]) add(readers, word, 1);
    const after = new Map(demands);
    for (let hasTaken = true; hasTaken; ) {
      hasTaken = false;
      for (const operation of this.#ofLastBatch([...rest])) {
        const changes = this.#freeChanges(after, readers, operation);
        if (changes === undefined) continue;
        for (const [word, demand] of changes) after.set(word, demand);
        for (const word of this.#reads[operation]) add(readers, word, -1);
        rest.delete(operation);
        this.#order.push(operation);
        hasTaken = true;
      }
    }
    return { left: [...rest], demands: after, focus: focus !== undefined && rest.has(focus) ? focus : undefined };
  }

  /** What taking a slot changes if nothing is lost by taking it now; undefined if something may be. */
  #freeChanges(
    demands: Demands,
    readers: ReadonlyMap<number, number>,
    operation: number,
  ): Candidate['changes'] | undefined {
    const cases = this.#cases[operation];
    const writes = this.#writes[operation];
    const ownReads = (word: number) => (this.#reads[operation].includes(word) ? 1 : 0);
    // Somebody that is left and looks may need what it wrote.
    if (writes.some((word) => (readers.get(word) ?? 0) !== ownReads(word))) return undefined;
    if (writes.every((word) => demands.get(word) === undefined)) return [];
    if (cases.length !== 1) return undefined;
    const candidate = this.#candidate(demands, operation, cases[0]);
    if (candidate === undefined) return undefined;
    // In any order it can be moved to the end: nobody misses it where it was, and what it wrote is asked of nobody else.
    // That takes that nothing is asked before it but what is asked after it, and nothing of the words that it writes.
    const after = new Map(candidate.changes);
    const isFreed = (word: number) => (after.has(word) ? after.get(word) : demands.get(word)) === undefined;
    const isFree = candidate.changes.every(([word]) => writes.includes(word)) && writes.every(isFreed);
    return isFree ? candidate.changes : undefined;
  }

  /** The weakest demands before a case that make those after it come true; undefined if none do. */
  #candidate(demands: Demands, operation: number, { effects, equals, differs }: SlotCase): Candidate | undefined {
    const changes = new Map<number, Demand>();
    for (const { word } of effects) changes.set(word, undefined);
    const demand = (word: number) => (changes.has(word) ? changes.get(word) : demands.get(word));
    const ask = (word: number, wanted: Demand): boolean => {
      const both = bothOf(demand(word), wanted);
      if (both === 'nothing') return false;
      if (both !== demand(word)) changes.set(word, both);
      return true;
    };
    for (const effect of effects) {
      const wanted = demands.get(effect.word);
      if (wanted !== undefined && !askedBefore(effect, wanted, ask)) return undefined;
    }
    for (const { word, value } of equals) if (!ask(word, value)) return undefined;
    for (const { word, value } of differs) if (!ask(word, [value])) return undefined;
    const list = [...changes].filter(([word, after]) => after !== demands.get(word));
    let rank = 0;
    for (const [word, after] of list) rank += weight(after) - weight(demands.get(word));
    return { operation, changes: list, rank: rank + this.#random.next() / 2 ** 32 };
  }

  #ofLastBatch(left: readonly number[]): readonly number[] {
    const last = left.reduce((latest, operation) => Math.max(latest, this.#batches[operation]), 0);
    return left.filter((operation) => this.#batches[operation] === last);
  }

  #usesOf(left: readonly number[]): WordUses {
    const [writers, readers] = [new Map<number, number[]>(), new Map<number, number[]>()];
    for (const operation of left) {
      for (const word of this.#writes[operation]) append(writers, word, operation);
      for (const word of this.#reads[operation]) append(readers, word, operation);
    }
    return { writers, readers };
  }

  /** Whether words that nobody is left to write hold what they have to. */
  #isInitial(demands: Demands, { writers }: WordUses): boolean {
    const { initial } = this.#question;
    return [...demands].every(([word, demand]) => writers.has(word) || meets(initial[word], demand));
  }

  /** Words that tie those together who touch them: somebody is left to write them, and something of them matters. */
  #tyingWords({ left, demands }: Part): ReadonlySet<number> {
    const { writers, readers } = this.#usesOf(left);
    return new Set([...writers.keys()].filter((word) => demands.get(word) !== undefined || readers.has(word)));
  }

  /**
   * Tying words but for those that go along with another: whoever is left and touches the one touches the other too. Such
   * are the words where slots leave what they found.
   */
  #mainWords(part: Part): ReadonlySet<number> {
    const tying = this.#tyingWords(part);
    const users = new Map<number, number[]>();
    for (const operation of part.left) {
      for (const word of this.#touches[operation]) if (tying.has(word)) append(users, word, operation);
    }
    const goesAlong = (word: number, of: readonly number[]) =>
      this.#touches[of[0]].some((other) => {
        const count = users.get(other)?.length ?? 0;
        const isLarger = count > of.length || (count === of.length && other < word);
        return isLarger && of.every((operation) => this.#touches[operation].includes(other));
      });
    return new Set([...users].filter(([word, of]) => !goesAlong(word, of)).map(([word]) => word));
  }

  /** What is left as parts that have nothing to do with each other, the smallest first. */
  #partsOf(rest: Part, uses: WordUses): Part[] {
    const words = this.#tyingWords(rest);
    const parts: Part[] = [];
    const placed = new Set<number>();
    for (const begin of rest.left) {
      if (placed.has(begin)) continue;
      placed.add(begin);
      const demands = new Map<number, Demand>();
      const left = [begin];
      // The list grows while it is walked.
      for (const operation of left) {
        for (const word of this.#touches[operation]) {
          if (!words.has(word) || demands.has(word)) continue;
          demands.set(word, rest.demands.get(word));
          for (const other of [...(uses.writers.get(word) ?? []), ...(uses.readers.get(word) ?? [])]) {
            if (placed.has(other)) continue;
            placed.add(other);
            left.push(other);
          }
        }
      }
      left.sort((one, other) => one - other);
      // Of words that nobody is left to write it matters what was there at first, so what is asked of them stays.
      for (const operation of left) {
        for (const word of this.#touches[operation]) if (!demands.has(word)) demands.set(word, rest.demands.get(word));
      }
      parts.push({ left, demands, focus: left.find((operation) => operation === rest.focus) });
    }
    return parts.sort((one, other) => one.left.length - other.left.length);
  }

  /** Whether a word that was asked for can be brought about neither by a slot that is left nor by the beginning. */
  #isHopeless({ left, demands }: Part, changes: Candidate['changes'], operation: number): boolean {
    const words = new Set([...changes.map(([word]) => word), ...this.#writes[operation]]);
    for (const word of words) if (!this.#isWithinReach(word, left, demands.get(word))) return true;
    return false;
  }

  #isWithinReach(word: number, left: readonly number[], demand: Demand): boolean {
    if (demand === undefined) return true;
    let surelyWritten = false;
    for (const operation of left) {
      if (!this.#writes[operation].includes(word)) continue;
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
}

/** What was seen in a word that is a slot's alone says which way the slot went. */
function possibleCases(question: Question, cases: readonly (readonly SlotCase[])[]): (readonly SlotCase[])[] {
  const asked = new Set(question.askedWords);
  const owners = new Map<number, number>();
  for (const [operation, each] of cases.entries()) {
    for (const word of distinct([...each.flatMap(writesOf), ...each.flatMap(readsOf)])) {
      owners.set(word, owners.has(word) ? -1 : operation);
    }
  }
  const isPossible = (operation: number, { effects, equals, differs }: SlotCase) =>
    effects.every(({ word, base, value }) => {
      if (owners.get(word) !== operation || !asked.has(word)) return true;
      const seen = question.outcome.words[word];
      if (base === undefined) return seen === value;
      const before = (seen - value) >>> 0;
      const isEqual = equals.every((guard) => guard.word !== base || guard.value === before);
      return isEqual && differs.every((guard) => guard.word !== base || guard.value !== before);
    });
  return cases.map((each, operation) => each.filter((one) => isPossible(operation, one)));
}

function keyOf({ left, demands, focus }: Part): string {
  const asked = [...demands].filter(([, demand]) => demand !== undefined);
  asked.sort(([one], [other]) => one - other);
  const texts = asked.map(([word, demand]) => `${word}=${typeof demand === 'number' ? demand : `!${demand}`}`);
  return `${focus ?? ''}|${left.join(' ')}|${texts.join(' ')}`;
}

function withChanges(demands: Demands, changes: Candidate['changes']): Demands {
  const changed = new Map(demands);
  for (const [word, demand] of changes) changed.set(word, demand);
  return changed;
}

function writesOf({ effects }: SlotCase): number[] {
  return effects.map(({ word }) => word);
}

function distinct(words: readonly number[]): number[] {
  return [...new Set(words)];
}

function add(counts: Map<number, number>, word: number, by: 1 | -1): void {
  counts.set(word, (counts.get(word) ?? 0) + by);
}

function countOf(words: readonly number[], among: ReadonlySet<number>): number {
  let count = 0;
  for (const word of words) if (among.has(word)) count += 1;
  return count;
}

function append(lists: Map<number, number[]>, word: number, operation: number): void {
  const list = lists.get(word);
  if (list === undefined) lists.set(word, [operation]);
  else list.push(operation);
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
