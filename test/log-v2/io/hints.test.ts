/** Hints help followers and are never believed: a log whose hints cannot be written has lost nothing. */

import { expect, it } from 'vitest';
import { FlightLog, PAGE_BYTES, scanFlightLog } from '../../../src/log-v2/index.ts';
import { MemoryStorage, StorageError } from '../../../src/storage/index.ts';
import { makeEntry, makeFrame } from '../damage/known-log.ts';

const HINTS_OFFSET = 2 * PAGE_BYTES;
const CAPACITY = 200;

class WithoutHints extends MemoryStorage {
  refused = 0;
  refuses = false;

  override writeAt(source: Uint8Array, position: number): void {
    if (this.refuses && position === HINTS_OFFSET) {
      this.refused += 1;
      throw new StorageError('write', this.label, Object.assign(new Error('EIO: made up'), { code: 'EIO' }));
    }
    super.writeAt(source, position);
  }
}

it('an append and a frame count, and say so, though their hints cannot be written', () => {
  const storage = new WithoutHints();
  const options = { capacity: CAPACITY, journalBytes: PAGE_BYTES, metadata: { tool: 'test' } };
  const log = FlightLog.create(storage, options);
  storage.refuses = true;
  for (let number = 1; number <= CAPACITY; number += 1) log.append(makeEntry(number));
  log.appendFrames(makeFrame(3, CAPACITY, [9, 9], 1));
  expect(storage.refused).toBeGreaterThan(1);
  expect(log.nextSequence).toBe(CAPACITY + 1);
  storage.refuses = false;
  log.sync();
  const { columns, journal, loss } = scanFlightLog(storage);
  expect([columns.length, journal.frames.length, loss.lost]).toEqual([CAPACITY, 1, 0]);
});
