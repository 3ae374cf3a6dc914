import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HeaderMismatchError, RingLog, scanLogBytes } from '../../../src/log/index.ts';
import {
  FlightFormatError,
  FlightLog,
  type FlightLogOptions,
  FlightMetadataError,
  flightLogBytes,
  LOSS_KINDS,
  type LossKind,
  MemoryMedium,
  type ScrubbedBytes,
  scanFlightLog,
  scanFlightLogBytes,
} from '../../../src/log-v2/index.ts';
import { MemoryStorage } from '../../../src/storage/index.ts';
import { commitOf, completed, encodeRecord, FILE_ID, METADATA, makeEntry, SLOTS_AT } from './model.ts';

const CAPACITY = 8;
const options: FlightLogOptions = { capacity: CAPACITY, metadata: METADATA, fileId: FILE_ID };

/** The bytes of a log that took entries 0 … count − 1, synced after so many of them. */
function logOf(count: number, syncedAfter = 0): Uint8Array<ArrayBuffer> {
  const medium = MemoryMedium.ofSize(flightLogBytes(options));
  const log = FlightLog.create(medium, options);
  for (let index = 0; index < count; index += 1) {
    if (index === syncedAfter) log.sync();
    log.append(makeEntry(index));
  }
  if (count === syncedAfter) log.sync();
  return medium.toBytes();
}

function row(bytes: Uint8Array<ArrayBuffer>, position: number): Uint8Array {
  return bytes.subarray(SLOTS_AT + 128 * position, SLOTS_AT + 128 * (position + 1));
}

function lossOf(bytes: Uint8Array): Partial<Record<LossKind, number>> {
  const { loss } = scanFlightLogBytes(bytes);
  return Object.fromEntries(LOSS_KINDS.filter((kind) => loss[kind] > 0).map((kind) => [kind, loss[kind]]));
}

interface Damage {
  readonly name: string;
  readonly make: () => Uint8Array<ArrayBuffer>;
  readonly loss: Partial<Record<LossKind, number>>;
  /** Positions that are scrubbed. */
  readonly scrubbed: readonly number[];
  readonly next: number;
}

function damaged(
  bytes: Uint8Array<ArrayBuffer>,
  damage: (bytes: Uint8Array<ArrayBuffer>) => void,
): Uint8Array<ArrayBuffer> {
  damage(bytes);
  return bytes;
}

const damages: readonly Damage[] = [
  { name: 'nothing', make: () => logOf(5), loss: {}, scrubbed: [], next: 6 },
  {
    name: 'an append to a log that has not wrapped, killed before its commit',
    make: () => damaged(logOf(6, 5), (bytes) => row(bytes, 5).fill(0, 124)),
    loss: { unfinished: 1 },
    scrubbed: [5],
    next: 6,
  },
  {
    name: 'an append to a log that has wrapped, killed after its first store',
    make: () => damaged(logOf(11, 11), (bytes) => row(bytes, 3).fill(0, 124)),
    loss: { overtaken: 1 },
    scrubbed: [3],
    next: 12,
  },
  {
    name: 'one killed half way',
    make: () =>
      damaged(logOf(11, 11), (bytes) => {
        const next = encodeRecord(makeEntry(11), { sequence: 12, incarnation: 1, previousCommit: 0 });
        row(bytes, 3).set(next.subarray(0, 60));
        row(bytes, 3).fill(0, 124);
      }),
    loss: { overtaken: 1 },
    scrubbed: [3],
    next: 12,
  },
  {
    name: 'unsynced records of which a part is down',
    make: () =>
      damaged(logOf(14, 9), (bytes) => {
        row(bytes, 12 % 8).fill(7, 40, 48);
        row(bytes, 13 % 8).fill(7, 40, 48);
        row(bytes, 11 % 8).fill(0);
      }),
    // 14 and 13 did not come down, so 11 is the newest: 5 and 6, which they went over, were to be there still.
    loss: { overtaken: 2, missing: 1 },
    scrubbed: [4, 5],
    next: 12,
  },
  {
    name: 'an unsynced record in between',
    make: () => damaged(logOf(14, 9), (bytes) => row(bytes, 12 % 8).fill(7, 40, 48)),
    loss: { torn: 1 },
    scrubbed: [4],
    next: 15,
  },
  {
    name: 'a flipped bit in a synced record',
    make: () =>
      damaged(logOf(6, 6), (bytes) => {
        row(bytes, 2)[70] ^= 16;
      }),
    loss: { corrupt: 1 },
    scrubbed: [2],
    next: 7,
  },
  {
    name: 'the newest synced record gone',
    make: () => damaged(logOf(6, 6), (bytes) => row(bytes, 5).fill(0)),
    loss: { missing: 1 },
    scrubbed: [],
    next: 7,
  },
  {
    name: 'the newest synced record older than it was',
    make: () =>
      damaged(logOf(14, 14), (bytes) => {
        row(bytes, 5).set(row(logOf(6), 5));
      }),
    loss: { missing: 1 },
    scrubbed: [],
    next: 15,
  },
  {
    name: 'a record of another file',
    make: () =>
      damaged(logOf(6, 6), (bytes) => {
        row(bytes, 2).set(encodeRecord(makeEntry(2), { sequence: 3, incarnation: 1, previousCommit: 0, salt: 1 }));
      }),
    loss: { foreign: 1 },
    scrubbed: [2],
    next: 7,
  },
  {
    name: 'a record of a writer that never opened it',
    make: () =>
      damaged(logOf(6, 6), (bytes) => {
        row(bytes, 6).set(encodeRecord(makeEntry(6), { sequence: 7, incarnation: 2, previousCommit: 0 }));
      }),
    loss: { foreign: 1 },
    scrubbed: [6],
    next: 7,
  },
  {
    name: 'a record in the place of another',
    make: () => damaged(logOf(6, 6), (bytes) => row(bytes, 3).set(row(bytes, 1).slice())),
    loss: { misplaced: 1 },
    scrubbed: [3],
    next: 7,
  },
];

describe.each(damages)('$name', ({ make, loss, scrubbed, next }) => {
  it('is counted as it should be', () => {
    expect(lossOf(make())).toEqual(loss);
  });

  it('is put right once: scrubbed, kept aside, and counted in the superblock', () => {
    const bytes = make();
    const kept: ScrubbedBytes[] = [];
    const before = bytes.slice();
    const medium = new MemoryMedium(bytes);
    const log = FlightLog.open(medium, { onScrub: (scrub) => kept.push(scrub) });
    expect(log.nextSequence).toBe(next);
    expect(kept.map(({ offset }) => (offset - SLOTS_AT) / 128)).toEqual(scrubbed);
    for (const { offset, bytes: content } of kept) expect(content).toEqual(before.subarray(offset, offset + 128));
    for (const position of scrubbed) expect(row(medium.toBytes(), position).every((byte) => byte === 0)).toBe(true);
    expect(scanFlightLog(medium).superblock.losses).toEqual({ ...noLoss, ...loss });

    // Nobody counts it again, and nobody is handed it again.
    const again = FlightLog.open(medium, { onScrub: () => expect.unreachable() });
    expect(again.recoveredLoss).toEqual({ ...noLoss, lost: 0 });
    expect(again.nextSequence).toBe(next);
    expect(scanFlightLog(medium).superblock.losses).toEqual({ ...noLoss, ...loss });
  });

  it('keeps every record that is whole, and goes on behind them', () => {
    const bytes = make();
    const whole = [...scanFlightLogBytes(bytes).columns.sequence];
    const medium = new MemoryMedium(bytes);
    const log = FlightLog.open(medium);
    expect([...log.scan().columns.sequence]).toEqual(whole);
    log.append(makeEntry(100));
    const { columns, forks } = log.scan();
    const gone = (next - 1) % CAPACITY;
    const kept = whole.filter((sequence) => (sequence - 1) % CAPACITY !== gone);
    expect([...columns.sequence]).toEqual([...kept, next]);
    expect(columns.fullRecord(columns.length - 1)).toEqual(completed(makeEntry(100), next));
    expect(forks).toEqual([]);
  });

  it('comes to the same wherever recovery is killed', () => {
    const images: Uint8Array<ArrayBuffer>[] = [];
    const bytes = make();
    const medium: MemoryMedium = new MemoryMedium(bytes, {
      trace: { onStored: () => void images.push(bytes.slice()) },
    });
    FlightLog.open(medium);
    expect(images.length).toBeGreaterThan(2);
    for (const image of images) {
      const log = FlightLog.open(new MemoryMedium(image));
      expect(log.nextSequence).toBe(next);
      expect(log.scan().superblock.losses).toEqual({ ...noLoss, ...loss });
    }
  });
});

const noLoss = Object.fromEntries(LOSS_KINDS.map((kind) => [kind, 0]));

describe('killed at any store', () => {
  it('has every record whose append returned, and loses at most the one that was being written over', () => {
    for (let capacity = 1; capacity <= 4; capacity += 1) {
      const own = { ...options, capacity };
      const bytes = new Uint8Array(flightLogBytes(own));
      const images: { image: Uint8Array<ArrayBuffer>; returned: number }[] = [];
      let returned = -1;
      const onStored = (): void => {
        if (returned >= 0) images.push({ image: bytes.slice(), returned });
      };
      const log = FlightLog.create(new MemoryMedium(bytes, { trace: { onStored } }), own);
      for (returned = 0; returned < 4 * capacity; returned += 1) log.append(makeEntry(returned));
      expect(images).toHaveLength(4 * 4 * capacity);
      for (const { image, returned: before } of images) {
        const { columns, loss } = scanFlightLogBytes(image);
        const sequences = [...columns.sequence];
        for (const sequence of sequences) {
          expect(columns.fullRecord(sequences.indexOf(sequence))).toEqual(completed(makeEntry(sequence - 1), sequence));
        }
        const kept = Math.min(before, capacity - 1);
        const newest = Array.from({ length: kept }, (_, index) => before - kept + 1 + index);
        expect(sequences.filter((sequence) => newest.includes(sequence))).toEqual(newest);
        const { unfinished, overtaken, lost } = loss;
        expect(lost).toBe(overtaken);
        expect(unfinished + overtaken).toBeLessThanOrEqual(1);
        const reopened = FlightLog.open(new MemoryMedium(image));
        // With room for one record, the one in flight leaves no trace of the ones before it but the mark.
        if (capacity > 1) expect(reopened.nextSequence).toBeGreaterThan(before);
      }
    }
  });
});

describe('numbers', () => {
  it('are never used twice, whatever is lost', () => {
    const property = fc.property(
      fc.integer({ min: 0, max: 20 }),
      fc.integer({ min: 0, max: 20 }),
      fc.uniqueArray(fc.integer({ min: 0, max: CAPACITY - 1 })),
      (count, synced, lost) => {
        const bytes = logOf(count, Math.min(count, synced));
        for (const position of lost) row(bytes, position).fill(0);
        const valid = [...scanFlightLogBytes(bytes).columns.sequence];
        const { nextSequence } = FlightLog.open(new MemoryMedium(bytes));
        expect(nextSequence).toBe(1 + Math.max(0, Math.min(count, synced), ...valid));
      },
    );
    fc.assert(property);
  });

  it('run out before they are no numbers any more', () => {
    const bytes = logOf(3);
    const sequence = 2 ** 53 - 1;
    const position = (sequence - 1) % CAPACITY;
    row(bytes, position).set(encodeRecord(makeEntry(0), { sequence, incarnation: 1, previousCommit: 0 }));
    expect(() => FlightLog.open(new MemoryMedium(bytes))).toThrow(/used up its numbers\. Fix: /);
  });
});

describe('two writers at a time', () => {
  it('are seen by the chain', () => {
    const medium = new MemoryMedium(logOf(2));
    const [first, second] = [FlightLog.open(medium), FlightLog.open(medium)];
    first.append(makeEntry(10));
    second.append(makeEntry(20));
    first.append(makeEntry(11));
    const { forks, findings } = scanFlightLog(medium);
    expect(forks).toEqual([4]);
    expect(findings.map(({ kind }) => kind)).toContain('forked');
  });

  it('are seen by their incarnations even where the chain holds', () => {
    const bytes = logOf(2);
    FlightLog.open(new MemoryMedium(bytes));
    FlightLog.open(new MemoryMedium(bytes));
    const third = encodeRecord(makeEntry(2), { sequence: 3, incarnation: 3, previousCommit: commitOf(row(bytes, 1)) });
    const fourth = encodeRecord(makeEntry(3), { sequence: 4, incarnation: 2, previousCommit: commitOf(third) });
    row(bytes, 2).set(third);
    row(bytes, 3).set(fourth);
    expect(scanFlightLogBytes(bytes).forks).toEqual([4]);
  });

  it('are seen across the end of the ring', () => {
    const bytes = logOf(11);
    row(bytes, 0).set(encodeRecord(makeEntry(8), { sequence: 9, incarnation: 1, previousCommit: 5 }));
    expect(scanFlightLogBytes(bytes).forks).toEqual([9, 10]);
  });
});

describe('of the superblock', () => {
  it('one copy is enough, whichever it is and whichever bit flips, and the log goes on from it', () => {
    const medium = new MemoryMedium(logOf(5, 3));
    FlightLog.open(medium).append(makeEntry(5));
    const whole = medium.toBytes();
    for (const copy of [0, 1]) {
      for (let bit = 0; bit < 512 * 8; bit += 1) {
        const bytes = whole.slice();
        bytes[copy * 4096 + (bit >>> 3)] ^= 1 << (bit & 7);
        const { columns, loss, findings } = scanFlightLogBytes(bytes);
        expect([columns.length, loss.lost]).toEqual([6, 0]);
        expect(findings.map(({ kind }) => kind)).toContain('superblockDamaged');
      }
      const bytes = whole.slice();
      bytes.fill(0xff, copy * 4096, copy * 4096 + 4096);
      const reopened = FlightLog.open(new MemoryMedium(bytes));
      expect(reopened.nextSequence).toBe(7);
      reopened.close();
      expect(reopened.scan().findings).toEqual([]);
    }
  });

  it('a copy in the place of the other is none', () => {
    const bytes = logOf(5);
    bytes.copyWithin(4096, 0, 4096);
    expect(scanFlightLogBytes(bytes).findings.map(({ kind }) => kind)).toContain('superblockDamaged');
  });

  it('both copies gone refuses to write, and leaves the file as it is', () => {
    const bytes = logOf(5);
    bytes.fill(0, 100, 101 + 4096);
    const before = bytes.slice();
    expect(() => FlightLog.open(new MemoryMedium(bytes))).toThrow(FlightFormatError);
    expect(bytes).toEqual(before);
  });

  it('the incarnation is in both copies before the first append', () => {
    const medium = new MemoryMedium(logOf(0));
    FlightLog.open(medium);
    const bytes = medium.toBytes();
    const incarnations = [20, 4096 + 20].map((at) => new DataView(bytes.buffer).getUint32(at, true));
    expect(incarnations).toEqual([2, 2]);
  });

  it('the mark never leads: it is written after the sync that it speaks of', () => {
    const events: string[] = [];
    const medium: MemoryMedium = MemoryMedium.ofSize(flightLogBytes(options), {
      trace: {
        onStored: (offset) => void (offset < 8192 && events.push(`superblock ${offset / 4096}`)),
        onSync: () => void events.push('sync'),
      },
    });
    const log = FlightLog.create(medium, options);
    expect(events).toEqual(['superblock 0', 'superblock 1', 'sync']);
    events.length = 0;
    log.sync();
    log.sync();
    log.close();
    expect(events).toEqual(['sync', 'superblock 0', 'sync', 'superblock 1', 'sync', 'superblock 0', 'sync']);
    // A copy is only written over once the other one is on stable storage.
    events.length = 0;
    FlightLog.open(medium);
    expect(events).toEqual(['sync', 'superblock 1', 'sync', 'superblock 0', 'sync']);
    events.length = 0;
    medium.writeAt(new Uint8Array([1]), SLOTS_AT + 500);
    FlightLog.open(medium);
    expect(events.slice(0, 3)).toEqual(['sync', 'superblock 1', 'sync']);
    expect(events).toHaveLength(8);
  });
});

describe('of the metadata', () => {
  function withDamaged(...copies: readonly number[]): Uint8Array<ArrayBuffer> {
    const bytes = logOf(5);
    for (const copy of copies) bytes[(copy === 0 ? 12_288 : bytes.length - 4096) + 20] ^= 1;
    return bytes;
  }

  it.each([0, 1])('copy %i is written anew from the other', (copy) => {
    const bytes = withDamaged(copy);
    expect(scanFlightLogBytes(bytes)).toMatchObject({ metadata: METADATA });
    expect(scanFlightLogBytes(bytes).findings.map(({ kind }) => kind)).toContain('metadataDamaged');
    const log = FlightLog.open(new MemoryMedium(bytes));
    expect(log.metadata).toEqual(METADATA);
    log.close();
    expect(log.scan().findings).toEqual([]);
  });

  it('both gone can be read, not written', () => {
    const bytes = withDamaged(0, 1);
    const before = bytes.slice();
    const { metadata, columns, findings } = scanFlightLogBytes(bytes);
    expect([metadata, columns.length]).toEqual([undefined, 5]);
    expect(findings.map(({ kind }) => kind)).toContain('metadataLost');
    expect(() => FlightLog.open(new MemoryMedium(bytes))).toThrow(FlightMetadataError);
    expect(bytes).toEqual(before);
  });
});

describe('a file that was cut', () => {
  it('reads as far as it goes, and is made whole by opening it', () => {
    const whole = logOf(11, 11);
    for (let length = 0; length < whole.length; length += 52) {
      const cut = whole.slice(0, length);
      if (length < 512) {
        expect(() => scanFlightLogBytes(cut)).toThrow(FlightFormatError);
        continue;
      }
      const { columns, loss } = scanFlightLogBytes(cut);
      const held = Math.max(0, Math.min(8, Math.floor((length - SLOTS_AT) / 128)));
      expect([columns.length, loss.lost]).toEqual([held, 8 - held]);
      const storage = new MemoryStorage(cut);
      if (length < 12_288 + 16 + JSON.stringify(METADATA).length) {
        expect(() => FlightLog.open(storage)).toThrow(FlightMetadataError);
        continue;
      }
      const log = FlightLog.open(storage);
      expect(log.nextSequence).toBe(12);
      expect(storage.size()).toBe(whole.length);
      log.close();
      expect(log.scan().metadata).toEqual(METADATA);
    }
  });

  it('may have something behind it', () => {
    const longer = new Uint8Array([...logOf(2), 1, 2, 3]);
    expect(scanFlightLogBytes(longer).findings.map(({ kind }) => kind)).toContain('trailingBytes');
  });
});

describe('between versions', () => {
  it('a v1 reader and writer refuse it by name', () => {
    const bytes = logOf(3);
    expect(() => scanLogBytes(bytes)).toThrow(HeaderMismatchError);
    expect(() => scanLogBytes(bytes)).toThrow(/VRRL0002/);
    expect(() => RingLog.open(new MemoryStorage(bytes), 8)).toThrow(/VRRL0002/);
  });

  it('a v1 log is refused by name', () => {
    const storage = new MemoryStorage();
    RingLog.open(storage, 8);
    expect(() => scanFlightLog(storage)).toThrow(/is a v1 log\. Fix: /);
  });
});

it('a flipped bit anywhere in a record is found, and costs that record alone', () => {
  const whole = logOf(5, 5);
  for (let bit = 0; bit < 1024; bit += 1) {
    const bytes = whole.slice();
    row(bytes, 2)[bit >>> 3] ^= 1 << (bit & 7);
    const { columns, loss } = scanFlightLogBytes(bytes);
    expect([...columns.sequence]).toEqual([1, 2, 4, 5]);
    expect(loss.lost).toBe(1);
  }
});
