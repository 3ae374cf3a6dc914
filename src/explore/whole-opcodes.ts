/** Schedules in which nobody comes in between the accesses of some opcodes. */

import type { Decider } from './schedule.ts';
import type { StepMachine } from './step-machine.ts';

/** Lets somebody else decide, but for lanes that are within an opcode that is to be whole: these go on. */
export class WholeOpcodes implements Decider {
  readonly #decider: Decider;
  readonly #whole: ReadonlySet<number>;
  /** The lane that is within such an opcode. */
  #lane = -1;

  /** @param whole records of which the opcode is to be whole. */
  constructor(decider: Decider, whole: ReadonlySet<number>) {
    this.#decider = decider;
    this.#whole = whole;
  }

  begin(machine: StepMachine): void {
    this.#lane = -1;
    this.#decider.begin(machine);
  }

  position(machine: StepMachine): number {
    const { ready, readyCount } = machine;
    if (this.#lane >= 0 && isInOpcode(machine, this.#lane)) {
      for (let position = 0; position < readyCount; position += 1) if (ready[position] === this.#lane) return position;
    }
    const position = this.#decider.position(machine);
    const lane = ready[position];
    this.#lane = this.#whole.has(lane) && isInOpcode(machine, lane) ? lane : -1;
    return position;
  }

  option(machine: StepMachine, lane: number, count: number): number {
    return this.#decider.option(machine, lane, count);
  }

  stepped(machine: StepMachine, lane: number): void {
    this.#decider.stepped?.(machine, lane);
  }
}

/** Whether the access that a lane is about to make is one of an opcode. */
function isInOpcode({ program, lanes }: StepMachine, lane: number): boolean {
  return !program.sites[lanes.site[lane]].isTurn;
}
