import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/base/errors.ts';
import {
  digestSnapshot,
  hasOverflowed,
  ObservationFormatError,
  ObservationReader,
  ObservationWriter,
} from '../../src/observe/index.ts';
import { MemoryStorage } from '../../src/storage/index.ts';
import { falseBelief, reading, seededRandom, writeRandomStream } from './streams.ts';

const shapes = fc.record({
  seed: fc.nat(),
  epochs: fc.nat(20),
  keyframeInterval: fc.integer({ min: 1, max: 8 }),
});

describe('an observation stream', () => {
  it('gives back what was written, forwards, backwards and at random', () => {
    fc.assert(
      fc.property(shapes, ({ seed, ...shape }) => {
        const random = seededRandom(seed);
        const written = writeRandomStream(random, shape);
        const reader = ObservationReader.open(written.storage);
        expect(reader.findings).toEqual([]);
        expect(reader.cleanEnd).toBe(true);
        expect(reader.epochCount).toBe(shape.epochs);
        expect(reader.initialWords).toEqual(written.initialWords);
        expect(reader.initialMemory).toEqual(written.initialMemory);
        expect(falseBelief(written.storage.toBytes(), written)).toBeUndefined();
        const indices = written.epochs.map((_, index) => index);
        const shuffled = indices
          .map((index) => [random(), index])
          .sort()
          .map(([, index]) => index);
        for (const index of [...indices, ...indices.toReversed(), ...shuffled]) {
          expect(reader.wordsAfter(index)).toEqual(written.epochs[index].words);
          expect(reader.wordsBefore(index)).toEqual(written.epochs[index - 1]?.words ?? written.initialWords);
        }
        for (const rest of written.rests.values()) expect(reader.slotRest(rest.sequence)).toEqual(rest);
      }),
      { numRuns: 300 },
    );
  });

  it('holds the digests and the overflow of every epoch', () => {
    fc.assert(
      fc.property(shapes, ({ seed, ...shape }) => {
        const written = writeRandomStream(seededRandom(seed), shape);
        const reader = ObservationReader.open(written.storage);
        const digests = new Uint32Array(written.layout.regions.length * 2);
        for (const { ordinal, words } of written.epochs) {
          const epoch = reader.epoch(ordinal);
          digestSnapshot(written.layout, words, digests);
          expect(epoch.regionDigests).toEqual(digests);
          expect(epoch.regionOverflowed).toEqual(written.layout.regions.map((region) => hasOverflowed(region, words)));
          expect([epoch.stateKnown, epoch.slotRestsKnown, epoch.faultsKnown]).toEqual([true, true, true]);
        }
      }),
    );
  });

  it('finds epochs by ordinal and by record', () => {
    fc.assert(
      fc.property(shapes, ({ seed, ...shape }) => {
        const written = writeRandomStream(seededRandom(seed), shape);
        const reader = ObservationReader.open(written.storage);
        for (const [index, { ordinal, firstRecord, recordCount }] of written.epochs.entries()) {
          expect(reader.indexOfOrdinal(ordinal)).toBe(index);
          for (let record = 0; record < recordCount; record++) {
            expect(reader.indexOfRecord(firstRecord + record)).toBe(index);
          }
        }
        const last = written.epochs.at(-1);
        expect(reader.indexOfOrdinal(shape.epochs)).toBeUndefined();
        expect(reader.indexOfRecord(0)).toBeUndefined();
        expect(reader.indexOfRecord(last === undefined ? 1 : last.firstRecord + last.recordCount)).toBeUndefined();
      }),
    );
  });

  it('fills an array that it is handed, if it is as long as a snapshot', () => {
    const written = writeRandomStream(seededRandom(3), { epochs: 4, keyframeInterval: 2 });
    const reader = ObservationReader.open(written.storage);
    const into = new Uint32Array(written.layout.snapshotWords);
    expect(reader.wordsAfter(2, into)).toBe(into);
    expect(into).toEqual(written.epochs[2].words);
    expect(reader.wordsBefore(0, into)).toBe(into);
    expect(into).toEqual(written.initialWords);
    const longer = new Uint32Array(into.length + 1);
    for (const index of [0, 1]) {
      expect(() => reader.wordsAfter(index, longer)).toThrow(InputError);
      expect(() => reader.wordsBefore(index, longer)).toThrow(InputError);
    }
    for (const index of [-1, 4, 0.5, Number.NaN]) {
      for (const ask of ['epoch', 'stateKnown', 'faults', 'wordsAfter', 'wordsBefore'] as const) {
        expect(() => reader[ask](index)).toThrow(InputError);
      }
    }
  });

  it('reads no more at a time because its header is large', () => {
    const storage = new MemoryStorage();
    const layout = { areas: [{ name: 'a', words: 10 }], regions: [] };
    const metadata = { tool: 't', kernel: 'x'.repeat(3_000_000), layout, backend: { name: 'b' } };
    const writer = ObservationWriter.create(storage, metadata, new Uint32Array(10));
    const counts = { deviceEpoch: 0, recordCount: 0, done: 0, faulted: 0, pending: 0, firstRecord: 1 };
    for (let ordinal = 0; ordinal < 5000; ordinal++) {
      const words = new Uint32Array(10).fill(ordinal);
      writer.appendEpoch({ ...counts, ordinal, faultDigest: [0, 0], recordsDigest: [0, 0], words });
    }
    let bytesRead = 0;
    const reader = ObservationReader.open({
      label: '[counted]',
      size: () => storage.size(),
      readAt: (target, position) => {
        const count = storage.readAt(target, position);
        bytesRead += count;
        return count;
      },
      writeAt: () => {},
      resize: () => {},
      sync: () => {},
      close: () => {},
    });
    expect(reader.header.kernel).toBe(metadata.kernel);
    bytesRead = 0;
    expect(reader.wordsAfter(10)).toEqual(new Uint32Array(10).fill(10));
    expect(reader.wordsAfter(4000)).toEqual(new Uint32Array(10).fill(4000));
    for (let index = 4000; index >= 3000; index--) reader.epoch(index);
    expect(bytesRead).toBeLessThan(2_000_000);
  });

  it('notices when its storage changes under it', () => {
    const storage = new MemoryStorage();
    const layout = { areas: [{ name: 'a', words: 20_000 }], regions: [] };
    const metadata = { tool: 't', kernel: 0, layout, backend: { name: 'b' } };
    const words = new Uint32Array(20_000);
    const writer = ObservationWriter.create(storage, metadata, words, { keyframeInterval: 1 });
    const counts = { deviceEpoch: 0, recordCount: 0, done: 0, faulted: 0, pending: 0, firstRecord: 1 };
    for (let ordinal = 0; ordinal < 12; ordinal++) {
      writer.appendEpoch({
        ...counts,
        ordinal,
        faultDigest: [0, 0],
        recordsDigest: [0, 0],
        words: words.fill(ordinal),
      });
    }
    const reader = ObservationReader.open(storage);
    expect(reader.findings).toEqual([]);
    // It holds a quarter of a megabyte at a time, so it has to go back for these.
    storage.writeAt(new Uint8Array(200_000), 100_000);
    for (const ask of ['epoch', 'wordsAfter'] as const) {
      expect(() => reader[ask](1)).toThrow(ObservationFormatError);
      expect(() => reader[ask](1)).toThrow(/not what it was when the stream was opened/);
    }
    expect(reader.wordsAfter(11)).toEqual(new Uint32Array(20_000).fill(11));
    storage.resize(0);
    expect(() => reader.epoch(1)).toThrow(ObservationFormatError);
    expect(() => reader.initialWords).toThrow(ObservationFormatError);
  });

  it('reads the same from equal writes', () => {
    const write = () => writeRandomStream(seededRandom(7), { epochs: 12, keyframeInterval: 3 });
    const one = write();
    const other = write();
    expect(one.storage.toBytes()).toEqual(other.storage.toBytes());
    expect(reading(ObservationReader.open(one.storage))).toBe(reading(ObservationReader.open(other.storage)));
  });
});
