import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { programOfEpochs } from '../../node/conformance/epochs-program.ts';
import {
  EPOCH_TOTAL_WORDS,
  EpochTotal,
  ProgramEpochFlag,
  ProgramEpochWord,
  type ProgramHead,
  type ProgramSegment,
} from '../../src/backend/index.ts';
import {
  CAPTURED_RELATIONS,
  decodeLoad,
  decodeReplay,
  decodeReplayed,
  decodeReplayProgress,
  encodeLoad,
  encodeReplay,
  encodeReplayed,
  encodeReplayProgress,
  encodeSegment,
  type ReplayContext,
  type Replayed,
  SegmentReader,
  SegmentWord,
  WireError,
} from '../../src/wire/index.ts';
import { expectSound, FIT, meaningOf, programs, SIGNATURE_WORDS } from './programs.ts';

const word = fc.oneof(fc.nat(0xffff_ffff), fc.constantFrom(0, 1, 0xffff_ffff));
const { snapshotWords } = FIT.layout;

/** Bytes that are overwritten, and how much of the end is cut off. */
const damage = fc.record({
  bytes: fc.array(fc.tuple(fc.nat(100_000), fc.nat(255)), { minLength: 1, maxLength: 4 }),
  cut: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(40) }),
});

function damaged(payload: Uint8Array, { bytes, cut }: { bytes: [number, number][]; cut: number }): Uint8Array {
  const copy = payload.slice(0, Math.max(0, payload.length - cut));
  for (const [at, value] of bytes) if (copy.length > 0) copy[at % copy.length] = value;
  return copy;
}

/** Whether it was refused; anything but a WireError is a failure of the test. */
function isRefused(attempt: () => unknown): boolean {
  try {
    attempt();
    return false;
  } catch (error) {
    if (error instanceof WireError) return true;
    throw error;
  }
}

/** A program of two epochs in one segment, with the words of its payload to change. */
function smallSegment(change: (words: Uint32Array) => void = () => {}): { head: ProgramHead; payload: Uint8Array } {
  const slot = (slotIndex: number) => ({ slotIndex, opcode: 1, tenant: 0, priority: 2, args: [] });
  const epoch = { batches: [[slot(1), slot(2)], [slot(3)]], flags: 1, state: new Uint32Array(snapshotWords) };
  const { head, segments } = programOfEpochs([epoch, epoch], { slotWords: 8, signatureWords: SIGNATURE_WORDS });
  const [segment] = segments(1_000);
  const payload = encodeSegment(segment, head, snapshotWords);
  change(new Uint32Array(payload.buffer));
  return { head, payload };
}

describe('LOAD', () => {
  it('comes back as it was, and is refused if its sizes are not those of the runner', () => {
    fc.assert(
      fc.property(word, word, fc.constantFrom(8, 16), (epochCount, slotCount, slotWords) => {
        const head = { epochCount, slotCount, slotWords, signatureWords: SIGNATURE_WORDS };
        expect(decodeLoad(encodeLoad(head), FIT)).toEqual(head);
      }),
    );
    const head = { epochCount: 1, slotCount: 1, slotWords: 8, signatureWords: SIGNATURE_WORDS };
    expect(() => decodeLoad(encodeLoad({ ...head, slotWords: 9 }), FIT)).toThrow('slots of 9 words');
    expect(() => decodeLoad(encodeLoad({ ...head, signatureWords: 5 }), FIT)).toThrow('signatures of 5 words');
    expect(() => decodeLoad(encodeLoad(head).subarray(4), FIT)).toThrow(WireError);
  });
});

describe('SEGMENT', () => {
  it('comes back as it was, however a program is cut and wherever it lies', () => {
    fc.assert(
      fc.property(programs, fc.nat(300), fc.nat(3), (program, words, offset) => {
        const reader = new SegmentReader(program.head, FIT);
        const read: ProgramSegment[] = [];
        for (const segment of program.segments(words)) {
          expect(reader.isComplete).toBe(false);
          const payload = encodeSegment(segment, program.head, snapshotWords);
          read.push(reader.read(Uint8Array.of(...new Uint8Array(offset), ...payload).subarray(offset)));
          expect(read.at(-1)).toEqual(segment);
        }
        expect(reader.isComplete).toBe(true);
        expect(meaningOf(program.head, read)).toEqual(meaningOf(program.head, program.segments(1)));
      }),
    );
  });

  it('is a copy, so that the payload may be used again', () => {
    const { head, payload } = smallSegment();
    const segment = new SegmentReader(head, FIT).read(payload);
    const opcodes = segment.slots.slice();
    payload.fill(255);
    expect(segment.slots).toEqual(opcodes);
  });

  it('that is damaged is refused or sound: whoever goes by it finds everything where it says', () => {
    let refused = 0;
    fc.assert(
      fc.property(programs, damage, fc.integer({ min: 1, max: 300 }), (program, how, words) => {
        const [segment] = program.segments(words);
        fc.pre(segment !== undefined);
        const payload = damaged(encodeSegment(segment, program.head, snapshotWords), how);
        const reader = new SegmentReader(program.head, FIT);
        if (isRefused(() => expectSound(program.head, reader.read(payload)))) {
          refused += 1;
          // As it was: the right one is still taken.
          expect(reader.read(encodeSegment(segment, program.head, snapshotWords))).toEqual(segment);
        }
      }),
      { numRuns: 500 },
    );
    expect(refused).toBeGreaterThan(50);
  });

  it.each(Object.entries(SegmentWord).filter(([name]) => name !== 'EPOCHS'))(
    'allocates nothing that %s only announces',
    (_, at) => {
      const { head, payload } = smallSegment((words) => words.fill(0xffff_ffff, at, at + 1));
      expect(() => new SegmentReader(head, FIT).read(payload)).toThrow('it ends before its');
    },
  );

  const inEpoch = (word: number) => SegmentWord.EPOCHS + word;
  it.each([
    ['index', inEpoch(ProgramEpochWord.INDEX), 1, 'epoch 0: its index is 1'],
    ['first slot', inEpoch(ProgramEpochWord.FIRST_SLOT), 1, 'epoch 0: its slots do not begin'],
    ['next slot', inEpoch(8 + ProgramEpochWord.FIRST_SLOT), 7, 'epoch 0: its slots do not begin'],
    ['first batch', inEpoch(ProgramEpochWord.FIRST_BATCH), 1, 'epoch 0: its batches do not begin'],
    ['end batch', inEpoch(ProgramEpochWord.END_BATCH), 5, 'epoch 0: its batches do not begin'],
    ['last end batch', inEpoch(8 + ProgramEpochWord.END_BATCH), 3, 'more batches than its epochs have'],
    ['flags', inEpoch(ProgramEpochWord.FLAGS), 8, 'epoch 0: it has a flag that there is not'],
    ['expectation', inEpoch(ProgramEpochWord.EXPECTATION), 0, 'epoch 0: it has no such expectation'],
    ['state', inEpoch(ProgramEpochWord.STATE), 2, 'epoch 0: it has no such state'],
    ['reserved', inEpoch(ProgramEpochWord.RESERVED), 1, 'epoch 0: its last word is not 0'],
    ['batch end', inEpoch(16), 4, 'epoch 0: batch 0 ends outside of its slots'],
    ['batch end before its first slot', inEpoch(18), 1, 'epoch 1: batch 2 ends outside of its slots'],
    ['slot', inEpoch(20), 8, 'epoch 0: slot 8 is beyond the ring, which has 8 slots'],
  ])('with a wrong %s is refused, and says so', (_, at, value, message) => {
    const { head, payload } = smallSegment((words) => words.fill(value, at, at + 1));
    expect(() => new SegmentReader(head, FIT).read(payload)).toThrow(message);
  });

  it('may have slots beyond the ring where they are not replayed', () => {
    const { head, payload } = smallSegment((words) => {
      words[inEpoch(ProgramEpochWord.FLAGS)] = ProgramEpochFlag.JUDGED;
      words[inEpoch(20)] = 8;
    });
    expect(new SegmentReader(head, FIT).read(payload).slots[0]).toBe(8);
  });

  it('has no more epochs and slots than LOAD said, and at least one', () => {
    const { head, payload } = smallSegment();
    const read = (changed: Partial<ProgramHead>) => new SegmentReader({ ...head, ...changed }, FIT).read(payload);
    expect(() => read({ epochCount: 1 })).toThrow('the program has 2 epochs, and LOAD said 1');
    expect(() => read({ slotCount: 5 })).toThrow('the program has 6 slots, and LOAD said 5');
    const empty = new Uint8Array(SegmentWord.EPOCHS * 4);
    expect(() => new SegmentReader(head, FIT).read(empty)).toThrow('it has no epoch');
  });
});

describe('REPLAY', () => {
  const request = fc.record(
    {
      mode: fc.constantFrom('chained' as const, 'isolated' as const),
      replicas: fc.integer({ min: 1, max: 2 ** 31 }),
      firstReplica: fc.nat(2 ** 30),
      expectationsAreReplays: fc.boolean(),
      shape: fc.constantFrom('wide' as const, 'resident' as const),
      stress: fc.dictionary(fc.constantFrom('seed', 'lanes', 'meetTurns'), fc.nat()),
    },
    { requiredKeys: ['mode', 'replicas', 'firstReplica', 'expectationsAreReplays'] },
  );

  it('comes back as it was, and what is left out has a default', () => {
    fc.assert(
      fc.property(request, (each) => {
        expect(decodeReplay(encodeReplay(each))).toEqual(each);
      }),
    );
    const least = { firstReplica: 0, expectationsAreReplays: false };
    expect(decodeReplay(encodeReplay({ mode: 'chained', replicas: 3 }))).toEqual({
      mode: 'chained',
      replicas: 3,
      ...least,
    });
  });

  it.each([
    [{}, 'mode is neither'],
    [{ mode: 'sideways', replicas: 1 }, 'mode is neither'],
    [{ mode: 'chained' }, 'replicas is no number from 1'],
    [{ mode: 'chained', replicas: 0 }, 'replicas is no number from 1'],
    [{ mode: 'chained', replicas: 1.5 }, 'replicas is no number from 1'],
    [{ mode: 'chained', replicas: 2, firstReplica: 0xffff_fffe }, 'firstReplica is no number that fits'],
    [{ mode: 'chained', replicas: 1, firstReplica: -1 }, 'firstReplica is no number that fits'],
    [{ mode: 'chained', replicas: 1, shape: 'round' }, 'shape is neither'],
    [{ mode: 'chained', replicas: 1, stress: { seed: 'x' } }, 'stress is not whole numbers'],
    [{ mode: 'chained', replicas: 1, stress: [] }, 'stress is not whole numbers'],
    [{ mode: 'chained', replicas: 1, expectationsAreReplays: 1 }, 'expectationsAreReplays is neither'],
  ])('%j is refused', (json, message) => {
    expect(() => decodeReplay(new TextEncoder().encode(JSON.stringify(json)))).toThrow(message);
  });

  it('has a PROGRESS that counts further than a word', () => {
    const count = fc.nat({ max: Number.MAX_SAFE_INTEGER });
    fc.assert(
      fc.property(count, count, (done, total) => {
        expect(decodeReplayProgress(encodeReplayProgress({ done, total }))).toEqual({ done, total });
      }),
    );
    expect(() => decodeReplayProgress(new Uint8Array(8))).toThrow(WireError);
  });
});

const EPOCHS = 4;
const CONTEXT: ReplayContext = {
  head: { epochCount: EPOCHS, slotCount: 1_000, slotWords: 8, signatureWords: SIGNATURE_WORDS },
  fit: FIT,
  request: { mode: 'chained', replicas: 20, firstReplica: 100 },
};

const wordList = (length: number) =>
  fc.array(word, { minLength: length, maxLength: length }).map((list) => Uint32Array.from(list));
const fault = fc.record({
  slotIndex: fc.nat(FIT.slotCount - 1),
  opcode: word,
  words: fc.tuple(word, word),
  text: fc.constantFrom('', 'it is ö'),
});
const outcome = fc.record({
  epoch: fc.nat(EPOCHS - 1),
  replica: fc.integer({ min: 100, max: 119 }),
  relation: fc.constantFrom(...CAPTURED_RELATIONS),
  done: fc.nat(400),
  pending: fc.nat(300),
  faulted: fc.integer({ min: 3, max: 300 }),
  faults: fc.array(fault, { maxLength: 3 }),
  signature: wordList(SIGNATURE_WORDS),
  snapshot: wordList(snapshotWords),
});
/** Of so many replicas that ran it some in each of three ways. */
const totals = fc
  .tuple(fc.nat(10), fc.nat(5), fc.nat(5), fc.nat(3), fc.nat(3), fc.nat(4))
  .map(([run, refused, unreached, same, different, undecided]) => {
    const list = new Array<number>(EPOCH_TOTAL_WORDS).fill(0);
    list[EpochTotal.RUN] = run;
    list[EpochTotal.REFUSED] = refused;
    list[EpochTotal.UNREACHED] = unreached;
    list[EpochTotal.SAME] = Math.min(same, run);
    list[EpochTotal.DIFFERENT] = Math.min(different, run - list[EpochTotal.SAME]);
    list[EpochTotal.UNDECIDED] = Math.min(undecided, run - list[EpochTotal.SAME] - list[EpochTotal.DIFFERENT]);
    list[EpochTotal.FAULTED] = Math.min(run, different);
    return list;
  });
const replayed: fc.Arbitrary<Replayed> = fc
  .record({
    totals: fc.array(totals, { minLength: EPOCHS, maxLength: EPOCHS }),
    captured: fc.array(outcome, { maxLength: 8 }),
    replicasRun: fc.constant(20),
    replicasCompared: fc.integer({ min: 10, max: 20 }),
    replicasDiverged: fc.nat(10),
    shape: fc.constantFrom('wide' as const, 'resident' as const),
    deviceMs: fc.option(fc.nat(10_000), { nil: undefined }),
  })
  .map((each) => {
    for (const { epoch } of each.captured) each.totals[epoch][EpochTotal.CAPTURED] += 1;
    return { ...each, totals: Uint32Array.from(each.totals.flat()) };
  });

describe('REPLAYED', () => {
  it('comes back as it was', () => {
    fc.assert(
      fc.property(replayed, fc.nat(3), (result, offset) => {
        const payload = Uint8Array.of(...new Uint8Array(offset), ...encodeReplayed(result)).subarray(offset);
        expect(decodeReplayed(payload, CONTEXT)).toEqual(result);
      }),
    );
  });

  it('that is damaged is refused, or still adds up', () => {
    let refused = 0;
    fc.assert(
      fc.property(replayed, damage, (result, how) => {
        const payload = damaged(encodeReplayed(result), how);
        if (isRefused(() => expectToAddUp(decodeReplayed(payload, CONTEXT)))) refused += 1;
      }),
      { numRuns: 500 },
    );
    expect(refused).toBeGreaterThan(50);
  });

  function expectToAddUp({ totals, captured, replicasRun, replicasCompared, replicasDiverged }: Replayed): void {
    expect(replicasRun).toBeLessThanOrEqual(20);
    expect(replicasCompared).toBeLessThanOrEqual(replicasRun);
    expect(replicasDiverged).toBeLessThanOrEqual(replicasCompared);
    expect(totals).toHaveLength(EPOCHS * EPOCH_TOTAL_WORDS);
    for (let epoch = 0; epoch < EPOCHS; epoch += 1) {
      const total = totals.subarray(epoch * EPOCH_TOTAL_WORDS);
      const judged = total[EpochTotal.SAME] + total[EpochTotal.DIFFERENT] + total[EpochTotal.UNDECIDED];
      expect(judged).toBeLessThanOrEqual(total[EpochTotal.RUN]);
      expect(total[EpochTotal.RUN]).toBeLessThanOrEqual(20);
      expect(total[EpochTotal.CAPTURED]).toBe(captured.filter((each) => each.epoch === epoch).length);
    }
    for (const { epoch, replica, relation, faults } of captured) {
      expect(epoch).toBeLessThan(EPOCHS);
      expect(replica >= 100 && replica < 120).toBe(true);
      expect(CAPTURED_RELATIONS).toContain(relation);
      expect(faults.every(({ slotIndex }) => slotIndex < FIT.slotCount)).toBe(true);
    }
  }

  const sound: Replayed = {
    totals: new Uint32Array(EPOCHS * EPOCH_TOTAL_WORDS),
    captured: [],
    ...{ replicasRun: 20, replicasCompared: 5, replicasDiverged: 1, shape: 'wide', deviceMs: undefined },
  };
  const one = {
    ...{ epoch: 1, replica: 100, relation: 'same' as const, done: 1, faulted: 0, pending: 0, faults: [] },
    ...{ signature: new Uint32Array(SIGNATURE_WORDS), snapshot: new Uint32Array(snapshotWords) },
  };
  const aFault = { slotIndex: 8, opcode: 1, words: [0, 0] as const, text: '' };

  it.each<[string, Partial<Replayed>, string]>([
    ['more replicas than asked for', { replicasRun: 21 }, 'replicasRun is no number up to 20'],
    ['more compared than run', { replicasRun: 4 }, 'replicasCompared is no number up to'],
    ['more diverged than compared', { replicasDiverged: 6 }, 'replicasDiverged is no number up to'],
    ['a negative time', { deviceMs: -1 }, 'deviceMs is no time'],
    ['a replica too many', { totals: new Uint32Array(32).fill(21, 0, 1) }, 'epoch 0: 21 replicas of 20'],
    ['one that was compared and did not run', { totals: new Uint32Array(32).fill(1, 9, 10) }, 'epoch 1: more replicas'],
    ['too few totals', { totals: new Uint32Array(24) }, 'it ends before its totals do'],
    ['an epoch that there is not', { captured: [{ ...one, epoch: 4 }] }, 'the program has 4 epochs'],
    ['a replica that there is not', { captured: [{ ...one, replica: 120 }] }, 'there is no such replica'],
    ['a replica of somebody else', { captured: [{ ...one, replica: 99 }] }, 'there is no such replica'],
    ['more slots than there are', { captured: [{ ...one, done: 1_001 }] }, 'more slots ended or wait'],
    ['more faults than there were', { captured: [{ ...one, faults: [aFault] }] }, '1 faults of 0'],
    ['a fault beyond the ring', { captured: [{ ...one, faulted: 1, faults: [aFault] }] }, 'slot 8 is beyond the ring'],
    ['too many outcomes of an epoch', { captured: new Array(17).fill(one) }, 'more than 16 outcomes of epoch 1'],
    ['a short snapshot', { captured: [{ ...one, snapshot: new Uint32Array(1) }] }, 'it ends before its'],
    ['a long snapshot', { captured: [{ ...one, snapshot: new Uint32Array(9) }] }, 'are left behind its end'],
  ])('with %s is refused', (_, wrong, message) => {
    expect(() => decodeReplayed(encodeReplayed({ ...sound, ...wrong }), CONTEXT)).toThrow(message);
  });

  it('allocates nothing that a count only announces', () => {
    const payload = encodeReplayed(sound);
    new DataView(payload.buffer).setUint32(0, 0xffff_ffff, true);
    expect(() => decodeReplayed(payload, CONTEXT)).toThrow('it ends before its json do');
    const counted = encodeReplayed(sound);
    new DataView(counted.buffer).setUint32(counted.length - 4, 0xffff_ffff, true);
    expect(() => decodeReplayed(counted, CONTEXT)).toThrow('it ends before its captured do');
  });
});
