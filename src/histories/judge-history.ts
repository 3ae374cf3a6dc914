/** Whether a history has an order that explains it: linearizability (M. Herlihy and J. Wing 1990). */

import { DEFAULT_MAX_NODES, type SerialSearchResult } from '../serial/index.ts';
import { type Contradiction, findContradiction, type Progress, progressOf } from './contradiction.ts';
import { type History, isPending } from './history.ts';
import { type Part, type PartProblem, partsOf, problemOf, search } from './part.ts';

/** The words of the project: `unknown` is one of them, and never agreement. */
export type HistoryVerdict = 'serializable' | 'unserializable' | 'unknown';

export interface WitnessStep {
  /** Place in the history. */
  readonly operation: number;
  /** A moment between its call and its return at which it may have happened. */
  readonly at: number;
}

/** A part without an order, or whose search gave up. */
export interface PartProgress extends Progress {
  readonly key: string | undefined;
}

export interface HistoryJudgement {
  readonly verdict: HistoryVerdict;
  readonly history: History;
  /** Parts that were judged each by itself. */
  readonly parts: number;
  /** Operations whose end nobody saw. */
  readonly pending: number;
  /** States visited for the verdict. */
  readonly nodes: number;
  /** Serializable: an order. What is not in it was left out: nobody saw its end. */
  readonly witness?: readonly WitnessStep[];
  /** Not serializable: the first part that has no order. */
  readonly failure?: PartProgress;
  /** And the smallest contradiction in it. */
  readonly contradiction?: Contradiction;
  /** Unknown: the parts whose searches gave up. */
  readonly undecided?: readonly PartProgress[];
}

export interface JudgeHistoryOptions {
  /** States visited before a part is given up, and again for making a contradiction small. */
  readonly maxNodes?: number | undefined;
  /** Whether a contradiction is made small; default true. */
  readonly contradiction?: boolean | undefined;
}

interface JudgedPart {
  readonly part: Part;
  readonly problem: PartProblem;
  readonly result: SerialSearchResult;
}

/** Judges a history. The same history gets the same answer everywhere: nothing depends on time. */
export function judgeHistory(history: History, options: JudgeHistoryOptions = {}): HistoryJudgement {
  const maxNodes = options.maxNodes ?? DEFAULT_MAX_NODES;
  const judged: JudgedPart[] = [];
  for (const part of partsOf(history)) {
    const problem = problemOf(part);
    const result = search(problem, maxNodes);
    judged.push({ part, problem, result });
    // One part without an order is enough.
    if (result.verdict === 'none') break;
  }
  const common = {
    history,
    parts: judged.length,
    pending: history.operations.filter(isPending).length,
    nodes: judged.reduce((sum, { result }) => sum + result.nodes, 0),
  };
  const failed = judged.find(({ result }) => result.verdict === 'none');
  if (failed !== undefined) {
    const failure = describeProgress(failed);
    if (options.contradiction === false) return { verdict: 'unserializable', ...common, failure };
    return { verdict: 'unserializable', ...common, failure, contradiction: findContradiction(failed.part, maxNodes) };
  }
  const undecided = judged.filter(({ result }) => result.verdict === 'unknown');
  if (undecided.length > 0) return { verdict: 'unknown', ...common, undecided: undecided.map(describeProgress) };
  return { verdict: 'serializable', ...common, witness: joinWitnesses(judged) };
}

function describeProgress({ part, problem, result }: JudgedPart): PartProgress {
  return { key: part.key, ...progressOf(part, problem, result) };
}

/**
 * The orders of all parts as one. Within a part every operation happens as early as it can: at its call, or when the one
 * before it does. That is before its return, since no earlier one was called after that; so sorting by these moments keeps
 * what returned before something else was called ahead of it, across parts too.
 */
function joinWitnesses(judged: readonly JudgedPart[]): WitnessStep[] {
  const steps = judged.flatMap(({ part, problem, result }) => {
    if (result.verdict !== 'found') return [];
    let at = Number.NEGATIVE_INFINITY;
    return result.order.map((operation): WitnessStep => {
      const { index, call } = part.operations[problem.places[operation]];
      at = Math.max(at, call);
      return { operation: index, at };
    });
  });
  // Sorting is stable, so operations of one part at one moment stay as they are.
  return steps.sort((left, right) => left.at - right.at);
}
