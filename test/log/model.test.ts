import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { columnsOf, type FailureEvidence, type LogRecord, RingLog } from '../../src/log/index.ts';
import { MemoryStorage } from '../../src/storage/index.ts';
import {
  anyEvidence,
  anyPlainRecord,
  anyRecord,
  expectSameBytes,
  ModelLog,
  makeModel,
  makeRecord,
  makeRecords,
} from './model.ts';

type Step =
  | { readonly verb: 'append'; readonly record: LogRecord }
  | {
      readonly verb: 'appendMany';
      readonly records: readonly LogRecord[];
      readonly as: 'array' | 'iterable' | 'columns';
    }
  | { readonly verb: 'appendWithFailure'; readonly record: LogRecord; readonly evidence: FailureEvidence }
  | { readonly verb: 'reopen'; readonly capacity: number };

function batchOf(record: fc.Arbitrary<LogRecord>): fc.Arbitrary<Step> {
  return fc.record({
    verb: fc.constant('appendMany' as const),
    records: fc.array(record, { maxLength: 30 }),
    as: fc.constantFrom('array' as const, 'iterable' as const, 'columns' as const),
  });
}

const anyAppend: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ verb: fc.constant('append' as const), record: anyRecord }),
  fc.record({ verb: fc.constant('appendWithFailure' as const), record: anyPlainRecord, evidence: anyEvidence }),
  batchOf(anyRecord),
);

const anyReopen: fc.Arbitrary<Step> = fc.record({
  verb: fc.constant('reopen' as const),
  capacity: fc.integer({ min: 1, max: 20 }),
});

/** Runs a step on the writer and on the model. Returns the writer to go on with. */
function take(step: Step, log: RingLog, storage: MemoryStorage, model: ModelLog): RingLog {
  switch (step.verb) {
    case 'append':
      log.append(step.record);
      model.append(step.record);
      return log;
    case 'appendWithFailure':
      log.appendWithFailure(step.record, step.evidence);
      model.append({ ...step.record, failure: step.evidence });
      return log;
    case 'appendMany':
      expect(log.appendMany(dress(step.records, step.as))).toBe(step.records.length);
      for (const record of step.records) model.append(record);
      return log;
    case 'reopen': {
      log.close();
      const reopened = RingLog.open(storage, step.capacity);
      expect(reopened.recovered).toEqual([]);
      expect([reopened.capacity, reopened.cursor]).toEqual([model.capacity, model.cursor]);
      return reopened;
    }
  }
}

function dress(
  records: readonly LogRecord[],
  as: 'array' | 'iterable' | 'columns',
): Parameters<RingLog['appendMany']>[0] {
  if (as === 'columns') return columnsOf(records);
  return as === 'iterable' ? new Set(records) : records;
}

/** Gives the records of a step the next times and epochs of a clock that never goes back. */
function inTime(step: Step, clock: { now: bigint; epoch: number }): Step {
  const tick = (record: LogRecord): LogRecord => {
    clock.now += record.timestampNs % 3n;
    clock.epoch += record.epoch % 2;
    return { ...record, timestampNs: clock.now, epoch: clock.epoch };
  };
  if (step.verb === 'appendMany') return { ...step, records: step.records.map(tick) };
  return step.verb === 'reopen' ? step : { ...step, record: tick(step.record) };
}

describe('whatever is appended', () => {
  it('has the bytes of the model, and replays as the model does', () => {
    const property = fc.property(
      fc.integer({ min: 1, max: 9 }),
      fc.array(anyAppend, { maxLength: 40, size: 'max' }),
      (capacity, steps) => {
        const storage = new MemoryStorage();
        const model = new ModelLog(capacity);
        const log = RingLog.open(storage, capacity);
        for (const step of steps) {
          take(step, log, storage, model);
          expectSameBytes(storage.toBytes(), model.toBytes());
        }
        expect(log.replayAll()).toEqual(model.read());
        expect(log.cursor).toBe(model.cursor);
      },
    );
    fc.assert(property, { numRuns: 300 });
  });

  it('is the same across any number of writers, and scans as the model reads', () => {
    const property = fc.property(
      fc.integer({ min: 1, max: 9 }),
      fc.array(fc.oneof({ arbitrary: anyAppend, weight: 3 }, { arbitrary: anyReopen, weight: 1 }), {
        maxLength: 40,
        size: 'max',
      }),
      (capacity, steps) => {
        const storage = new MemoryStorage();
        const model = new ModelLog(capacity);
        const clock = { now: 1n, epoch: 0 };
        let log = RingLog.open(storage, capacity);
        for (const step of steps) {
          log = take(inTime(step, clock), log, storage, model);
          const { columns, loss, nextPosition } = log.scan();
          expect([...columns]).toEqual(model.read());
          expect([loss.lost, nextPosition]).toEqual([0, model.cursor]);
        }
        expectSameBytes(storage.toBytes(), model.toBytes());
        expect(log.replayAll()).toEqual(model.read());
      },
    );
    fc.assert(property, { numRuns: 200 });
  });
});

describe.each([1, 2, 3, 4, 5, 6, 7, 8, 9])('a log of %i', (capacity) => {
  it('is the same after every append through more than three wraps', () => {
    const storage = new MemoryStorage();
    const log = RingLog.open(storage, capacity);
    const model = new ModelLog(capacity);
    for (const record of makeRecords(4 * capacity + 1)) {
      log.append(record);
      model.append(record);
      expectSameBytes(storage.toBytes(), model.toBytes());
      expect([...log.scan().columns]).toEqual(model.read());
    }
  });

  it('takes a batch of any length at any cursor as single appends', () => {
    for (let before = 0; before <= capacity; before += 1) {
      for (let batch = 0; batch <= 3 * capacity + 1; batch += 1) {
        const storage = new MemoryStorage(makeModel(capacity, before).toBytes());
        RingLog.open(storage, capacity).appendMany(makeRecords(batch, before));
        expectSameBytes(storage.toBytes(), makeModel(capacity, before + batch).toBytes());
      }
    }
  });
});

it('writes a batch in one write for each run of neighbours, and the cursor after each', () => {
  const storage = new MemoryStorage(makeModel(8, 5).toBytes());
  const writes: [number, number][] = [];
  const log = RingLog.open(storage, 8);
  const writeAt = storage.writeAt.bind(storage);
  storage.writeAt = (source, position) => {
    writes.push([position, source.length]);
    writeAt(source, position);
  };
  log.appendMany(makeRecords(6, 5));
  expect(writes).toEqual([
    [32 + 64 * 5, 64 * 3],
    [24, 8],
    [32, 64 * 3],
    [24, 8],
  ]);
});

it('writes batches beyond 1 MiB in pieces of 1 MiB', () => {
  const capacity = 40_000;
  const records = columnsOf(makeRecords(50_000));
  const storage = new MemoryStorage();
  const log = RingLog.open(storage, capacity);
  const sizes: number[] = [];
  const writeAt = storage.writeAt.bind(storage);
  storage.writeAt = (source, position) => {
    if (source.length !== 8) sizes.push(source.length);
    writeAt(source, position);
  };
  expect(log.appendMany(records)).toBe(50_000);
  expect(sizes).toEqual([64 * 16_384, 64 * 13_616, 64 * 10_000]);
  expectSameBytes(storage.toBytes(), makeModel(capacity, 50_000).toBytes());
  const { columns } = log.scan();
  expect(columns.record(0)).toEqual(makeRecord(10_000));
  expect(columns.record(39_999)).toEqual(makeRecord(49_999));
});

describe('columns', () => {
  it('hold what went into them', () => {
    fc.assert(
      fc.property(fc.array(anyRecord, { maxLength: 600, size: 'max' }), (records) => {
        expect([...columnsOf(records)]).toEqual(records);
      }),
      { numRuns: 50 },
    );
  });

  it('are views of one buffer', () => {
    const { buffer, timestampNs, timestampWords, slotIndex, tenantId, opcode, args, epoch, position } = columnsOf(
      makeRecords(5),
    );
    for (const column of [timestampNs, timestampWords, slotIndex, tenantId, opcode, args, epoch, position]) {
      expect(column.buffer).toBe(buffer);
    }
    expect([timestampWords[2], timestampWords[3]]).toEqual([
      Number(timestampNs[1] & 0xffff_ffffn),
      Number(timestampNs[1] >> 32n),
    ]);
  });

  it.each([-1, 5, 0.5, Number.NaN])('have no record %d', (index) => {
    expect(() => columnsOf(makeRecords(5)).record(index)).toThrow(/there is no record .* Fix: /);
  });
});
