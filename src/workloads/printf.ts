import { defineKernel } from '../kernel/index.ts';
import { ControlWord, DEBUG_RECORD_WORDS, Opcode } from '../protocol/index.ts';
import type { SlotRequest } from '../record/index.ts';
import { amountText, batchesOf, countText, describeCut, extentOf, numberedBatches, ringOptionsOf } from './batches.ts';
import { countLines, firstOf, hashBytes, linesOf } from './lines.ts';
import type { Workload, WorkloadOptions, WorkloadPlan } from './workload.ts';

/** The debug log holds 64 records: one that overflows drops records, and which ones would depend on the schedule. */
const MAX_LINES_PER_EPOCH = 60;

/** Results whose order means nothing: what the multiset comparison is for. */
export const printf: Workload = {
  name: 'printf',
  summary: 'prints a record a line of the input to the debug log: number, length, hash',
  orderNote:
    'Which records there are does not depend on the order of slots, where they stand in the debug log does: they are ' +
    'compared as a multiset, the cursor and control memory exactly. No more are printed in an epoch than the log holds.',
  plan: planPrintf,
};

function planPrintf(input: Uint8Array, options: WorkloadOptions = {}): WorkloadPlan {
  const ring = ringOptionsOf(options);
  const batchSlots = Math.min(ring.batchSlots, MAX_LINES_PER_EPOCH);
  const extent = extentOf(countLines(input), batchSlots, ring);
  const kernel = defineKernel({ name: 'printf', slotCount: ring.slotCount, observableWords: 1 });
  const epochs = (): Iterable<readonly SlotRequest[]> =>
    batchesOf(slotsOf(firstOf(linesOf(input), extent.taken)), batchSlots);
  return {
    kernel,
    epochs: () => numberedBatches(epochs()),
    describe: (snapshot) => [
      `${amountText(printedIn(snapshot), 'line')} printed in ${amountText(snapshot[ControlWord.EPOCH], 'epoch')}`,
      ...describeCut(extent, 'line'),
    ],
    check: (snapshot) => {
      const printed = printedIn(snapshot);
      if (printed !== extent.taken >>> 0) {
        return `lines printed: ${countText(printed)}, expected ${countText(extent.taken)}`;
      }
      let newest: readonly SlotRequest[] = [];
      for (const batch of epochs()) newest = batch;
      return checkRecords(snapshot.subarray(kernel.controlWords), newest);
    },
  };
}

/** Slots drained that are not fences; each epoch has one of those. */
function printedIn(snapshot: Uint32Array): number {
  return (snapshot[ControlWord.DONE_COUNT] - snapshot[ControlWord.EPOCH]) >>> 0;
}

/** Compares the debug log of the last epoch with its slots, but for the fourth word, which names the ring's slot. */
function checkRecords(debug: Uint32Array, slots: readonly SlotRequest[]): string | undefined {
  if (debug[0] !== slots.length * DEBUG_RECORD_WORDS) {
    return `the debug log has ${debug[0]} words after the last epoch, ${amountText(slots.length, 'slot')} printed ${DEBUG_RECORD_WORDS} each`;
  }
  const expected = slots.map(({ args }) => String(args)).sort();
  const seen = slots
    .map((_, record) => String(debug.subarray(1 + record * DEBUG_RECORD_WORDS).subarray(0, PRINTED_WORDS)))
    .sort();
  const wrong = expected.findIndex((text, index) => text !== seen[index]);
  return wrong === -1 ? undefined : `the debug log has the record ${seen[wrong]} where ${expected[wrong]} is expected`;
}

const PRINTED_WORDS = 3;

function* slotsOf(lines: Iterable<Uint8Array>): Generator<SlotRequest> {
  let number = 0;
  for (const line of lines) {
    yield { opcode: Opcode.PRINTF, args: [number >>> 0, line.length, hashBytes(line)] };
    number += 1;
  }
}
