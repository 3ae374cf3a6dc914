// @ts-check
// The stack machine with a mistake that real runtimes make: it switches between jobs in the middle of a job, and registers
// are not locked. A job that loads, adds and stores can then lose what another one stored in between.
//
// For `--backend examples/racy-stack-machine-backend.mjs`.

import { StackMachineBackend } from './stack-machine-backend.mjs';

/** @import { Job } from './stack-machine-backend.mjs' */

/** One switch in so many instructions. */
const SWITCH_ODDS = 16;

export class RacyStackMachineBackend extends StackMachineBackend {
  /** @override */
  name = 'racy-stack-machine';
  /** Goes on from replica to replica: each takes another schedule, and the whole run can be had again. */
  #random;

  /** @param {number} seed */
  constructor(seed) {
    super();
    this.#random = seed;
  }

  /** @override @param {Job[]} jobs */
  run(jobs) {
    const ready = [...jobs];
    while (ready.length > 0) {
      const chosen = this.#below(ready.length);
      while (this.step(ready[chosen])) if (this.#below(SWITCH_ODDS) === 0) break;
      const { program, next, problem } = ready[chosen];
      if (problem !== undefined || !program[next]) ready.splice(chosen, 1);
    }
  }

  /** A linear congruential generator: D. E. Knuth, "The Art of Computer Programming", volume 2. @param {number} limit */
  #below(limit) {
    this.#random = (Math.imul(this.#random, 1664525) + 1013904223) >>> 0;
    return Math.floor((this.#random / 2 ** 32) * limit);
  }
}

export default () => new RacyStackMachineBackend(1);
