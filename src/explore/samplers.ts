/** Ways to draw schedules. */

import { RandomWords } from '../base/random.ts';
import { StepCode } from '../kernel/index.ts';
import { FocusedSampler } from './focused-sampler.ts';
import type { Sampler } from './run.ts';
import type { Decider } from './schedule.ts';
import type { StepMachine } from './step-machine.ts';

export interface SamplerOptions {
  readonly seed: number;
  /** The d of PCT, at least 1. */
  readonly depth: number;
}

export function makeSampler(sampler: Sampler, options: SamplerOptions): Decider {
  return new FocusedSampler(unfocused(sampler, options), new UniformSampler(options.seed));
}

function unfocused(sampler: Sampler, options: SamplerOptions): Decider {
  switch (sampler) {
    case 'uniform':
      return new UniformSampler(options.seed);
    case 'pct':
      return new PrioritySampler(options);
    case 'pos':
      return new PartialOrderSampler(options.seed);
    case 'urw':
      return new RemainingStepsSampler(options.seed);
  }
}

/** A random walk: every lane that can run is as likely as the others. */
class UniformSampler implements Decider {
  readonly #random: RandomWords;

  constructor(seed: number) {
    this.#random = new RandomWords(seed);
  }

  begin(): void {}

  position(machine: StepMachine): number {
    return this.#random.below(machine.readyCount);
  }

  option(_machine: StepMachine, _lane: number, count: number): number {
    return this.#random.below(count);
  }
}

/** Loads in a row after which a lane counts as spinning. */
const SPINNING_LOADS = 64;

/**
 * PCT: S. Burckhardt, P. Kothari, M. Musuvathi and S. Nagarakatte, "A Randomized Scheduler with Probabilistic Guarantees of
 * Finding Bugs", ASPLOS 2010. Lanes get a random order of priorities, and the first of those that can run goes; at d − 1
 * steps drawn beforehand it falls behind all others. A bug that shows whenever d accesses come in some order is found by
 * a run with probability at least 1/(n·k^(d−1)), for n lanes and k steps.
 *
 * The first run tells k, and longer runs later on raise it; steps count only where there is a choice. A lane that does
 * nothing but load for long is taken to wait for another one and falls behind, or a run would never end.
 */
class PrioritySampler implements Decider {
  readonly #random: RandomWords;
  readonly #depth: number;
  #priorities = new Int32Array(0);
  #order = new Uint32Array(0);
  /** Steps before which the first lane falls behind; the i-th to priority d − 1 − i, all of which are below the others. */
  readonly #changes: Uint32Array;
  #longest = 0;
  #step = 0;
  /** Below all that were handed out. */
  #lowest = 0;
  #spinner = -1;
  #loads = 0;

  constructor({ seed, depth }: SamplerOptions) {
    this.#random = new RandomWords(seed);
    this.#depth = depth;
    this.#changes = new Uint32Array(depth - 1);
  }

  begin(machine: StepMachine): void {
    const count = machine.ready.length;
    if (this.#priorities.length !== count) {
      this.#priorities = new Int32Array(count);
      this.#order = new Uint32Array(count);
    }
    this.#longest = Math.max(this.#longest, this.#step);
    for (let lane = 0; lane < count; lane += 1) this.#order[lane] = this.#depth + lane;
    this.#random.shuffle(this.#order, count);
    this.#priorities.set(this.#order);
    for (let change = 0; change < this.#changes.length; change += 1) {
      this.#changes[change] = this.#random.below(this.#longest);
    }
    this.#step = 0;
    this.#lowest = 0;
    this.#spinner = -1;
    this.#loads = 0;
  }

  position({ ready, readyCount }: StepMachine): number {
    let position = this.#first(ready, readyCount);
    if (this.#longest > 0) {
      for (let change = 0; change < this.#changes.length; change += 1) {
        if (this.#changes[change] !== this.#step) continue;
        this.#priorities[ready[position]] = this.#depth - 1 - change;
        position = this.#first(ready, readyCount);
      }
    }
    this.#step += 1;
    this.#watch(ready[position]);
    return position;
  }

  option(_machine: StepMachine, _lane: number, count: number): number {
    return this.#random.below(count);
  }

  stepped(machine: StepMachine, lane: number): void {
    const isLoad = machine.codeOf(lane) === StepCode.LOAD || machine.codeOf(lane) === StepCode.COMPARE_EXCHANGE;
    this.#loads = isLoad ? this.#loads + 1 : 0;
    if (this.#loads < SPINNING_LOADS) return;
    this.#lowest -= 1;
    this.#priorities[lane] = this.#lowest;
  }

  #watch(lane: number): void {
    if (lane === this.#spinner) return;
    this.#spinner = lane;
    this.#loads = 0;
  }

  #first(ready: Uint32Array, count: number): number {
    let best = 0;
    for (let position = 1; position < count; position += 1) {
      if (this.#priorities[ready[position]] > this.#priorities[ready[best]]) best = position;
    }
    return best;
  }
}

/**
 * POS: X. Yuan, J. Yang and R. Gu, "Partial Order Aware Concurrency Sampling", CAV 2018. Every access gets a random
 * priority when a lane comes to it, the first goes, and those that race with it get new ones: the order of a race is
 * drawn evenly, however many accesses are between.
 */
class PartialOrderSampler implements Decider {
  readonly #random: RandomWords;
  #priorities = new Uint32Array(0);
  #batch = -1;
  #word = 0;
  #isWrite = false;

  constructor(seed: number) {
    this.#random = new RandomWords(seed);
  }

  begin(machine: StepMachine): void {
    if (this.#priorities.length !== machine.ready.length) this.#priorities = new Uint32Array(machine.ready.length);
    this.#batch = -1;
  }

  position(machine: StepMachine): number {
    const { ready, readyCount, lanes } = machine;
    if (this.#batch !== machine.batch) {
      this.#batch = machine.batch;
      for (let position = 0; position < readyCount; position += 1) this.#draw(ready[position]);
    }
    let best = 0;
    for (let position = 1; position < readyCount; position += 1) {
      if (this.#priorities[ready[position]] > this.#priorities[ready[best]]) best = position;
    }
    this.#word = lanes.address[ready[best]];
    this.#isWrite = machine.codeOf(ready[best]) !== StepCode.LOAD;
    return best;
  }

  option(_machine: StepMachine, _lane: number, count: number): number {
    return this.#random.below(count);
  }

  stepped(machine: StepMachine, lane: number): void {
    const { ready, readyCount, lanes } = machine;
    for (let position = 0; position < readyCount; position += 1) {
      const other = ready[position];
      const races = lanes.address[other] === this.#word && (this.#isWrite || machine.codeOf(other) !== StepCode.LOAD);
      if (other === lane || races) this.#draw(other);
    }
  }

  #draw(lane: number): void {
    this.#priorities[lane] = this.#random.next();
  }
}

/**
 * URW: a random walk in which a lane is as likely as it has steps left, after H. Zhao et al., "Selectively Uniform
 * Concurrency Testing", ASPLOS 2025. If the lanes' steps did not depend on the schedule, every interleaving would be
 * equally likely. How many steps a lane takes is the most that it was seen to take; the first run is an even walk.
 */
class RemainingStepsSampler implements Decider {
  readonly #random: RandomWords;
  #most = new Uint32Array(0);
  #taken = new Uint32Array(0);

  constructor(seed: number) {
    this.#random = new RandomWords(seed);
  }

  begin(machine: StepMachine): void {
    const count = machine.ready.length;
    if (this.#most.length !== count) {
      this.#most = new Uint32Array(count);
      this.#taken = new Uint32Array(count);
    }
    for (let lane = 0; lane < count; lane += 1) {
      this.#most[lane] = Math.max(this.#most[lane], this.#taken[lane]);
      this.#taken[lane] = 0;
    }
  }

  position({ ready, readyCount }: StepMachine): number {
    let sum = 0;
    for (let position = 0; position < readyCount; position += 1) sum += this.#left(ready[position]);
    let drawn = this.#random.below(sum);
    for (let position = 0; position < readyCount; position += 1) {
      drawn -= this.#left(ready[position]);
      if (drawn < 0) return this.#take(ready[position], position);
    }
    return this.#take(ready[0], 0);
  }

  option(_machine: StepMachine, _lane: number, count: number): number {
    return this.#random.below(count);
  }

  #take(lane: number, position: number): number {
    this.#taken[lane] += 1;
    return position;
  }

  #left(lane: number): number {
    return this.#most[lane] > this.#taken[lane] ? this.#most[lane] - this.#taken[lane] : 1;
  }
}
