import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { digestSnapshot, hasOverflowed, ObservationReader } from '../../src/observe/index.ts';
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

  it('reads the same from equal writes', () => {
    const write = () => writeRandomStream(seededRandom(7), { epochs: 12, keyframeInterval: 3 });
    const one = write();
    const other = write();
    expect(one.storage.toBytes()).toEqual(other.storage.toBytes());
    expect(reading(ObservationReader.open(one.storage))).toBe(reading(ObservationReader.open(other.storage)));
  });
});
