/** Every schedule there is, depth first. */

import type { Decider, ScheduledRun } from './schedule.ts';
import type { Search } from './search.ts';
import type { StepMachine } from './step-machine.ts';

/** Takes the first way at every decision, then changes the last one that has another way left. */
export class Enumeration implements Decider, Search {
  readonly #taken: number[] = [];
  readonly #ways: number[] = [];
  #next = 0;

  take(machine: StepMachine, taken: ScheduledRun): boolean {
    taken.take(machine, this);
    return true;
  }

  begin(): void {
    this.#next = 0;
  }

  position({ readyCount }: StepMachine): number {
    return this.#decide(readyCount);
  }

  option(_machine: StepMachine, _lane: number, count: number): number {
    return this.#decide(count);
  }

  /** Turns to the next schedule; false if there is none. */
  next(): boolean {
    while (this.#taken.length > 0) {
      const last = this.#taken.length - 1;
      if (this.#taken[last] + 1 < this.#ways[last]) {
        this.#taken[last] += 1;
        return true;
      }
      this.#taken.pop();
      this.#ways.pop();
    }
    return false;
  }

  #decide(ways: number): number {
    if (this.#next === this.#taken.length) {
      this.#taken.push(0);
      this.#ways.push(ways);
    }
    this.#next += 1;
    return this.#taken[this.#next - 1];
  }
}
