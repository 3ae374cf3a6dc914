import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/base/errors.ts';
import {
  digestSnapshot,
  type EpochObservation,
  ObservationReader,
  ObservationWriter,
  type SlotRest,
} from '../../src/observe/index.ts';
import { MAX_HEADER_BYTES } from '../../src/observe/stream-format.ts';
import { MemoryStorage, type Storage, StorageError } from '../../src/storage/index.ts';
import { FailingStorage } from './failing-storage.ts';
import { below, falseBelief, type Random, randomLayout, reading, seededRandom, writeRandomStream } from './streams.ts';

/** The same stream, written to another storage; `afterEpoch` drops what it likes. */
function write(seed: number, storage: MemoryStorage, drop: (random: Random, nextRecord: number) => number | undefined) {
  const dropRandom = seededRandom(seed + 1);
  return writeRandomStream(seededRandom(seed), {
    epochs: 30,
    keyframeInterval: 1 + (seed % 8),
    maxDeadBytes: 200,
    storage,
    afterEpoch: (writer, { firstRecord, recordCount }) => {
      const record = drop(dropRandom, firstRecord + recordCount);
      if (record !== undefined) writer.dropBefore(record);
    },
  });
}

describe('a stream beside a log that wraps', () => {
  it('reads the same as if nothing had been dropped, from the first epoch that it keeps', () => {
    let rewritten = 0;
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const whole = write(seed, new MemoryStorage(), () => undefined);
        const capacity = 1 + (seed % 20);
        let live = 0;
        const dropped = write(seed, new MemoryStorage(), (_random, nextRecord) => {
          live = Math.max(0, nextRecord - capacity);
          return live;
        });
        const reader = ObservationReader.open(dropped.storage);
        const original = ObservationReader.open(whole.storage);
        expect(reader.findings).toEqual([]);
        expect(reading(reader)).toBe(reading(original, reader.firstOrdinal));
        expect(reader.overwrittenEpochs).toBe(reader.firstOrdinal);
        expect(reader.overwrittenEpochs).toBe(dropped.writer.overwrittenEpochs);
        expect(reader.totals?.epochs).toBe(30);
        expect(reader.firstLiveRecord).toBeLessThanOrEqual(live);
        for (const { ordinal, firstRecord, recordCount } of dropped.epochs) {
          const isLive = firstRecord + recordCount > live && recordCount > 0;
          if (isLive) expect(reader.indexOfOrdinal(ordinal)).toBeDefined();
        }
        for (const [sequence, rest] of dropped.rests) {
          if (sequence >= live) expect(reader.slotRest(sequence)).toEqual(rest);
        }
        if (reader.overwrittenEpochs > 0) rewritten++;
      }),
      { numRuns: 200 },
    );
    expect(rewritten).toBeGreaterThan(100);
  });

  it('keeps what is live wherever the cut is made', () => {
    for (let seed = 0; seed < 8; seed++) {
      const whole = write(seed, new MemoryStorage(), () => undefined);
      const original = ObservationReader.open(whole.storage);
      const lastRecord = Math.max(...whole.epochs.map(({ firstRecord, recordCount }) => firstRecord + recordCount));
      for (let record = 0; record <= lastRecord + 1; record++) {
        let calls = 0;
        const dropped = writeRandomStream(seededRandom(seed), {
          epochs: 30,
          keyframeInterval: 1 + (seed % 8),
          maxDeadBytes: 0,
          storage: new MemoryStorage(),
          afterEpoch: (writer) => {
            if (++calls === 30) writer.dropBefore(record);
          },
        });
        const reader = ObservationReader.open(dropped.storage);
        expect(reader.findings).toEqual([]);
        expect(reading(reader)).toBe(reading(original, reader.firstOrdinal));
        const firstLive = dropped.epochs.find(
          (epoch) => epoch.recordCount > 0 && epoch.firstRecord + epoch.recordCount > record,
        );
        expect(reader.firstOrdinal).toBeLessThanOrEqual(firstLive?.ordinal ?? 30);
      }
    }
  });

  it('stays within a few times what is live', () => {
    const capacity = 64;
    const storage = new MemoryStorage();
    let largest = 0;
    const layout = { areas: [{ name: 'a', words: 40 }], regions: [] };
    const random = seededRandom(2);
    const words = new Uint32Array(40);
    const writer = ObservationWriter.create(storage, { tool: 't', kernel: 0, layout, backend: { name: 'b' } }, words, {
      maxDeadBytes: 4096,
    });
    for (let ordinal = 0; ordinal < 20_000; ordinal++) {
      for (let change = 0; change < 5; change++) words[below(random, 40)] += 1;
      writer.appendEpoch(epochOf(ordinal, 1 + 4 * ordinal, 4, words));
      writer.dropBefore(Math.max(0, 4 * ordinal - capacity));
      largest = Math.max(largest, storage.size());
    }
    writer.close();
    expect(largest).toBeLessThan(20_000);
    const reader = ObservationReader.open(storage);
    expect(reader.overwrittenEpochs + reader.epochCount).toBe(20_000);
    expect(reader.epochCount).toBeGreaterThanOrEqual(capacity / 4);
    expect(reader.wordsAfter(reader.epochCount - 1)).toEqual(words);
  });

  it('keeps rests that were written ahead of the epoch before theirs', () => {
    const layout = { areas: [{ name: 'a', words: 2 }], regions: [] };
    const storage = new MemoryStorage();
    const words = new Uint32Array(2);
    const writer = ObservationWriter.create(storage, { tool: 't', kernel: 0, layout, backend: { name: 'b' } }, words, {
      maxDeadBytes: 0,
    });
    const rest: SlotRest = { sequence: 301, priority: 1, arguments: new Uint32Array(8).fill(5) };
    for (let ordinal = 0; ordinal < 30; ordinal++) {
      if (ordinal === 29) writer.appendSlotRest(rest);
      writer.appendEpoch(epochOf(ordinal, 1 + 10 * ordinal, 10, words));
    }
    writer.dropBefore(301);
    expect([writer.overwrittenEpochs, writer.epochCount]).toEqual([29, 30]);
    writer.appendEpoch(epochOf(30, 301, 10, words));
    writer.close();
    const reader = ObservationReader.open(storage);
    expect(reader.slotRest(301)).toEqual(rest);
    expect(reader.epoch(1)).toMatchObject({ ordinal: 30, slotRestsKnown: true });
    expect(reader.findings).toEqual([]);
  });

  it('may not be rewritten, and then only grows', () => {
    const memory = new MemoryStorage();
    const plain: Storage = {
      label: '[plain]',
      size: () => memory.size(),
      readAt: (target, position) => memory.readAt(target, position),
      writeAt: (source, position) => memory.writeAt(source, position),
      resize: (bytes) => memory.resize(bytes),
      sync: () => {},
      close: () => {},
    };
    const layout = { areas: [{ name: 'a', words: 2 }], regions: [] };
    const metadata = { tool: 't', kernel: 0, layout, backend: { name: 'b' } };
    const writer = ObservationWriter.create(plain, metadata, new Uint32Array(2), { maxDeadBytes: 0 });
    for (let ordinal = 0; ordinal < 50; ordinal++) {
      writer.appendEpoch(epochOf(ordinal, 1 + ordinal, 1, new Uint32Array(2)));
      writer.dropBefore(ordinal);
    }
    writer.close();
    expect(ObservationReader.open(memory).epochCount).toBe(50);
  });
});

function epochOf(ordinal: number, firstRecord: number, recordCount: number, words: Uint32Array): EpochObservation {
  const counts = { deviceEpoch: ordinal, done: recordCount, faulted: 0, pending: 0 };
  return { ordinal, firstRecord, recordCount, ...counts, faultDigest: [0, 0], recordsDigest: [1, 2], words };
}

/** Writes until the storage fails, and says what was confirmed before. */
function writeUntilFailure(seed: number, failingCall: number, mode: 'once' | 'forever') {
  const storage = new FailingStorage(failingCall, mode);
  const random = seededRandom(seed);
  const layout = randomLayout(random, 24);
  const memory = new MemoryStorage();
  // The same stream as the one that fails, to know what may be believed.
  const written = writeRandomStream(seededRandom(seed + 1), {
    epochs: 24,
    keyframeInterval: 3,
    layout,
    storage: memory,
  });
  const confirmed = { epochs: 0, live: 0, created: false, errors: 0 };
  const attempt = (action: () => void): boolean => {
    try {
      action();
      return true;
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      confirmed.errors++;
      return false;
    }
  };
  let writer: ObservationWriter | undefined;
  const options = { keyframeInterval: 3, maxDeadBytes: 100, salt: [1, 2] as const };
  const metadata = { tool: 'test', kernel: 0, layout, backend: { name: 'b' } };
  const create = (): void => {
    writer = ObservationWriter.create(storage, metadata, written.initialWords, {
      ...options,
      ...(written.initialMemory === undefined ? {} : { initialMemory: written.initialMemory }),
    });
  };
  confirmed.created = attempt(create) || (mode === 'once' && attempt(create));
  for (const epoch of written.epochs) {
    if (writer === undefined) break;
    const current: ObservationWriter = writer;
    const rests = [...written.rests.values()].filter(
      ({ sequence }) => sequence >= epoch.firstRecord && sequence < epoch.firstRecord + epoch.recordCount,
    );
    const again = (action: () => void): boolean => attempt(action) || (mode === 'once' && attempt(action));
    again(() => current.appendSlotRest(...rests));
    if (!again(() => current.appendEpoch(epoch))) continue;
    confirmed.epochs = epoch.ordinal + 1;
    const live = Math.max(0, epoch.firstRecord - 6);
    attempt(() => current.dropBefore(live));
    confirmed.live = live;
  }
  return { storage, written, confirmed, writer };
}

function closes(writer: ObservationWriter): boolean {
  try {
    writer.close();
    return true;
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    return false;
  }
}

describe('a storage that fails', () => {
  it('for good, at any call, leaves every confirmed epoch that is live, and nothing false', () => {
    let rewritten = 0;
    for (let seed = 0; seed < 12; seed++) {
      let overwritten = 0;
      for (let failingCall = 1; ; failingCall++) {
        const { storage, written, confirmed } = writeUntilFailure(seed, failingCall, 'forever');
        const bytes = storage.toBytes();
        if (confirmed.created) {
          const reader = ObservationReader.open(new MemoryStorage(bytes));
          expect(falseBelief(bytes, written), `seed ${seed}, call ${failingCall}`).toBeUndefined();
          expect(reader.findings.filter(({ kind }) => kind !== 'torn')).toEqual([]);
          expect(reader.overwrittenEpochs + reader.epochCount).toBe(confirmed.epochs);
          expect(reader.loss.epochsWithoutState).toBe(0);
          overwritten = reader.overwrittenEpochs;
        }
        if (confirmed.errors === 0) break;
      }
      rewritten += overwritten;
    }
    expect(rewritten).toBeGreaterThan(50);
  });

  it('once, at any call, costs nothing if the call is made again', () => {
    for (let seed = 0; seed < 12; seed++) {
      for (let failingCall = 1; ; failingCall++) {
        const { storage, written, confirmed, writer } = writeUntilFailure(seed, failingCall, 'once');
        const isClosed = writer !== undefined && closes(writer);
        const bytes = storage.toBytes();
        const reader = ObservationReader.open(new MemoryStorage(bytes));
        expect(falseBelief(bytes, written), `seed ${seed}, call ${failingCall}`).toBeUndefined();
        expect(reader.findings).toEqual([]);
        expect(isClosed || confirmed.errors === 0).toBe(true);
        expect(reader.loss.epochsWithoutState).toBe(0);
        const digests = new Uint32Array(written.layout.regions.length * 2);
        for (let index = 0; index < reader.epochCount; index++) {
          const { ordinal, regionDigests } = reader.epoch(index);
          digestSnapshot(written.layout, written.epochs[ordinal].words, digests);
          expect(regionDigests).toEqual(digests);
        }
        expect(reader.overwrittenEpochs + reader.epochCount).toBe(24);
        if (storage.calls < failingCall) {
          expect(reader.cleanEnd).toBe(true);
          break;
        }
      }
    }
  });

  it('to be rewritten is asked again only once there is twice as much to gain', () => {
    const memory = new MemoryStorage();
    let attempts = 0;
    memory.replaceWith = () => {
      attempts++;
      throw new StorageError('rename', '[memory]', new Error('not now'));
    };
    const layout = { areas: [{ name: 'a', words: 2 }], regions: [] };
    const metadata = { tool: 't', kernel: 0, layout, backend: { name: 'b' } };
    const writer = ObservationWriter.create(memory, metadata, new Uint32Array(2), { maxDeadBytes: 1000 });
    let errors = 0;
    for (let ordinal = 0; ordinal < 1000; ordinal++) {
      writer.appendEpoch(epochOf(ordinal, 1 + ordinal, 1, new Uint32Array(2)));
      try {
        writer.dropBefore(ordinal);
      } catch (error) {
        if (!(error instanceof StorageError)) throw error;
        errors++;
      }
    }
    expect(attempts).toBe(errors);
    expect(attempts).toBeGreaterThan(3);
    expect(attempts).toBeLessThan(12);
    writer.close();
    expect(ObservationReader.open(memory).epochCount).toBe(1000);
  });

  it('to sync is not asked again', () => {
    const { storage, writer } = writeUntilFailure(1, 0, 'once');
    if (writer === undefined) expect.fail('no writer');
    writer.sync();
    const failing = new FailingStorage(2, 'once');
    const layout = { areas: [{ name: 'a', words: 1 }], regions: [] };
    const metadata = { tool: 't', kernel: 0, layout, backend: { name: 'b' } };
    const other = ObservationWriter.create(failing, metadata, new Uint32Array(1));
    expect(() => other.sync()).toThrow(StorageError);
    expect(() => other.sync()).toThrow(StorageError);
    expect(failing.calls).toBe(2);
    expect(storage.calls).toBeGreaterThan(2);
  });
});

describe('a writer', () => {
  const layout = { areas: [{ name: 'a', words: 3 }], regions: [] };
  const metadata = { tool: 't', kernel: { a: 1 }, layout, backend: { name: 'b' } };
  const create = () => ObservationWriter.create(new MemoryStorage(), metadata, new Uint32Array(3));
  const epoch = epochOf(4, 10, 5, new Uint32Array(3));
  const rest: SlotRest = { sequence: 20, priority: 0, arguments: new Uint32Array(8) };

  it('refuses a storage that holds something, another number of words and an odd interval', () => {
    const used = new MemoryStorage(new Uint8Array(1), 'run.obs');
    expect(() => ObservationWriter.create(used, metadata, new Uint32Array(3))).toThrow(/`run.obs` holds 1 bytes/);
    expect(() => ObservationWriter.create(new MemoryStorage(), metadata, new Uint32Array(2))).toThrow(InputError);
    for (const keyframeInterval of [0, -1, 1.5, Number.NaN]) {
      expect(() =>
        ObservationWriter.create(new MemoryStorage(), metadata, new Uint32Array(3), { keyframeInterval }),
      ).toThrow(/keyframe interval/);
    }
    expect(() =>
      ObservationWriter.create(
        new MemoryStorage(),
        { ...metadata, note: 'x'.repeat(MAX_HEADER_BYTES) },
        new Uint32Array(3),
      ),
    ).toThrow(/bytes, more than/);
    const cycle: { self?: unknown } = {};
    cycle.self = cycle;
    expect(() =>
      ObservationWriter.create(new MemoryStorage(), { ...metadata, kernel: cycle }, new Uint32Array(3)),
    ).toThrow(/no JSON/);
  });

  it('refuses what would not be read back', () => {
    const wrong: readonly Partial<EpochObservation>[] = [
      { ordinal: -1 },
      { ordinal: 2 ** 32 },
      { firstRecord: 0 },
      { firstRecord: 2 ** 53 },
      { recordCount: -1 },
      { done: 1.5 },
      { pending: 2 ** 32 },
      { faultDigest: [0, -1] },
      { recordsDigest: [2 ** 32, 0] },
      { words: new Uint32Array(2) },
      { faults: [{ slotIndex: -1, opcode: 0, code: 0, detail: [] }] },
      { faults: [{ slotIndex: 0, opcode: 0, code: 0, detail: [2 ** 40] }] },
    ];
    const writer = create();
    const size = writer.sizeBytes;
    for (const part of wrong) expect(() => writer.appendEpoch({ ...epoch, ...part })).toThrow(InputError);
    expect(writer.sizeBytes).toBe(size);
    writer.appendEpoch(epoch);
    expect(() => writer.appendEpoch(epoch)).toThrow(/does not come after epoch 4/);
    expect(() => writer.appendEpoch({ ...epoch, ordinal: 5 })).toThrow(/ended before record 15/);
    for (const part of [
      { sequence: 14 },
      { priority: -1 },
      { arguments: [1] },
      { arguments: [0, 0, 0, 0, 0, 0, 0, -1] },
    ]) {
      expect(() => writer.appendSlotRest({ ...rest, ...part })).toThrow(InputError);
    }
    writer.appendSlotRest(rest);
    expect(() => writer.appendSlotRest(rest)).toThrow(/in the order of the records/);
    expect(() => writer.dropBefore(-1)).toThrow(InputError);
  });

  it('is closed once', () => {
    const writer = create();
    writer.close();
    writer.close();
    expect(() => writer.appendEpoch(epoch)).toThrow(/is closed/);
    expect(() => writer.appendSlotRest(rest)).toThrow(/is closed/);
    expect(() => writer.sync()).toThrow(/is closed/);
  });

  it('may leave epochs out: the state before the next one is not known then', () => {
    const storage = new MemoryStorage();
    const writer = ObservationWriter.create(storage, metadata, new Uint32Array(3));
    writer.appendEpoch(epochOf(0, 1, 1, Uint32Array.of(1, 0, 0)));
    writer.appendEpoch(epochOf(2, 3, 1, Uint32Array.of(2, 0, 0)));
    writer.appendEpoch(epochOf(3, 4, 1, Uint32Array.of(3, 0, 0)));
    writer.close();
    const reader = ObservationReader.open(storage);
    expect(reader.wordsBefore(1)).toBeUndefined();
    expect(reader.wordsAfter(1)).toEqual(Uint32Array.of(2, 0, 0));
    expect(reader.wordsBefore(2)).toEqual(Uint32Array.of(2, 0, 0));
    expect(reader.indexOfRecord(2)).toBeUndefined();
  });

  it('keeps the header as it was given', () => {
    const storage = new MemoryStorage();
    const full = {
      ...metadata,
      createdAt: '2024-01-01T00:00:00Z',
      backend: { name: 'dawn', adapter: 'x' },
      log: { capacity: 64, firstPosition: 3 },
      note: 'ä',
    };
    ObservationWriter.create(storage, full, new Uint32Array(3)).close();
    expect(ObservationReader.open(storage).header).toEqual({ formatVersion: 1, ...full });
  });
});
