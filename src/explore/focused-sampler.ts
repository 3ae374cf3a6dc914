/**
 * Draws only where lanes were seen to meet.
 *
 * Footprints are upper bounds: a slot that stores at an index which it loads may reach all of memory as far as they tell, and
 * then every access of every other slot is a scheduling point, however little the two have to do with each other. Twenty
 * slots that only count would take nearly all of the draws, and what they leave to the slots that race is few. So the first
 * run only looks at who gets at what, and from the second on an access to a word that no two lanes were seen to disturb each
 * other at is taken at once, without a draw. What is seen later counts from then on. Nothing becomes impossible that could
 * happen before but orders of accesses that commute, as far as was seen; the schedule is written down in full either way.
 */

import { StepCode } from '../kernel/index.ts';
import { commutingClass } from './commuting.ts';
import type { Decider } from './schedule.ts';
import type { StepMachine } from './step-machine.ts';

/** Accesses in a row after which a lane that is not drawn may be waiting for one that is. */
const MOST_IN_A_ROW = 64;

/** Who was seen at a word in a batch. */
interface Seen {
  readonly lane: number;
  isShared: boolean;
  /** As in `Access`; 0 if accesses of more than one class were seen. */
  commutingClass: number;
}

export class FocusedSampler implements Decider {
  readonly #inner: Decider;
  /** Draws the first run. */
  readonly #scout: Decider;
  #decider: Decider;
  #runs = 0;
  #batch = -1;
  #seen: Map<number, Seen>[] = [];
  /** 1 for words of the batch that runs at which lanes were seen to meet. */
  #matters = new Uint8Array(0);
  #program: StepMachine['program'] | undefined;
  /** Commuting classes by site of that program. */
  #classes = new Uint8Array(0);
  /** Lanes that need no draw, as far as was known when they stopped. */
  readonly #free: number[] = [];
  #inARow = 0;

  constructor(inner: Decider, scout: Decider) {
    this.#inner = inner;
    this.#scout = scout;
    this.#decider = scout;
  }

  begin(machine: StepMachine): void {
    this.#runs += 1;
    this.#decider = this.#runs === 1 ? this.#scout : this.#inner;
    if (this.#matters.length !== machine.words.length) this.#matters = new Uint8Array(machine.words.length);
    if (this.#program !== machine.program) {
      this.#program = machine.program;
      this.#classes = Uint8Array.from(machine.program.sites, commutingClass);
    }
    this.#enter(machine);
    this.#decider.begin(machine);
  }

  position(machine: StepMachine): number {
    if (machine.batch !== this.#batch) this.#enter(machine);
    const free = this.#runs === 1 ? -1 : this.#freePosition(machine);
    if (free >= 0) return free;
    this.#inARow = 0;
    return this.#decider.position(machine);
  }

  option(machine: StepMachine, lane: number, count: number): number {
    return this.#decider.option(machine, lane, count);
  }

  stepped(machine: StepMachine, lane: number): void {
    this.#look(machine, lane);
    // Samplers keep account of the draws that they made.
    if (this.#inARow === 0) this.#decider.stepped?.(machine, lane);
  }

  /** Position of a lane that needs no draw; below zero if there is none. */
  #freePosition({ ready, readyCount, lanes }: StepMachine): number {
    while (this.#free.length > 0 && this.#inARow < MOST_IN_A_ROW) {
      const lane = this.#free.pop()!;
      if (this.#matters[lanes.address[lane]] === 1) continue;
      for (let position = 0; position < readyCount; position += 1) {
        if (ready[position] !== lane) continue;
        this.#inARow += 1;
        return position;
      }
    }
    return -1;
  }

  /** A batch begins, of this run or the next. */
  #enter(machine: StepMachine): void {
    const { batch, ready, readyCount } = machine;
    if (batch !== this.#batch) {
      for (const word of this.#seen[this.#batch]?.keys() ?? []) this.#matters[word] = 0;
      this.#batch = batch;
      this.#seen[batch] ??= new Map();
      for (const [word, seen] of this.#seen[batch]) if (doesMatter(seen)) this.#matters[word] = 1;
    }
    this.#free.length = 0;
    this.#inARow = 0;
    for (let position = 0; position < readyCount; position += 1) this.#look(machine, ready[position]);
  }

  /** Notes what a lane is about to do. */
  #look(machine: StepMachine, lane: number): void {
    const site = machine.lanes.site[lane];
    const word = machine.lanes.address[lane];
    const code = machine.codes[site];
    if (code <= StepCode.HUNG || code === StepCode.BARRIER || this.#matters[word] === 1) return;
    const known = this.#seen[this.#batch].get(word);
    const seen = known ?? { lane, isShared: false, commutingClass: this.#classes[site] };
    if (known === undefined) this.#seen[this.#batch].set(word, seen);
    if (seen.lane !== lane) seen.isShared = true;
    if (seen.commutingClass !== this.#classes[site]) seen.commutingClass = 0;
    if (doesMatter(seen)) this.#matters[word] = 1;
    else this.#free.push(lane);
  }
}

function doesMatter({ isShared, commutingClass }: Seen): boolean {
  return isShared && commutingClass === 0;
}
