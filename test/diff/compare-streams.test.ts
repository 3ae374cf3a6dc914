import { describe, expect, it } from 'vitest';
import { type Backend, ReferenceBackend } from '../../src/backend/index.ts';
import { InputError } from '../../src/base/errors.ts';
import { type ComparedSide, compareStreams, judge } from '../../src/diff/index.ts';
import { defineKernel } from '../../src/kernel/index.ts';
import { HEADER_BYTES, RECORD_BYTES } from '../../src/log/index.ts';
import { ObservationReader, ObservationWriter } from '../../src/observe/index.ts';
import { FrameKind } from '../../src/observe/stream-format.ts';
import { Opcode } from '../../src/protocol/index.ts';
import type { SlotRequest } from '../../src/record/index.ts';
import { ObservationSaver, planReplay, type ReplayMode, type ReplayPlan, replayOn } from '../../src/replay/index.ts';
import { MemoryStorage } from '../../src/storage/index.ts';
import {
  AddingBackend,
  DisturbedBackend,
  framesOf,
  logOnly,
  type Program,
  type RecordedRun,
  recordingOf,
  recordRun,
  withoutRestore,
} from '../replay/recordings.ts';

const kernel = defineKernel({ name: 'small', slotCount: 8, observableWords: 60 });
const LATER = 1_800_000_000_000_000_000n;

function reference(): ReferenceBackend {
  return new ReferenceBackend(kernel);
}

function add(amount: number, word: number): SlotRequest {
  return { opcode: Opcode.ATOMIC_ADD, args: [amount, word] };
}

const program: Program = [[add(1, 170), add(2, 171)], [add(3, 170)], [], [add(4, 172)]];

/** A run with its log at hand. */
function sideOf(name: string, run: RecordedRun): ComparedSide {
  const recording = recordingOf(run);
  return { name, observations: recording.observations!, plan: planReplay(recording, { kernel }) };
}

/** A stream without its log. */
function streamOf(name: string, bytes: Uint8Array): ComparedSide {
  return { name, observations: ObservationReader.open(new MemoryStorage(bytes)), plan: undefined };
}

async function saveReplay(
  plan: ReplayPlan,
  backend: Backend,
  mode: ReplayMode = 'chained',
  replicas = 1,
): Promise<Uint8Array> {
  const storage = new MemoryStorage();
  const saver = new ObservationSaver(() => storage, { tool: 'test', kernel: null });
  await replayOn(plan, backend, { mode, replicas, saver });
  saver.close();
  return storage.toBytes();
}

describe('a gap', () => {
  it('in both streams is not agreed upon', async () => {
    const run = await recordRun(program, reference(), { kernel });
    const [, second] = framesOf(run.stream, FrameKind.EPOCH);
    const holed = new Uint8Array([...run.stream.subarray(0, second.start), ...run.stream.subarray(second.end)]);
    const comparison = compareStreams(streamOf('left', holed), streamOf('right', holed), kernel);
    expect(comparison.verdict).toBe('unknown');
    expect(comparison.epochs).toMatchObject({ total: 4, diverging: 0 });
    expect(comparison.unknownEpochs[0]).toEqual({ epoch: 1, reasons: ['left does not have it'] });
  });

  it('at the start of both streams is not agreed upon', async () => {
    const run = await recordRun(program, reference(), { kernel, keyframeInterval: 1 });
    const [first] = framesOf(run.stream, FrameKind.EPOCH);
    const cut = run.stream.slice().fill(0x5a, first.start, first.end);
    const comparison = compareStreams(streamOf('left', cut), streamOf('right', cut), kernel);
    expect(comparison).toMatchObject({ verdict: 'unknown', epochs: { total: 4, agreeing: 3, unknown: 1 } });
    expect(comparison.unknownEpochs).toEqual([{ epoch: 0, reasons: ['left does not have it'] }]);
  });

  it('is not there before the first epoch of all, even if the state before it is lost', async () => {
    const run = await recordRun(program, reference(), { kernel, keyframeInterval: 1 });
    const [initial] = framesOf(run.stream, FrameKind.INITIAL_STATE);
    const cut = run.stream.slice().fill(0x5a, initial.start, initial.end);
    const comparison = compareStreams(streamOf('left', cut), streamOf('right', cut), kernel);
    expect(comparison).toMatchObject({ verdict: 'agree', epochs: { total: 4 } });
  });

  it('may be of any length', async () => {
    const layout = { areas: [{ name: 'words', words: 1 }], regions: [] };
    const storage = new MemoryStorage();
    const metadata = { tool: 'test', kernel: null, layout, backend: { name: 'sparse' } };
    const writer = ObservationWriter.create(storage, metadata, new Uint32Array(1));
    const facts = { deviceEpoch: 0, firstRecord: 1, recordCount: 0, done: 0, faulted: 0, pending: 0 };
    const nothing = { faultDigest: [0, 0], recordsDigest: [0, 0], words: new Uint32Array(1) } as const;
    for (const ordinal of [0, 4_000_000_000]) writer.appendEpoch({ ordinal, ...facts, ...nothing });
    writer.close();
    const side = () => streamOf('sparse', storage.toBytes());
    const comparison = compareStreams(side(), side());
    expect(comparison).toMatchObject({ verdict: 'unknown', epochs: { total: 4_000_000_001, agreeing: 2 } });
    expect(comparison.unknownEpochs.map(({ epoch }) => epoch)).toEqual(
      Array.from({ length: 16 }, (_, index) => 1 + index),
    );
  });

  it('at the end of both streams is not agreed upon', async () => {
    const run = await recordRun(program, reference(), { kernel });
    const [end] = framesOf(run.stream, FrameKind.END);
    const cut = run.stream.slice(0, end.start);
    const comparison = compareStreams(streamOf('left', cut), streamOf('right', cut), kernel);
    expect(comparison).toMatchObject({ verdict: 'unknown', epochs: { total: 5, agreeing: 4, unknown: 1 } });
  });
});

describe('a saved replay', () => {
  it.each<ReplayMode>(['chained', 'isolated'])('is equal to the recording where it agrees (%s)', async (mode) => {
    const run = await recordRun(program, reference(), { kernel });
    const plan = planReplay(recordingOf(run), { kernel });
    const saved = streamOf('saved', await saveReplay(plan, reference(), mode, 3));
    expect(compareStreams(sideOf('run', run), saved, kernel)).toEqual({
      verdict: 'agree',
      epochs: { total: 4, agreeing: 4, diverging: 0, unknown: 0 },
      firstDivergence: undefined,
      unknownEpochs: [],
    });
    expect(saved.observations.initialWords).toEqual(recordingOf(run).observations?.initialWords);
    expect(saved.observations.cleanEnd).toBe(true);
    expect(saved.observations.epochCount).toBe(4);
  });

  it('is different where it diverged, and goes on with the echo', async () => {
    const run = await recordRun(program, reference(), { kernel });
    const plan = planReplay(recordingOf(run), { kernel });
    const inner = reference();
    const wrong = new DisturbedBackend(inner, {
      // A slot too many: the memory itself is wrong from then on.
      drain({ epoch }, report) {
        if (epoch !== 2) return report;
        inner.publish(7, { opcode: Opcode.ATOMIC_ADD, tenant: 0, priority: 2, args: [1, 170] });
        inner.drain();
        return report;
      },
    });
    const saved = streamOf('saved', await saveReplay(plan, wrong));
    const comparison = compareStreams(sideOf('run', run), saved, kernel);
    // The snapshot before the first epoch was observed too, so the second epoch is the disturbed one.
    expect(comparison).toMatchObject({ verdict: 'diverge', epochs: { total: 4, agreeing: 1, diverging: 3 } });
    expect(comparison.firstDivergence).toMatchObject({
      epoch: 1,
      where: 'control[1]',
      comparedWith: 'run',
      backend: 'saved',
    });
    expect(saved.observations.wordsAfter(3)?.[170]).toBe(5);
  });

  it('takes nothing away from what is judged', async () => {
    const run = await recordRun(program, reference(), { kernel });
    const plan = planReplay(recordingOf(run), { kernel });
    const wrong = () =>
      new DisturbedBackend(withoutRestore(reference()), {
        observe({ replica }, snapshot) {
          if (replica === 0 && snapshot[170] === 4) snapshot[170] = 5;
        },
      });
    const storage = new MemoryStorage();
    const saver = new ObservationSaver(() => storage, { tool: 'test', kernel: null });
    const backend = withoutRestore(wrong());
    const saving = judge(plan, [await replayOn(plan, backend, { replicas: 3, saver })], kernel);
    const plain = judge(plan, [await replayOn(plan, withoutRestore(wrong()), { replicas: 3 })], kernel);
    expect(saving.epochs).toEqual(plain.epochs);
    expect(saving.unknownEpochs).toEqual([]);
  });

  it('of a wrapped log begins with the state that its first epoch starts from', async () => {
    const run = await recordRun(program, reference(), { kernel, capacity: 5 });
    const plan = planReplay(recordingOf(run), { kernel });
    expect(plan.epochs.map(({ ordinal }) => ordinal)).toEqual([1, 2, 3]);
    const saved = streamOf('saved', await saveReplay(plan, reference()));
    expect(saved.observations.initialWords?.[170]).toBe(1);
    const comparison = compareStreams(sideOf('run', run), saved, kernel);
    expect(comparison.epochs).toMatchObject({ total: 4, agreeing: 3, unknown: 1 });
    expect(comparison.unknownEpochs).toEqual([{ epoch: 0, reasons: ['saved does not have it'] }]);
  });

  it('ends with an epoch without slots as with any other', async () => {
    const run = await recordRun([[{ opcode: 1, args: [1] }], [], []], new AddingBackend());
    const plan = planReplay(recordingOf(run));
    const saved = streamOf('saved', await saveReplay(plan, new AddingBackend()));
    expect(compareStreams(sideOf('run', run), saved).verdict).toBe('agree');
  });

  it('of a log alone can be compared with another one', async () => {
    const run = await recordRun(program, reference(), { kernel });
    const plan = planReplay(logOnly(run), { kernel });
    const first = streamOf('first', await saveReplay(plan, reference()));
    const second = streamOf('second', await saveReplay(plan, reference()));
    expect(compareStreams(first, second).verdict).toBe('agree');
    expect(compareStreams(sideOf('run', run), first).epochs).toMatchObject({ agreeing: 4 });
  });

  it('of nothing makes no stream', async () => {
    const plan = planReplay(recordingOf(await recordRun([], reference(), { kernel })), { kernel });
    let opened = 0;
    const saver = new ObservationSaver(
      () => {
        opened += 1;
        return new MemoryStorage();
      },
      { tool: 'test', kernel: null },
    );
    await replayOn(plan, reference(), { saver });
    saver.close();
    expect(opened).toBe(0);
  });
});

describe('two runs', () => {
  it('of the same slots at different times agree', async () => {
    const [left, right] = [await recordRun(program, reference(), { kernel }), await later(program)];
    expect(compareStreams(sideOf('left', left), sideOf('right', right), kernel).verdict).toBe('agree');
  });

  async function later(slots: Program): Promise<RecordedRun> {
    return recordRun(slots, reference(), { kernel, startNs: LATER });
  }

  it('cannot be compared if a log is missing', async () => {
    const [left, right] = [await recordRun(program, reference(), { kernel }), await later(program)];
    const comparison = compareStreams(sideOf('left', left), streamOf('right', right.stream), kernel);
    expect(comparison).toMatchObject({ verdict: 'unknown', epochs: { unknown: 4 } });
    expect(comparison.unknownEpochs[0].reasons).toEqual(['whether both ran the same slots cannot be told']);
  });

  it.each([
    ['an argument', add(9, 170)],
    ['an opcode', { opcode: Opcode.STORE_U32, args: [3, 170] }],
    ['a tenant', { ...add(3, 170), tenant: 1 }],
    ['a priority', { ...add(3, 170), priority: 0 }],
    ['an argument that a record has no room for', { ...add(3, 170), args: [3, 170, 0, 0, 0, 0, 1] }],
  ])('that differ in %s of a slot did not run the same', async (_what, slot) => {
    const left = await recordRun(program, reference(), { kernel });
    const right = await later([program[0], [slot], program[2], program[3]]);
    const comparison = compareStreams(sideOf('left', left), sideOf('right', right), kernel);
    expect(comparison.unknownEpochs[0]).toEqual({ epoch: 1, reasons: ['the two runs published different slots'] });
    expect(comparison).toMatchObject({ verdict: 'unknown', epochs: { diverging: 0 } });
  });

  it('that published different slots once are not blamed for what follows from it', async () => {
    const left = await recordRun(program, reference(), { kernel });
    const right = await later([program[0], [add(30, 170)], ...program.slice(2)]);
    const comparison = compareStreams(sideOf('left', left), sideOf('right', right), kernel);
    expect(comparison).toMatchObject({ verdict: 'unknown', epochs: { total: 4, agreeing: 1, unknown: 3 } });
    expect(comparison.unknownEpochs[1].reasons).toEqual([
      'the two sides are not known to start it from the same state',
    ]);
  });

  it('that come to the same state again are compared again', async () => {
    const store = (value: number) => ({ opcode: Opcode.STORE_U32, args: [value, 170] });
    const left = await recordRun([[store(1)], [store(2)], [store(5)], [add(1, 171)]], reference(), { kernel });
    const right = await later([[store(1)], [store(3)], [store(5)], [add(1, 171)]]);
    const comparison = compareStreams(sideOf('left', left), sideOf('right', right), kernel);
    expect(comparison).toMatchObject({ verdict: 'unknown', epochs: { agreeing: 3, unknown: 1, diverging: 0 } });
  });

  it('that diverge from a common state diverge, even after an epoch that cannot be judged', async () => {
    const store = (value: number) => ({ opcode: Opcode.STORE_U32, args: [value, 170] });
    const slots = (value: number): Program => [[store(value)], [store(5)], [add(1, 171)], [add(1, 172)]];
    const left = await recordRun(slots(1), reference(), { kernel });
    const wrong = new DisturbedBackend(reference(), {
      observe({ epoch }, snapshot) {
        if (epoch === 4) snapshot[172] = 7;
      },
    });
    const right = await recordRun(slots(2), wrong, { kernel, startNs: LATER });
    const comparison = compareStreams(sideOf('left', left), sideOf('right', right), kernel);
    expect(comparison).toMatchObject({ verdict: 'diverge', epochs: { agreeing: 2, unknown: 1, diverging: 1 } });
    expect(comparison.firstDivergence).toMatchObject({ epoch: 3, where: 'control[172]', expected: '1', seen: '7' });
    expect(comparison.firstDivergence?.slots.map(({ args }) => args)).toEqual([[1, 172]]);
  });

  it('of which only one kept rests, of other slots, are compared', async () => {
    const packed = { opcode: Opcode.NOP, args: [0, 0, 0, 0, 0, 0, 0, 1] };
    const left = await recordRun(program, reference(), { kernel });
    const right = await later([...program, [packed]]);
    const comparison = compareStreams(sideOf('left', left), sideOf('right', right), kernel);
    expect(comparison.epochs).toMatchObject({ total: 5, agreeing: 4, unknown: 1 });
    expect(comparison.unknownEpochs).toEqual([{ epoch: 4, reasons: ['left does not have it'] }]);
  });

  it('of which one log is damaged are unknown there', async () => {
    const left = await recordRun(program, reference(), { kernel });
    const right = await later(program);
    const log = right.log.slice().fill(0, HEADER_BYTES + 3 * RECORD_BYTES, HEADER_BYTES + 4 * RECORD_BYTES);
    const comparison = compareStreams(sideOf('left', left), sideOf('right', { ...right, log }), kernel);
    expect(comparison.epochs).toMatchObject({ agreeing: 3, unknown: 1 });
    expect(comparison.unknownEpochs[0].epoch).toBe(1);
  });

  it('of which one log is another one than what was seen are unknown, even if the same was seen', async () => {
    const left = await recordRun(program, reference(), { kernel });
    const other = await recordRun([[add(7, 180)], [add(8, 181)]], reference(), { kernel, startNs: LATER });
    const comparison = compareStreams(sideOf('left', left), sideOf('right', { ...left, log: other.log }), kernel);
    expect(comparison).toMatchObject({ verdict: 'unknown', epochs: { total: 4, unknown: 4 } });
    expect(comparison.unknownEpochs[0].reasons).toEqual(['no epoch of the log right is there as it was observed']);
    const blank = { ...left, log: left.log.slice().fill(0, HEADER_BYTES) };
    expect(compareStreams(sideOf('left', left), sideOf('right', blank), kernel).verdict).toBe('unknown');
  });

  it('of which one stream has lost epochs are compared from where it knows the state again', async () => {
    const slots = [...program, [add(5, 171)], [add(6, 171)]];
    const left = await recordRun(slots, reference(), { kernel });
    const right = await recordRun(slots, reference(), { kernel, startNs: LATER, keyframeInterval: 1 });
    const stream = right.stream.slice();
    for (const { start, end } of framesOf(stream, FrameKind.EPOCH).slice(1, 3)) stream.fill(0x5a, start, end);
    const comparison = compareStreams(sideOf('left', left), sideOf('right', { ...right, stream }), kernel);
    expect(comparison.epochs).toMatchObject({ total: 6, agreeing: 4, unknown: 2 });
    expect(comparison.unknownEpochs.map(({ epoch }) => epoch)).toEqual([1, 2]);
  });

  it('that observe different words cannot be compared', async () => {
    const larger = defineKernel({ name: 'larger', slotCount: 8, observableWords: 61 });
    const left = await recordRun(program, reference(), { kernel });
    const right = await recordRun(program, new ReferenceBackend(larger), { kernel: larger });
    expect(() => compareStreams(sideOf('left', left), sideOf('right', right))).toThrow(InputError);
  });

  it('in which slots faulted are unknown there, and diverge if they faulted in one', async () => {
    const wild = add(1, 5_000);
    const left = await recordRun([[wild], [add(1, 170)]], reference(), { kernel });
    const right = await later([[wild], [add(1, 170)]]);
    const comparison = compareStreams(sideOf('left', left), sideOf('right', right), kernel);
    expect(comparison.epochs).toMatchObject({ agreeing: 1, unknown: 1, diverging: 0 });
    expect(comparison.unknownEpochs).toEqual([{ epoch: 0, reasons: ['1 of its slots faulted'] }]);
    const lenient = new DisturbedBackend(reference(), {
      drain: (_moment, report) => ({ done: report.done + report.faults.length, pending: [], faults: [] }),
    });
    const other = await recordRun([[wild], [add(1, 170)]], lenient, { kernel, startNs: LATER });
    expect(compareStreams(sideOf('left', left), sideOf('other', other), kernel).verdict).toBe('diverge');
  });

  it('without any epoch cannot be told', async () => {
    const [left, right] = [await recordRun([], reference(), { kernel }), await later([])];
    expect(compareStreams(sideOf('left', left), sideOf('right', right)).verdict).toBe('unknown');
  });

  it('of which one dropped records differently are unknown', async () => {
    const print = Array.from({ length: 70 }, (_, index) => ({ opcode: Opcode.PRINTF, args: [index, 0, 0] }));
    const left = await recordRun([print], reference(), { kernel });
    const other = new DisturbedBackend(reference(), {
      observe(_moment, snapshot) {
        if (snapshot[kernel.controlWords] > 0) snapshot[kernel.controlWords + 1] = 69;
      },
    });
    const right = await recordRun([print], other, { kernel, startNs: LATER });
    const comparison = compareStreams(sideOf('left', left), sideOf('right', right), kernel);
    expect(comparison.unknownEpochs).toEqual([{ epoch: 0, reasons: ['more records were written than fit'] }]);
  });
});
