/**
 * A compare-and-set register, simulated: five processes, calls whose end nobody sees, and in half of the histories a
 * replica that answers a read with a value that was overwritten before the read was called.
 */

import { RandomWords } from '../../src/base/random.ts';
import type { Line } from './brute-force.ts';

export interface NamedHistory {
  readonly name: string;
  readonly isSerializable: boolean;
  readonly operations: readonly Line[];
}

export interface SimulationOptions {
  readonly seed: number;
  readonly count: number;
  /** In each history. */
  readonly operations: number;
}

const PROCESSES = 5;
const VALUES = 5;
/** One call in so many is never answered, and happens or not. */
const LOST_ONE_IN = 7;

export function textOf({ operations }: NamedHistory): string {
  return operations.map((line) => `${JSON.stringify(line)}\n`).join('');
}

/** Every other history has a read that no order explains. */
export function simulateRegisters({ seed, count, operations }: SimulationOptions): NamedHistory[] {
  return Array.from({ length: count }, (_, number): NamedHistory => {
    const isSerializable = number % 2 === 0;
    const random = new RandomWords(new RandomWords(seed).next() ^ number);
    const lines = new Simulation(random).run(operations);
    if (!isSerializable) lines.push(...staleRead(lines));
    return { name: `simulated_${number}`, isSerializable, operations: lines };
  });
}

class Simulation {
  readonly #random: RandomWords;
  #value: number | null = null;
  #time = 0;
  readonly #busyUntil: number[] = new Array(PROCESSES).fill(0);

  constructor(random: RandomWords) {
    this.#random = random;
  }

  /** Operations happen in the order in which they are made here, each at a moment of its own. */
  run(count: number): Line[] {
    return Array.from({ length: count }, () => {
      this.#time += 10;
      const process = this.#freeProcess();
      const call = Math.max(this.#busyUntil[process], this.#time - this.#random.below(40)) + 0.5;
      const end = Math.max(call, this.#time) + this.#random.below(40) + 0.25;
      this.#time = Math.max(this.#time, call);
      const isLost = this.#random.below(LOST_ONE_IN) === 0;
      this.#busyUntil[process] = end;
      const input = this.#drawInput();
      // What was lost on its way did not happen.
      const output = isLost && this.#random.below(2) === 0 ? null : this.#execute(input);
      return { process, call, return: isLost ? null : end, input, output: isLost ? null : output };
    });
  }

  #freeProcess(): number {
    const start = this.#random.below(PROCESSES);
    let best = start;
    for (let each = 0; each < PROCESSES; each += 1) {
      const process = (start + each) % PROCESSES;
      if (this.#busyUntil[process] <= this.#time) return process;
      if (this.#busyUntil[process] < this.#busyUntil[best]) best = process;
    }
    return best;
  }

  #drawInput(): Line['input'] {
    const kind = this.#random.below(3);
    if (kind === 0) return { op: 'read' };
    if (kind === 1) return { op: 'write', value: this.#random.below(VALUES) };
    return { op: 'cas', from: this.#random.below(VALUES), to: this.#random.below(VALUES) };
  }

  #execute(input: Line['input']): Line['output'] {
    if (input['op'] === 'read') return { value: this.#value };
    if (input['op'] === 'write') {
      this.#value = Number(input['value']);
      return {};
    }
    const ok = this.#value === input['from'];
    if (ok) this.#value = Number(input['to']);
    return { ok };
  }
}

/** Two writes of values that nobody else writes, one after the other, and then a read of the first. */
function staleRead(lines: readonly Line[]): Line[] {
  const at = lines[Math.floor(lines.length / 2)].call;
  const write = (value: number) => ({ op: 'write', value });
  return [
    { process: PROCESSES, call: at, return: at + 1, input: write(VALUES), output: {} },
    { process: PROCESSES, call: at + 2, return: at + 3, input: write(VALUES + 1), output: {} },
    { process: PROCESSES + 1, call: at + 4, return: at + 5, input: { op: 'read' }, output: { value: VALUES } },
  ];
}
