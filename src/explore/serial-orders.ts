/** Every order of whole slots: what a scenario can come to if nothing overlaps. */

import { Enumeration } from './enumeration.ts';
import type { Decider, ScheduledRun } from './schedule.ts';
import type { Search } from './search.ts';
import type { StepMachine } from './step-machine.ts';

/** Takes a lane to its end before it turns to another. */
export class SerialOrders implements Decider, Search {
  readonly #orders = new Enumeration();
  #lane = -1;
  #batch = 0;

  take(machine: StepMachine, taken: ScheduledRun): boolean {
    taken.take(machine, this);
    return true;
  }

  begin(): void {
    this.#orders.begin();
    this.#lane = -1;
    this.#batch = 0;
  }

  position(machine: StepMachine): number {
    if (machine.batch !== this.#batch) this.#lane = -1;
    this.#batch = machine.batch;
    for (let position = 0; position < machine.readyCount; position += 1) {
      if (machine.ready[position] === this.#lane) return position;
    }
    const position = this.#orders.position(machine);
    this.#lane = machine.ready[position];
    return position;
  }

  /** The newest: whole slots one after the other see everything. */
  option(): number {
    return 0;
  }

  next(): boolean {
    return this.#orders.next();
  }
}
