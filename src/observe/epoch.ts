import type { Digest } from './digest.ts';

/** A slot that faulted, as the kernel or the backend told it. */
export interface FaultEntry {
  readonly slotIndex: number;
  readonly opcode: number;
  /** What went wrong; the kernel's own numbers. */
  readonly code: number;
  /** Words that say more, by code. */
  readonly detail: readonly number[];
}

/** What is known of an epoch besides its state. All but `firstRecord` are words. */
export interface EpochFacts {
  /** Counts epochs from 0 since the recording began; never starts over. */
  readonly ordinal: number;
  /** control[EPOCH] as the epoch's records have it. */
  readonly deviceEpoch: number;
  /** Sequence number of the epoch's first record; the first record of a recording is 1. */
  readonly firstRecord: number;
  readonly recordCount: number;
  /** Slots that were DONE, FAULT and neither when the epoch had drained. */
  readonly done: number;
  readonly faulted: number;
  readonly pending: number;
  /** Digest of the faults, as the recorder defines it; 0, 0 if there are none. */
  readonly faultDigest: Digest;
  /** Digest of the epoch's records as the log holds them: a v1 log has no sequence numbers to find them by. */
  readonly recordsDigest: Digest;
}

/** An epoch that has drained, to be written down. */
export interface EpochObservation extends EpochFacts {
  /** The snapshot that the backend took when the epoch had drained; borrowed. */
  readonly words: Uint32Array;
  readonly faults?: readonly FaultEntry[];
}

/** An epoch that was read back. */
export interface ObservedEpoch extends EpochFacts {
  /** Two words a region, in the order of the layout's regions. */
  readonly regionDigests: Uint32Array;
  /** For each region, whether records were dropped in it. */
  readonly regionOverflowed: readonly boolean[];
  /** Digest of the whole snapshot, as if it were one exact region. */
  readonly stateDigest: Digest;
  /** Whether the words of the state can be had. */
  readonly stateKnown: boolean;
  /**
   * Whether every rest of a slot that was written for the epoch's records is here. If not, a record without one may have
   * had more arguments than the log holds.
   */
  readonly slotRestsKnown: boolean;
  /** Whether every fault that was written down with the epoch is here. */
  readonly faultsKnown: boolean;
}

/** What a v1 record has no room for. */
export interface SlotRest {
  /** The record's sequence number since the recording began, from 1. */
  readonly sequence: number;
  readonly priority: number;
  /** Arguments 4 to 11: eight words. */
  readonly arguments: ArrayLike<number>;
}
