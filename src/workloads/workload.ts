/**
 * Ready-made work for a kernel: something to record, replay and diff before one's own runtime is connected, and the
 * load that tests and benchmarks put on backends. A workload turns bytes into a kernel and batches of slots.
 */

import type { Kernel } from '../kernel/index.ts';
import type { SlotRequest } from '../record/index.ts';

/** The slots of one epoch, without the BATCH_FENCE, which the session adds. */
export interface SlotBatch {
  readonly slots: readonly SlotRequest[];
  /** Of the fence: it ends up in the first observable word. */
  readonly tag: number;
}

/** A workload with its input: what to run, and what to make of it afterwards. */
export interface WorkloadPlan {
  readonly kernel: Kernel;
  /** Batches of slots, an epoch each, made as they are asked for. May be asked for more than once. */
  epochs(): Iterable<SlotBatch>;
  /** What the run came to, in a few lines for people, from the last snapshot: control words, then debug words. */
  describe(snapshot: Uint32Array): string[];
  /**
   * Checks the last snapshot against what the host computes from the input: undefined if it is right, else a sentence
   * without a full stop. Missing if the outcome depends on the schedule, so that nothing is wrong.
   */
  check?(snapshot: Uint32Array): string | undefined;
}

export interface WorkloadOptions {
  /** Slots of the ring. Default 64. */
  readonly slotCount?: number;
  /** Of what a workload draws, where it draws anything. Default 0. */
  readonly seed?: number;
  /** What to search for, where something is searched. */
  readonly patterns?: readonly string[];
  /**
   * Cuts the input short, so that at most so many epochs are run. Epochs that set up and audit count too, but one epoch of
   * input is always taken.
   */
  readonly maxEpochs?: number;
}

export interface Workload {
  readonly name: string;
  /** One line, for lists. */
  readonly summary: string;
  /** What of its results depends on the order of slots and what does not, and what therefore is compared how. */
  readonly orderNote: string;
  /** @throws InputError if the input or an option cannot be used. */
  plan(input: Uint8Array, options?: WorkloadOptions): WorkloadPlan;
}
