/** Fewer batches, lanes that follow each other, and a ring that is no larger than it has to be. */

import { finishKernel, type Kernel, KernelError } from '../../kernel/index.ts';
import type { EpochSlots, LogCandidate } from '../candidate.ts';
import { firstThatFails, type Stage, type Try } from './stage.ts';

/** Where the lanes are can matter: which workgroups they fall into, for one. So what is simplest is tried first, then less. */
export const reduceLanes: Stage = async (candidate, decider) => {
  const batched = (await firstThatFails(decider, fewerBatches(candidate))) ?? candidate;
  return { candidate: (await firstThatFails(decider, firstLanes(batched))) ?? batched };
};

/** The smallest ring that it fails with. */
export const reduceRing: Stage = async (candidate, decider) => {
  return { candidate: (await firstThatFails(decider, smallerRings(candidate))) ?? candidate };
};

/** All slots of an epoch at once, on lanes of their own. */
function* fewerBatches(candidate: LogCandidate): Generator<Try> {
  const before = batchesOf(candidate);
  if (before === candidate.epochs.length) return;
  const epochs = candidate.epochs.map(({ slots }) => onFirstLanes({ slots, batchEnds: [slots.length] }));
  if (lanesOf(epochs) > candidate.slotCount) return;
  yield {
    candidate: { ...candidate, epochs },
    stage: 'lanes',
    what: 'one batch an epoch',
    sizeBefore: before,
    size: epochs.length,
  };
}

/** The slots of every batch on lanes 0, 1, 2 and so on. */
function* firstLanes(candidate: LogCandidate): Generator<Try> {
  const epochs = candidate.epochs.map(onFirstLanes);
  const [sizeBefore, size] = [lanesOf(candidate.epochs), lanesOf(epochs)];
  const isSame = epochs.every(({ slots }, epoch) =>
    slots.every(({ slotIndex }, index) => slotIndex === candidate.epochs[epoch].slots[index].slotIndex),
  );
  if (isSame) return;
  yield { candidate: { ...candidate, epochs }, stage: 'lanes', what: 'the first lanes', sizeBefore, size };
}

/** The smallest ring, then larger ones. */
function* smallerRings(candidate: LogCandidate): Generator<Try> {
  const { kernel, slotCount } = candidate;
  if (kernel === undefined) return;
  for (let size = Math.max(1, lanesOf(candidate.epochs)); size < slotCount; size *= 4) {
    const smaller = withSlotCount(kernel, size);
    if (smaller === undefined) continue;
    const ring = { ...candidate, kernel: smaller, slotCount: size };
    yield { candidate: ring, stage: 'lanes', what: `a ring of ${size}`, sizeBefore: slotCount, size };
  }
}

/** The kernel with another ring; undefined if it is made for the one that it has. */
function withSlotCount(kernel: Kernel, slotCount: number): Kernel | undefined {
  try {
    return finishKernel({ ...kernel, slotCount });
  } catch (error) {
    if (error instanceof KernelError) return undefined;
    throw error;
  }
}

function onFirstLanes({ slots, batchEnds }: EpochSlots): EpochSlots {
  let start = 0;
  let batch = 0;
  const moved = slots.map((placed, index) => {
    while (index >= batchEnds[batch]) {
      start = batchEnds[batch];
      batch += 1;
    }
    return { ...placed, slotIndex: index - start };
  });
  return { slots: moved, batchEnds };
}

function batchesOf({ epochs }: LogCandidate): number {
  return epochs.reduce((sum, { batchEnds }) => sum + batchEnds.length, 0);
}

function lanesOf(epochs: readonly EpochSlots[]): number {
  let lanes = 0;
  for (const { slots } of epochs) for (const { slotIndex } of slots) lanes = Math.max(lanes, slotIndex + 1);
  return lanes;
}
