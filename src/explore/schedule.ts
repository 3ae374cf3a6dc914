/** A schedule: what was decided in a run, and running it again. */

import type { StepMachine } from './step-machine.ts';

/** Every decision of a run, in order. Where there was nothing to decide nothing is kept. */
export interface Schedule {
  /** Records, each the one whose lane made an access when more than one could. */
  readonly lanes: readonly number[];
  /** Options, each of an access that could come out in more than one way. Always empty under `sequential`. */
  readonly options: readonly number[];
}

/** Who decides. */
export interface Decider {
  /** A run begins: the machine is where every lane of the first batch stops. */
  begin(machine: StepMachine): void;
  /** Index into `machine.ready` of the lane that goes next; asked only when there is more than one. */
  position(machine: StepMachine): number;
  /** How its access comes out, 0 … count − 1; asked only when there is more than one way. */
  option(machine: StepMachine, lane: number, count: number): number;
  /** Told after a step while more than one lane could run. */
  stepped?(machine: StepMachine, lane: number): void;
}

/** A growing list of small numbers that is used again for every run. */
export class NumberList {
  #words = new Uint32Array(64);
  length = 0;

  push(value: number): void {
    if (this.length === this.#words.length) {
      const grown = new Uint32Array(2 * this.length);
      grown.set(this.#words);
      this.#words = grown;
    }
    this.#words[this.length] = value;
    this.length += 1;
  }

  at(index: number): number {
    return this.#words[index];
  }

  toArray(): number[] {
    return Array.from(this.#words.subarray(0, this.length));
  }
}

/** Runs a machine under a decider, and keeps what was decided. */
export class ScheduledRun {
  readonly lanes: NumberList = new NumberList();
  readonly options: NumberList = new NumberList();

  /** One run from its beginning to its end. */
  take(machine: StepMachine, decider: Decider): void {
    this.lanes.length = 0;
    this.options.length = 0;
    decider.begin(machine);
    do {
      while (machine.readyCount > 0) this.#step(machine, decider);
    } while (machine.nextBatch());
  }

  #step(machine: StepMachine, decider: Decider): void {
    const { ready, readyCount } = machine;
    const isChoice = readyCount > 1;
    const lane = ready[isChoice ? decider.position(machine) : 0];
    if (isChoice) this.lanes.push(lane);
    let option = 0;
    if (machine.memory === 'relaxed') {
      const count = machine.options(lane);
      if (count > 1) {
        option = decider.option(machine, lane, count);
        this.options.push(option);
      }
    }
    machine.step(lane, option);
    if (isChoice) decider.stepped?.(machine, lane);
  }
}

/** Follows a schedule. */
export class ScheduleFollower implements Decider {
  readonly #schedule: Schedule;
  #nextLane = 0;
  #nextOption = 0;
  /** Why the schedule is none of this scenario; then the rest of the run is of no meaning. */
  problem: string | undefined;

  constructor(schedule: Schedule) {
    this.#schedule = schedule;
  }

  begin(): void {
    this.#nextLane = 0;
    this.#nextOption = 0;
    this.problem = undefined;
  }

  position({ ready, readyCount }: StepMachine): number {
    const lane = this.#schedule.lanes[this.#nextLane];
    this.#nextLane += 1;
    for (let position = 0; position < readyCount; position += 1) if (ready[position] === lane) return position;
    this.problem ??=
      lane === undefined ? 'it ends before the run does' : `slot ${lane} has nothing to do at step ${this.#nextLane}`;
    return 0;
  }

  option(_machine: StepMachine, _lane: number, count: number): number {
    const option = this.#schedule.options[this.#nextOption];
    this.#nextOption += 1;
    if (option !== undefined && option < count) return option;
    this.problem ??= option === undefined ? 'it ends before the run does' : `an access has no option ${option}`;
    return 0;
  }

  /** What is wrong with the schedule, once the run is over. */
  end(): string | undefined {
    const { lanes, options } = this.#schedule;
    if (this.#nextLane < lanes.length || this.#nextOption < options.length) this.problem ??= 'it goes on after the run';
    return this.problem;
  }
}
