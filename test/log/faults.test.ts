import { describe, expect, it } from 'vitest';
import { RingLog, scanLog, scanLogBytes } from '../../src/log/index.ts';
import { MemoryStorage, StorageError } from '../../src/storage/index.ts';
import { expectSameBytes, makeModel, makeRecord, makeRecords } from './model.ts';

/** Storage whose n-th write from now on fails once, after it has taken some of the bytes. */
class FailingStorage extends MemoryStorage {
  #writesLeft = Number.POSITIVE_INFINITY;
  #systemCode = '';
  #takenBytes = 0;

  failAt(write: number, systemCode: string, takenBytes: number): void {
    this.#writesLeft = write;
    this.#systemCode = systemCode;
    this.#takenBytes = takenBytes;
  }

  override writeAt(source: Uint8Array, position: number): void {
    this.#writesLeft -= 1;
    if (this.#writesLeft !== 0) {
      super.writeAt(source, position);
      return;
    }
    super.writeAt(source.subarray(0, this.#takenBytes), position);
    const cause = Object.assign(new Error(`${this.#systemCode}: it failed`), { code: this.#systemCode });
    throw new StorageError('write', this.label, cause);
  }
}

const FAULTS = ['ENOSPC', 'EIO'].flatMap((systemCode) => [
  { systemCode, takenBytes: 0 },
  { systemCode, takenBytes: 3 },
]);

describe.each(FAULTS)('a write that fails with $systemCode after $takenBytes bytes', ({ systemCode, takenBytes }) => {
  it.each([1, 2, 3, 8])('costs a log of %i only the append that it was part of', (capacity) => {
    for (let write = 1; write <= 2 * (2 * capacity + 1); write += 1) {
      const storage = new FailingStorage(undefined, 'x.vrrl');
      const log = RingLog.open(storage, capacity);
      storage.failAt(write, systemCode, takenBytes);
      const confirmed = Math.floor((write - 1) / 2);
      for (let index = 0; index < confirmed; index += 1) log.append(makeRecord(index));
      const cursor = log.cursor;
      expect(() => log.append(makeRecord(confirmed))).toThrow(
        expect.objectContaining({ code: 'VRRL_IO', call: 'write', path: 'x.vrrl', systemCode }),
      );
      expect(log.cursor).toBe(cursor);
      expect(cursor).toBe(confirmed % capacity);
      // The append that failed may have destroyed the record that it was to replace, but no other.
      const replaced = Math.max(0, confirmed + 1 - capacity);
      expect([...scanLogBytes(storage.toBytes()).columns]).toEqual(
        expect.arrayContaining(makeRecords(confirmed - replaced, replaced)),
      );
      log.append(makeRecord(confirmed));
      log.append(makeRecord(confirmed + 1));
      expectSameBytes(storage.toBytes(), makeModel(capacity, confirmed + 2).toBytes());
    }
  });

  it('costs a batch what was not down yet, and the same records may be appended again', () => {
    for (let write = 1; write <= 4; write += 1) {
      const storage = new FailingStorage(makeModel(8, 5).toBytes());
      const log = RingLog.open(storage, 8);
      storage.failAt(write, systemCode, takenBytes);
      const batch = makeRecords(6, 5);
      expect(() => log.appendMany(batch)).toThrow(expect.objectContaining({ call: 'write', systemCode }));
      const down = write > 2 ? 3 : 0;
      expect(log.cursor).toBe((5 + down) % 8);
      const known = [...scanLogBytes(storage.toBytes()).columns].map(({ args }) => args[1]);
      expect(known).toEqual(expect.arrayContaining(makeRecords(2 + down, 3).map(({ args }) => args[1])));
      log.appendMany(batch.slice(down));
      expectSameBytes(storage.toBytes(), makeModel(8, 11).toBytes());
    }
  });

  it('while a log is created leaves what can be opened again', () => {
    const storage = new FailingStorage();
    storage.failAt(1, systemCode, 0);
    expect(() => RingLog.open(storage, 8)).toThrow(expect.objectContaining({ call: 'write', systemCode }));
    RingLog.open(storage, 8).append(makeRecord(0));
    expectSameBytes(storage.toBytes(), makeModel(8, 1).toBytes());
  });
});

it('a file that becomes shorter while it is read is an error of the read, not a wrong record', () => {
  const storage = new MemoryStorage(makeModel(8, 13).toBytes(), 'x.vrrl');
  const size = storage.size();
  storage.resize(32 + 64 * 6);
  storage.size = () => size;
  expect(() => scanLog(storage)).toThrow(StorageError);
  expect(() => scanLog(storage)).toThrow(/^read on `x.vrrl` failed: the file became shorter while it was read\. Fix: /);
});

it('a write that fails half-way leaves no record that reads like one', () => {
  const storage = new FailingStorage();
  const log = RingLog.open(storage, 8);
  log.appendMany(makeRecords(3));
  for (const append of [() => log.append(makeRecord(3)), () => log.appendMany(makeRecords(2, 3))]) {
    storage.failAt(1, 'ENOSPC', 29);
    expect(append).toThrow('ENOSPC');
    expect([...log.scan().columns]).toEqual(makeRecords(3));
    expect(log.scan().loss.lost).toBe(0);
  }
  log.append(makeRecord(3));
  expect(log.replayAll()).toEqual(makeRecords(4));
});
