/**
 * One run of every class of serial orders that differ in the order of slots that commute only.
 *
 * Source sets: P. Abdulla, S. Aronis, B. Jonsson and K. Sagonas, "Optimal Dynamic Partial Order Reduction", POPL 2014,
 * algorithm 1, with whole slots in place of single accesses. Two slots depend on each other if an access of the one and one
 * of the other do not commute; which they make is seen by running them, so the search depends on no upper bound. Twenty
 * slots that only count beside four that race are 24 orders in place of 24! ones.
 *
 * A slot that was tried at a place is asleep there until one that it depends on is run: until then it would make the same
 * accesses. A run in which all are asleep is given up.
 */

import { type Access, commute, pendingAccess } from './commuting.ts';
import type { ScheduledRun } from './schedule.ts';
import { type Search, takeStep } from './search.ts';
import type { StepMachine } from './step-machine.ts';

/** A slot that was run to its end, or to the end of its turn. */
interface Turn {
  readonly lane: number;
  /** Its scheduled accesses by word; the class is 0 where it made accesses of several classes. */
  readonly classes: ReadonlyMap<number, number>;
}

/** A place in an order: a slot was about to be chosen. */
interface Place {
  readonly batch: number;
  /** What need not be tried here. */
  readonly sleep: Turn[];
  /** Lanes that are to be tried here, or were. */
  readonly wanted: number[];
  /** The one that is being tried. */
  lane: number;
}

export class SerialSearch implements Search {
  readonly #places: Place[] = [];
  #turns: Turn[] = [];
  /** From this turn on the run is none that was taken before. */
  #firstNew = 0;

  take(machine: StepMachine, taken: ScheduledRun): boolean {
    taken.lanes.length = 0;
    taken.options.length = 0;
    this.#turns = [];
    let isWhole = true;
    do {
      while (isWhole && machine.readyCount > 0) {
        const depth = this.#turns.length;
        if (depth === this.#places.length) isWhole = this.#addPlace(machine);
        if (isWhole) this.#turns.push(takeTurn(machine, taken, this.#places[depth].lane));
      }
    } while (isWhole && machine.nextBatch());
    this.#findRaces();
    return isWhole;
  }

  next(): boolean {
    while (this.#places.length > 0) {
      const depth = this.#places.length - 1;
      const place = this.#places[depth];
      place.sleep.push(this.#turns[depth]);
      const lane = place.wanted.find((wanted) => !place.sleep.some((asleep) => asleep.lane === wanted));
      if (lane !== undefined) {
        place.lane = lane;
        this.#firstNew = depth;
        return true;
      }
      this.#places.pop();
    }
    return false;
  }

  /** False if whatever could be tried there is asleep. */
  #addPlace({ ready, readyCount, batch }: StepMachine): boolean {
    const depth = this.#places.length;
    const before = this.#places[depth - 1];
    const taken = this.#turns[depth - 1];
    const sleep = before?.batch === batch ? before.sleep.filter((turn) => !depend(turn, taken)) : [];
    for (let position = 0; position < readyCount; position += 1) {
      const lane = ready[position];
      if (sleep.some((asleep) => asleep.lane === lane)) continue;
      this.#places.push({ batch, sleep, wanted: [lane], lane });
      return true;
    }
    return false;
  }

  /** For every two turns that could change places: sees to it that an order with the later one first is tried. */
  #findRaces(): void {
    const turns = this.#turns;
    // befores[n] has the turns that come before the n-th in every order of its class.
    const befores: Set<number>[] = [];
    for (const [later, turn] of turns.entries()) {
      const before = new Set<number>();
      befores.push(before);
      const { batch } = this.#places[later];
      for (let earlier = later - 1; earlier >= 0 && this.#places[earlier].batch === batch; earlier -= 1) {
        if (before.has(earlier) || !depend(turns[earlier], turn)) continue;
        before.add(earlier);
        for (const index of befores[earlier]) before.add(index);
        if (later >= this.#firstNew) this.#turnRound(earlier, later, befores);
      }
    }
  }

  #turnRound(earlier: number, later: number, befores: readonly ReadonlySet<number>[]): void {
    const { wanted } = this.#places[earlier];
    const free: number[] = [];
    for (let index = earlier + 1; index <= later; index += 1) {
      if (index === later || !befores[index].has(earlier)) free.push(index);
    }
    const initials = free.filter((index) => !free.some((other) => other < index && befores[index].has(other)));
    const lanes = initials.map((index) => this.#turns[index].lane);
    if (!lanes.some((lane) => wanted.includes(lane))) wanted.push(lanes[0]);
  }
}

/** Takes a lane to the end of its turn. */
function takeTurn(machine: StepMachine, taken: ScheduledRun, lane: number): Turn {
  const classes = new Map<number, number>();
  while (isReady(machine, lane)) {
    const { word, commutingClass } = pendingAccess(machine, lane);
    const known = classes.get(word);
    classes.set(word, known === undefined || known === commutingClass ? commutingClass : 0);
    takeStep(machine, taken, lane, 0, 1);
  }
  return { lane, classes };
}

function isReady({ ready, readyCount }: StepMachine, lane: number): boolean {
  for (let position = 0; position < readyCount; position += 1) if (ready[position] === lane) return true;
  return false;
}

function depend(left: Turn, right: Turn): boolean {
  if (left.lane === right.lane) return true;
  for (const [word, commutingClass] of left.classes) {
    const other = right.classes.get(word);
    if (other === undefined) continue;
    const accessOfLeft: Access = { lane: left.lane, word, commutingClass };
    if (!commute(accessOfLeft, { lane: right.lane, word, commutingClass: other })) return true;
  }
  return false;
}
