/**
 * One run of every class of schedules that differ in the order of commuting accesses only (Mazurkiewicz traces).
 *
 * Optimal dynamic partial-order reduction: P. Abdulla, S. Aronis, B. Jonsson and K. Sagonas, "Optimal Dynamic Partial
 * Order Reduction", POPL 2014, and "Source Sets: A Foundation for Optimal Dynamic Partial Order Reduction", JACM 64(4),
 * 2017. After a run every race in it, two accesses that do not commute with nothing between them that orders them
 * anyway, is turned round: what has to be run before the first so that the second comes ahead of it is put into the
 * *wakeup tree* of the place in the schedule before the first. *Sleep sets* hold lanes whose next access was tried there
 * and would only lead to what was seen. No run is ever given up.
 *
 * Lanes wait for nobody, so all of them can always run until they end, which is why a race can always be turned round.
 * Batches are apart: the host waits in between, and all of a batch comes before all of the next.
 */

import { type Access, commute, pendingAccess } from './commuting.ts';
import type { ScheduledRun } from './schedule.ts';
import { type Search, takeStep } from './search.ts';
import type { StepMachine } from './step-machine.ts';

/** A step of a sequence that is still to be run, with all that are to follow it. The first child comes first. */
interface WakeupNode {
  readonly access: Access;
  readonly children: WakeupNode[];
}

/** A place in the schedule: an access was about to be chosen. */
interface Place {
  readonly batch: number;
  /** The next accesses of lanes that need not be tried here any more. */
  readonly sleep: Access[];
  /** What is to be tried, the first of it now. */
  readonly wakeup: WakeupNode[];
}

export class OptimalSearch implements Search {
  readonly #places: Place[] = [];
  /** The accesses of the run, in order, and for each the newest access of every lane that comes before it, or −1. */
  readonly #accesses: Access[] = [];
  readonly #clocks: Int32Array[] = [];
  /** From this access on the run is none that was taken before. */
  #firstNew = 0;

  take(machine: StepMachine, taken: ScheduledRun): boolean {
    taken.lanes.length = 0;
    taken.options.length = 0;
    let depth = 0;
    do {
      for (; machine.readyCount > 0; depth += 1) {
        if (depth === this.#places.length) this.#places.push(this.#newPlace(machine, depth));
        const { access } = this.#places[depth].wakeup[0];
        this.#accesses[depth] = access;
        takeStep(machine, taken, access.lane, 0, 1);
      }
    } while (machine.nextBatch());
    this.#findRaces(depth, machine.ready.length);
    return true;
  }

  next(): boolean {
    while (this.#places.length > 0) {
      const { sleep, wakeup } = this.#places[this.#places.length - 1];
      sleep.push(wakeup.shift()!.access);
      if (wakeup.length > 0) {
        this.#firstNew = this.#places.length - 1;
        return true;
      }
      this.#places.pop();
    }
    return false;
  }

  #newPlace(machine: StepMachine, depth: number): Place {
    const { batch } = machine;
    const before = this.#places[depth - 1];
    const follows = before !== undefined && before.batch === batch;
    const sleep = follows ? before.sleep.filter((asleep) => commute(asleep, before.wakeup[0].access)) : [];
    const wakeup = follows ? before.wakeup[0].children : [];
    if (wakeup.length === 0) wakeup.push({ access: firstAwake(machine, sleep), children: [] });
    return { batch, sleep, wakeup };
  }

  /** Puts the other order of every new race into the wakeup tree of the place where it has to begin. */
  #findRaces(end: number, laneCount: number): void {
    for (let later = this.#firstNew; later < end; later += 1) this.#clocks[later] = new Int32Array(laneCount).fill(-1);
    const races: { earlier: number; later: number }[] = [];
    for (let later = this.#firstNew; later < end; later += 1) {
      for (const earlier of this.#orderedBefore(later)) races.push({ earlier, later });
    }
    for (const { earlier, later } of races) this.#turnRound(earlier, later, end);
  }

  /** Fills in the clock of an access; returns the accesses that it races with. */
  #orderedBefore(later: number): number[] {
    const { batch } = this.#places[later];
    const access = this.#accesses[later];
    const clock = this.#clocks[later];
    const races: number[] = [];
    for (let earlier = later - 1; earlier >= 0 && this.#places[earlier].batch === batch; earlier -= 1) {
      const other = this.#accesses[earlier];
      // Everything that is later than this one and comes before `later` is in the clock already.
      if (clock[other.lane] >= earlier) continue;
      const isSameLane = other.lane === access.lane;
      if (!isSameLane && commute(other, access)) continue;
      if (!isSameLane) races.push(earlier);
      join(clock, this.#clocks[earlier]);
    }
    clock[access.lane] = later;
    return races;
  }

  #turnRound(earlier: number, later: number, end: number): void {
    const { batch, sleep, wakeup } = this.#places[earlier];
    const { lane } = this.#accesses[earlier];
    const sequence: Access[] = [];
    for (let next = earlier + 1; next < end && this.#places[next].batch === batch; next += 1) {
      if (this.#clocks[next][lane] < earlier) sequence.push(this.#accesses[next]);
    }
    sequence.push(this.#accesses[later]);
    if (sleep.some((asleep) => canBegin(asleep, sequence))) return;
    insert(wakeup, sequence);
  }
}

/** The lowest lane that is not asleep. */
function firstAwake(machine: StepMachine, sleep: readonly Access[]): Access {
  for (let position = 0; position < machine.readyCount; position += 1) {
    const lane = machine.ready[position];
    if (!sleep.some((asleep) => asleep.lane === lane)) return pendingAccess(machine, lane);
  }
  throw new Error('every lane is asleep, which optimal reduction rules out');
}

function join(clock: Int32Array, other: Int32Array): void {
  for (let lane = 0; lane < clock.length; lane += 1) if (other[lane] > clock[lane]) clock[lane] = other[lane];
}

/** Whether a sequence, or one of its class with that access added, could begin with that access (a weak initial). */
function canBegin(access: Access, sequence: readonly Access[]): boolean {
  for (const other of sequence) {
    if (other.lane === access.lane) return true;
    if (!commute(other, access)) return false;
  }
  return true;
}

/** Adds a sequence to a wakeup tree, unless a branch of it leads to the same anyway. */
function insert(tree: WakeupNode[], sequence: Access[]): void {
  let children = tree;
  for (let next = children.find(({ access }) => canBegin(access, sequence)); next !== undefined; ) {
    const { access } = next;
    const own = sequence.findIndex(({ lane }) => lane === access.lane);
    if (own >= 0) sequence.splice(own, 1);
    if (next.children.length === 0 || sequence.length === 0) return;
    children = next.children;
    next = children.find((child) => canBegin(child.access, sequence));
  }
  for (const access of sequence) {
    const node: WakeupNode = { access, children: [] };
    children.push(node);
    children = node.children;
  }
}
