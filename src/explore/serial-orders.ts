/** Orders of whole slots: what a scenario can come to if nothing overlaps. */

import { Enumeration } from './enumeration.ts';
import type { Decider, ScheduledRun } from './schedule.ts';
import type { Search } from './search.ts';
import type { StepMachine } from './step-machine.ts';

/** Takes a lane to its end before it turns to another. */
abstract class SerialDecider implements Decider {
  #lane = -1;
  #batch = 0;

  begin(): void {
    this.#lane = -1;
    this.#batch = 0;
  }

  position(machine: StepMachine): number {
    if (machine.batch !== this.#batch) this.#lane = -1;
    this.#batch = machine.batch;
    for (let position = 0; position < machine.readyCount; position += 1) {
      if (machine.ready[position] === this.#lane) return position;
    }
    const position = this.choose(machine);
    this.#lane = machine.ready[position];
    return position;
  }

  /** The newest: whole slots one after the other see everything. */
  option(): number {
    return 0;
  }

  /** Position of the lane that goes next. */
  protected abstract choose(machine: StepMachine): number;
}

/** Every order, one after the other. */
export class SerialOrders extends SerialDecider implements Search {
  readonly #orders = new Enumeration();

  take(machine: StepMachine, taken: ScheduledRun): boolean {
    taken.take(machine, this);
    return true;
  }

  override begin(): void {
    super.begin();
    this.#orders.begin();
  }

  next(): boolean {
    return this.#orders.next();
  }

  protected choose(machine: StepMachine): number {
    return this.#orders.position(machine);
  }
}

/** The order that somebody names. */
export class GivenOrder extends SerialDecider {
  /** By record: the least goes first. */
  ranks: ArrayLike<number> = [];

  protected choose({ ready, readyCount }: StepMachine): number {
    let best = 0;
    for (let position = 1; position < readyCount; position += 1) {
      if (this.ranks[ready[position]] < this.ranks[ready[best]]) best = position;
    }
    return best;
  }
}
