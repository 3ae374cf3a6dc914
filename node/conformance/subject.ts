/** A backend that is being checked, with the slots to check it with and a tally of what became of them. */

import { type Backend, type DrainReport, isPromise, PublishError, type Slot } from '../../src/backend/index.ts';
import { compareSnapshots, type ResolvedLayout, resolveLayout } from '../../src/observe/index.ts';
import { ControlWord, Opcode, Priority } from '../../src/protocol/index.ts';
import { Skipped, Violation } from './check.ts';

/** Slots to check a backend with. */
export interface Probes {
  readonly slots: readonly Slot[];
  /** Whether the backend said that it runs them; if not, it may refuse them. */
  readonly arePromised: boolean;
}

/** For kernels of ours: any order gives the same. */
export const KERNEL_PROBES: Probes = {
  arePromised: true,
  slots: [
    slot(Opcode.NOP),
    slot(Opcode.ATOMIC_ADD, 3, ControlWord.OBSERVABLE_BASE + 2),
    slot(Opcode.ATOMIC_ADD, 0xffff_fff0, ControlWord.OBSERVABLE_BASE + 3),
  ],
};

/** For a runtime that names none. */
export const GUESSED_PROBES: Probes = { slots: [slot(Opcode.NOP)], arePromised: false };

export function slot(opcode: number, ...args: number[]): Slot {
  return { opcode, tenant: 0, priority: Priority.NORMAL, args };
}

export class Subject {
  readonly backend: Backend;
  readonly layout: ResolvedLayout;
  readonly probes: Probes;
  readonly #busy = new Set<number>();

  constructor(backend: Backend, probes: Probes) {
    this.backend = backend;
    this.layout = resolveLayout(backend.layout);
    this.probes = probes;
  }

  async start(): Promise<void> {
    await this.backend.start();
    this.#busy.clear();
  }

  async observe(): Promise<Uint32Array> {
    const snapshot = new Uint32Array(this.layout.snapshotWords);
    await this.backend.observe(snapshot);
    return snapshot;
  }

  async restore(snapshot: Uint32Array): Promise<void> {
    await this.backend.restore?.(snapshot);
    this.#busy.clear();
  }

  /** Publishes so many probes into free slots and drains; every one of them has to be accounted for. */
  async runProbes(count: number): Promise<DrainReport> {
    const { slots } = this.probes;
    return this.run(Array.from({ length: count }, (_, index) => slots[index % slots.length]));
  }

  /** As {@link runProbes}; slots beyond the free ones are left out. */
  async run(slots: readonly Slot[]): Promise<DrainReport> {
    let slotIndex = 0;
    for (const each of slots) {
      while (this.#busy.has(slotIndex)) slotIndex += 1;
      if (slotIndex >= this.backend.slotCount) break;
      const publishing = this.backend.publish(slotIndex, each);
      if (isPromise(publishing)) await publishing;
      this.#busy.add(slotIndex);
    }
    const report = await this.#drain();
    this.#account(report);
    return report;
  }

  /** @throws Violation that names the first difference. */
  expectEqual(expected: Uint32Array, seen: Uint32Array, what: string, fix: string): void {
    const { differences } = compareSnapshots(this.layout, expected, seen);
    const [first] = differences;
    if (first === undefined) return;
    const where =
      first.kind === 'words'
        ? `${first.words[0].name} is ${first.words[0].seen} and was ${first.words[0].expected}`
        : `region ${first.region.name} holds other records`;
    throw new Violation(`${what}: ${where}`, fix);
  }

  async #drain(): Promise<DrainReport> {
    try {
      return await this.backend.drain();
    } catch (error) {
      if (!(error instanceof PublishError) || this.probes.arePromised) throw error;
      throw new Skipped('it refuses opcode 0 and names no probes in READY, so there is nothing to run');
    }
  }

  #account({ done, pending, faults }: DrainReport): void {
    const published = this.#busy.size;
    const total = done + pending.length + faults.length;
    const stranger = [...pending, ...faults.map(({ slotIndex }) => slotIndex)].find((each) => !this.#busy.has(each));
    if (stranger !== undefined) {
      throw new Violation(`slot ${stranger} was reported and not published`, 'report what was published.');
    }
    if (total !== published) {
      const what = `${published} slots were published, ${total} are accounted for (${describeReport({ done, pending, faults })})`;
      throw new Violation(what, 'count each slot once: as done, as waiting, or as faulted.');
    }
    this.#busy.clear();
    for (const slotIndex of pending) this.#busy.add(slotIndex);
  }
}

export function describeReport({ done, pending, faults }: DrainReport): string {
  return `${done} done, ${pending.length} waiting, ${faults.length} faulted`;
}
