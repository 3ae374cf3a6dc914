import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PublishError, ReferenceBackend } from '../../src/backend/index.ts';
import { VrrlError } from '../../src/base/errors.ts';
import { type Judgement, judge } from '../../src/diff/index.ts';
import { defineKernel } from '../../src/kernel/index.ts';
import { HEADER_BYTES, RECORD_BYTES, RingLog, scanLogBytes } from '../../src/log/index.ts';
import { FrameKind } from '../../src/observe/stream-format.ts';
import { Opcode } from '../../src/protocol/index.ts';
import type { SlotRequest } from '../../src/record/index.ts';
import { planReplay, type Recording, replayOn } from '../../src/replay/index.ts';
import { MemoryStorage } from '../../src/storage/index.ts';
import { damageAtRandom, seededRandom } from '../observe/streams.ts';
import { packedAdds } from './programs.ts';
import {
  AddingBackend,
  framesOf,
  logOnly,
  type Program,
  type RecordedRun,
  recordingOf,
  recordRun,
} from './recordings.ts';

/** Slots that all differ; some of them have more to them than a record holds. */
function mixedSlots(counts: readonly number[]): Program {
  let next = 0;
  return counts.map((count) =>
    Array.from({ length: count }, () => {
      next += 1;
      if (next % 3 !== 0) return { opcode: next, args: [next] };
      return { opcode: next, priority: next % 5, args: [next, 2, 3, 4, 5, next] };
    }),
  );
}

/** Judges a chained replay on a backend that does everything right; isolated, it must not diverge either. */
async function judgeRight(recording: Recording): Promise<Judgement> {
  const plan = planReplay(recording);
  const chained = judge(plan, [await replayOn(plan, new AddingBackend(), { replicas: 2 })]);
  if (plan.observations === undefined) return chained;
  const isolated = judge(plan, [await replayOn(plan, new AddingBackend(), { mode: 'isolated' })]);
  expect(isolated.verdict).not.toBe('diverge');
  return chained;
}

/** A recording of bytes that may be anything; undefined if it is refused, with an error that helps. */
function openDamaged(files: { log: Uint8Array; stream?: Uint8Array }): Recording | undefined {
  try {
    return recordingOf(files);
  } catch (error) {
    if (error instanceof VrrlError) return undefined;
    throw error;
  }
}

/** The parts of the log's records that say what was published, as text. */
function publishedIn(log: Uint8Array): string[] {
  return [...scanLogBytes(log).columns].map(({ failure: _evidence, ...published }) =>
    JSON.stringify(published, (_key, value) => (typeof value === 'bigint' ? String(value) : value)),
  );
}

const anyRun = fc
  .tuple(fc.array(fc.nat(6), { minLength: 1, maxLength: 8 }), fc.integer({ min: 1, max: 30 }))
  .map(([counts, capacity]) => ({ counts, capacity }));
const anySeed = fc.nat(2 ** 32 - 1);

async function recordAny({ counts, capacity }: { counts: readonly number[]; capacity: number }): Promise<RecordedRun> {
  return recordRun(mixedSlots(counts), new AddingBackend(), { capacity });
}

const FIRST_BYTE_AFTER_TIMESTAMP = 12;

describe('a record that was changed afterwards, by one bit', () => {
  it('makes its epoch unknown, and no other', async () => {
    const property = fc.asyncProperty(
      anyRun,
      fc.nat(),
      fc.integer({ min: 4, max: 43 }),
      fc.nat(7),
      async (shape, ...at) => {
        const run = await recordAny(shape);
        const intact = planReplay(recordingOf(run));
        fc.pre(intact.epochs.some(({ firstRecord, endRecord }) => endRecord > firstRecord));
        const [pick, byte, bit] = at;
        const nonEmpty = intact.epochs.filter(({ firstRecord, endRecord }) => endRecord > firstRecord);
        const epoch = nonEmpty[pick % nonEmpty.length];
        const record = epoch.firstRecord + (pick % (epoch.endRecord - epoch.firstRecord));
        const log = run.log.slice();
        log[HEADER_BYTES + intact.columns.position[record] * RECORD_BYTES + byte] ^= 1 << bit;
        const judgement = await judgeRight(recordingOf({ ...run, log }));
        expect(judgement).toMatchObject({ verdict: 'unknown', epochs: { diverging: 0 } });
        // The oldest record of a full log may now look like its newest, and then no epoch fits.
        if (byte < FIRST_BYTE_AFTER_TIMESTAMP) return;
        // A lone epoch is also the only proof that the log belongs to the stream.
        const others = nonEmpty.length > 1 ? 1 : judgement.epochs.total;
        expect(judgement.epochs.unknown).toBe(others);
        expect(judgement.unknownEpochs.map((unknown) => unknown.epoch)).toContain(epoch.ordinal);
      },
    );
    await fc.assert(property, { numRuns: 200 });
  });

  it('shows in nothing but its failure evidence, which is no part of what was published', async () => {
    const run = await recordAny({ counts: [3, 3], capacity: 30 });
    for (let byte = 44; byte < RECORD_BYTES; byte += 1) {
      const log = run.log.slice();
      log[HEADER_BYTES + RECORD_BYTES + byte] ^= 1;
      expect((await judgeRight(recordingOf({ ...run, log }))).verdict).toBe('agree');
    }
  });
});

describe('whatever happens to the log', () => {
  it('a right backend never diverges, and agrees only if every record of whole epochs is what it was', async () => {
    const property = fc.asyncProperty(anyRun, anySeed, async (shape, seed) => {
      const run = await recordAny(shape);
      const log = damageAtRandom(seededRandom(seed), run.log);
      const recording = openDamaged({ ...run, log });
      if (recording === undefined) return;
      const { verdict } = await judgeRight(recording);
      expect(verdict).not.toBe('diverge');
      if (verdict !== 'agree') return;
      // Of an epoch that lost records to younger ones nothing is claimed.
      const claimed = planReplay(recordingOf(run)).epochs.at(0)?.firstRecord ?? 0;
      const left = publishedIn(run.log).slice(claimed);
      expect(left.length === 0 ? [] : publishedIn(log).slice(-left.length)).toEqual(left);
    });
    await fc.assert(property, { numRuns: 500 });
  });

  it('neither does it if the log is all there is', async () => {
    const property = fc.asyncProperty(anyRun, anySeed, async (shape, seed) => {
      const run = await recordAny(shape);
      const log = damageAtRandom(seededRandom(seed), run.log);
      const recording = openDamaged({ log });
      if (recording === undefined) return;
      const { verdict } = await judgeRight(recording);
      expect(verdict).not.toBe('diverge');
      const { columns, nextPosition } = scanLogBytes(log);
      if (verdict === 'agree') expect([...columns.position]).toEqual([...new Array(nextPosition).keys()]);
    });
    await fc.assert(property, { numRuns: 300 });
  });

  it('any single bit of it leaves epochs that are right, or unknown', async () => {
    const run = await recordAny({ counts: [2, 0, 3, 1], capacity: 8 });
    const original = publishedIn(run.log);
    for (let bit = 0; bit < 8 * run.log.length; bit += 1) {
      const log = run.log.slice();
      log[bit >> 3] ^= 1 << (bit & 7);
      const recording = openDamaged({ ...run, log });
      if (recording === undefined) continue;
      const plan = planReplay(recording);
      const known = plan.epochs.filter(({ unknownReasons }) => unknownReasons.length === 0);
      const published = publishedIn(log);
      for (const epoch of known) {
        const { firstRecord, endRecord, firstSequence } = epoch;
        const expected = original.slice(firstSequence - 1, firstSequence - 1 + endRecord - firstRecord);
        expect(published.slice(firstRecord, endRecord), `bit ${bit}`).toEqual(expected);
      }
      if (known.length === plan.epochs.length) expect(published, `bit ${bit}`).toEqual(original);
    }
  });
});

describe('records that are lost', () => {
  const counts = [3, 2, 4, 2];

  async function recordFixed(capacity = 30): Promise<RecordedRun> {
    return recordRun(mixedSlots(counts), new AddingBackend(), { capacity });
  }

  function erase(log: Uint8Array, first: number, end: number, fill = 0): Uint8Array {
    return log.slice().fill(fill, HEADER_BYTES + first * RECORD_BYTES, HEADER_BYTES + end * RECORD_BYTES);
  }

  it.each([
    ['one record', 3, 4, [1]],
    ['a whole epoch', 3, 5, [1]],
    ['the first epoch', 0, 3, [0]],
    ['the last epoch', 9, 11, [3]],
    ['two epochs', 3, 9, [1, 2]],
    ['parts of two epochs', 4, 6, [1, 2]],
    ['all of them', 0, 11, [0, 1, 2, 3]],
  ])('make their epochs unknown and no others: %s', async (_what, first, end, unknown) => {
    const run = await recordFixed();
    for (const fill of [0, 0x5a]) {
      const judgement = await judgeRight(recordingOf({ ...run, log: erase(run.log, first, end, fill) }));
      expect(judgement.unknownEpochs.map(({ epoch }) => epoch)).toEqual(unknown);
      expect(judgement).toMatchObject({ verdict: 'unknown', epochs: { total: 4, agreeing: 4 - unknown.length } });
      expect(judgement.unknownEpochs[0].reasons[0]).toMatch(/records are not in the log any more$/);
    }
  });

  it('behind the last observed epoch are an epoch that was never observed', async () => {
    const slots = mixedSlots([...counts, 3]);
    const run = await recordRun(slots.slice(0, 4), new AddingBackend(), { capacity: 30, unobserved: slots[4] });
    const log = erase(run.log, 11, 14, 0x5a);
    const judgement = await judgeRight(recordingOf({ ...run, log }));
    expect(judgement.epochs).toMatchObject({ total: 5, agreeing: 4, unknown: 1 });
    expect(judgement.unknownEpochs).toEqual([
      { epoch: 4, reasons: ['3 of its records are lost', expect.stringContaining('never observed')] },
    ]);
  });

  it.each([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10])('with the end of the file, from record %i on', async (records) => {
    const run = await recordFixed(11);
    const ends = [3, 5, 9, 11];
    for (const extraBytes of [0, 1, 63]) {
      const log = run.log.slice(0, HEADER_BYTES + records * RECORD_BYTES + extraBytes);
      const judgement = await judgeRight(recordingOf({ ...run, log }));
      expect(judgement.verdict).toBe('unknown');
      expect(judgement.epochs).toMatchObject({
        total: 4,
        agreeing: ends.filter((end) => end <= records).length,
        diverging: 0,
      });
    }
  });

  it('from a log alone make the epochs on both sides unknown, and all that follow', async () => {
    const run = await recordFixed();
    const recording = recordingOf({ log: erase(run.log, 4, 5) });
    const judgement = await judgeRight(recording);
    expect(judgement.epochs).toMatchObject({ total: 4, agreeing: 1, unknown: 3 });
    expect(judgement.unknownEpochs.map(({ reasons }) => reasons)).toEqual([
      ['1 records in or next to it are lost'],
      ['1 records in or next to it are lost', 'the state that it starts from is not known'],
      ['the state that it starts from is not known'],
    ]);
  });

  it('at the start of a log alone are no fresh start, even if one is assumed', async () => {
    const run = await recordFixed();
    const recording = recordingOf({ log: erase(run.log, 0, 1, 0x5a) });
    const plan = planReplay(recording, { assumeFresh: true });
    const judgement = judge(plan, [await replayOn(plan, new AddingBackend())]);
    expect(judgement.epochs).toMatchObject({ total: 4, agreeing: 0, unknown: 4 });
    expect(planReplay(recording).startsFresh).toBe(false);
  });

  it('at the end of a log alone make its last epoch unknown', async () => {
    const run = await recordFixed(11);
    const log = run.log.slice(0, HEADER_BYTES + 9 * RECORD_BYTES);
    const plan = planReplay(recordingOf({ log }), { assumeFresh: true });
    const judgement = judge(plan, [await replayOn(plan, new AddingBackend(), { replicas: 2 })]);
    expect(judgement.epochs).toMatchObject({ total: 3, agreeing: 2, unknown: 1 });
    // Without the assumption nobody knows whether older records were cut off.
    expect(planReplay(recordingOf({ log })).startsFresh).toBe(false);
  });
});

describe('a log that somebody else wrote to', () => {
  it('after the recording ended is known up to there', async () => {
    const property = fc.asyncProperty(anyRun, fc.integer({ min: 1, max: 70 }), async (shape, extra) => {
      const run = await recordAny(shape);
      const storage = new MemoryStorage(run.log.slice());
      const log = RingLog.open(storage, 1);
      for (let index = 0; index < extra; index += 1) {
        const timestampNs = 1_800_000_000_000_000_000n + BigInt(index);
        log.append({ timestampNs, slotIndex: 0, tenantId: 0, opcode: 1, args: [9, 0, 0, 0], epoch: 90 });
      }
      const judgement = await judgeRight(recordingOf({ ...run, log: storage.toBytes() }));
      expect(judgement.verdict).toBe('unknown');
      const room = shape.capacity - run.recordCount;
      if (run.recordCount > 0 && extra <= room) {
        expect(judgement.epochs).toMatchObject({ total: shape.counts.length + 1, agreeing: shape.counts.length });
      }
    });
    await fc.assert(property, { numRuns: 200 });
  });

  it('before the recording began is known from there on', async () => {
    const older = await recordRun(mixedSlots([2, 3]), new AddingBackend(), { capacity: 30 });
    const startNs = 1_800_000_000_000_000_000n;
    const run = await recordRun(mixedSlots([4, 1]), new AddingBackend(), { onto: older.log, startNs });
    const plan = planReplay(recordingOf(run));
    expect(plan.epochs.map(({ ordinal, firstRecord, endRecord }) => [ordinal, firstRecord, endRecord])).toEqual([
      [-1, 0, 5],
      [0, 5, 9],
      [1, 9, 10],
    ]);
    expect(plan.startsFresh).toBe(false);
    const judgement = await judgeRight(recordingOf(run));
    expect(judgement.epochs).toMatchObject({ agreeing: 2, unknown: 1, diverging: 0 });
    expect(judgement.unknownEpochs[0].reasons).toContain('it was logged before the recording that was observed began');
  });

  it('before the recording began, and that the stream does not know of, fits nothing', async () => {
    const older = await recordRun(mixedSlots([2, 3]), new AddingBackend(), { capacity: 30 });
    const startNs = 1_800_000_000_000_000_000n;
    const run = await recordRun(mixedSlots([4, 1]), new AddingBackend(), { capacity: 30, startNs });
    const storage = new MemoryStorage(older.log.slice());
    RingLog.open(storage, 30).appendMany([...scanLogBytes(run.log).columns]);
    const judgement = await judgeRight(recordingOf({ log: storage.toBytes(), stream: run.stream }));
    expect(judgement).toMatchObject({ verdict: 'unknown', epochs: { agreeing: 0, diverging: 0 } });
  });
});

describe('the stream of another log', () => {
  it('is not believed', async () => {
    const property = fc.asyncProperty(anyRun, anyRun, async (shape, other) => {
      const run = await recordAny(shape);
      const stranger = await recordRun(mixedSlots(other.counts), new AddingBackend(), {
        capacity: other.capacity,
        startNs: 1_800_000_000_000_000_000n,
      });
      fc.pre(run.recordCount > 0);
      const judgement = await judgeRight(recordingOf({ log: run.log, stream: stranger.stream }));
      expect(judgement.verdict).toBe('unknown');
      expect(judgement.epochs.agreeing).toBe(0);
    });
    await fc.assert(property, { numRuns: 200 });
  });
});

describe('whatever happens to the stream', () => {
  it('a right backend never diverges, and agrees only over all records', async () => {
    const property = fc.asyncProperty(anyRun, anySeed, async (shape, seed) => {
      const run = await recordAny(shape);
      const stream = damageAtRandom(seededRandom(seed), run.stream);
      const recording = openDamaged({ ...run, stream });
      if (recording === undefined) return;
      const plan = planReplay(recording);
      const { verdict } = await judgeRight(recording);
      expect(verdict).not.toBe('diverge');
      if (verdict !== 'agree') return;
      const ranges = plan.epochs.map(({ firstRecord, endRecord }) => [firstRecord, endRecord]);
      const whole = planReplay(recordingOf(run)).epochs.filter(({ firstRecord, endRecord }) => endRecord > firstRecord);
      expect(ranges.filter(([first, end]) => end > first)).toEqual(
        whole.map(({ firstRecord, endRecord }) => [firstRecord, endRecord]),
      );
    });
    await fc.assert(property, { numRuns: 500 });
  });

  it('neither does it if something happens to both', async () => {
    const property = fc.asyncProperty(anyRun, anySeed, async (shape, seed) => {
      const run = await recordAny(shape);
      const random = seededRandom(seed);
      const files = { log: damageAtRandom(random, run.log), stream: damageAtRandom(random, run.stream) };
      const recording = openDamaged(files);
      if (recording === undefined) return;
      expect((await judgeRight(recording)).verdict).not.toBe('diverge');
    });
    await fc.assert(property, { numRuns: 300 });
  });

  it('an epoch whose frame is lost is unknown, and so are those after it whose start is', async () => {
    const run = await recordRun(mixedSlots([2, 2, 2, 2, 2]), new AddingBackend(), { keyframeInterval: 1 });
    for (const [epoch, { start, end }] of framesOf(run.stream, FrameKind.EPOCH).entries()) {
      const stream = run.stream.slice().fill(0x5a, start, end);
      const judgement = await judgeRight(recordingOf({ ...run, stream }));
      const unknown = judgement.unknownEpochs.map((each) => each.epoch);
      expect(unknown).toEqual(epoch === 4 ? [4] : [epoch, epoch + 1]);
      expect(judgement.epochs).toMatchObject({ total: 5, diverging: 0 });
    }
  });

  it('the rest of a slot that is lost makes its epoch unknown', async () => {
    const run = await recordAny({ counts: [3, 3, 3], capacity: 30 });
    const rests = framesOf(run.stream, FrameKind.SLOT_REST);
    expect(rests).toHaveLength(3);
    for (const [epoch, { start, end }] of rests.entries()) {
      const stream = run.stream.slice().fill(0x5a, start, end);
      const judgement = await judgeRight(recordingOf({ ...run, stream }));
      expect(judgement.unknownEpochs).toEqual([
        { epoch, reasons: ['what its slots had beyond their v1 records is lost'] },
      ]);
      expect(judgement.epochs.agreeing).toBe(2);
    }
  });

  it('cut short anywhere, it is known up to there', async () => {
    const run = await recordAny({ counts: [2, 2, 2, 2], capacity: 30 });
    const frames = framesOf(run.stream, FrameKind.EPOCH);
    let mostAgreeing = 0;
    for (let length = frames[0].end; length < run.stream.length; length += 1) {
      const judgement = await judgeRight(recordingOf({ ...run, stream: run.stream.slice(0, length) }));
      const whole = frames.filter(({ end }) => end <= length).length;
      expect(judgement.epochs.agreeing).toBe(whole);
      expect(judgement.verdict).toBe(whole === 4 ? 'agree' : 'unknown');
      expect(judgement.epochs.total).toBe(whole === 4 ? 4 : whole + 1);
      mostAgreeing = Math.max(mostAgreeing, whole);
    }
    expect(mostAgreeing).toBe(4);
  });
});

describe('slots of all kinds, waiting, faulting and printing too much', () => {
  const kernel = defineKernel({ name: 'all kinds', slotCount: 6, observableWords: 40, tenantCount: 2 });
  const anyKind = fc.oneof(
    fc.tuple(fc.nat(9), fc.integer({ min: 161, max: 199 })).map((args) => ({ opcode: Opcode.ATOMIC_ADD, args })),
    fc.tuple(fc.nat(9), fc.constantFrom(170, 5_000)).map((args) => ({ opcode: Opcode.STORE_U32, args })),
    // Switches tenants on and off.
    fc.tuple(fc.nat(1), fc.integer({ min: 3, max: 6 })).map((args) => ({ opcode: Opcode.STORE_U32, args })),
    fc.tuple(fc.nat(199), fc.nat(39)).map((args) => ({ opcode: Opcode.LOAD_U32, args })),
    fc.tuple(fc.nat(9), fc.integer({ min: 161, max: 170 })).map((add) => ({
      opcode: Opcode.PACKED_SLOT,
      args: packedAdds([add]),
    })),
    fc.constant({ opcode: Opcode.PRINTF, args: [1, 2, 3] }),
  );
  const anySlot = fc
    .tuple(anyKind, fc.constantFrom(0, 0, 0, 1, 2, 3))
    .map(([slot, tenant]): SlotRequest => ({ ...slot, tenant }));
  const anyProgram = fc.array(fc.array(anySlot, { maxLength: 9 }), { minLength: 1, maxLength: 6 });

  /** A recording on the reference, which is deterministic; undefined if its ring got stuck. */
  async function recordOnReference(program: Program, capacity: number): Promise<RecordedRun | undefined> {
    try {
      return await recordRun(program, new ReferenceBackend(kernel), { kernel, capacity, maxDeadBytes: 2_000 });
    } catch (error) {
      if (error instanceof PublishError) return undefined;
      throw error;
    }
  }

  it.each([
    ['nothing', 0],
    ['the log', 1],
    ['the stream', 2],
    ['both', 3],
  ])('never diverge on the backend that recorded them, whatever happened to %s', async (_what, damaged) => {
    const capacity = fc.integer({ min: 1, max: 60 });
    const property = fc.asyncProperty(anyProgram, capacity, anySeed, async (program, records, seed) => {
      const run = await recordOnReference(program, records);
      fc.pre(run !== undefined);
      const random = seededRandom(seed);
      const recording = openDamaged({
        log: (damaged & 1) === 0 ? run.log : damageAtRandom(random, run.log),
        stream: (damaged & 2) === 0 ? run.stream : damageAtRandom(random, run.stream),
      });
      if (recording === undefined) return;
      const plan = planReplay(recording, { kernel });
      for (const mode of ['chained', 'isolated'] as const) {
        const judgement = judge(plan, [await replayOn(plan, new ReferenceBackend(kernel), { mode })], kernel);
        expect(judgement.firstDivergence).toBeUndefined();
      }
    });
    await fc.assert(property, { numRuns: 100 });
  });
});

describe('a recording with its log alone', () => {
  it('agrees with itself, and says that nothing was recorded to compare with', async () => {
    const run = await recordRun([[{ opcode: 1, args: [1] }], [{ opcode: 2, args: [2] }]], new AddingBackend());
    const judgement = await judgeRight(logOnly(run));
    expect(judgement).toMatchObject({ verdict: 'agree', comparedWith: 'replays' });
  });
});
