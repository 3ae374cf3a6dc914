/**
 * One run of every class of serial orders that differ in the order of slots that commute only.
 *
 * Source sets: P. Abdulla, S. Aronis, B. Jonsson and K. Sagonas, "Optimal Dynamic Partial Order Reduction", POPL 2014,
 * algorithm 1, with whole slots in place of single accesses. Two slots depend on each other if an access of the one and one
 * of the other do not commute, of all that they were seen to make in any order that was run. When a slot is seen to make an
 * access that is new, the search begins again: with a relation that stays the same it runs every class of orders, and an
 * order in which a slot first made an access that was never seen would be of such a class up to there. Twenty slots that
 * only count beside four that race are 24 orders in place of 24! ones.
 *
 * A slot that was tried at a place is asleep there until one that it depends on is run: until then it would make the same
 * accesses. A run in which all are asleep is given up.
 */

import { commute, pendingAccess } from './commuting.ts';
import type { ScheduledRun } from './schedule.ts';
import { type Search, takeStep } from './search.ts';
import type { StepMachine } from './step-machine.ts';

/** Pairs of turns that take about as long to compare as one access takes to run. */
const PAIRS_AN_ACCESS = 8;
/** Of more lanes than this it is found out every time whether two depend on each other. */
const MOST_KEPT_LANES = 2_048;
const INDEPENDENT = 1;
const DEPENDENT = 2;

/** The scheduled accesses of a slot by word; the class is 0 where it made accesses of several classes. */
type Accesses = Map<number, number>;

/** A place in an order: a slot was about to be chosen. */
interface Place {
  readonly batch: number;
  /** Lanes that need not be tried here. */
  readonly sleep: number[];
  /** Lanes that are to be tried here, or were. */
  readonly wanted: number[];
  /** The one that is being tried. */
  lane: number;
}

export class SerialSearch implements Search {
  readonly #places: Place[] = [];
  /** Lanes in the order of the run. */
  #turns: number[] = [];
  readonly #accesses = new Map<number, Accesses>();
  /** What `#depend` said of two lanes, until a lane makes an access that is new. */
  #laneCount = 0;
  /** For two lanes, by left · laneCount + right, what was found out of them; 0 for what was not. */
  #dependence = new Uint8Array(0);
  #pairs = 0;
  /** A lane made an access that it was not seen to make before. */
  #hasGrown = false;
  /** From this turn on the run is none that was taken before. */
  #firstNew = 0;

  take(machine: StepMachine, taken: ScheduledRun): boolean {
    taken.lanes.length = 0;
    taken.options.length = 0;
    this.#turns = [];
    this.#keepDependence(machine.scenario.slots.length);
    let isWhole = true;
    do {
      while (isWhole && machine.readyCount > 0) {
        const depth = this.#turns.length;
        if (depth === this.#places.length) isWhole = this.#addPlace(machine);
        if (isWhole) this.#takeTurn(machine, taken, this.#places[depth].lane);
      }
    } while (isWhole && machine.nextBatch());
    this.#findRaces();
    return isWhole;
  }

  get extraEffort(): number {
    return this.#pairs / PAIRS_AN_ACCESS;
  }

  next(): boolean {
    if (this.#hasGrown) {
      this.#hasGrown = false;
      this.#places.length = 0;
      this.#firstNew = 0;
      return true;
    }
    while (this.#places.length > 0) {
      const depth = this.#places.length - 1;
      const place = this.#places[depth];
      place.sleep.push(this.#turns[depth]);
      const lane = place.wanted.find((wanted) => !place.sleep.includes(wanted));
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
    const sleep = before?.batch === batch ? before.sleep.filter((asleep) => !this.#depend(asleep, taken)) : [];
    for (let position = 0; position < readyCount; position += 1) {
      const lane = ready[position];
      if (sleep.includes(lane)) continue;
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
        if (before.has(earlier) || !this.#depend(turns[earlier], turn)) continue;
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
    const lanes = initials.map((index) => this.#turns[index]);
    if (!lanes.some((lane) => wanted.includes(lane))) wanted.push(lanes[0]);
  }

  /** Takes a lane to the end of its turn. */
  #takeTurn(machine: StepMachine, taken: ScheduledRun, lane: number): void {
    const accesses: Accesses = this.#accesses.get(lane) ?? new Map();
    this.#accesses.set(lane, accesses);
    while (isReady(machine, lane)) {
      const { word, commutingClass } = pendingAccess(machine, lane);
      const known = accesses.get(word);
      const merged = known === undefined || known === commutingClass ? commutingClass : 0;
      if (known !== merged) {
        this.#hasGrown = true;
        this.#dependence.fill(0);
      }
      accesses.set(word, merged);
      takeStep(machine, taken, lane, 0, 1);
    }
    this.#turns.push(lane);
  }

  #depend(left: number, right: number): boolean {
    if (left === right) return true;
    this.#pairs += 1;
    const pair = left * this.#laneCount + right;
    const known = this.#dependence[pair];
    if (known === DEPENDENT || known === INDEPENDENT) return known === DEPENDENT;
    const depend = this.#compare(left, right);
    // Nothing is kept of too many lanes: the list has no room then.
    this.#dependence[pair] = depend ? DEPENDENT : INDEPENDENT;
    return depend;
  }

  #keepDependence(laneCount: number): void {
    if (this.#laneCount === laneCount) return;
    this.#laneCount = laneCount;
    this.#dependence = new Uint8Array(laneCount > MOST_KEPT_LANES ? 0 : laneCount ** 2);
  }

  #compare(left: number, right: number): boolean {
    const others = this.#accesses.get(right);
    for (const [word, commutingClass] of this.#accesses.get(left) ?? []) {
      const other = others?.get(word);
      if (other === undefined) continue;
      if (!commute({ lane: left, word, commutingClass }, { lane: right, word, commutingClass: other })) return true;
    }
    return false;
  }
}

function isReady({ ready, readyCount }: StepMachine, lane: number): boolean {
  for (let position = 0; position < readyCount; position += 1) if (ready[position] === lane) return true;
  return false;
}
