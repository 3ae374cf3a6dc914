/** What a promise to happen at once draws together. */

/** An access as far as that goes. */
export interface PromisedAccess {
  /** Whether it is of the kernel's turn around the opcode, and not of the opcode. */
  readonly isTurn: boolean;
  /** The word that it goes to. */
  readonly place: number | string;
}

/**
 * The accesses of a slot that promised to happen at once, in runs that nobody comes in between of.
 *
 * The promise is the opcode's. What its lane does before and after, such as counting the slot as done, comes by itself: others
 * may see a store of the opcode and not yet the count. Accesses of the turn that follow each other on one word stay together,
 * so that counting in two accesses where one is called for is noticed.
 */
export function wholeRuns<Access>(
  accesses: readonly Access[],
  describe: (access: Access) => PromisedAccess,
): readonly (readonly Access[])[] {
  const runs: Access[][] = [];
  let previous: number | string | undefined;
  for (const access of accesses) {
    const { isTurn, place } = describe(access);
    const key = isTurn ? place : 'opcode';
    if (key === previous) runs.at(-1)?.push(access);
    else runs.push([access]);
    previous = key;
  }
  return runs;
}
