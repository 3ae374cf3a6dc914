/** How the slots of an epoch ended, over all its drains. */

import type { SlotFault } from '../kernel/index.ts';
import type { DrainReport } from './backend.ts';

/** How the slots of an epoch ended. */
export interface SlotTally {
  readonly done: number;
  readonly faulted: number;
  readonly pending: number;
}

/** Adds up the drains of one epoch. */
export class DrainTally implements SlotTally {
  done = 0;
  /** Slots that still wait, by the newest report. */
  pendingSlots: readonly number[] = [];
  #faults: SlotFault[] = [];

  get pending(): number {
    return this.pendingSlots.length;
  }

  get faulted(): number {
    return this.#faults.length;
  }

  /** Stays as it is when the tally goes on to another epoch. */
  get faults(): readonly SlotFault[] {
    return this.#faults;
  }

  /** Begins another epoch. */
  clear(): void {
    this.done = 0;
    this.pendingSlots = [];
    // Whoever kept the old list keeps it.
    if (this.#faults.length > 0) this.#faults = [];
  }

  add(report: DrainReport): void {
    this.done += report.done;
    this.pendingSlots = report.pending;
    // One by one: an argument list has room for some ten thousand, a ring for a million.
    for (const fault of report.faults) this.#faults.push(fault);
  }
}
