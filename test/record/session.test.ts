import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Backend, PublishError, ReferenceBackend, type Slot } from '../../src/backend/index.ts';
import { judge } from '../../src/diff/index.ts';
import { defineKernel, finishKernel, type Kernel } from '../../src/kernel/index.ts';
import { type LogRecord, RingLog, scanLogBytes } from '../../src/log/index.ts';
import { type EpochObservation, ObservationWriter, type SlotRest } from '../../src/observe/index.ts';
import { ControlWord, Opcode, Priority } from '../../src/protocol/index.ts';
import { type ObservationSink, RecordingSession, type SlotRequest } from '../../src/record/index.ts';
import { planReplay, replayOn } from '../../src/replay/index.ts';
import { MemoryStorage } from '../../src/storage/index.ts';
import {
  AddingBackend,
  answeringLater,
  BreakingStorage,
  DisturbedBackend,
  type Program,
  type RecordedRun,
  recordingOf,
  recordRun,
  tickingClock,
} from '../replay/recordings.ts';

const kernel = defineKernel({ name: 'small', slotCount: 4, observableWords: 40, tenantCount: 2 });

function add(amount: number, word: number): SlotRequest {
  return { opcode: Opcode.ATOMIC_ADD, args: [amount, word] };
}

/** Keeps what a session hands over, in order. */
class ListedSink implements ObservationSink {
  readonly rests: SlotRest[] = [];
  readonly epochs: EpochObservation[] = [];
  readonly dropped: number[] = [];

  appendSlotRest(...rests: readonly SlotRest[]): void {
    this.rests.push(...rests);
  }

  appendEpoch(observation: EpochObservation): void {
    this.epochs.push({ ...observation, words: observation.words.slice() });
  }

  dropBefore(recordSequence: number): void {
    this.dropped.push(recordSequence);
  }
}

/** A log that keeps its records as a list. */
class ListedLog {
  readonly capacity: number;
  readonly records: LogRecord[] = [];

  constructor(capacity = 1_000) {
    this.capacity = capacity;
  }

  appendMany(records: readonly LogRecord[]): void {
    this.records.push(...records);
  }
}

describe('publish', () => {
  it('has the record in the log before the slot is published', async () => {
    const storage = new MemoryStorage();
    const seen: { readonly slot: number[]; readonly record: number[] | undefined }[] = [];
    const backend = new DisturbedBackend(new AddingBackend(), {
      publish(_moment, slotIndex, { opcode, tenant, args }) {
        const { columns } = scanLogBytes(storage.toBytes());
        const record = [...columns].reverse().find((each) => each.slotIndex === slotIndex);
        const summary = record && [record.slotIndex, record.opcode, record.tenantId, ...record.args];
        seen.push({ slot: [slotIndex, opcode, tenant, ...Array.from(args)], record: summary });
        return undefined;
      },
    });
    const session = await RecordingSession.start(backend, { log: RingLog.open(storage, 64) });
    for (let epoch = 0; epoch < 3; epoch += 1) {
      const slots = Array.from({ length: 7 }, (_, index) => ({
        opcode: index,
        tenant: epoch,
        args: [epoch, index, 3, 4],
      }));
      await session.publish(slots);
      await session.endEpoch();
    }
    expect(seen).toHaveLength(21);
    for (const { slot, record } of seen) expect(record).toEqual(slot);
  });

  it('leaves the record of the slot that kills the backend in the log', async () => {
    const backend = new DisturbedBackend(new AddingBackend(), {
      publish(_moment, _slotIndex, { opcode }) {
        if (opcode === 13) throw new Error('the device is lost');
        return undefined;
      },
    });
    const storage = new MemoryStorage();
    const session = await RecordingSession.start(backend, { log: RingLog.open(storage, 64) });
    await expect(session.publish([{ opcode: 1 }, { opcode: 13, args: [1, 2, 3, 4] }])).rejects.toThrow(
      'device is lost',
    );
    const records = [...scanLogBytes(storage.toBytes()).columns];
    expect(records.map(({ opcode }) => opcode)).toEqual([1, 13]);
    expect(records[1]).toMatchObject({ slotIndex: 1, args: [1, 2, 3, 4] });
    expect(session.recordCount).toBe(2);
  });

  it('does not claim to have observed an epoch that a slot was missing from', async () => {
    let isRefused = true;
    const backend = new DisturbedBackend(new ReferenceBackend(kernel), {
      publish(_moment, _slotIndex, { args }) {
        if (!isRefused || args[0] !== 99) return undefined;
        isRefused = false;
        throw new PublishError('not now', 'later.');
      },
    });
    const storage = { log: new MemoryStorage(), stream: new MemoryStorage() };
    const session = await startWithStream(backend, storage, 64);
    await session.publish([add(1, 170)]);
    await session.endEpoch();
    await expect(session.publish([add(2, 170), add(99, 171), add(3, 170)])).rejects.toThrow(PublishError);
    await session.endEpoch();
    for (const amount of [4, 5]) {
      await session.publish([add(amount, 172)]);
      await session.endEpoch();
    }
    const plan = planReplay(recordingOf({ log: storage.log.toBytes(), stream: storage.stream.toBytes() }), { kernel });
    const judgement = judge(plan, [await replayOn(plan, new ReferenceBackend(kernel))], kernel);
    // The epoch after it starts from a state that nobody observed.
    expect(judgement.epochs).toMatchObject({ total: 4, agreeing: 2, diverging: 0, unknown: 2 });
    expect(judgement.unknownEpochs.map(({ epoch }) => epoch)).toEqual([1, 2]);
    expect(judgement.verdict).toBe('unknown');
  });

  it.each([
    ['opcode', { opcode: -1 }],
    ['opcode', { opcode: 1.5 }],
    ['opcode', { opcode: 2 ** 32 }],
    ['opcode', { opcode: Number.NaN }],
    ['tenant', { opcode: 0, tenant: -1 }],
    ['priority', { opcode: 0, priority: 2 ** 32 }],
    ['argument 1', { opcode: 0, args: [1, -1] }],
    ['argument 0', { opcode: 0, args: ['1'] as unknown as number[] }],
    ['12 argument words', { opcode: 0, args: new Array(13).fill(0) }],
    ['no handler for opcode 0x6', { opcode: 6 }],
  ])('refuses a slot that is none: %s of %j', async (what, request) => {
    const log = new ListedLog();
    const session = await RecordingSession.start(new ReferenceBackend(kernel), { kernel, log });
    await expect(session.publish([request])).rejects.toThrow(PublishError);
    await expect(session.publish([request])).rejects.toThrow(what);
    await expect(session.publish([request])).rejects.toThrow('Fix: ');
    expect(log.records).toEqual([]);
  });

  it('takes the largest words, and without a kernel any opcode', async () => {
    const log = new ListedLog();
    const session = await RecordingSession.start(new AddingBackend(), { log });
    const most = 2 ** 32 - 1;
    await session.publish([{ opcode: most, tenant: most, priority: most, args: new Array(12).fill(most) }]);
    expect(log.records).toMatchObject([{ opcode: most, tenantId: most, args: [most, most, most, most] }]);
  });

  it('records and publishes what comes before a refused slot, and nothing from it on', async () => {
    const published: number[] = [];
    const backend = new DisturbedBackend(new ReferenceBackend(kernel), {
      publish(_moment, _slotIndex, { args }) {
        published.push(args[0]);
        return undefined;
      },
    });
    const log = new ListedLog();
    const session = await RecordingSession.start(backend, { kernel, log });
    await expect(session.publish([add(1, 170), add(2, 170), { opcode: 6 }, add(3, 170)])).rejects.toThrow(PublishError);
    expect(log.records.map(({ args }) => args[0])).toEqual([1, 2]);
    expect(published).toEqual([1, 2]);
    // The slot that was refused takes no place in the ring, and the session goes on.
    await session.publish([add(4, 170)]);
    const { recordCount, snapshot } = await session.endEpoch();
    expect(log.records.map(({ slotIndex }) => slotIndex)).toEqual([0, 1, 2, 3]);
    expect(recordCount).toBe(4);
    expect(snapshot[170]).toBe(7);
  });

  it('does the same where the requests themselves fail', async () => {
    function* requests(): Generator<SlotRequest> {
      yield add(1, 170);
      throw new Error('the source is gone');
    }
    const log = new ListedLog();
    const session = await RecordingSession.start(new ReferenceBackend(kernel), { kernel, log });
    await expect(session.publish(requests())).rejects.toThrow('the source is gone');
    expect(log.records).toHaveLength(1);
    expect((await session.endEpoch()).done).toBe(2);
  });

  it('keeps requests whose arguments are made in one array', async () => {
    const log = new ListedLog();
    const session = await RecordingSession.start(new ReferenceBackend(kernel), { kernel, log });
    function* requests(): Generator<SlotRequest> {
      const args = [0, 0];
      for (const [amount, word] of [
        [1, 170],
        [2, 171],
        [3, 172],
      ]) {
        args[0] = amount;
        args[1] = word;
        yield { opcode: Opcode.ATOMIC_ADD, args };
      }
    }
    await session.publish(requests());
    const { snapshot } = await session.endEpoch();
    expect(Array.from(snapshot.subarray(170, 173))).toEqual([1, 2, 3]);
    expect(log.records.slice(0, 3).map(({ args }) => args[1])).toEqual([170, 171, 172]);
  });

  it('publishes nothing that could not be logged, and can be tried again', async () => {
    const log = new BreakingStorage();
    const published: number[] = [];
    const backend = new DisturbedBackend(new ReferenceBackend(kernel), {
      publish(_moment, _slotIndex, { args }) {
        published.push(args[0]);
        return undefined;
      },
    });
    const stream = new MemoryStorage();
    const session = await startWithStream(backend, { log, stream }, 64);
    log.breakNext('write');
    const slots = [{ ...add(1, 170), priority: Priority.HIGH }];
    await expect(session.publish(slots)).rejects.toThrow('no space left');
    expect(published).toEqual([]);
    await session.publish(slots);
    await session.endEpoch();
    expect(published).toEqual([1, 1]);
    const plan = planReplay(recordingOf({ log: log.toBytes(), stream: stream.toBytes() }), { kernel });
    expect(judge(plan, [await replayOn(plan, new ReferenceBackend(kernel))]).verdict).toBe('agree');
  });
});

async function startWithStream(
  backend: Backend,
  { log, stream }: { log: MemoryStorage; stream: MemoryStorage },
  capacity: number,
  maxDeadBytes?: number,
): Promise<RecordingSession> {
  return RecordingSession.start(backend, {
    kernel,
    log: RingLog.open(log, capacity),
    observations: (words) => {
      const metadata = { tool: 'test', kernel: null, layout: backend.layout, backend, log: { capacity } };
      return ObservationWriter.create(stream, metadata, words, maxDeadBytes === undefined ? {} : { maxDeadBytes });
    },
    clock: tickingClock(),
  });
}

describe('slots of the ring', () => {
  it('drains a full ring within the epoch and takes its slots again from the first', async () => {
    const drains: number[] = [];
    const backend = new DisturbedBackend(new ReferenceBackend(kernel), {
      drain(_moment, report) {
        drains.push(report.done);
        return report;
      },
    });
    const log = new ListedLog();
    const session = await RecordingSession.start(backend, { kernel, log });
    await session.publish(Array.from({ length: 10 }, () => add(1, 170)));
    const epoch = await session.endEpoch();
    expect(log.records.map(({ slotIndex }) => slotIndex)).toEqual([0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2]);
    expect(drains).toEqual([4, 4, 3]);
    expect(epoch).toMatchObject({ ordinal: 0, recordCount: 11, done: 11, pending: 0, faults: [] });
    expect(epoch.snapshot[170]).toBe(10);
    expect(new Set(log.records.map((record) => record.epoch))).toEqual(new Set([0]));
  });

  it('leaves out slots whose tenant is disabled, until they are served', async () => {
    const log = new ListedLog();
    const session = await RecordingSession.start(new ReferenceBackend(kernel), { kernel, log });
    // Tenants 0 and 1 are configured; the mask of tenant 2 is zero.
    await session.publish([{ ...add(1, 170), tenant: 2 }, add(2, 171)]);
    expect(await session.endEpoch()).toMatchObject({ recordCount: 3, done: 2, pending: 1 });
    await session.publish([add(3, 171), add(4, 171)]);
    expect(await session.endEpoch()).toMatchObject({ recordCount: 3, done: 3, pending: 1 });
    await session.publish([{ opcode: Opcode.STORE_U32, args: [1, ControlWord.TENANT_MASKS + 2] }]);
    // The waiting slot was published first and has its turn before the mask is set.
    expect(await session.endEpoch()).toMatchObject({ recordCount: 2, done: 2, pending: 1 });
    expect(await session.endEpoch()).toMatchObject({ recordCount: 1, done: 2, pending: 0 });
    await session.publish([add(5, 171)]);
    await session.endEpoch();
    const slotsByEpoch = [0, 1, 2, 3, 4].map((epoch) =>
      log.records.filter((record) => record.epoch === epoch).map(({ slotIndex }) => slotIndex),
    );
    expect(slotsByEpoch).toEqual([[0, 1, 2], [1, 2, 3], [1, 2], [1], [0, 1]]);
    expect(Array.from(session.snapshot.subarray(170, 172))).toEqual([1, 14]);
  });

  it('gives up where every slot of the ring waits', async () => {
    const log = new ListedLog();
    const session = await RecordingSession.start(new ReferenceBackend(kernel), { kernel, log });
    const waiting = Array.from({ length: 5 }, () => ({ ...add(1, 170), tenant: 2 }));
    await expect(session.publish(waiting)).rejects.toThrow(/all 4 slots of the ring are PUBLISHED.*Fix: /);
    expect(log.records).toHaveLength(4);
    await expect(session.endEpoch()).rejects.toThrow('all 4 slots');
    expect(await session.endEpoch({ fence: false })).toMatchObject({ recordCount: 4, done: 0, pending: 4 });
  });

  it('takes slots that faulted again', async () => {
    const log = new ListedLog();
    const session = await RecordingSession.start(new ReferenceBackend(kernel), { kernel, log });
    await session.publish(Array.from({ length: 6 }, () => add(1, 5_000)));
    const { faults, done } = await session.endEpoch();
    expect(faults.map(({ slotIndex }) => slotIndex)).toEqual([0, 1, 2, 3, 0, 1]);
    expect(faults[0].message).toBe('ATOMIC_ADD reached control[5000], which has 200 words');
    expect(done).toBe(1);
  });
});

describe('the end of an epoch', () => {
  it('is a fence with the number of slots and the tag, if the kernel has one', async () => {
    const log = new ListedLog();
    const session = await RecordingSession.start(new ReferenceBackend(kernel), { kernel, log });
    await session.publish([add(1, 170), add(1, 170)]);
    const { snapshot } = await session.endEpoch({ tag: 77 });
    expect(log.records.at(-1)).toMatchObject({ opcode: Opcode.BATCH_FENCE, args: [2, 77, 0, 0], epoch: 0 });
    expect(snapshot[ControlWord.OBSERVABLE_BASE]).toBe(77);
    expect(snapshot[ControlWord.EPOCH]).toBe(1);
    await session.endEpoch();
    expect(log.records.at(-1)).toMatchObject({ args: [0, 0, 0, 0], epoch: 1 });
  });

  it.each([
    ['no kernel is known', undefined],
    ['the kernel has none', withoutFence()],
  ])('is no fence where %s, unless one is asked for', async (_case, known) => {
    const log = new ListedLog();
    const options = { log, ...(known === undefined ? {} : { kernel: known }) };
    const session = await RecordingSession.start(new AddingBackend(), options);
    await session.publish([{ opcode: 1, args: [1] }]);
    expect(await session.endEpoch()).toMatchObject({ recordCount: 1 });
    if (known === undefined) await session.endEpoch({ fence: true });
    else await expect(session.endEpoch({ fence: true })).rejects.toThrow('no handler');
    expect(log.records.map(({ opcode }) => opcode)).toEqual(known === undefined ? [1, Opcode.BATCH_FENCE] : [1]);
  });

  it('counts epochs itself where the backend has no EPOCH', async () => {
    const log = new ListedLog();
    const session = await RecordingSession.start(new AddingBackend(), { log });
    for (let epoch = 0; epoch < 3; epoch += 1) {
      await session.publish([{ opcode: 1 }]);
      await session.endEpoch();
    }
    expect(log.records.map(({ epoch }) => epoch)).toEqual([0, 1, 2]);
    expect(session.epochCount).toBe(3);
  });

  it('is no fence beside a SHUTDOWN, which it would race with', async () => {
    const log = new ListedLog();
    const session = await RecordingSession.start(new ReferenceBackend(kernel), { kernel, log });
    await session.publish([{ opcode: Opcode.SHUTDOWN }]);
    expect(await session.endEpoch()).toMatchObject({ done: 1, pending: 0 });
    expect(log.records.map(({ opcode }) => opcode)).toEqual([Opcode.SHUTDOWN]);
  });

  it('can leave the fence out, and EPOCH stays', async () => {
    const log = new ListedLog();
    const session = await RecordingSession.start(new ReferenceBackend(kernel), { kernel, log });
    for (const fence of [false, true, true]) {
      await session.publish([add(1, 170)]);
      await session.endEpoch({ fence });
    }
    expect(log.records.map(({ epoch }) => epoch)).toEqual([0, 0, 0, 1, 1]);
  });
});

describe('observations', () => {
  const anyProgram: fc.Arbitrary<Program> = fc.array(
    fc.array(
      fc.record({
        opcode: fc.constantFrom(Opcode.NOP, Opcode.ATOMIC_ADD, Opcode.STORE_U32, Opcode.PRINTF, Opcode.LOAD_U32),
        tenant: fc.constantFrom(0, 0, 0, 1, 2),
        args: fc.tuple(fc.nat(9), fc.oneof(fc.integer({ min: 161, max: 199 }), fc.integer({ min: 0, max: 300 }))),
      }),
      { maxLength: 9 },
    ),
    { maxLength: 6 },
  );

  it('are what the backend showed, epoch by epoch', async () => {
    const property = fc.asyncProperty(anyProgram, fc.boolean(), async (program, isLater) => {
      const shown: number[][] = [];
      const inner = new DisturbedBackend(new ReferenceBackend(kernel), {
        observe: (_moment, snapshot) => void shown.push(Array.from(snapshot)),
      });
      const backend = isLater ? answeringLater(inner) : inner;
      // Slots of tenant 2 may fill the ring, which ends the recording.
      const run = await recordRun(program, backend, { kernel }).catch((error: unknown) => {
        if (error instanceof PublishError) return undefined;
        throw error;
      });
      fc.pre(run !== undefined);
      const { observations, log } = recordingOf(run);
      expect(Array.from(observations?.initialWords ?? [])).toEqual(shown[0]);
      expect(observations?.epochCount).toBe(program.length);
      expect(observations?.cleanEnd).toBe(true);
      let firstRecord = 1;
      for (const [index, epoch] of run.epochs.entries()) {
        const observed = observations?.epoch(index);
        const { recordCount, done, pending, faults } = epoch;
        expect(observed).toMatchObject({ ordinal: index, firstRecord, recordCount, done, pending });
        expect(observed?.faulted).toBe(faults.length);
        expect(Array.from(observations?.wordsAfter(index) ?? [])).toEqual(shown[index + 1]);
        expect(observations?.faults(index).map(({ slotIndex, code, detail }) => [slotIndex, code, ...detail])).toEqual(
          faults.map(({ slotIndex, words }) => [slotIndex, ...words]),
        );
        expect(log.columns.epoch[firstRecord - 1]).toBe(observed?.deviceEpoch);
        firstRecord += recordCount;
      }
      expect(run.recordCount).toBe(log.columns.length);
    });
    await fc.assert(property, { numRuns: 100 });
  });

  it('keep the rest of a slot if and only if a record has no room for it', async () => {
    const property = fc.asyncProperty(
      fc.array(
        fc.record({
          priority: fc.option(fc.constantFrom(0, 1, 2, 3, 4), { nil: undefined }),
          args: fc.array(fc.constantFrom(0, 0, 0, 0, 5), { maxLength: 12 }),
        }),
        { maxLength: 12 },
      ),
      async (slots) => {
        const sink = new ListedSink();
        const log = new ListedLog();
        const session = await RecordingSession.start(new AddingBackend(), { log, observations: sink });
        await session.publish(
          slots.map(({ priority, args }) => ({ opcode: 1, args, ...(priority === undefined ? {} : { priority }) })),
        );
        const expected = slots.flatMap(({ priority = Priority.NORMAL, args }, index) => {
          const rest = Array.from({ length: 8 }, (_, argument) => args[4 + argument] ?? 0);
          if (priority === Priority.NORMAL && rest.every((word) => word === 0)) return [];
          return [{ sequence: index + 1, priority, arguments: rest }];
        });
        expect(sink.rests.map((rest) => ({ ...rest, arguments: Array.from(rest.arguments) }))).toEqual(expected);
        expect(log.records.map(({ args }) => args)).toEqual(
          slots.map(({ args }) => [0, 1, 2, 3].map((index) => args[index] ?? 0)),
        );
      },
    );
    await fc.assert(property, { numRuns: 200 });
  });

  it('keep rests before the slot is published, as the log keeps the record', async () => {
    const sink = new ListedSink();
    const backend = new DisturbedBackend(new AddingBackend(), {
      publish() {
        throw new Error('the device is lost');
      },
    });
    const session = await RecordingSession.start(backend, { observations: sink });
    const slot = { opcode: 1, args: [1, 2, 3, 4, 5] };
    await expect(session.publish([slot])).rejects.toThrow('device is lost');
    expect(sink.rests).toHaveLength(1);
  });

  it('are told which records the log has overwritten', async () => {
    const sink = new ListedSink();
    const session = await RecordingSession.start(new AddingBackend(), { log: new ListedLog(5), observations: sink });
    for (const count of [3, 2, 1, 7]) {
      await session.publish(Array.from({ length: count }, () => ({ opcode: 1 })));
      await session.endEpoch();
    }
    expect(sink.dropped).toEqual([2, 9]);
  });

  it('of a log that wraps again and again take no more room than a few times what is alive', async () => {
    const program = Array.from({ length: 400 }, (_, epoch) => [{ opcode: epoch, args: [epoch, 1, 2, 3, 4, 5] }]);
    const { stream } = await recordRun(program, new AddingBackend(), { capacity: 10, maxDeadBytes: 1_000 });
    const { observations } = recordingOf({ log: (await recordRun([], new AddingBackend())).log, stream });
    expect(stream.length).toBeLessThan(10_000);
    expect(observations?.firstOrdinal).toBeGreaterThan(380);
    expect(observations?.epoch(observations.epochCount - 1).ordinal).toBe(399);
  });

  it('go on after an epoch that could not be appended', async () => {
    const stream = new BreakingStorage();
    const log = new MemoryStorage();
    const session = await startWithStream(new ReferenceBackend(kernel), { log, stream }, 64);
    for (const [epoch, amount] of [1, 2, 3, 4].entries()) {
      await session.publish([add(amount, 170)]);
      if (epoch === 1) stream.breakNext('write');
      if (epoch === 1) await expect(session.endEpoch()).rejects.toThrow('no space left');
      else await session.endEpoch();
    }
    const plan = planReplay(recordingOf({ log: log.toBytes(), stream: stream.toBytes() }), { kernel });
    const { epochs, unknownEpochs } = judge(plan, [await replayOn(plan, new ReferenceBackend(kernel))]);
    expect(unknownEpochs.map(({ epoch }) => epoch)).toEqual([1, 2]);
    expect(epochs).toMatchObject({ total: 4, agreeing: 2, diverging: 0 });
  });

  it('go on after a rewrite that failed', async () => {
    const stream = new BreakingStorage();
    const log = new MemoryStorage();
    const session = await startWithStream(new ReferenceBackend(kernel), { log, stream }, 6, 100);
    let failures = 0;
    for (let epoch = 0; epoch < 40; epoch += 1) {
      await session.publish([add(epoch, 170)]);
      if (epoch % 8 === 0) stream.breakNext('rename');
      await session.endEpoch().catch(() => {
        failures += 1;
      });
    }
    expect(failures).toBeGreaterThan(0);
    const plan = planReplay(recordingOf({ log: log.toBytes(), stream: stream.toBytes() }), { kernel });
    const { epochs, verdict } = judge(plan, [await replayOn(plan, new ReferenceBackend(kernel))]);
    expect(plan.epochs.map(({ ordinal }) => ordinal)).toEqual([37, 38, 39]);
    expect({ epochs, verdict }).toMatchObject({ epochs: { agreeing: 3 }, verdict: 'agree' });
  });
});

describe('a backend that answers later', () => {
  it('is recorded to the same bytes as one that answers at once', async () => {
    const program = Array.from({ length: 5 }, (_, epoch) =>
      Array.from({ length: 3 * epoch }, (_, index) => ({
        opcode: Opcode.ATOMIC_ADD,
        tenant: index % 2,
        priority: index % 5,
        args: [epoch, 170 + index, 3, 4, 5],
      })),
    );
    const atOnce = await recordRun(program, new ReferenceBackend(kernel), { kernel });
    const later = await recordRun(program, answeringLater(new ReferenceBackend(kernel)), { kernel });
    expect(later.log).toEqual(atOnce.log);
    expect(later.epochs).toEqual(atOnce.epochs);
  });

  it('leaves time to write the epoch before, with nothing changed', async () => {
    const program = Array.from({ length: 5 }, (_, epoch) => [{ opcode: Opcode.ATOMIC_ADD, args: [epoch + 1, 170] }]);
    const atOnce = await recordRun(program, new ReferenceBackend(kernel), { kernel });
    for (const backend of [new ReferenceBackend(kernel), answeringLater(new ReferenceBackend(kernel))]) {
      const overlapping = await recordRun(program, backend, { kernel, overlapsObservations: true });
      expect(overlapping.log).toEqual(atOnce.log);
      expect(wordsOf(overlapping)).toEqual(wordsOf(atOnce));
      expect(overlapping.epochs).toEqual(atOnce.epochs);
    }
  });

  it('has the observation of an epoch written while the next one runs, and the last one when all is over', async () => {
    const written: string[] = [];
    const inner = new AddingBackend();
    const backend: Backend = {
      ...answeringLater(inner),
      async drain() {
        written.push('drain');
        await new Promise((resolve) => setImmediate(resolve));
        written.push('drained');
        return inner.drain();
      },
    };
    const observations = {
      appendSlotRest() {},
      appendEpoch: ({ ordinal, words }: EpochObservation) => void written.push(`epoch ${ordinal}: ${words[2]}`),
      dropBefore() {},
    };
    const session = await RecordingSession.start(backend, { observations, overlapsObservations: true });
    for (let epoch = 0; epoch < 2; epoch += 1) {
      await session.publish([{ opcode: 2, args: [1] }]);
      await session.endEpoch();
    }
    expect(written).toEqual(['drain', 'drained', 'drain', 'epoch 0: 1', 'drained']);
    session.finish();
    session.finish();
    expect(written.at(-1)).toBe('epoch 1: 2');
    expect(written).toHaveLength(6);
  });

  it('is waited for even if the epoch before cannot be written', async () => {
    let drained = 0;
    const inner = new AddingBackend();
    const backend: Backend = {
      ...answeringLater(inner),
      async drain() {
        await new Promise((resolve) => setImmediate(resolve));
        drained += 1;
        if (drained === 2) throw new Error('the drain fails too');
        return inner.drain();
      },
    };
    const observations = {
      appendSlotRest() {},
      appendEpoch() {
        throw new Error('the disk is full');
      },
      dropBefore() {},
    };
    const session = await RecordingSession.start(backend, { observations, overlapsObservations: true });
    await session.endEpoch();
    await expect(session.endEpoch()).rejects.toThrow('the disk is full');
    await new Promise((resolve) => setImmediate(resolve));
    expect(drained).toBe(2);
  });

  it('is waited for slot by slot', async () => {
    let inFlight = 0;
    let most = 0;
    const inner = new AddingBackend();
    const backend: Backend = {
      ...answeringLater(inner),
      async publish(slotIndex: number, slot: Slot) {
        inFlight += 1;
        most = Math.max(most, inFlight);
        await new Promise((resolve) => setImmediate(resolve));
        inFlight -= 1;
        inner.publish(slotIndex, slot);
      },
    };
    const session = await RecordingSession.start(backend);
    await session.publish(Array.from({ length: 9 }, () => ({ opcode: 2, args: [1] })));
    expect((await session.endEpoch()).snapshot[2]).toBe(9);
    expect(most).toBe(1);
  });
});

/** What a run's stream says of each epoch; streams themselves are salted. */
function wordsOf(run: RecordedRun): unknown[] {
  const { observations } = recordingOf(run);
  return run.epochs.map((_, epoch) => ({
    ...observations?.epoch(epoch),
    words: observations?.wordsAfter(epoch)?.slice(),
  }));
}

function withoutFence(): Kernel {
  return finishKernel({ ...kernel, opcodes: kernel.opcodes.filter(({ code }) => code !== Opcode.BATCH_FENCE) });
}
