/**
 * Operations in doubly linked lists, out of which they are lifted and put back as in D. Knuth's dancing links (2000): a
 * lifted operation remembers its neighbours, so putting back in reverse costs a few stores.
 */
export class LinkedOperations {
  readonly #operationCount: number;
  /** Each list begins and ends at a node of its own, numbered after the operations. */
  readonly #next: Int32Array;
  readonly #previous: Int32Array;

  /** @param lists operations by list, each in its order; an operation is in one list at most. */
  constructor(operationCount: number, lists: readonly (readonly number[])[]) {
    this.#operationCount = operationCount;
    this.#next = new Int32Array(operationCount + lists.length);
    this.#previous = new Int32Array(operationCount + lists.length);
    lists.forEach((operations, list) => {
      let last = operationCount + list;
      for (const operation of operations) {
        this.#next[last] = operation;
        this.#previous[operation] = last;
        last = operation;
      }
      this.#next[last] = operationCount + list;
      this.#previous[operationCount + list] = last;
    });
  }

  /** The first operation of a list, or −1. */
  first(list: number): number {
    return this.next(this.#operationCount + list);
  }

  /** The operation after this one, or −1. */
  next(operation: number): number {
    const next = this.#next[operation];
    return next < this.#operationCount ? next : -1;
  }

  lift(operation: number): void {
    this.#next[this.#previous[operation]] = this.#next[operation];
    this.#previous[this.#next[operation]] = this.#previous[operation];
  }

  /** Puts back the operation that was lifted last. */
  unlift(operation: number): void {
    this.#next[this.#previous[operation]] = operation;
    this.#previous[this.#next[operation]] = operation;
  }
}
