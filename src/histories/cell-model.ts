/** Cells, and operations on them: the model of every history. */

import type { SerialModel } from '../serial/index.ts';
import { changesAnything, type Step } from './program.ts';
import { ValueNeeds } from './value-needs.ts';
import type { ValueTable } from './values.ts';

/** An operation as the model runs it. */
export interface CellOperation {
  readonly steps: readonly Step[];
  /** Whether it may be left out. */
  readonly isOptional: boolean;
}

/** A step that does not hold, and what its cell has. */
export interface FailedStep {
  readonly step: Step;
  readonly found: number;
}

/**
 * Where there is one cell and it holds values, the model also refuses what would only lengthen the search: a value that an
 * operation left behind which could as well be left out has to be looked at before it is written over, and before the end.
 * If nobody does, the order without that operation is as good, and the search finds it.
 */
export class CellModel implements SerialModel {
  readonly operationCount: number;
  readonly #operations: readonly CellOperation[];
  readonly #changes: Uint8Array;
  readonly #values: ValueTable;
  readonly #cells: number[];
  readonly #hasOneValue: boolean;
  /** Whether the one cell holds what an optional operation left there and nobody has looked at. */
  #isUnread = false;
  #hash = 0;
  /** Cells that were changed and what they held, and how many there were before each applied operation. */
  readonly #changedCells: number[] = [];
  readonly #heldBefore: number[] = [];
  readonly #marks: number[] = [];
  readonly #wasUnread: boolean[] = [];
  readonly #needs: ValueNeeds | undefined;

  constructor(
    operations: readonly CellOperation[],
    initial: readonly number[],
    holds: 'value' | 'number',
    values: ValueTable,
  ) {
    this.operationCount = operations.length;
    this.#operations = operations;
    this.#changes = Uint8Array.from(operations, ({ steps }) => (changesAnything(steps) ? 1 : 0));
    this.#values = values;
    this.#cells = Array.from(initial);
    this.#hasOneValue = initial.length === 1 && holds === 'value';
    this.#needs = this.#hasOneValue ? ValueNeeds.of(operations) : undefined;
    initial.forEach((held, cell) => {
      this.#hash ^= hashOf(cell, held);
    });
  }

  apply(operation: number): boolean {
    const { steps, isOptional } = this.#operations[operation];
    if (this.#isUnread && steps.length > 0 && steps[0].verb === 'becomes') return false;
    const mark = this.#changedCells.length;
    for (const step of steps) {
      if (this.#carryOut(step)) continue;
      this.#restore(mark);
      return false;
    }
    this.#needs?.apply(operation);
    this.#marks.push(mark);
    this.#wasUnread.push(this.#isUnread);
    if (this.#hasOneValue && steps.length > 0) this.#isUnread = isOptional && this.#changes[operation] === 1;
    return true;
  }

  undo(operation: number): void {
    this.#needs?.undo(operation);
    this.#restore(this.#marks.pop()!);
    this.#isUnread = this.#wasUnread.pop()!;
  }

  isFinal(): boolean {
    return !this.#isUnread;
  }

  /** Whether an operation that has to come needs a value that is not there and that nothing can bring any more. */
  isHopeless(): boolean {
    return this.#needs !== undefined && !this.#needs.canBeMet(this.#cells[0]);
  }

  stateHash(): number {
    return this.#isUnread ? ~this.#hash : this.#hash;
  }

  /** One cell is kept as a number, and a value that nobody has looked at as a negative one. */
  captureState(): unknown {
    if (this.#cells.length !== 1) return Array.from(this.#cells);
    return this.#isUnread ? -1 - this.#cells[0] : this.#cells[0];
  }

  equalsState(captured: unknown): boolean {
    if (!Array.isArray(captured)) return captured === (this.#isUnread ? -1 - this.#cells[0] : this.#cells[0]);
    return this.#cells.every((held, cell) => held === captured[cell]);
  }

  changesNothing(operation: number): boolean {
    return this.#changes[operation] === 0;
  }

  /** The first step of an operation that does not hold now; undefined if all do. */
  failedStep(operation: number): FailedStep | undefined {
    const mark = this.#changedCells.length;
    const { steps } = this.#operations[operation];
    const step = steps.find((each) => !this.#carryOut(each));
    const failed = step === undefined ? undefined : { step, found: this.#cells[step.cell] };
    this.#restore(mark);
    return failed;
  }

  held(cell: number): number {
    return this.#cells[cell];
  }

  #carryOut({ verb, cell, operand }: Step): boolean {
    const held = this.#cells[cell];
    switch (verb) {
      case 'is':
        return held === operand;
      case 'is not':
        return held !== operand;
      case 'is at least':
        return held >= operand;
      case 'is less than':
        return held < operand;
      case 'becomes':
        return this.#set(cell, operand);
      case 'grows by':
        return this.#set(cell, held + operand);
      case 'shrinks by':
        return this.#set(cell, held - operand);
      case 'is extended by': {
        const joined = this.#values.append(held, operand);
        return joined !== undefined && this.#set(cell, joined);
      }
    }
  }

  #set(cell: number, value: number): true {
    const held = this.#cells[cell];
    this.#changedCells.push(cell);
    this.#heldBefore.push(held);
    this.#hash ^= hashOf(cell, held) ^ hashOf(cell, value);
    this.#cells[cell] = value;
    return true;
  }

  #restore(mark: number): void {
    while (this.#changedCells.length > mark) {
      const cell = this.#changedCells.pop()!;
      const before = this.#heldBefore.pop()!;
      this.#hash ^= hashOf(cell, this.#cells[cell]) ^ hashOf(cell, before);
      this.#cells[cell] = before;
    }
  }
}

/** Numbers may have more than 32 bits. */
function hashOf(cell: number, held: number): number {
  const high = Math.floor(held / 2 ** 32);
  const mixed = Math.imul(held ^ Math.imul(high + 1, 0x9e3779b1), 0x85ebca6b) ^ Math.imul(cell + 1, 0xc2b2ae35);
  return Math.imul(mixed ^ (mixed >>> 15), 0x27d4eb2f);
}
