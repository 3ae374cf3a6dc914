/** Slots run one at a time on a memory of their own, by the program that the reference runs. */

import { bindLoweredKernel, FAULT_WORDS, type Kernel, type LoweredKernel, lowerToJavaScript, planMemory } from '../kernel/index.ts';
import { DEBUG_WORDS, SLOT_WORDS, SlotStatus, SlotWord } from '../protocol/index.ts';
import type { PlacedSlot } from '../record/index.ts';
import { publishedWords } from './slot-shape.ts';

/** Loops go on for a while and then ask; after so many times it is too much. Counted, so that it is the same everywhere. */
const MAX_LONG_STRETCHES = 2_000;

/** Thrown where slots take so many turns of loops that searching over them is out of the question. */
export class SlotsTooLong extends Error {}

export class SlotMachine {
  /** Control memory and the debug log, as a snapshot has them. */
  readonly words: Uint32Array;
  readonly #ring: Uint32Array;
  readonly #faults: Uint32Array;
  readonly #lowered: LoweredKernel;
  readonly #published: readonly Uint32Array[];
  readonly #slotIndices: Uint32Array;
  readonly #initial: Uint32Array;
  #stretches = 0;

  constructor(kernel: Kernel, slots: readonly PlacedSlot[], initial: Uint32Array) {
    const plan = planMemory(kernel);
    const buffer = new ArrayBuffer(plan.totalBytes);
    this.words = new Uint32Array(buffer, plan.controlByteOffset, kernel.controlWords + DEBUG_WORDS);
    this.#ring = new Uint32Array(buffer, plan.ringByteOffset, kernel.slotCount * SLOT_WORDS);
    this.#faults = new Uint32Array(buffer, plan.faultsByteOffset, kernel.slotCount * FAULT_WORDS);
    this.#published = slots.map(publishedWords);
    this.#slotIndices = Uint32Array.from(slots, ({ slotIndex }) => slotIndex);
    this.#initial = initial;
    const memories = {
      ring: this.#ring,
      control: this.words.subarray(0, kernel.controlWords),
      debug: this.words.subarray(kernel.controlWords),
      faults: this.#faults,
      tables: Object.fromEntries(kernel.tables.map((table) => [table.name, table.words])),
    };
    this.#lowered = bindLoweredKernel(lowerToJavaScript(kernel, 'serial'), memories, () => {
      this.#stretches += 1;
      if (this.#stretches > MAX_LONG_STRETCHES) throw new SlotsTooLong();
    });
  }

  reset(): void {
    this.words.set(this.#initial);
  }

  /**
   * Publishes a slot and gives its lane a turn.
   *
   * @returns its status then.
   * @throws SlotsTooLong
   */
  run(slot: number): number {
    const base = this.#slotIndices[slot] * SLOT_WORDS;
    this.#ring.set(this.#published[slot], base);
    this.#lowered.runTurns(this.#slotIndices, slot, 1, slot + 1);
    return this.#ring[base + SlotWord.STATUS];
  }

  /** The two words of a fault of the slot that ran last. */
  faultOf(slot: number): readonly [number, number] {
    const base = this.#slotIndices[slot] * FAULT_WORDS;
    return [this.#faults[base], this.#faults[base + 1]];
  }
}

/** Whether a slot of that status is handed back to the host. */
export function hasEnded(status: number): boolean {
  return status === SlotStatus.DONE || status === SlotStatus.FAULT || status === SlotStatus.EMPTY;
}
