import { defineKernel } from '../kernel/index.ts';
import { ControlWord, Opcode, PACKED_ARGUMENT_COUNT } from '../protocol/index.ts';
import type { SlotRequest } from '../record/index.ts';
import { amountText, batchesOf, countText, describeCut, extentOf, numberedBatches, ringOptionsOf } from './batches.ts';
import { BYTE_VALUES, checkCounts, counterOf, describeCounts, observableWordsFor } from './byte-counts.ts';
import type { Workload, WorkloadOptions, WorkloadPlan } from './workload.ts';

/** Three inner opcodes of three words each, and two words about them, are what twelve argument words hold. */
const BYTES_PER_SLOT = 3;

/** The histogram with three additions in a slot: exercises arguments beyond those that a v1 record has room for. */
export const packed: Workload = {
  name: 'packed',
  summary: 'counts the bytes of the input, three in a PACKED_SLOT',
  orderNote:
    'Atomic additions commute, in whatever slot they sit: everything is compared exactly, the counts of executions included.',
  plan: planPacked,
};

function planPacked(input: Uint8Array, options: WorkloadOptions = {}): WorkloadPlan {
  const ring = ringOptionsOf(options);
  const extent = extentOf(input.length, BYTES_PER_SLOT * ring.batchSlots, ring);
  const taken = input.subarray(0, extent.taken);
  return {
    kernel: defineKernel({
      name: 'packed',
      slotCount: ring.slotCount,
      observableWords: observableWordsFor(BYTE_VALUES),
    }),
    epochs: () => numberedBatches(batchesOf(slotsOf(taken), ring.batchSlots)),
    describe: (snapshot) => [
      ...describeCounts(snapshot),
      `${amountText(additionsIn(snapshot), 'addition')} in ${amountText(Math.ceil(taken.length / BYTES_PER_SLOT), 'slot')}`,
      ...describeCut(extent, 'byte'),
    ],
    check: (snapshot) => checkCounts(snapshot, taken) ?? checkMetric(snapshot, taken),
  };
}

/** An inner opcode is counted like an outer one. */
function checkMetric(snapshot: Uint32Array, taken: Uint8Array): string | undefined {
  const additions = additionsIn(snapshot);
  if (additions === taken.length) return undefined;
  return `${countText(additions)} executions of ATOMIC_ADD were counted, ${countText(taken.length)} were packed`;
}

function additionsIn(snapshot: Uint32Array): number {
  return snapshot[ControlWord.METRICS + Opcode.ATOMIC_ADD];
}

function* slotsOf(input: Uint8Array): Generator<SlotRequest> {
  for (let start = 0; start < input.length; start += BYTES_PER_SLOT) {
    const bytes = Array.from(input.subarray(start, start + BYTES_PER_SLOT));
    const inner = bytes.map((byte) => ({ opcode: Opcode.ATOMIC_ADD, args: [1, counterOf(byte)] }));
    yield { opcode: Opcode.PACKED_SLOT, args: packedArguments(inner) };
  }
}

/** An opcode in a PACKED_SLOT: its number must fit a byte. */
interface InnerSlot {
  readonly opcode: number;
  readonly args: readonly number[];
}

/**
 * The payload: a byte each for how many opcodes and how many argument words, then two bytes an opcode, its number and
 * where its arguments begin; filled up to a whole word, from which on the arguments follow and offsets count.
 */
function packedArguments(inner: readonly InnerSlot[]): number[] {
  const argumentWords = inner.length * PACKED_ARGUMENT_COUNT;
  const bytes = [inner.length, argumentWords];
  inner.forEach(({ opcode }, index) => {
    bytes.push(opcode, index * PACKED_ARGUMENT_COUNT);
  });
  const metadata: number[] = new Array(Math.ceil(bytes.length / 4)).fill(0);
  bytes.forEach((byte, index) => {
    metadata[index >> 2] |= byte << (8 * (index & 3));
  });
  const args = inner.flatMap((slot) => [...slot.args, 0, 0, 0].slice(0, PACKED_ARGUMENT_COUNT));
  return [...metadata.map((word) => word >>> 0), ...args];
}
