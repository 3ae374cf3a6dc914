/** What a promise to happen at once draws together. */

/** An access as far as that goes. */
export interface PromisedAccess {
  /** Whether it is of the kernel's turn around the opcode, and not of the opcode. */
  readonly isTurn: boolean;
  /** The word that it goes to; undefined if that is not known. */
  readonly place: number | string | undefined;
}

/**
 * Tells, of the accesses that a slot makes to memory it shares, told one after the other, which of them nobody may come in
 * between of if its opcode promised to happen at once: those of one run.
 *
 * The promise is the opcode's. What its lane does before and after, such as counting the slot as done, comes by itself: others
 * may see a store of the opcode and not yet the count. Accesses of the turn that follow each other on one word stay together,
 * so that counting in two accesses where one is called for is noticed.
 */
export class WholeRuns {
  #run = 0;
  #previous: number | string | undefined;

  /** The number of the run that the next access is of. */
  next({ isTurn, place }: PromisedAccess): number {
    const key = isTurn ? place : 'opcode';
    if (key === undefined || key !== this.#previous) this.#run += 1;
    this.#previous = key;
    return this.#run;
  }
}
