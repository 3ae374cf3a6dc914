/** A log of many slots in which only two have anything to do with each other. */

import { defineKernel, type Kernel } from '../../src/kernel/index.ts';
import { Opcode, Priority } from '../../src/protocol/index.ts';
import { BackendSubject, candidateOf, type LogCandidate } from '../../src/reduce/index.ts';
import { freshSnapshot } from '../../src/scenario/index.ts';
import { RacingBackend } from './racing-backend.ts';

const FIRST_WORD = 200;

export interface Planted {
  readonly candidate: LogCandidate;
  /** The word that both slots add to. */
  readonly word: number;
}

/** `slotCount` additions to words of their own, but for two: the ones at `first` and `second` share the first one's word. */
export function plantedLog(slotCount: number, first: number, second: number): Planted {
  const kernel = defineKernel({ name: 'planted', slotCount, observableWords: slotCount + 100 });
  const initial = freshSnapshot(kernel);
  initial[kernel.controlWords - 1] = 77;
  const slots = Array.from({ length: slotCount }, (_, slotIndex) => {
    const word = FIRST_WORD + (slotIndex === second ? first : slotIndex);
    const args = [slotIndex + 3, word];
    return { slotIndex, slot: { opcode: Opcode.ATOMIC_ADD, tenant: 3, priority: Priority.NORMAL, args } };
  });
  const candidate = candidateOf({ kernel, initial, slots, batchEnds: [slotCount] });
  return { candidate, word: FIRST_WORD + first };
}

/** The backend that loses an addition at that rate. `published` tells how many slots it was given. */
export function racingSubject(
  rate: number,
  seed: number,
): { readonly subject: BackendSubject; readonly published: () => number } {
  const made: RacingBackend[] = [];
  const make = (kernel: Kernel | undefined) => {
    if (kernel === undefined) throw new Error('the planted log has a kernel');
    const backend = new RacingBackend(kernel, rate, seed + made.length);
    made.push(backend);
    return backend;
  };
  const subject = new BackendSubject({
    name: 'racing',
    make,
    oracle: 'differs-from-reference',
    isDeterministic: rate === 1,
  });
  return { subject, published: () => made.reduce((sum, { published }) => sum + published, 0) };
}
