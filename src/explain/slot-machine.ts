/** Slots run one at a time on a memory of their own, by the program that the reference runs. */

import {
  bindLoweredKernel,
  FAULT_WORDS,
  type Kernel,
  type LoweredKernel,
  lowerToJavaScript,
  planMemory,
} from '../kernel/index.ts';
import { DEBUG_WORDS, SLOT_WORDS, SlotStatus, SlotWord } from '../protocol/index.ts';
import type { PlacedSlot } from '../record/index.ts';
import { publishedWords } from './slot-shape.ts';

/** Loops go on for a while and then ask; after so many times it is too much. Counted, so that it is the same everywhere. */
const MAX_LONG_STRETCHES = 2_000;

/** Thrown where slots take so many turns of loops that searching over them is out of the question. */
export class SlotsTooLong extends Error {}

/** A kernel's program on its memories; made once a kernel, since compiling takes longer than most searches. */
interface CompiledKernel {
  readonly words: Uint32Array;
  readonly ring: Uint32Array;
  readonly faults: Uint32Array;
  readonly lowered: LoweredKernel;
  readonly counter: { stretches: number };
}

const compiledKernels = new WeakMap<Kernel, CompiledKernel>();

function compiledOf(kernel: Kernel): CompiledKernel {
  const known = compiledKernels.get(kernel);
  if (known !== undefined) return known;
  const plan = planMemory(kernel);
  const buffer = new ArrayBuffer(plan.totalBytes);
  const words = new Uint32Array(buffer, plan.controlByteOffset, kernel.controlWords + DEBUG_WORDS);
  const ring = new Uint32Array(buffer, plan.ringByteOffset, kernel.slotCount * SLOT_WORDS);
  const faults = new Uint32Array(buffer, plan.faultsByteOffset, kernel.slotCount * FAULT_WORDS);
  const counter = { stretches: 0 };
  const memories = {
    ring,
    control: words.subarray(0, kernel.controlWords),
    debug: words.subarray(kernel.controlWords),
    faults,
    tables: Object.fromEntries(kernel.tables.map((table) => [table.name, table.words])),
  };
  const lowered = bindLoweredKernel(lowerToJavaScript(kernel, 'serial'), memories, () => {
    counter.stretches += 1;
    if (counter.stretches > MAX_LONG_STRETCHES) throw new SlotsTooLong();
  });
  const made = { words, ring, faults, lowered, counter };
  compiledKernels.set(kernel, made);
  return made;
}

/** The slots of one epoch on a kernel's memories. Of one kernel, one machine at a time. */
export class SlotMachine {
  /** Control memory and the debug log, as a snapshot has them. */
  readonly words: Uint32Array;
  readonly #ring: Uint32Array;
  readonly #faults: Uint32Array;
  readonly #lowered: LoweredKernel;
  readonly #published: readonly Uint32Array[];
  readonly #slotIndices: Uint32Array;

  constructor(kernel: Kernel, slots: readonly PlacedSlot[]) {
    const { words, ring, faults, lowered, counter } = compiledOf(kernel);
    this.words = words;
    this.#ring = ring;
    this.#faults = faults;
    this.#lowered = lowered;
    counter.stretches = 0;
    this.#published = slots.map(publishedWords);
    this.#slotIndices = Uint32Array.from(slots, ({ slotIndex }) => slotIndex);
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
