/** Programs made by hand, epoch by epoch, for checking what replays them. */

import {
  NONE,
  PROGRAM_EPOCH_WORDS,
  ProgramEpochWord,
  type ProgramHead,
  type ProgramSegment,
  type ReplayProgram,
} from '../../src/backend/index.ts';
import type { SlotToRun } from '../../src/wire/index.ts';

export interface EpochToReplay {
  /** Slots that are published together, then drained. */
  readonly batches: readonly (readonly SlotToRun[])[];
  /** A sum of `ProgramEpochFlag`s. */
  readonly flags: number;
  readonly expectation?: { readonly overflowed: number; readonly signature: Uint32Array };
  /** What it can start from. */
  readonly state?: Uint32Array;
}

/** The epochs as a program; a segment has at least one and is full when it has as many words as it was asked to have. */
export function programOfEpochs(
  epochs: readonly EpochToReplay[],
  shape: Pick<ProgramHead, 'slotWords' | 'signatureWords'>,
): ReplayProgram {
  const slotCount = epochs.reduce((sum, { batches }) => sum + batches.flat().length, 0);
  const head = { ...shape, epochCount: epochs.length, slotCount };
  return {
    head,
    *segments(words) {
      for (let first = 0; first < epochs.length; ) {
        const lists = new SegmentLists(head.slotWords);
        do lists.add(epochs[first], first++);
        while (first < epochs.length && lists.words < words);
        yield lists.segment();
      }
    },
  };
}

class SegmentLists {
  readonly #slotWords: number;
  readonly #slots: number[] = [];
  readonly #epochs: number[] = [];
  readonly #batchEnds: number[] = [];
  readonly #expectations: number[] = [];
  readonly #states: number[] = [];
  #expectationCount = 0;
  #stateCount = 0;

  constructor(slotWords: number) {
    this.#slotWords = slotWords;
  }

  get words(): number {
    return this.#slots.length + this.#expectations.length + this.#states.length;
  }

  add({ batches, flags, expectation, state }: EpochToReplay, index: number): void {
    const words = new Array<number>(PROGRAM_EPOCH_WORDS).fill(0);
    words[ProgramEpochWord.INDEX] = index;
    words[ProgramEpochWord.FIRST_SLOT] = this.#slots.length / this.#slotWords;
    words[ProgramEpochWord.FIRST_BATCH] = this.#batchEnds.length;
    for (const batch of batches) {
      for (const slot of batch) this.#slots.push(...this.#slotOf(slot));
      this.#batchEnds.push(this.#slots.length / this.#slotWords);
    }
    words[ProgramEpochWord.END_BATCH] = this.#batchEnds.length;
    words[ProgramEpochWord.FLAGS] = flags;
    words[ProgramEpochWord.EXPECTATION] = expectation === undefined ? NONE : this.#expectationCount++;
    words[ProgramEpochWord.STATE] = state === undefined ? NONE : this.#stateCount++;
    if (expectation !== undefined) this.#expectations.push(expectation.overflowed, ...expectation.signature);
    for (const word of state ?? []) this.#states.push(word);
    this.#epochs.push(...words);
  }

  segment(): ProgramSegment {
    return {
      epochCount: this.#epochs.length / PROGRAM_EPOCH_WORDS,
      slots: Uint32Array.from(this.#slots),
      epochs: Uint32Array.from(this.#epochs),
      batchEnds: Uint32Array.from(this.#batchEnds),
      expectations: Uint32Array.from(this.#expectations),
      states: Uint32Array.from(this.#states),
    };
  }

  #slotOf({ slotIndex, opcode, tenant, priority, args }: SlotToRun): number[] {
    const words = [slotIndex, opcode, tenant, priority, ...Array.from(args)];
    return Array.from({ length: this.#slotWords }, (_, index) => words[index] ?? 0);
  }
}
