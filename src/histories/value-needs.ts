/** Which values operations still need, and which can still come. */

import type { CellOperation } from './cell-model.ts';

/**
 * Of one cell: how many operations that have to come need a value, and how many can still bring it. Times are not looked
 * at, so it sees no more than it can count.
 */
export class ValueNeeds {
  /** Of each operation the value that it needs if it has to come, and the one that it brings; −1 for none. */
  readonly #needed: Int32Array;
  readonly #brought: Int32Array;
  /** Of each value how many operations need it, and how many bring it, of those that are not applied. */
  readonly #needs: Int32Array;
  readonly #sources: Int32Array;
  /** How many values are needed and have no source. */
  #missing = 0;

  /** Undefined if some operation brings a value that is not known before. */
  static of(operations: readonly CellOperation[]): ValueNeeds | undefined {
    const isOpen = operations.some(({ steps }) => steps.some(({ verb }) => verb === 'is extended by'));
    return isOpen ? undefined : new ValueNeeds(operations);
  }

  private constructor(operations: readonly CellOperation[]) {
    this.#needed = Int32Array.from(operations, ({ steps, isOptional }) => {
      return !isOptional && steps[0]?.verb === 'is' ? steps[0].operand : NONE;
    });
    this.#brought = Int32Array.from(operations, ({ steps }) => {
      return steps.findLast(({ verb }) => verb === 'becomes')?.operand ?? NONE;
    });
    const greatest = (values: Int32Array) => values.reduce((most, value) => Math.max(most, value), NONE);
    const values = 1 + Math.max(greatest(this.#needed), greatest(this.#brought));
    this.#needs = new Int32Array(values);
    this.#sources = new Int32Array(values);
    for (const value of this.#needed) if (value !== NONE) this.#needs[value] += 1;
    for (const value of this.#brought) if (value !== NONE) this.#sources[value] += 1;
    this.#missing = this.#needs.filter((needs, value) => needs > 0 && this.#sources[value] === 0).length;
  }

  apply(operation: number): void {
    this.#change(this.#needs, this.#needed[operation], -1);
    this.#change(this.#sources, this.#brought[operation], -1);
  }

  undo(operation: number): void {
    this.#change(this.#needs, this.#needed[operation], 1);
    this.#change(this.#sources, this.#brought[operation], 1);
  }

  /** Whether all that is needed is there or can come, as far as can be counted. */
  canBeMet(held: number): boolean {
    return this.#missing === 0 || (this.#missing === 1 && this.#isMissing(held));
  }

  #change(counts: Int32Array, value: number, change: 1 | -1): void {
    if (value === NONE) return;
    this.#missing -= Number(this.#isMissing(value));
    counts[value] += change;
    this.#missing += Number(this.#isMissing(value));
  }

  #isMissing(value: number): boolean {
    return this.#needs[value] > 0 && this.#sources[value] === 0;
  }
}

const NONE = -1;
