/**
 * One epoch by itself: what explaining, exploring and reducing are about. The memory that it starts from, the slots that
 * were published, and, where somebody saw it, what was seen when it had drained.
 */

import { KernelMachine } from '../backend/index.ts';
import { type Kernel, planMemory, type SlotFault } from '../kernel/index.ts';
import { DEBUG_WORDS } from '../protocol/index.ts';
import type { PlacedSlot } from '../record/index.ts';

/** An epoch that can be run. Plain data; nothing in it is ever written to. */
export interface Scenario {
  readonly kernel: Kernel;
  /** Control memory, then the debug log, as a backend's `observe` hands them over: where `restore` would start from. */
  readonly initial: Uint32Array;
  /** In publish order. */
  readonly slots: readonly PlacedSlot[];
  /**
   * Slots are published up to the first of these, then drained, and so on; the last is `slots.length`. Slots of different
   * batches never overlap: the host waited in between, since it used a slot of the ring again.
   */
  readonly batchEnds: readonly number[];
}

/** How an epoch came out. */
export interface ScenarioOutcome {
  /** The snapshot when it had drained, of the same layout as `Scenario.initial`. */
  readonly words: Uint32Array;
  /** Slots that were DONE over all drains of the epoch. */
  readonly done: number;
  /** Slots that still waited at the end. */
  readonly pending: number;
  readonly faults: readonly SlotFault[];
}

/** The memory of a fresh kernel as a snapshot. */
export function freshSnapshot(kernel: Kernel): Uint32Array {
  const machine = new KernelMachine(kernel, new ArrayBuffer(planMemory(kernel).totalBytes));
  machine.reset();
  const snapshot = new Uint32Array(kernel.controlWords + DEBUG_WORDS);
  machine.observe(snapshot);
  return snapshot;
}

/**
 * A scenario of slots that somebody wrote down.
 *
 * @param initial a snapshot to start from; default that of a fresh kernel. The cursor of its debug log is taken for zero,
 *   since whoever observed it took the records away.
 */
export function scenarioOfSlots(kernel: Kernel, slots: readonly PlacedSlot[], initial?: Uint32Array): Scenario {
  const words = initial?.slice() ?? freshSnapshot(kernel);
  words[kernel.controlWords] = 0;
  return { kernel, initial: words, slots, batchEnds: batchEndsOf(slots) };
}

/** A slot index that comes again means that the host waited for the slot in between. */
function batchEndsOf(slots: readonly PlacedSlot[]): number[] {
  const ends: number[] = [];
  const seen = new Set<number>();
  for (const [index, { slotIndex }] of slots.entries()) {
    if (seen.has(slotIndex)) {
      ends.push(index);
      seen.clear();
    }
    seen.add(slotIndex);
  }
  ends.push(slots.length);
  return ends;
}
