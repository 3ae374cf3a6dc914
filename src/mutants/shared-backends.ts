/** Backends that are kept for whoever wants the same kernel next: drivers take long to compile one. */

import type { Backend } from '../backend/index.ts';
import type { Kernel } from '../kernel/index.ts';

/** A mutant and its sound kernel. Each holds memory of its device. */
const MOST_IDLE = 2;

interface Idle {
  readonly identity: string;
  readonly backend: Backend;
}

export class SharedBackends {
  readonly #make: (kernel: Kernel) => Backend | Promise<Backend>;
  /** Nobody uses them; the one that was used last is the last. */
  readonly #idle: Idle[] = [];

  constructor(make: (kernel: Kernel) => Backend | Promise<Backend>) {
    this.#make = make;
  }

  /** A backend that nobody else uses until it is given back. It may have run before. */
  async take(kernel: Kernel): Promise<Backend> {
    const index = this.#idle.findIndex(({ identity }) => identity === kernel.identity);
    return index < 0 ? this.#make(kernel) : this.#idle.splice(index, 1)[0].backend;
  }

  /** @param isBroken whether it is of no use any more. */
  async giveBack(kernel: Kernel, backend: Backend, isBroken: boolean): Promise<void> {
    if (isBroken) {
      await backend.stop();
      return;
    }
    this.#idle.push({ identity: kernel.identity, backend });
    if (this.#idle.length > MOST_IDLE) await this.#idle.shift()?.backend.stop();
  }

  /** Stops those that are kept. */
  async stop(): Promise<void> {
    for (const { backend } of this.#idle.splice(0)) await backend.stop();
  }
}
