import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { columnsOf } from '../../../src/log/index.ts';
import {
  BODY_START,
  BODY_WORDS,
  type FlightEntry,
  FlightLog,
  type FlightLogOptions,
  type FlightSlot,
  flightLogBytes,
  type Medium,
  MemoryMedium,
  scanFlightLog,
} from '../../../src/log-v2/index.ts';
import { MemoryStorage, StorageError } from '../../../src/storage/index.ts';
import {
  anyEntry,
  completed,
  encodeRecord,
  expectSameBytes,
  FILE_ID,
  METADATA,
  ModelFlightLog,
  makeEntry,
  SLOTS_AT,
  sumOf,
} from './model.ts';

function optionsFor(capacity: number): FlightLogOptions {
  return { capacity, metadata: METADATA, fileId: FILE_ID };
}

/** A mapping, a fixed file and a growing file. */
const media: readonly (readonly [
  name: string,
  make: (options: FlightLogOptions) => Medium & { toBytes(): Uint8Array },
])[] = [
  ['a mapping', (options) => MemoryMedium.ofSize(flightLogBytes(options))],
  [
    'a mapping that is watched',
    (options) => MemoryMedium.ofSize(flightLogBytes(options), { trace: { onStored: () => {} } }),
  ],
  ['a file', () => new MemoryStorage()],
];

function slotsOf(bytes: Uint8Array, capacity: number): Uint8Array {
  return bytes.subarray(SLOTS_AT, SLOTS_AT + 128 * capacity);
}

type Step =
  | { readonly verb: 'append'; readonly entry: FlightEntry }
  | { readonly verb: 'appendMany'; readonly entries: readonly FlightEntry[]; readonly lazily: boolean }
  | {
      readonly verb: 'appendSlots';
      readonly slots: readonly FlightSlot[];
      readonly timestampNs: bigint;
      readonly epoch: number;
    }
  | { readonly verb: 'prepare'; readonly records: number }
  | { readonly verb: 'sync' }
  | { readonly verb: 'reopen'; readonly closes: boolean };

const anyWord = fc.oneof(fc.nat(20), fc.integer({ min: 0, max: 0xffff_ffff }));
const anySlot: fc.Arbitrary<FlightSlot> = fc.record({
  slotIndex: anyWord,
  slot: fc.record({ opcode: anyWord, tenant: anyWord, priority: anyWord, args: fc.array(anyWord, { maxLength: 12 }) }),
});

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ verb: fc.constant('append' as const), entry: anyEntry }) },
  {
    weight: 3,
    arbitrary: fc.record({
      verb: fc.constant('appendMany' as const),
      entries: fc.array(anyEntry, { maxLength: 30 }),
      lazily: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      verb: fc.constant('appendSlots' as const),
      slots: fc.array(anySlot, { maxLength: 30 }),
      timestampNs: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      epoch: anyWord,
    }),
  },
  { weight: 1, arbitrary: fc.record({ verb: fc.constant('prepare' as const), records: fc.nat(99) }) },
  { weight: 1, arbitrary: fc.constant({ verb: 'sync' as const }) },
  { weight: 1, arbitrary: fc.record({ verb: fc.constant('reopen' as const), closes: fc.boolean() }) },
);

function take(step: Step, log: FlightLog, medium: Medium, model: ModelFlightLog): FlightLog {
  switch (step.verb) {
    case 'append':
      log.append(step.entry);
      model.append(step.entry);
      return log;
    case 'appendMany':
      expect(log.appendMany(step.lazily ? new Set(step.entries) : step.entries)).toBe(step.entries.length);
      for (const entry of step.entries) model.append(entry);
      return log;
    case 'appendSlots': {
      const { slots, timestampNs, epoch } = step;
      log.appendSlots(slots, timestampNs, epoch);
      for (const { slotIndex, slot } of slots) {
        const { opcode, tenant: tenantId, priority, args } = slot;
        model.append({ timestampNs, slotIndex, tenantId, opcode, priority, args: Array.from(args), epoch });
      }
      return log;
    }
    case 'prepare':
      log.prepare(step.records);
      return log;
    case 'sync':
      log.sync();
      return log;
    case 'reopen': {
      if (step.closes) log.close();
      const reopened = FlightLog.open(medium);
      model.incarnation += 1;
      expect(reopened.recoveredLoss?.lost).toBe(0);
      return reopened;
    }
  }
}

describe.each(media)('in %s', (_, makeMedium) => {
  it('whatever is appended has the bytes of the model, across any number of writers, and scans as it reads', () => {
    const property = fc.property(
      fc.integer({ min: 1, max: 9 }),
      fc.array(anyStep, { maxLength: 30, size: 'max' }),
      (capacity, steps) => {
        const medium = makeMedium(optionsFor(capacity));
        const model = new ModelFlightLog(capacity);
        let log = FlightLog.create(medium, optionsFor(capacity));
        for (const step of steps) {
          log = take(step, log, medium, model);
          expectSameBytes(slotsOf(medium.toBytes(), capacity), model.slotBytes());
          expect(log.nextSequence).toBe(model.next);
        }
        const { columns, loss, newestSequence, oldestSequence, overwritten, forks } = scanFlightLog(medium);
        const read = model.read();
        expect(Array.from({ length: columns.length }, (__, index) => columns.fullRecord(index))).toEqual(read);
        expect([loss.lost, loss.unfinished, forks.length]).toEqual([0, 0, 0]);
        expect([newestSequence, overwritten]).toEqual([model.next - 1, model.next - 1 - read.length]);
        expect(oldestSequence).toBe(model.next - read.length);
      },
    );
    fc.assert(property, { numRuns: 150 });
  });

  it('is the same after every append through more than three wraps', () => {
    for (let capacity = 1; capacity <= 9; capacity += 1) {
      const medium = makeMedium(optionsFor(capacity));
      const log = FlightLog.create(medium, optionsFor(capacity));
      const model = new ModelFlightLog(capacity);
      for (let index = 0; index <= 4 * capacity; index += 1) {
        log.append(makeEntry(index));
        model.append(makeEntry(index));
        expectSameBytes(slotsOf(medium.toBytes(), capacity), model.slotBytes());
      }
    }
  });

  it('takes words as it takes objects', () => {
    const [left, right] = [makeMedium(optionsFor(3)), makeMedium(optionsFor(3))];
    const log = FlightLog.create(left, optionsFor(3));
    log.append(makeEntry(7));
    const bodyAt = (position: number): number[] => {
      const words = new Uint32Array(slotsOf(left.toBytes(), 3).slice().buffer, 128 * position);
      return [...words.subarray(BODY_START, BODY_START + BODY_WORDS)];
    };
    const copy = FlightLog.create(right, optionsFor(3));
    copy.appendWords(Uint32Array.from([0, 0, 0, 0, 0, ...bodyAt(0)]), 5);
    expectSameBytes(slotsOf(right.toBytes(), 3), slotsOf(left.toBytes(), 3));
    const bodies = [1, 2, 0].flatMap((position) => {
      log.append(makeEntry(8 + position));
      return bodyAt(position);
    });
    copy.appendManyWords(Uint32Array.from(bodies), 3);
    expectSameBytes(slotsOf(right.toBytes(), 3), slotsOf(left.toBytes(), 3));
  });

  it('takes v1 records, v1 columns and its own columns', () => {
    const record = { ...makeEntry(1), args: [1, 2, 3, 4] as const };
    const entries = [0, 1, 2].map(makeEntry);
    const medium = makeMedium(optionsFor(9));
    const log = FlightLog.create(medium, optionsFor(9));
    log.appendMany([record]);
    log.appendMany(columnsOf([record]));
    log.appendMany(entries);
    const scan = log.scan();
    expect(scan.columns.fullRecord(0)).toEqual(completed(record, 1));
    expect(scan.columns.fullRecord(1)).toEqual(completed({ ...record, priority: 2 }, 2));
    const copy = FlightLog.create(makeMedium(optionsFor(9)), optionsFor(9));
    copy.appendMany(scan.columns);
    expect([...copy.scan().columns]).toEqual([...scan.columns]);
    expect(copy.scan().columns.rest).toEqual(scan.columns.rest);
  });

  it('refuses what does not fit, and writes nothing of it', () => {
    const medium = makeMedium(optionsFor(4));
    const log = FlightLog.create(medium, optionsFor(4));
    const before = medium.toBytes();
    const good = makeEntry(3);
    for (const bad of [
      { ...good, opcode: -1 },
      { ...good, priority: 1.5 },
      { ...good, timestampNs: 2n ** 64n },
      { ...good, args: new Array<number>(13).fill(0) },
      { ...good, args: [2 ** 32] },
      { ...good, failure: { slotStatus: 0, failureClass: 0, backendCode: Number.NaN, outputDigest: 0n } },
    ]) {
      expect(() => log.append(bad)).toThrow(/the record's field .* Fix: /);
      expect(() => log.appendMany([good, bad])).toThrow(/the record's field .* Fix: /);
    }
    expectSameBytes(medium.toBytes(), before);
    expect(log.nextSequence).toBe(1);
  });

  it('is closed once', () => {
    const log = FlightLog.create(makeMedium(optionsFor(4)), optionsFor(4));
    log.close();
    log.close();
    for (const use of [() => log.append(makeEntry(0)), () => log.sync(), () => log.appendFrames(new Uint8Array(0))]) {
      expect(use).toThrow(/is closed\. Fix: /);
    }
  });

  it('makes the same file but for the hints as any other medium', () => {
    const files = media.map(([, make]) => {
      const medium = make(optionsFor(5));
      const log = FlightLog.create(medium, optionsFor(5));
      for (let index = 0; index < 13; index += 1) log.append(makeEntry(index));
      log.sync();
      log.appendMany([makeEntry(13), makeEntry(14)]);
      log.close();
      return medium.toBytes();
    });
    for (const file of files) expectSameBytes(file, files[0]);
  });
});

it('leaves a chain that goes on across writers', () => {
  const medium = MemoryMedium.ofSize(flightLogBytes(optionsFor(4)));
  FlightLog.create(medium, optionsFor(4)).append(makeEntry(0));
  FlightLog.open(medium).append(makeEntry(1));
  const words = new Uint32Array(slotsOf(medium.toBytes(), 4).slice().buffer);
  expect(words[32 + 28]).toBe(words[31]);
  expect([words[27], words[32 + 27]]).toEqual([1, 2]);
});

it('keeps numbers beyond 32 bits', () => {
  const firstSequence = 2 ** 40 + 5;
  const medium = MemoryMedium.ofSize(flightLogBytes(optionsFor(4)));
  const log = FlightLog.create(medium, { ...optionsFor(4), firstSequence });
  log.append(makeEntry(0));
  log.close();
  const { columns, newestSequence, oldestSequence, loss, overwritten } = scanFlightLog(medium);
  expect([...columns.sequence]).toEqual([firstSequence]);
  expect([newestSequence, oldestSequence, loss.lost, overwritten]).toEqual([firstSequence, firstSequence, 0, 0]);
  expect(FlightLog.open(medium).nextSequence).toBe(firstSequence + 1);
});

it('counts numbers that were left out as missing', () => {
  const medium = MemoryMedium.ofSize(flightLogBytes(optionsFor(8)));
  const log = FlightLog.create(medium, optionsFor(8));
  log.append(makeEntry(0));
  log.skipTo(4);
  log.append(makeEntry(3));
  expect(() => log.skipTo(3)).toThrow(/Fix: /);
  const { columns, loss, forks } = log.scan();
  expect([...columns.sequence]).toEqual([1, 4]);
  expect([loss.missing, loss.lost, forks.length]).toEqual([2, 2, 0]);
});

it('creates nothing over something', () => {
  const used = new MemoryStorage(new Uint8Array([1]));
  expect(() => FlightLog.create(used, optionsFor(4))).toThrow(/holds 1 bytes already.* Fix: /);
  const bytes = new Uint8Array(flightLogBytes(optionsFor(4)));
  bytes[5000] = 1;
  expect(() => FlightLog.create(new MemoryMedium(bytes), optionsFor(4))).toThrow(/Fix: /);
  expect(() => FlightLog.create(MemoryMedium.ofSize(4096), optionsFor(4))).toThrow(/Fix: /);
});

it('takes the order of stores that followers rely on, and says 0 while it is at it', () => {
  const options = optionsFor(1);
  const bytes = new Uint8Array(flightLogBytes(options));
  const stores: [offset: number, bytes: number, isCommitted: boolean][] = [];
  const onStored = (offset: number, count: number): void => {
    const commit = bytes.subarray(SLOTS_AT + 124, SLOTS_AT + 128);
    stores.push([offset, count, commit.some((byte) => byte !== 0)]);
  };
  const log = FlightLog.create(new MemoryMedium(bytes, { trace: { onStored } }), options);
  log.append(makeEntry(0));
  stores.length = 0;
  log.append(makeEntry(1));
  expect(stores).toEqual([
    [SLOTS_AT + 124, 4, false],
    [SLOTS_AT, 124, false],
    [SLOTS_AT + 124, 4, true],
    [8192, 8, true],
  ]);
});

/** The epoch for which the first record has a sum of 0: sums are linear in the bits of a word, so it can be solved for. */
function epochWithSumZero(entry: FlightEntry): number {
  const frame = { sequence: 1, incarnation: 1, previousCommit: 0 };
  const sumWith = (epoch: number): number =>
    sumOf(
      encodeRecord({ ...entry, epoch }, frame)
        .fill(0, 116, 120)
        .subarray(0, 124),
    );
  const constant = sumWith(0);
  // Each row: what some bits of the epoch change of the sum, and which bits they are; reduced to one bit a row.
  const rows = Array.from({ length: 32 }, (_, bit) => ({ sum: (sumWith(2 ** bit) ^ constant) >>> 0, bits: 2 ** bit }));
  let [left, epoch] = [constant, 0];
  for (let bit = 31; bit >= 0; bit -= 1) {
    const at = rows.findIndex(({ sum }) => (sum >>> bit) & 1);
    const [pivot] = rows.splice(at, 1);
    for (const row of rows) {
      if (((row.sum >>> bit) & 1) === 0) continue;
      row.sum = (row.sum ^ pivot.sum) >>> 0;
      row.bits = (row.bits ^ pivot.bits) >>> 0;
    }
    if (((left >>> bit) & 1) === 0) continue;
    left = (left ^ pivot.sum) >>> 0;
    epoch = (epoch ^ pivot.bits) >>> 0;
  }
  return epoch;
}

it('has a nonce where the sum would say that nothing was committed', () => {
  const entry = { ...makeEntry(5), epoch: epochWithSumZero(makeEntry(5)) };
  const options = optionsFor(2);
  const medium = MemoryMedium.ofSize(flightLogBytes(options));
  const log = FlightLog.create(medium, options);
  log.append(entry);
  const words = new Uint32Array(slotsOf(medium.toBytes(), 1).slice().buffer);
  expect(words[29]).toBe(1);
  expect(words[31]).not.toBe(0);
  expectSameBytes(
    slotsOf(medium.toBytes(), 1),
    encodeRecord(entry, { sequence: 1, incarnation: 1, previousCommit: 0 }),
  );
  expect(log.scan().columns.fullRecord(0)).toEqual(completed(entry, 1));
});

it('writes a batch to a file in one write for each run of neighbours', () => {
  const storage = new MemoryStorage();
  const log = FlightLog.create(storage, optionsFor(8));
  log.appendMany([0, 1, 2, 3, 4].map(makeEntry));
  const writes: [number, number][] = [];
  const writeAt = storage.writeAt.bind(storage);
  storage.writeAt = (source, position) => {
    writes.push([position, source.length]);
    writeAt(source, position);
  };
  log.appendMany([5, 6, 7, 8, 9, 10].map(makeEntry));
  expect(writes).toEqual([
    [SLOTS_AT + 5 * 128, 3 * 128],
    [SLOTS_AT, 3 * 128],
  ]);
});

describe('when the medium fails', () => {
  /** A storage that writes a part of what it is given, and fails. */
  function breakable(): { storage: MemoryStorage; breakAfter: (bytes: number) => void; mend: () => void } {
    const storage = new MemoryStorage();
    const writeAt = storage.writeAt.bind(storage);
    let limit = Number.POSITIVE_INFINITY;
    storage.writeAt = (source, position) => {
      if (source.length <= limit) return writeAt(source, position);
      writeAt(source.subarray(0, limit), position);
      throw new StorageError('write', storage.label, Object.assign(new Error('no space'), { code: 'ENOSPC' }));
    };
    return {
      storage,
      breakAfter: (bytes) => {
        limit = bytes;
      },
      mend: () => {
        limit = Number.POSITIVE_INFINITY;
      },
    };
  }

  it('a write does not count, and the next append takes its place', () => {
    for (let written = 4; written < 3 * 128; written += 4) {
      const { storage, breakAfter, mend } = breakable();
      const log = FlightLog.create(storage, optionsFor(8));
      log.append(makeEntry(0));
      breakAfter(written);
      expect(() => log.appendMany([1, 2, 3].map(makeEntry))).toThrow(StorageError);
      mend();
      expect(log.nextSequence).toBe(2);
      log.append(makeEntry(9));
      const { columns, forks } = scanFlightLog(storage);
      expect([...columns.sequence]).toEqual([1, 2]);
      expect(columns.fullRecord(1)).toEqual(completed(makeEntry(9), 2));
      expect(forks).toEqual([]);
    }
  });

  it('a sync is final', () => {
    const storage = new MemoryStorage();
    const log = FlightLog.create(storage, optionsFor(4));
    const failure = new StorageError('sync', storage.label, new Error('EIO'));
    storage.sync = () => {
      throw failure;
    };
    for (const use of [
      () => log.sync(),
      () => log.append(makeEntry(0)),
      () => log.sync(),
      () => log.appendMany([makeEntry(0)]),
    ]) {
      expect(use).toThrow(failure);
      storage.sync = () => {};
    }
    log.close();
    expect(scanFlightLog(storage).superblock).toMatchObject({ state: 1, syncedSequence: 0 });
  });
});
