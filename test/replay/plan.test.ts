import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ReferenceBackend } from '../../src/backend/index.ts';
import { judge } from '../../src/diff/index.ts';
import { defineKernel, opcode } from '../../src/kernel/index.ts';
import { ControlWord, Opcode } from '../../src/protocol/index.ts';
import { type PlannedEpoch, planReplay, type ReplayPlan, replayOn } from '../../src/replay/index.ts';
import { AddingBackend, logOnly, type Program, type RecordedRun, recordingOf, recordRun } from './recordings.ts';

/** As many slots in each epoch as `counts` says, each with a number of its own as its first argument, from 1. */
function numberedSlots(counts: readonly number[], first = 1): Program {
  let next = first;
  return counts.map((count) => Array.from({ length: count }, () => ({ opcode: next, args: [next++] })));
}

/** The numbers of the slots in a planned epoch. */
function numbersIn({ columns }: ReplayPlan, { firstRecord, endRecord }: PlannedEpoch): number[] {
  return Array.from({ length: endRecord - firstRecord }, (_, index) => columns.args[4 * (firstRecord + index)]);
}

interface Expected {
  readonly ordinal: number;
  readonly numbers: readonly number[];
}

/** The last epochs of which a log of that capacity has every record, told from what was published alone. */
function wholeEpochs(counts: readonly number[], unobserved: number, capacity: number): Expected[] {
  const total = counts.reduce((sum, count) => sum + count, unobserved);
  const epochs: Expected[] = [];
  let next = 1;
  for (const [ordinal, count] of counts.entries()) {
    epochs.push({ ordinal, numbers: Array.from({ length: count }, (_, index) => next + index) });
    next += count;
  }
  const oldest = total - capacity + 1;
  const isCut = ({ numbers }: Expected) => numbers.length > 0 && numbers[0] < oldest;
  return epochs.slice(epochs.findLastIndex(isCut) + 1);
}

/** Epochs without records, alone in a log that has some, prove nothing. */
const NO_PROOF = 'no record proves that the log and the observations belong together';

const anyCounts = fc.array(fc.nat(11), { maxLength: 10 });
const numRuns = 60;

describe('epochs from an observation stream', () => {
  it('are exactly the last ones that are whole in the log, whatever its capacity', async () => {
    const property = fc.asyncProperty(anyCounts, async (counts) => {
      for (let capacity = 1; capacity <= 40; capacity += 1) {
        const run = await recordRun(numberedSlots(counts), new AddingBackend(), { capacity, maxDeadBytes: 500 });
        const plan = planReplay(recordingOf(run));
        const seen = plan.epochs.map((epoch) => ({ ordinal: epoch.ordinal, numbers: numbersIn(plan, epoch) }));
        expect(seen).toEqual(wholeEpochs(counts, 0, capacity));
        const isProven = run.recordCount === 0 || seen.some(({ numbers }) => numbers.length > 0);
        const reasons = new Set(plan.epochs.flatMap(({ unknownReasons }) => unknownReasons));
        expect([...reasons]).toEqual(isProven || seen.length === 0 ? [] : [NO_PROOF]);
        const judgement = judge(plan, [await replayOn(plan, new AddingBackend(), { mode: 'isolated' })]);
        expect(judgement.verdict).toBe(isProven && seen.length > 0 ? 'agree' : 'unknown');
      }
    });
    await fc.assert(property, { numRuns: 20 });
  });

  it('of a writer that was killed are the same, and the rest is unknown', async () => {
    const property = fc.asyncProperty(
      anyCounts,
      fc.integer({ min: 1, max: 40 }),
      fc.nat(39),
      async (counts, capacity, rest) => {
        const unobserved = rest % capacity;
        const slots = numberedSlots([...counts, unobserved]);
        const run = await recordRun(slots.slice(0, -1), new AddingBackend(), { capacity, unobserved: slots.at(-1)! });
        const plan = planReplay(recordingOf(run));
        const observed = plan.epochs.filter((epoch) => epoch.observed !== undefined);
        const seen = observed.map((epoch) => ({ ordinal: epoch.ordinal, numbers: numbersIn(plan, epoch) }));
        expect(seen).toEqual(wholeEpochs(counts, unobserved, capacity));
        const reasons = new Set(observed.flatMap(({ unknownReasons }) => unknownReasons));
        const isProven = run.recordCount === 0 || seen.some(({ numbers }) => numbers.length > 0);
        expect([...reasons]).toEqual(isProven || seen.length === 0 ? [] : [NO_PROOF]);
        const tail = plan.epochs.filter((epoch) => epoch.observed === undefined);
        expect(tail.map(({ ordinal }) => ordinal)).toEqual(unobserved === 0 ? [] : [counts.length]);
        for (const epoch of tail) {
          expect(epoch.unknownReasons).toEqual(['it was never observed: the recording ended before it drained']);
          expect(epoch.firstSequence).toBe(counts.reduce((sum, count) => sum + count, 1));
        }
      },
    );
    await fc.assert(property, { numRuns: 5 * numRuns });
  });

  it('are never wrong ones, even if the writer left more than the log holds', async () => {
    const property = fc.asyncProperty(
      anyCounts,
      fc.integer({ min: 1, max: 20 }),
      fc.nat(60),
      async (counts, capacity, unobserved) => {
        const slots = numberedSlots([...counts, unobserved]);
        const run = await recordRun(slots.slice(0, -1), new AddingBackend(), { capacity, unobserved: slots.at(-1)! });
        const plan = planReplay(recordingOf(run));
        for (const epoch of plan.epochs) {
          if (epoch.unknownReasons.length > 0) continue;
          expect(numbersIn(plan, epoch)).toEqual((slots[epoch.ordinal] ?? []).map(({ args }) => args?.[0]));
        }
        const judgement = judge(plan, [await replayOn(plan, new AddingBackend())]);
        expect(judgement.verdict).not.toBe('diverge');
        if (unobserved > 0) expect(judgement.verdict).toBe('unknown');
      },
    );
    await fc.assert(property, { numRuns: 5 * numRuns });
  });

  it('know their first record even where they have none', async () => {
    const plan = planReplay(recordingOf(await recordRun(numberedSlots([0, 2, 0, 3, 0, 0]), new AddingBackend())));
    expect(plan.epochs.map(({ firstSequence }) => firstSequence)).toEqual([1, 1, 3, 3, 6, 6]);
    expect(plan.startsFresh).toBe(true);
  });

  it('come with the state that they start from, so that a wrapped log can be replayed', async () => {
    const run = await recordRun(numberedSlots([5, 5, 5, 5]), new AddingBackend(), { capacity: 12 });
    const plan = planReplay(recordingOf(run));
    expect(plan.startsFresh).toBe(false);
    expect(plan.epochs.map(({ ordinal, index }) => [ordinal, index])).toEqual([
      [2, 0],
      [3, 1],
    ]);
    expect(plan.notes).toEqual(['2 older epochs were observed, but records of theirs are overwritten']);
    expect(judge(plan, [await replayOn(plan, new AddingBackend())]).verdict).toBe('agree');
  });

  it('are not taken to start fresh because somebody assumed it', async () => {
    const run = await recordRun(numberedSlots([5, 5, 5, 5]), new AddingBackend(), { capacity: 12 });
    const plan = planReplay(recordingOf(run), { assumeFresh: true });
    expect(plan.startsFresh).toBe(false);
    expect(plan.notes.at(-1)).toContain('a fresh start was assumed');
    expect(judge(plan, [await replayOn(plan, new AddingBackend())]).verdict).toBe('agree');
  });
});

describe('batches', () => {
  it('end where a slot index comes again', async () => {
    const run = await recordRun(numberedSlots([3, 9, 4, 0]), new AddingBackend(4));
    const { epochs } = planReplay(recordingOf(run));
    expect(epochs.map(({ batchEnds }) => batchEnds)).toEqual([[3], [7, 11, 12], [16], [16]]);
  });

  it('end there too in a log alone', async () => {
    const plan = planReplay(logOnly(await recordRun(numberedSlots([9]), new AddingBackend(4))));
    expect(plan.epochs.map(({ batchEnds }) => batchEnds)).toEqual([[4, 8, 9]]);
  });

  it('leave out slots that are waiting', async () => {
    const kernel = defineKernel({ name: 'small', slotCount: 3, tenantCount: 1 });
    const add = (tenant: number) => ({ opcode: Opcode.ATOMIC_ADD, tenant, args: [1, 200] });
    const run = await recordRun([[add(0), add(1), add(0), add(0), add(0)]], new ReferenceBackend(kernel), { kernel });
    const plan = planReplay(recordingOf(run), { kernel });
    expect(plan.epochs[0].batchEnds).toEqual([3, 5, 6]);
    expect(judge(plan, [await replayOn(plan, new ReferenceBackend(kernel))]).verdict).toBe('agree');
  });
});

describe('slots that wait from one epoch to the next', () => {
  const kernel = defineKernel({ name: 'small', slotCount: 8, tenantCount: 1 });
  const add = (tenant: number) => ({ opcode: Opcode.ATOMIC_ADD, tenant, args: [1, 200] });
  const program = [[add(0), add(1)], [add(0)], [add(0)], [add(0)]];

  it('are part of a chained replay', async () => {
    const plan = planReplay(recordingOf(await recordRun(program, new ReferenceBackend(kernel), { kernel })), {
      kernel,
    });
    expect(plan.epochs.map(({ pendingBefore }) => pendingBefore)).toEqual([0, 1, 1, 1]);
    expect(judge(plan, [await replayOn(plan, new ReferenceBackend(kernel))]).verdict).toBe('agree');
  });

  it('make a state unknown that only the snapshot is known of', async () => {
    const plan = planReplay(recordingOf(await recordRun(program, new ReferenceBackend(kernel), { kernel })), {
      kernel,
    });
    const judgement = judge(plan, [await replayOn(plan, new ReferenceBackend(kernel), { mode: 'isolated' })]);
    expect(judgement.epochs).toMatchObject({ agreeing: 1, unknown: 3, diverging: 0 });
    expect(judgement.unknownEpochs[0].reasons).toEqual(['the state that it starts from is not known']);
  });

  it.each([
    ['is in the stream', 1_000_000],
    ['is gone from the stream too', 1],
  ])('are known of where the epoch before is overwritten and %s', async (_case, maxDeadBytes) => {
    const run = await recordRun(program, new ReferenceBackend(kernel), { kernel, capacity: 4, maxDeadBytes });
    const plan = planReplay(recordingOf(run), { kernel });
    expect(plan.epochs.map(({ ordinal, pendingBefore }) => [ordinal, pendingBefore])).toEqual([
      [2, 1],
      [3, 1],
    ]);
    const judgement = judge(plan, [await replayOn(plan, new ReferenceBackend(kernel))]);
    expect(judgement).toMatchObject({ verdict: 'unknown', epochs: { unknown: 2 } });
  });
});

describe('epochs from a log alone', () => {
  it('are runs of records with the same EPOCH', async () => {
    const kernel = defineKernel({ name: 'small', slotCount: 8 });
    const slots = Array.from({ length: 3 }, () => ({ opcode: Opcode.NOP }));
    const run = await recordRun([slots, [], slots], new ReferenceBackend(kernel), { kernel });
    const { epochs, startsFresh, observations, notes } = planReplay(logOnly(run), { kernel });
    expect(epochs.map(({ firstRecord, endRecord, deviceEpoch }) => [firstRecord, endRecord, deviceEpoch])).toEqual([
      [0, 4, 0],
      [4, 5, 1],
      [5, 9, 2],
    ]);
    expect(epochs.map(({ ordinal }) => ordinal)).toEqual([0, 1, 2]);
    expect([startsFresh, observations, notes]).toEqual([true, undefined, []]);
  });

  it('run together where there was no fence', async () => {
    const kernel = defineKernel({ name: 'small', slotCount: 8 });
    const slots = [{ opcode: Opcode.NOP }];
    const run = await recordRun([slots, slots], new ReferenceBackend(kernel), { kernel, fence: false });
    expect(planReplay(logOnly(run), { kernel }).epochs).toHaveLength(1);
    expect(planReplay(recordingOf(run), { kernel }).epochs).toHaveLength(2);
  });

  it.each([
    ['exactly full', [4, 4, 4], 12],
    ['wrapped', [4, 4, 5], 12],
  ])('start from an unknown state in a log that is %s, unless told otherwise', async (_case, counts, capacity) => {
    const recording = logOnly(await recordRun(numberedSlots(counts), new AddingBackend(), { capacity }));
    const plan = planReplay(recording);
    expect(plan.startsFresh).toBe(false);
    expect(plan.notes).toEqual([
      expect.stringContaining('does not begin with a fresh kernel'),
      expect.stringContaining('keeps 4 arguments'),
    ]);
    const judgement = judge(plan, [await replayOn(plan, new AddingBackend())]);
    expect(judgement).toMatchObject({ verdict: 'unknown', epochs: { total: 3, unknown: 3 } });
    expect(judgement.backends[0].epochsRun).toBe(0);
    const assumed = planReplay(recording, { assumeFresh: true });
    expect(judge(assumed, [await replayOn(assumed, new AddingBackend(), { replicas: 2 })]).verdict).toBe('agree');
    // One replica has nothing to agree with.
    expect(judge(assumed, [await replayOn(assumed, new AddingBackend())]).verdict).toBe('unknown');
  });

  it('start from an unknown state where EPOCH does not begin with 0', async () => {
    const run = await recordRun(numberedSlots([0, 4, 4]), new AddingBackend());
    expect(planReplay(logOnly(run)).startsFresh).toBe(false);
  });

  it('are none in an empty log, and nothing agrees', async () => {
    for (const run of [await recordRun([], new AddingBackend()), await recordRun([[], []], new AddingBackend())]) {
      const plan = planReplay(logOnly(run));
      expect(plan.epochs).toEqual([]);
      expect(judge(plan, [await replayOn(plan, new AddingBackend())]).verdict).toBe('unknown');
    }
  });
});

describe('what a kernel cannot run', () => {
  const kernel = defineKernel({
    name: 'small',
    slotCount: 8,
    opcodes: [
      opcode('FIVE', 0x4000_0000, ['a', 'b', 'c', 'd', 'word'], ($, ...[a, , , , word]) => {
        $.atomicAdd('control', word, a);
      }),
      opcode('FOUR', 0x4000_0001, ['a', 'b', 'c', 'word'], ($, ...[a, , , word]) => {
        $.atomicAdd('control', word, a);
      }),
      opcode('SEVENTH', 0x4000_0002, ['word'], ($, word) => {
        $.atomicAdd('control', word, $.loadPlain('ring', $.parameter('argumentBase').plus(6)));
      }),
      opcode('URGENT', 0x4000_0003, ['word'], ($, word) => {
        $.atomicAdd('control', word, $.loadPlain('ring', $.parameter('slotBase').plus(3)));
      }),
      opcode('NTH', 0x4000_0004, ['n'], ($, n) => {
        $.atomicAdd('control', 200, $.loadPlain('ring', $.parameter('argumentBase').plus(n)));
      }),
    ],
  });
  const packed = { opcode: Opcode.PACKED_SLOT, args: [0x0002_0301, 0, 0x0000_0000, 0, 0] };
  const five = { opcode: 0x4000_0000, args: [1, 2, 3, 4, 200] };
  const four = { opcode: 0x4000_0001, args: [1, 2, 3, 200] };
  const nop = { opcode: Opcode.NOP };

  async function run(program: Program): Promise<RecordedRun> {
    return recordRun(program, new ReferenceBackend(kernel), { kernel });
  }

  it.each([
    ['PACKED_SLOT', packed, 'PACKED_SLOT has 12 arguments, of which a v1 record keeps 4'],
    ['an opcode with five arguments', five, 'FIVE has 5 arguments, of which a v1 record keeps 4'],
    [
      'an opcode that reads an argument beyond its own',
      { opcode: 0x4000_0002, args: [200] },
      'SEVENTH may read words of its slot that a v1 record does not keep',
    ],
    [
      'an opcode that reads the priority',
      { opcode: 0x4000_0003, args: [200] },
      'URGENT may read words of its slot that a v1 record does not keep',
    ],
    [
      'an opcode that computes which word it reads',
      { opcode: 0x4000_0004, args: [1] },
      'NTH may read words of its slot that a v1 record does not keep',
    ],
  ])('is %s from a log alone, but not with the stream', async (_case, slot, reason) => {
    const recorded = await run([[nop], [slot], [nop]]);
    const alone = planReplay(logOnly(recorded), { kernel });
    expect(alone.epochs.map(({ unknownReasons }) => unknownReasons)).toEqual([[], [reason], []]);
    expect(alone.epochs.map(({ isReplayable }) => isReplayable)).toEqual([true, false, true]);
    const plan = planReplay(recordingOf(recorded), { kernel });
    expect(plan.epochs.flatMap(({ unknownReasons }) => unknownReasons)).toEqual([]);
    expect(judge(plan, [await replayOn(plan, new ReferenceBackend(kernel))]).verdict).toBe('agree');
  });

  it('is not an opcode with four arguments', async () => {
    const plan = planReplay(logOnly(await run([[four]])), { kernel });
    expect(plan.epochs.flatMap(({ unknownReasons }) => unknownReasons)).toEqual([]);
  });

  it('is PACKED_SLOT from a log alone without a kernel too', async () => {
    const plan = planReplay(logOnly(await run([[packed], [nop]])));
    expect(plan.epochs.map(({ isReplayable }) => isReplayable)).toEqual([false, true]);
  });

  it('is an opcode that it has no handler for', async () => {
    const plain = defineKernel({ name: 'plain', slotCount: 8 });
    const plan = planReplay(recordingOf(await run([[nop, five, five], [four], [nop]])), { kernel: plain });
    expect(plan.epochs.map(({ unknownReasons }) => unknownReasons)).toEqual([
      ['kernel plain has no handler for opcode 0x40000000 (2 slots)'],
      ['kernel plain has no handler for opcode 0x40000001'],
      [],
    ]);
    const judgement = judge(plan, [await replayOn(plan, new ReferenceBackend(plain))]);
    // The last epoch starts from what was recorded.
    expect(judgement).toMatchObject({ verdict: 'unknown', epochs: { agreeing: 1, unknown: 2, diverging: 0 } });
  });

  it('is a slot beyond its ring', async () => {
    const small = defineKernel({ name: 'small', slotCount: 4 });
    const recorded = await run([[nop], [nop, nop, nop, nop, nop], [nop]]);
    const plan = planReplay(recordingOf(recorded), { kernel: small });
    expect(plan.epochs[1].unknownReasons).toEqual([
      'slot 4 is beyond the ring, which has 4 slots',
      'slot 5 is beyond the ring, which has 4 slots',
    ]);
    const judgement = judge(plan, [await replayOn(plan, new ReferenceBackend(small))]);
    expect(judgement.epochs).toMatchObject({ agreeing: 2, unknown: 1, diverging: 0 });
    const foreign = planReplay(recordingOf(recorded), { slotCount: 4 });
    expect(foreign.epochs.map(({ isReplayable }) => isReplayable)).toEqual([true, false, true]);
  });

  it('is told in a few reasons, however many there are', async () => {
    const wide = defineKernel({ name: 'wide', slotCount: 64 });
    const recorded = await recordRun([new Array(60).fill(nop)], new ReferenceBackend(wide), { kernel: wide });
    const [{ unknownReasons }] = planReplay(recordingOf(recorded), { kernel }).epochs;
    expect(unknownReasons).toHaveLength(9);
    expect(unknownReasons.at(-1)).toBe('and 45 more reasons');
  });

  it('is anything after SHUTDOWN, which leaves slots waiting', async () => {
    const program = [[nop], [{ opcode: Opcode.SHUTDOWN }, nop, nop], [nop]];
    const plan = planReplay(recordingOf(await run(program)), { kernel });
    // The two slots beside it; a session adds no fence there.
    expect(plan.epochs.map(({ pendingBefore }) => pendingBefore)).toEqual([0, 0, 2]);
    const judgement = judge(plan, [await replayOn(plan, new ReferenceBackend(kernel))]);
    expect(judgement.verdict).toBe('agree');
  });

  it('is not a slot that switches its own tenant off', async () => {
    const off = { opcode: Opcode.STORE_U32, args: [0, ControlWord.TENANT_MASKS + 5] };
    const late = { opcode: Opcode.ATOMIC_ADD, tenant: 5, args: [1, 200] };
    const plan = planReplay(recordingOf(await run([[off], [late, late], [nop]])), { kernel });
    const judgement = judge(plan, [await replayOn(plan, new ReferenceBackend(kernel))]);
    expect(judgement.verdict).toBe('agree');
  });
});
