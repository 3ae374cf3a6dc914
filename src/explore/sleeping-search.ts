/**
 * Every run under relaxed memory but those that can only show what was seen, told by sleep sets (P. Godefroid,
 * "Partial-Order Methods for the Verification of Concurrent Systems", LNCS 1032, 1996).
 *
 * Which runs come out alike is another question here than under sequential memory. A store says nothing about when it
 * was made, since it may go behind whatever its lane has seen, so it commutes with everything that other lanes do: a
 * lane that was tried with a store is asleep until it is run. A lane that was tried with a load (or with a
 * read-modify-write, which loads) has read everything that was there then, so it is tried again only for what was
 * stored since. Barriers have an order, so one wakes those that were tried before.
 */

import { StepCode } from '../kernel/index.ts';
import type { RelaxedWords } from './relaxed-words.ts';
import type { ScheduledRun } from './schedule.ts';
import { type Search, takeStep } from './search.ts';
import type { StepMachine } from './step-machine.ts';

/** A way to go on. */
interface Way {
  readonly lane: number;
  readonly isBarrier: boolean;
  readonly option: number;
  readonly options: number;
}

/** Lanes that were tried, each with what it was tried with. */
type Sleep = ReadonlyMap<number, Tried>;

interface Tried {
  readonly isBarrier: boolean;
  /** The number of the first store that had not been made then. */
  readonly nextId: number;
}

interface Place {
  readonly ways: readonly Way[];
  /** Index into `ways` of what is tried now. */
  current: number;
  readonly sleep: Sleep;
  readonly nextId: number;
  readonly batch: number;
}

export class SleepingSearch implements Search {
  readonly #places: Place[] = [];

  take(machine: StepMachine, taken: ScheduledRun): boolean {
    taken.lanes.length = 0;
    taken.options.length = 0;
    let depth = 0;
    do {
      for (; machine.readyCount > 0; depth += 1) {
        if (depth === this.#places.length) this.#places.push(this.#newPlace(machine, depth));
        const { ways, current } = this.#places[depth];
        if (ways.length === 0) return false;
        const { lane, option, options } = ways[current];
        takeStep(machine, taken, lane, option, options);
      }
    } while (machine.nextBatch());
    return true;
  }

  next(): boolean {
    while (this.#places.length > 0) {
      const place = this.#places[this.#places.length - 1];
      place.current += 1;
      if (place.current < place.ways.length) return true;
      this.#places.pop();
    }
    return false;
  }

  #newPlace(machine: StepMachine, depth: number): Place {
    const relaxed = machine.relaxed!;
    const before = this.#places[depth - 1];
    const sleep: Sleep = before?.batch === machine.batch ? sleepBehind(before) : new Map();
    const ways: Way[] = [];
    for (let position = 0; position < machine.readyCount; position += 1) {
      const lane = machine.ready[position];
      ways.push(...waysOf(machine, relaxed, lane, sleep.get(lane)?.nextId));
    }
    return { ways, current: 0, sleep, nextId: relaxed.nextId, batch: machine.batch };
  }
}

/** Who is asleep after the way that is being tried. */
function sleepBehind({ ways, current, sleep, nextId }: Place): Sleep {
  const behind = new Map(sleep);
  for (const { lane, isBarrier } of ways.slice(0, current)) behind.set(lane, { isBarrier, nextId });
  const taken = ways[current];
  behind.delete(taken.lane);
  if (taken.isBarrier) for (const [lane, { isBarrier }] of behind) if (isBarrier) behind.delete(lane);
  return behind;
}

/** What is left to try of a lane, of which everything that does not read a store from that number on was tried. */
function waysOf(machine: StepMachine, relaxed: RelaxedWords, lane: number, triedBefore: number | undefined): Way[] {
  const code = machine.codeOf(lane);
  const options = machine.options(lane);
  const isBarrier = code === StepCode.BARRIER;
  const all = Array.from({ length: options }, (_, option) => ({ lane, isBarrier, option, options }));
  if (triedBefore === undefined) return all;
  if (isBarrier || code === StepCode.STORE) return [];
  return all.filter(({ option }) => relaxed.readsSince(lane, code, option, triedBefore, machine.lanes));
}
