/** The smallest part of a history that has no order, by itself a proof that the whole has none. */

import type { SerialSearchResult } from '../serial/index.ts';
import type { CellModel } from './cell-model.ts';
import { type Check, isChange } from './language.ts';
import { type Part, type PartProblem, problemOf, search } from './part.ts';
import type { Value } from './values.ts';

/** An operation that could have come next by its times, and why it does not fit. */
export interface Misfit {
  /** Its place in the history. */
  readonly operation: number;
  /** The cell that it looked at; '' if there is but one. */
  readonly cell: string;
  readonly check: Check;
  /** What it should have found there, and what is there. */
  readonly expected: Value;
  readonly found: Value;
}

/** How far an order goes. Operations are places in the history. */
export interface Progress {
  /** The beginning of an order that fitted furthest. */
  readonly prefix: readonly number[];
  /** What could have come next and does not fit there. */
  readonly misfits: readonly Misfit[];
}

/**
 * Operations that no order explains, even if of all others only the calls are believed: whether they ever happened, when
 * after their calls, and what they answered is left open.
 */
export interface Contradiction extends Progress {
  /** Places in the history, by call. */
  readonly operations: readonly number[];
  /** How many others were called early enough to matter. */
  readonly others: number;
  /** Whether it was shown that none of them can be done without. */
  readonly isMinimal: boolean;
  readonly nodes: number;
}

/** Most contradictions are small after a few thousand states; what is not found in so many takes too long to wait for. */
const MOST_NODES = 200_000;
/** Below that a search for a smaller part is not worth starting. */
const LEAST_NODES = 1_000;
/** What one search may have of the nodes that are left: a hard one must not use up those of all others. */
const SHARE = 4;

/**
 * Makes the contradiction of a part that has no order as small as it gets.
 *
 * To believe less is sound: whatever explains the whole history explains it too, so what has no order then has none at
 * all. The less is believed, the more is possible; so one pass, in which every operation is tried once alone, leaves
 * none that can be done without (A. Zeller and R. Hildebrandt 2002 for the halves before that).
 *
 * @param maxNodes for all searches together.
 */
export function findContradiction(part: Part, maxNodes: number): Contradiction {
  return new Reduction(part, maxNodes).run();
}

class Reduction {
  readonly #part: Part;
  readonly #maxNodes: number;
  #nodes = 0;
  #isMinimal = true;

  constructor(part: Part, maxNodes: number) {
    this.#part = part;
    this.#maxNodes = Math.min(maxNodes, MOST_NODES);
  }

  run(): Contradiction {
    const kept = this.#withoutNeedless(this.#shortestBeginning());
    const problem = this.#problem(kept);
    const result = search(problem, Math.max(LEAST_NODES, this.#maxNodes));
    const operations = Array.from(kept).sort((left, right) => left - right);
    return {
      operations: operations.map((place) => this.#part.operations[place].index),
      others: problem.places.length - kept.length,
      isMinimal: this.#isMinimal,
      nodes: this.#nodes,
      ...progressOf(this.#part, problem, result),
    };
  }

  /** As few as possible of the operations that returned first. */
  #shortestBeginning(): number[] {
    const { operations } = this.#part;
    const seen = Array.from(operations.keys()).filter((place) => operations[place].seen !== undefined);
    seen.sort((left, right) => operations[left].return - operations[right].return);
    let [possible, impossible] = [0, seen.length];
    while (impossible - possible > 1) {
      const middle = (possible + impossible) >>> 1;
      if (this.#isImpossible(seen.slice(0, middle))) impossible = middle;
      else possible = middle;
    }
    return seen.slice(0, impossible);
  }

  /** The last one is needed, or there had been a shorter beginning. */
  #withoutNeedless(beginning: readonly number[]): number[] {
    let kept = Array.from(beginning);
    for (let size = Math.ceil(kept.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
      for (let start = 0; start < kept.length - 1; ) {
        const end = Math.min(start + size, kept.length - 1);
        const fewer = [...kept.slice(0, start), ...kept.slice(end)];
        if (this.#isImpossible(fewer)) kept = fewer;
        else start = end;
      }
    }
    return kept;
  }

  #isImpossible(kept: readonly number[]): boolean {
    const left = this.#maxNodes - this.#nodes;
    const { verdict, nodes } = search(this.#problem(kept), Math.max(LEAST_NODES, Math.floor(left / SHARE)));
    this.#nodes += nodes;
    if (verdict === 'unknown') this.#isMinimal = false;
    return verdict === 'none';
  }

  #problem(kept: readonly number[]): PartProblem {
    const places = new Set(kept);
    return problemOf(this.#part, (place) => places.has(place));
  }
}

/** How far a search came that found no order. */
export function progressOf(part: Part, problem: PartProblem, result: SerialSearchResult): Progress {
  const model = problem.model();
  const prefix = extend(problem, model, result.verdict === 'found' ? result.order : result.longest);
  const indexOf = (operation: number) => part.operations[problem.places[operation]].index;
  const misfits = nextOnes(problem, new Set(prefix)).flatMap((operation): Misfit[] => {
    const failed = model.failedStep(operation);
    if (failed === undefined || isChange(failed.step.verb)) return [];
    const { verb: check, cell, operand } = failed.step;
    const show = (number: number) => (part.holds === 'number' ? number : part.values.valueOf(number));
    const cellName = part.cellNames.length === 1 ? '' : part.cellNames[cell];
    return [
      { operation: indexOf(operation), cell: cellName, check, expected: show(operand), found: show(failed.found) },
    ];
  });
  return { prefix: prefix.map(indexOf), misfits };
}

/** The search turns back as soon as there is no hope; people want to see what it comes to, so here it goes on. */
function extend(problem: PartProblem, model: CellModel, beginning: readonly number[]): number[] {
  // What may be left out and nobody looked at is left out.
  const last = beginning.findLastIndex((operation) => problem.options.isOptional?.(operation) !== true);
  const prefix = beginning.slice(0, last + 1);
  for (const operation of prefix) model.apply(operation);
  const done = new Set(prefix);
  for (;;) {
    const next = nextOnes(problem, done).find((operation) => model.apply(operation));
    if (next === undefined) return prefix;
    prefix.push(next);
    done.add(next);
  }
}

/** Operations that have to come and that no other one keeps back. */
function nextOnes({ options, places }: PartProblem, done: ReadonlySet<number>): number[] {
  const { order, isOptional } = options;
  if (order === undefined || !('call' in order)) return [];
  const missing = Array.from(places.keys()).filter((each) => !done.has(each) && isOptional?.(each) !== true);
  const firstReturn = missing.reduce((least, each) => Math.min(least, order.return[each]), Infinity);
  return missing.filter((each) => order.call[each] <= firstReturn);
}
