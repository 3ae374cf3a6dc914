/** The promises of `spec/log-v2.md`, and the error that says which one was broken. */

export const PROMISES = {
  opens: 'after any crash the log can be read, and opened for writing',
  neverWrong: 'a record that is read is the one that was appended under its number',
  placed: 'a record is read once, from the position of its number',
  keptAfterKill: 'every append that returned survives the kill of its writer',
  keptAfterSync: 'what was synced survives a loss of power',
  lossesAddUp: 'the records of the window are there or counted as lost, each once',
  killIsNoRot:
    'a kill costs at most the record in flight and the one that it overwrites, and is not told as damage by a disk',
  markNeverLeads: 'the mark of a sync never says more than is on stable storage',
  markTrailsByOne: 'the mark of a sync is there after the next one',
  frameNeverWrong: 'a frame that is read is the one that was appended under its number',
  baseIsThere: 'an intact journal that ever had a whole state has one',
  stateIsTrue: 'the state that is read of an epoch is the one that was observed',
  noFork: 'one writer at a time is never told as two',
  recoveryKeeps: 'recovery keeps every record and every frame that can be proven',
  countedOnce: 'what is lost is counted once, however often recovery is cut short or repeated',
  handedOver: 'what recovery zeroes was handed over before',
  numbersOnce: 'no number is used for two records or two frames',
  goesOn: 'a recovered log takes appends, and everything is proven again',
  forkReported: 'two writers at a time are reported',
  foreignRefused: 'what another log wrote is not read as part of this one',
  misplacedRefused: 'what was written to the wrong place is not read as a record',
  secondCopy: 'superblock and metadata survive damage to one copy',
  lockRefuses: 'a second writer is refused',
  commitOrder: 'whoever looks on while a record is written sees that it is not whole',
  syncIsFinal: 'a sync that failed is final for its writer',
  failedWrite: 'a write that failed does not count',
} as const;

export type PromiseName = keyof typeof PROMISES;

/** A promise did not hold. */
export class BrokenPromise extends Error {
  readonly promise: PromiseName;
  readonly detail: string;

  constructor(promise: PromiseName, detail: string) {
    super(`broken: ${PROMISES[promise]}: ${detail}`);
    this.promise = promise;
    this.detail = detail;
  }
}

/** @throws BrokenPromise unless `holds`. */
export function demand(holds: boolean, promise: PromiseName, detail: () => string): void {
  if (!holds) throw new BrokenPromise(promise, detail());
}
