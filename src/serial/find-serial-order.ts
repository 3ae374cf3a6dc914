/**
 * Depth-first search for an order in which operations, one after the other, do what they were seen to do: J. Wing and C.
 * Gong, "Testing and verifying concurrent objects" (1993), with the memo of G. Lowe, "Testing for linearizability" (2017),
 * as in A. Athalye's Porcupine.
 */

import { InputError } from '../base/errors.ts';
import { LinkedOperations } from './linked-operations.ts';
import { VisitedPlaces } from './memo.ts';
import type { SerialModel, SerialSearchOptions, SerialSearchResult } from './model.ts';
import { type Precedence, precedenceOf } from './precedence.ts';

export const DEFAULT_MAX_NODES = 1_000_000;

/**
 * Looks for an order of a model's operations.
 *
 * @param model in the state before all operations; afterwards it is in that state again.
 * @throws InputError for an order or a limit that is none.
 */
export function findSerialOrder(model: SerialModel, options: SerialSearchOptions = {}): SerialSearchResult {
  return new Search(model, options).run();
}

/** Lists of operations to try, in this order. */
const OBSERVERS = 0;
const ACTORS = 1;
/** A cursor behind everything that there was to try. */
const EXHAUSTED = -1;

class Search {
  readonly #model: SerialModel;
  readonly #optional: Uint8Array;
  readonly #precedence: Precedence;
  readonly #remaining: LinkedOperations;
  /** Operations that are applied as soon as they fit, since they change nothing. */
  readonly #isObserver: Uint8Array;
  /** Whether the lists are in the order of calls, so that the first one that is too late ends them. */
  readonly #isByCall: boolean;
  /** The operation of the same class that has to come first, or −1. */
  readonly #earlierOfClass: Int32Array;
  readonly #isApplied: Uint8Array;
  readonly #visited: VisitedPlaces;
  readonly #maxNodes: number;
  readonly #order: number[] = [];
  /** How many operations are applied that may not be left out; how many there are. */
  #required = 0;
  readonly #requiredCount: number;
  #longest: readonly number[] = [];
  #longestRequired = 0;
  #nodes = 0;
  #hasGivenUp = false;

  constructor(model: SerialModel, options: SerialSearchOptions) {
    const count = model.operationCount;
    this.#model = model;
    this.#maxNodes = checkedLimit(options.maxNodes ?? DEFAULT_MAX_NODES);
    this.#optional = flags(count, options.isOptional);
    this.#requiredCount = this.#optional.filter((isOptional) => isOptional === 0).length;
    this.#precedence = precedenceOf(options.order, this.#optional);
    this.#isObserver = this.#findObservers();
    this.#isByCall = options.preference === undefined;
    this.#remaining = this.#listOperations(options);
    this.#earlierOfClass = linkClasses(count, options, this.#optional);
    this.#isApplied = new Uint8Array(count);
    this.#visited = new VisitedPlaces(model);
  }

  run(): SerialSearchResult {
    const isFound = this.#search();
    const order = Array.from(this.#order);
    while (this.#order.length > 0) this.#takeBack();
    if (isFound) return { verdict: 'found', order, nodes: this.#nodes };
    return { verdict: this.#hasGivenUp ? 'unknown' : 'none', longest: this.#longest, nodes: this.#nodes };
  }

  /** Whether an order was found; then its operations are applied. */
  #search(): boolean {
    if (this.#isComplete()) return true;
    let cursor = this.#firstToTry();
    for (;;) {
      if (cursor === EXHAUSTED) {
        if (this.#order.length === 0) return false;
        const operation = this.#takeBack();
        cursor = this.#isObserver[operation] === 1 ? EXHAUSTED : this.#nextToTry(operation);
        continue;
      }
      if (this.#nodes >= this.#maxNodes) {
        this.#hasGivenUp = true;
        return false;
      }
      if (!this.#enter(cursor)) cursor = this.#nextToTry(cursor);
      else if (this.#isComplete()) return true;
      else cursor = this.#firstToTry();
    }
  }

  #isComplete(): boolean {
    return this.#required === this.#requiredCount && this.#model.isFinal();
  }

  /** Applies an operation if it may come next, fits, and leads to where the search has not been. */
  #enter(operation: number): boolean {
    const earlier = this.#earlierOfClass[operation];
    if (earlier >= 0 && this.#isApplied[earlier] === 0) return false;
    if (!this.#precedence.isReady(operation) || !this.#model.apply(operation)) return false;
    this.#nodes += 1;
    this.#put(operation);
    // Where an observer leads to follows from where it was applied, and that place is kept.
    if (this.#isObserver[operation] === 1) return true;
    if (this.#model.isHopeless?.() !== true && this.#visited.enter()) return true;
    this.#takeBack();
    return false;
  }

  #put(operation: number): void {
    this.#order.push(operation);
    this.#isApplied[operation] = 1;
    this.#required += 1 - this.#optional[operation];
    this.#remaining.lift(operation);
    this.#precedence.apply(operation);
    this.#visited.toggle(operation);
  }

  /** Takes back the operation that was applied last, and returns it. */
  #takeBack(): number {
    // The longest prefix is copied when it ends, not whenever it grows: long histories that fit take no time for it.
    if (this.#required > this.#longestRequired) {
      this.#longestRequired = this.#required;
      this.#longest = Array.from(this.#order);
    }
    const operation = this.#order.pop()!;
    this.#isApplied[operation] = 0;
    this.#required -= 1 - this.#optional[operation];
    this.#visited.toggle(operation);
    this.#precedence.undo(operation);
    this.#remaining.unlift(operation);
    this.#model.undo(operation);
    return operation;
  }

  #firstToTry(): number {
    const observer = this.#unlessTooLate(this.#remaining.first(OBSERVERS));
    return observer === EXHAUSTED ? this.#unlessTooLate(this.#remaining.first(ACTORS)) : observer;
  }

  #nextToTry(operation: number): number {
    const next = this.#unlessTooLate(this.#remaining.next(operation));
    if (next !== EXHAUSTED || this.#isObserver[operation] === 0) return next;
    return this.#unlessTooLate(this.#remaining.first(ACTORS));
  }

  #unlessTooLate(operation: number): number {
    const isTooLate = operation >= 0 && this.#isByCall && this.#precedence.endsCalls(operation);
    return isTooLate ? EXHAUSTED : operation;
  }

  /** One that somebody left out may have to come before keeps its place: there may be reasons for it to come later. */
  #findObservers(): Uint8Array {
    return this.#optional.map((isOptional, operation) => {
      const isObserver = isOptional === 0 && this.#model.changesNothing?.(operation) === true;
      return isObserver && !this.#precedence.hasOptionalBefore(operation) ? 1 : 0;
    });
  }

  #listOperations({ order, preference }: SerialSearchOptions): LinkedOperations {
    const ranks = preference ?? (order !== undefined && 'call' in order ? order.call : undefined);
    const operations = Array.from(this.#optional.keys());
    // Sorting is stable, so equals stay by number.
    if (ranks !== undefined) operations.sort((left, right) => ranks[left] - ranks[right]);
    const observers = operations.filter((operation) => this.#isObserver[operation] === 1);
    const actors = operations.filter((operation) => this.#isObserver[operation] === 0 && !this.#isUseless(operation));
    return new LinkedOperations(operations.length, [observers, actors]);
  }

  /** What may be left out and does nothing is left out. */
  #isUseless(operation: number): boolean {
    return this.#optional[operation] === 1 && this.#model.changesNothing?.(operation) === true;
  }
}

function checkedLimit(maxNodes: number): number {
  if (Number.isSafeInteger(maxNodes) && maxNodes >= 0) return maxNodes;
  throw new InputError(`a search cannot stop after ${maxNodes} nodes`, 'give a whole number from 0 on.');
}

function flags(count: number, isSet: ((operation: number) => boolean) | undefined): Uint8Array {
  return Uint8Array.from({ length: count }, (_, operation) => (isSet?.(operation) === true ? 1 : 0));
}

/**
 * Of each operation the one of its class that has to be applied before it, or −1. One that may be left out and returned
 * stands alone: with its equals left out, it may be too late for those and not for it.
 */
function linkClasses(count: number, { classOf, order }: SerialSearchOptions, optional: Uint8Array): Int32Array {
  const earlier = new Int32Array(count).fill(-1);
  if (classOf === undefined) return earlier;
  const returns = order !== undefined && 'call' in order ? order.return : undefined;
  // One that may be left out and one that may not are no equals.
  const newest = [new Map<number, number>(), new Map<number, number>()];
  for (let operation = 0; operation < count; operation += 1) {
    if (optional[operation] === 1 && returns !== undefined && returns[operation] < Infinity) continue;
    const ofKind = newest[optional[operation]];
    earlier[operation] = ofKind.get(classOf(operation)) ?? -1;
    ofKind.set(classOf(operation), operation);
  }
  return earlier;
}
