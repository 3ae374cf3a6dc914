/** A history of calls and returns, checked against its model. */

import type { ModelDefinition } from './language.ts';
import type { Member } from './values.ts';

/** When an operation returns whose end nobody saw. */
export const HISTORY_END: number = Number.POSITIVE_INFINITY;

export interface HistoryOperation {
  /** Counted from 1. */
  readonly lineNumber: number;
  /** Who called; only a label. */
  readonly process: number | string;
  readonly call: number;
  /** HISTORY_END if nobody saw the end. */
  readonly return: number;
  readonly name: string;
  readonly input: ReadonlyMap<string, Member>;
  /** Undefined if nobody saw the end. */
  readonly output: ReadonlyMap<string, Member> | undefined;
}

export interface History {
  readonly model: ModelDefinition;
  /** In the order of their lines. */
  readonly operations: readonly HistoryOperation[];
  /** What cells hold at first, by name; the only cell of a model with one has the name ''. */
  readonly initial: ReadonlyMap<string, Member>;
}

/** Whether nobody saw the end of an operation. */
export function isPending(operation: HistoryOperation): boolean {
  return operation.output === undefined;
}
