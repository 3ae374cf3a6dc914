import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { target } from '../../fuzz/log-reader.ts';
import { VrrlError } from '../../src/base/errors.ts';
import { MAX_CAPACITY, RingLog, scanLogBytes } from '../../src/log/index.ts';
import { MemoryStorage } from '../../src/storage/index.ts';
import { makeModel, makeRecords, withWord } from './model.ts';

/** Runs what may refuse its input, but only with an error of ours. */
function mayRefuse(run: () => void): void {
  try {
    run();
  } catch (error) {
    if (!(error instanceof VrrlError)) throw error;
    expect(error.message).toContain(' Fix: ');
  }
}

describe('whatever the bytes', () => {
  it('noise is refused or read, never a crash', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 700, size: 'max' }), (bytes) => {
        mayRefuse(() => scanLogBytes(bytes));
        mayRefuse(() => RingLog.open(new MemoryStorage(bytes.slice()), 4).replayAll());
      }),
      { numRuns: 2000 },
    );
  });

  it('a damaged log is refused or read, and can be appended to if it can be opened', () => {
    const anyDamage = fc.array(fc.tuple(fc.nat(700), fc.integer({ min: 0, max: 255 })), { maxLength: 8 });
    const property = fc.property(
      fc.integer({ min: 1, max: 9 }),
      fc.nat(30),
      anyDamage,
      fc.option(fc.nat(700)),
      (capacity, appended, damage, length) => {
        let bytes = makeModel(capacity, appended).toBytes();
        for (const [index, byte] of damage) if (index < bytes.length) bytes[index] = byte;
        if (length !== null) bytes = bytes.slice(0, length);
        mayRefuse(() => scanLogBytes(bytes));
        mayRefuse(() => {
          const log = RingLog.open(new MemoryStorage(bytes.slice()), capacity);
          const [record] = makeRecords(1, appended);
          log.append(record);
          expect([...log.scan().columns]).toContainEqual(record);
        });
      },
    );
    fc.assert(property, { numRuns: 2000 });
  });

  it('the fuzz target finds nothing in its first thousand inputs', () => {
    fc.assert(
      fc.property(fc.infiniteStream(fc.integer({ min: 0, max: 0xffff_ffff })), (words) => {
        target.once(() => words.next().value);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('memory', () => {
  it('is taken for what the file holds, not for what its header claims', () => {
    const bytes = withWord(makeModel(2, 2).toBytes(), 16, MAX_CAPACITY);
    const before = process.memoryUsage().arrayBuffers;
    const { columns, header } = scanLogBytes(bytes);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(100_000);
    expect([header.capacity, columns.length]).toEqual([MAX_CAPACITY, 2]);
    expect(columns.buffer.byteLength).toBe(2 * 44);
  });

  it('is less than the log itself and a chunk', () => {
    const bytes = makeModel(50_000, 60_000).toBytes();
    const { columns } = scanLogBytes(bytes);
    expect(columns.length).toBe(50_000);
    expect(columns.buffer.byteLength).toBe(50_000 * 44);
    expect(columns.failure).toBeUndefined();
  });
});
