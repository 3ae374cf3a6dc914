import { defineKernel } from '../kernel/index.ts';
import { Opcode } from '../protocol/index.ts';
import type { SlotRequest } from '../record/index.ts';
import { batchesOf, describeCut, extentOf, numberedBatches, ringOptionsOf } from './batches.ts';
import { BYTE_VALUES, checkCounts, counterOf, describeCounts, observableWordsFor } from './byte-counts.ts';
import type { Workload, WorkloadOptions, WorkloadPlan } from './workload.ts';

/** The smallest honest workload: additions commute, so every backend has to agree on every word. */
export const histogram: Workload = {
  name: 'histogram',
  summary: 'counts the bytes of the input, an ATOMIC_ADD slot a byte',
  orderNote: 'Atomic additions commute, so no word depends on the order of slots: everything is compared exactly.',
  plan: planHistogram,
};

function planHistogram(input: Uint8Array, options: WorkloadOptions = {}): WorkloadPlan {
  const ring = ringOptionsOf(options);
  const extent = extentOf(input.length, ring.batchSlots, ring);
  const taken = input.subarray(0, extent.taken);
  return {
    kernel: defineKernel({
      name: 'histogram',
      slotCount: ring.slotCount,
      observableWords: observableWordsFor(BYTE_VALUES),
    }),
    epochs: () => numberedBatches(batchesOf(slotsOf(taken), ring.batchSlots)),
    describe: (snapshot) => [...describeCounts(snapshot), ...describeCut(extent, 'byte')],
    check: (snapshot) => checkCounts(snapshot, taken),
  };
}

function* slotsOf(input: Uint8Array): Generator<SlotRequest> {
  for (const byte of input) yield { opcode: Opcode.ATOMIC_ADD, args: [1, counterOf(byte)] };
}
