import { defineKernel, type OpcodeDefinition, opcode, type RoutineBuilder, type Value } from '../kernel/index.ts';
import { TENANT_OPCODE_BASE } from '../protocol/index.ts';
import type { SlotRequest } from '../record/index.ts';
import { amountText, batchesOf, countText, describeCut, extentOf, numberedBatches, ringOptionsOf } from './batches.ts';
import { counterOf, observableWordsFor, seenCounts } from './byte-counts.ts';
import type { Workload, WorkloadOptions, WorkloadPlan } from './workload.ts';

/** Few, so that slots of a batch meet at the same word. */
const COUNTERS = 8;
/** A fraction of a microsecond on a CPU: long enough that on two free cores four epochs of five lose something. */
const THINKING_TURNS = 64;
const RACY_ADD = TENANT_OPCODE_BASE + 4;

/** The histogram as it is written wrongly: what a divergence looks like. */
export const lostUpdate: Workload = {
  name: 'lost-update',
  summary: 'counts the bytes of the input by loading, adding and storing: a race, on purpose',
  orderNote:
    'Between the load and the store of a slot another slot may store: how many updates are lost depends on the schedule. ' +
    'The counters are compared exactly all the same, so that runs diverge; one slot after the other loses nothing.',
  plan: planLostUpdate,
};

function planLostUpdate(input: Uint8Array, options: WorkloadOptions = {}): WorkloadPlan {
  const ring = ringOptionsOf(options);
  const extent = extentOf(input.length, ring.batchSlots, ring);
  const taken = input.subarray(0, extent.taken);
  return {
    kernel: defineKernel({
      name: 'lost-update',
      slotCount: ring.slotCount,
      observableWords: observableWordsFor(COUNTERS),
      opcodes: [racyAdd()],
    }),
    epochs: () => numberedBatches(batchesOf(slotsOf(taken), ring.batchSlots)),
    describe: (snapshot) => {
      const counted = seenCounts(snapshot, COUNTERS).reduce((sum, count) => sum + count, 0);
      const lost = taken.length - counted;
      return [`${countText(lost)} of ${amountText(taken.length, 'update')} lost`, ...describeCut(extent, 'byte')];
    },
  };
}

/** Both accesses are atomic, the opcode is not. */
function racyAdd(): OpcodeDefinition {
  return opcode('RACY_ADD', RACY_ADD, ['amount', 'word'], ($, amount, word) => {
    const before = $.load('control', word, 'before');
    const thought = think($, before);
    $.store('control', word, before.plus(thought.equals(0).select(0, amount)));
  });
}

/**
 * Some arithmetic that begins with what was loaded and ends before the store, so that there is time for others in
 * between. G. Marsaglia's xorshift never gets from an odd number to zero, which no compiler knows: it cannot be left out.
 */
function think($: RoutineBuilder, before: Value): Value {
  const thought = $.variable(before.or(1), 'thought');
  $.loop(
    { below: THINKING_TURNS, atMost: THINKING_TURNS },
    () => {
      $.assign(thought, thought.xor(thought.shiftLeft(13)));
      $.assign(thought, thought.xor(thought.shiftRight(17)));
      $.assign(thought, thought.xor(thought.shiftLeft(5)));
    },
    'turn',
  );
  return thought;
}

function* slotsOf(input: Uint8Array): Generator<SlotRequest> {
  for (const byte of input) yield { opcode: RACY_ADD, args: [1, counterOf(byte, COUNTERS)] };
}
