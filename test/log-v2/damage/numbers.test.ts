/**
 * Numbers that somebody made up, with a sum that is right: nothing is allocated, read or extended by one before it was
 * checked, and what makes no sense is refused with the log as it was.
 */

import { describe, expect, it } from 'vitest';
import { crc32c } from '../../../src/base/crc32c.ts';
import { VrrlError } from '../../../src/base/errors.ts';
import { FlightLog, scanFlightLogBytes } from '../../../src/log-v2/index.ts';
import { MemoryStorage, StorageError } from '../../../src/storage/index.ts';
import { layoutAfter } from '../core/spec-tables.ts';
import { makeEntry, makeKnownLog, STORIES } from './known-log.ts';

const PAGE_BYTES = 4096;
const SUPERBLOCK = layoutAfter('### Superblock');
const known = makeKnownLog(STORIES[0]);
/** A log of the highest capacity costs a reader 11 bytes a position, and two chunks of 1 MiB. */
const MAX_MEBIBYTES = 16;
/** The specification's limit. */
const MAX_FILE_BYTES = 2 ** 37;

/** Both superblocks with the 8 bytes at `offset` replaced, and a sum that is right. */
function withNumber(offset: number, value: bigint, length = 8): Uint8Array {
  const bytes = known.bytes.slice();
  const view = new DataView(bytes.buffer);
  for (const copy of [0, PAGE_BYTES]) {
    if (length === 8) view.setBigUint64(copy + offset, value, true);
    else view.setUint32(copy + offset, Number(value), true);
    view.setUint32(copy + SUPERBLOCK['sum'].offset, crc32c(bytes, copy, copy + SUPERBLOCK['sum'].offset), true);
  }
  return bytes;
}

/** Storage that says how far it was to be extended, and has no room for it. */
class FullStorage extends MemoryStorage {
  wanted = 0;

  override resize(bytes: number): void {
    this.wanted = Math.max(this.wanted, bytes);
    throw new StorageError('truncate', this.label, Object.assign(new Error('it is full'), { code: 'ENOSPC' }));
  }
}

/** What our code throws; anything else is a finding. */
function attempt(run: () => void): VrrlError | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (!(error instanceof VrrlError)) throw error;
    return error;
  }
}

const VALUES = [
  0n,
  1n,
  2n,
  7n,
  127n,
  128n,
  4095n,
  4096n,
  8192n,
  2n ** 20n,
  2n ** 20n + 1n,
  2n ** 24n,
  2n ** 32n - 1n,
].concat([
  2n ** 32n,
  2n ** 36n,
  2n ** 40n,
  2n ** 52n,
  2n ** 53n - 2n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 63n,
  2n ** 64n - 1n,
]);

const FIELDS = Object.entries(SUPERBLOCK)
  .filter(([name]) => name !== 'sum' && name !== 'spare')
  .flatMap(([name, { offset, bytes }]) => {
    const step = bytes === 4 ? 4 : 8;
    return Array.from({ length: bytes / step }, (_, index) => ({
      name: `${name} ${index}`,
      at: offset + step * index,
      step,
    }));
  });

describe.each(FIELDS)('a superblock with made up $name', ({ at, step }) => {
  it('is refused, or read within bounds', () => {
    for (const value of VALUES) {
      if (step === 4 && value >= 2n ** 32n) continue;
      const bytes = withNumber(at, value, step);
      const before = bytes.slice();
      const heldBefore = process.memoryUsage().arrayBuffers;
      const start = performance.now();
      const refusal = attempt(() => scanFlightLogBytes(bytes));
      const grown = (process.memoryUsage().arrayBuffers - heldBefore) / 2 ** 20;
      expect(grown, `${value}`).toBeLessThan(MAX_MEBIBYTES);
      const storage = new FullStorage(bytes);
      const refusalToWrite = attempt(() => {
        const log = FlightLog.open(storage);
        log.append(makeEntry(1));
        log.close();
      });
      expect(performance.now() - start, `${value}`).toBeLessThan(2000);
      expect(storage.wanted, `${value}`).toBeLessThanOrEqual(MAX_FILE_BYTES);
      if (refusal !== undefined) expect(refusalToWrite?.code).toBe(refusal.code);
      if (refusalToWrite !== undefined) expect(Buffer.compare(storage.toBytes(), before), `${value}`).toBe(0);
      if (refusalToWrite === undefined) expect(scanFlightLogBytes(storage.toBytes()).loss.torn).toBe(0);
    }
  });
});
