import { describe, expect, it } from 'vitest';
import { type Finding, type LogScan, RingLog, scanLogBytes } from '../../src/log/index.ts';
import { MemoryStorage } from '../../src/storage/index.ts';
import { expectSameBytes, type ModelLog, makeModel, makeRecord, makeRecords, withWord } from './model.ts';

const CAPACITIES = [1, 2, 3, 4, 8];
const NO_LOSS = { damaged: 0, holes: 0, missing: 0, torn: 0, lost: 0 };

/** Every state of a log of `capacity` that takes appends one by one through two wraps. */
function everyLog(capacities: readonly number[] = CAPACITIES): { name: string; capacity: number; appended: number }[] {
  return capacities.flatMap((capacity) =>
    Array.from({ length: 3 * capacity + 1 }, (_, appended) => ({
      name: `${appended} into ${capacity}`,
      capacity,
      appended,
    })),
  );
}

function kinds({ findings }: { findings: readonly Finding[] }): string[] {
  return findings.map(({ kind }) => kind);
}

/** The one finding of a kind; makes sure that it says what to do. */
function theFinding(scan: LogScan, kind: string): Finding {
  const found = scan.findings.filter((finding) => finding.kind === kind);
  expect(found).toHaveLength(1);
  expect(found[0].message).toMatch(/ Fix: .*\.$/);
  return found[0];
}

const recordAt = (position: number): number => 32 + 64 * position;

describe('a log that was left in peace', () => {
  it.each(everyLog())('$name has nothing to report but that it is full', ({ capacity, appended }) => {
    const model = makeModel(capacity, appended);
    const scan = scanLogBytes(model.toBytes());
    expect(kinds(scan)).toEqual(appended >= capacity ? ['full'] : []);
    expect(scan.loss).toEqual(NO_LOSS);
    expect([...scan.columns]).toEqual(model.read());
    expect(scan.nextPosition).toBe(model.cursor);
    if (appended >= capacity) {
      expect(theFinding(scan, 'full')).toMatchObject({ severity: 'information' });
      expect(theFinding(scan, 'full').message).toContain('v1 cannot say how many');
    }
  });

  it('says where in the file a record lies', () => {
    expect([...scanLogBytes(makeModel(4, 6).toBytes()).columns.position]).toEqual([2, 3, 0, 1]);
  });
});

describe('killed between record and cursor', () => {
  /** A log whose next record is down, but whose cursor does not say so. */
  function makeKilled(capacity: number, appended: number): { bytes: Uint8Array; after: ModelLog; cursor: number } {
    const model = makeModel(capacity, appended);
    model.writeRecord(makeRecord(appended), model.cursor);
    return { bytes: model.toBytes(), after: makeModel(capacity, appended + 1), cursor: model.cursor };
  }

  const logs = everyLog([2, 3, 4, 8, 9]);

  it.each(logs)('$name: the newest record is read last', ({ capacity, appended }) => {
    const { bytes, after, cursor } = makeKilled(capacity, appended);
    const scan = scanLogBytes(bytes);
    expect([...scan.columns]).toEqual(after.read());
    expect(scan.loss).toEqual(NO_LOSS);
    expect(scan.nextPosition).toBe(after.cursor);
    expect(theFinding(scan, 'newestRecordFirst')).toMatchObject({ severity: 'warning', position: cursor, count: 1 });
    expect(kinds(scan)).not.toContain('timestampsNotMonotone');
  });

  it.each(logs)('$name: opening moves the cursor, so that nothing is destroyed', ({ capacity, appended }) => {
    const { bytes, after } = makeKilled(capacity, appended);
    const storage = new MemoryStorage(bytes);
    const log = RingLog.open(storage, capacity);
    expect(kinds({ findings: log.recovered })).toEqual(['newestRecordFirst']);
    expectSameBytes(storage.toBytes(), after.toBytes());
    expect(log.replayAll()).toEqual(after.read());
    log.append(makeRecord(appended + 1));
    expect([...log.scan().columns]).toEqual(makeModel(capacity, appended + 2).read());
  });

  it.each([0, 1, 2, 3])('a log of one record looks the same either way (%i appended)', (appended) => {
    const { bytes, after } = makeKilled(1, appended);
    expect([...scanLogBytes(bytes).columns]).toEqual(after.read());
    expect(kinds(scanLogBytes(bytes))).toEqual(['full']);
  });

  it('is not assumed if the record at the cursor is of an earlier epoch', () => {
    const model = makeModel(4, 6);
    model.writeRecord({ ...makeRecord(6), epoch: 0 }, model.cursor);
    const scan = scanLogBytes(model.toBytes());
    expect(kinds(scan)).toEqual(['full', 'timestampsNotMonotone']);
    expect(scan.nextPosition).toBe(2);
  });

  it('is not assumed if the clock says the same for both', () => {
    const model = makeModel(4, 0);
    for (const record of makeRecords(7)) model.append({ ...record, timestampNs: 5n });
    expect(kinds(scanLogBytes(model.toBytes()))).toEqual(['full']);
    for (const [index, timestampNs] of [9n, 3n, 4n, 9n].entries()) {
      model.writeRecord({ ...makeRecord(7), timestampNs }, (model.cursor + index) % 4);
    }
    expect(kinds(scanLogBytes(model.toBytes()))).toEqual(['full', 'timestampsNotMonotone']);
  });

  it('is not assumed if the clock went back by years, as one that forgets the date does', () => {
    for (const [ageNs, expected] of [
      [31_536_000_000_000_000n, ['newestRecordFirst', 'full']],
      [31_536_000_000_000_001n, ['full', 'timestampsNotMonotone', 'epochNotMonotone']],
    ] as const) {
      const model = makeModel(4, 6);
      const { timestampNs } = makeRecord(5);
      model.writeRecord({ ...makeRecord(6), timestampNs: timestampNs + ageNs }, model.cursor);
      expect(kinds(scanLogBytes(model.toBytes()))).toEqual(expected);
    }
  });

  it('is not assumed if the clock goes back somewhere else too', () => {
    const model = makeModel(8, 13);
    model.writeRecord(makeRecord(13), model.cursor);
    model.writeRecord(makeRecord(1), 7);
    const scan = scanLogBytes(model.toBytes());
    expect(kinds(scan)).toEqual(['full', 'timestampsNotMonotone', 'epochNotMonotone']);
    expect(scan.nextPosition).toBe(5);
  });

  it('is not assumed if the record before the cursor is lost', () => {
    const { bytes } = makeKilled(8, 13);
    const scan = scanLogBytes(withWord(bytes, recordAt(4), 1));
    expect(kinds(scan)).toEqual(['recordDamaged', 'full', 'timestampsNotMonotone', 'epochNotMonotone']);
  });

  it('is not assumed if the clock was set back in a long log, which looks like a killed batch', () => {
    const model = makeModel(8, 0);
    for (const [index, record] of makeRecords(11).entries()) {
      const timestampNs = record.timestampNs - (index > 5 ? 1_000_000n : 0n);
      model.append({ ...record, timestampNs, epoch: 4 });
    }
    const scan = scanLogBytes(model.toBytes());
    expect(kinds(scan)).toEqual(['full', 'timestampsNotMonotone']);
    expect([...scan.columns]).toEqual(model.read());
  });
});

describe('killed between a batch and its cursor', () => {
  const batches = [2, 3, 5].flatMap((batch) =>
    [0, 1, 3, 6, 12, 21, 25].map((appended) => ({ name: `${batch} after ${appended} into 9`, batch, appended })),
  );

  it.each(batches)('$name: the batch is read last, and opening moves the cursor', ({ batch, appended }) => {
    const model = makeModel(9, appended);
    for (let index = 0; index < batch; index += 1) {
      model.writeRecord(makeRecord(appended + index), (model.cursor + index) % 9);
    }
    const after = makeModel(9, appended + batch);
    const scan = scanLogBytes(model.toBytes());
    expect([...scan.columns]).toEqual(after.read());
    expect(scan.loss).toEqual(NO_LOSS);
    expect(theFinding(scan, 'cursorBehind')).toMatchObject({ position: model.cursor, count: batch });
    const storage = new MemoryStorage(model.toBytes());
    const log = RingLog.open(storage, 9);
    expect(kinds({ findings: log.recovered })).toEqual(['cursorBehind']);
    expectSameBytes(storage.toBytes(), after.toBytes());
  });

  it('is not assumed of a full log if the record at the cursor is lost', () => {
    const model = makeModel(9, 12);
    for (const [index, record] of makeRecords(4, 12).entries()) model.writeRecord(record, (model.cursor + index) % 9);
    const scan = scanLogBytes(withWord(model.toBytes(), recordAt(model.cursor), 1));
    expect(kinds(scan)).toEqual(['recordDamaged', 'full', 'timestampsNotMonotone', 'epochNotMonotone']);
  });

  it('leaves a hole if its first record is not there, in a log that has not wrapped', () => {
    const model = makeModel(9, 3);
    model.writeRecord(makeRecord(4), 4);
    const scan = scanLogBytes(model.toBytes());
    expect(kinds(scan)).toEqual(['hole', 'cursorBehind']);
    expect(scan.loss).toEqual({ ...NO_LOSS, holes: 1, lost: 1 });
    expect([...scan.columns]).toEqual([...makeRecords(3), makeRecord(4)]);
    expect(scan.nextPosition).toBe(5);
  });

  it('keeps the evidence with its records', () => {
    const failure = { slotStatus: 7, failureClass: 2, backendCode: 3, outputDigest: 4n };
    const model = makeModel(9, 12);
    const newest = makeRecords(6, 12).map((record) => ({ ...record, failure }));
    for (const [index, record] of newest.entries()) model.writeRecord(record, (model.cursor + index) % 9);
    expect([...scanLogBytes(model.toBytes()).columns]).toEqual([...makeRecords(3, 9), ...newest]);
  });
});

describe('damage', () => {
  const logs = everyLog([1, 2, 3, 8]);

  it.each(logs)('$name: one damaged magic loses one record, wherever it is', ({ capacity, appended }) => {
    for (let position = 0; position < capacity; position += 1) {
      const bytes = withWord(makeModel(capacity, appended).toBytes(), recordAt(position), 0xdead_beee);
      const scan = scanLogBytes(bytes);
      const rest = withWord(bytes, recordAt(position), 0);
      expect(scan.loss).toEqual({ ...NO_LOSS, damaged: 1, lost: 1 });
      expect(theFinding(scan, 'recordDamaged')).toMatchObject({ severity: 'damage', position, count: 1 });
      expect(theFinding(scan, 'recordDamaged').message).toContain(
        `at position ${position}: magic is neither 0 nor 0xdeadbeef`,
      );
      expect(kinds(scan)).not.toContain('newestRecordFirst');
      expect([...scan.columns].length).toBe(scanLogBytes(rest).columns.length);
      expect(kinds(scan)).not.toContain('timestampsNotMonotone');
    }
  });

  it('finds a damaged run in the unwritten part, and takes it for nothing else', () => {
    let bytes = makeModel(8, 3).toBytes();
    for (const position of [4, 5, 6]) bytes = withWord(bytes, recordAt(position), 7);
    const scan = scanLogBytes(bytes);
    expect(scan.loss).toEqual({ ...NO_LOSS, damaged: 3, lost: 3 });
    expect(kinds(scan)).toEqual(['recordDamaged']);
    expect(theFinding(scan, 'recordDamaged').message).toContain('3 of 8 records are damaged, at positions 4-6');
    expect([...scan.columns]).toEqual(makeRecords(3));
  });

  it('lists scattered positions, but not without end', () => {
    const capacity = 40;
    let bytes = makeModel(capacity, 40).toBytes();
    for (let position = 0; position < capacity; position += 2) bytes = withWord(bytes, recordAt(position), 7);
    const { message } = theFinding(scanLogBytes(bytes), 'recordDamaged');
    expect(message).toContain('20 of 40 records are damaged, at positions 0, 2, 4, 6, 8, 10, 12, 14 and 12 more');
  });

  it('goes on when every record is damaged', () => {
    let bytes = makeModel(3, 5).toBytes();
    for (const position of [0, 1, 2]) bytes = withWord(bytes, recordAt(position), 7);
    expect(scanLogBytes(bytes).loss).toEqual({ ...NO_LOSS, damaged: 3, lost: 3 });
  });
});

describe('a hole', () => {
  it.each(everyLog([3, 8]))('$name: is found wherever something must have been', ({ capacity, appended }) => {
    const model = makeModel(capacity, appended);
    for (let position = 0; position < Math.min(appended, capacity); position += 1) {
      // What has lost its last record is what it was before that record was written.
      const isLastOfRow = position === capacity - 1 && model.cursor === capacity - 1;
      if (isLastOfRow) continue;
      const scan = scanLogBytes(model.toBytes().fill(0, recordAt(position), recordAt(position + 1)));
      expect(scan.loss).toEqual({ ...NO_LOSS, holes: 1, lost: 1 });
      expect(theFinding(scan, 'hole')).toMatchObject({ severity: 'damage', position, count: 1 });
      expect(kinds(scan)).toEqual(appended >= capacity ? ['hole', 'full'] : ['hole']);
      expect(scan.columns.length).toBe(Math.min(appended, capacity) - 1);
      expect(scan.nextPosition).toBe(model.cursor);
    }
  });

  it('at the end of a wrapped log is told from an unwritten end by its older records', () => {
    const bytes = makeModel(8, 11).toBytes().fill(0, recordAt(5));
    const scan = scanLogBytes(bytes);
    expect(scan.loss).toEqual({ ...NO_LOSS, holes: 3, lost: 3 });
    expect([...scan.columns.position]).toEqual([3, 4, 0, 1, 2]);
    expect(theFinding(scan, 'hole').message).toContain('3 records are lost, at positions 5-7');
  });
});

describe('a short file', () => {
  it.each(everyLog([1, 3, 8]))('$name: every length of the body', ({ capacity, appended }) => {
    const whole = makeModel(capacity, appended).toBytes();
    const written = Math.min(appended, capacity);
    for (let bytes = 32; bytes < whole.length; bytes += 1) {
      const scan = scanLogBytes(whole.slice(0, bytes));
      const held = Math.floor((bytes - 32) / 64);
      const finding = theFinding(scan, 'bodyTruncated');
      expect(scan.columns.length).toBe(Math.min(held, written));
      expect(finding.severity).toBe(scan.loss.lost > 0 ? 'damage' : 'warning');
      expect(finding.message).toContain(`the file has ${bytes} bytes, expected ${whole.length}`);
      expect(scan.loss.torn).toBeLessThanOrEqual(bytes % 64 === 32 ? 0 : 1);
      expect([scan.loss.damaged, scan.loss.holes]).toEqual([0, 0]);
      expect(scan.loss.lost).toBe(mustHaveHeld(capacity, appended, bytes) - scan.columns.length);
    }
  });

  /** Positions that must have held a record, as far as what is left can tell. */
  function mustHaveHeld(capacity: number, appended: number, bytes: number): number {
    const held = Math.floor((bytes - 32) / 64);
    const cursor = appended % capacity;
    const model = makeModel(capacity, appended);
    if (appended < capacity) return appended;
    // Records from the cursor on show that a log has wrapped, but a first record alone could be in flight; or a first
    // position that is not of the first epoch.
    const beganLate = held > 0 && (model.read(0)[0]?.epoch ?? 0) > 0;
    const showsWrap = (held > cursor && !(cursor === 0 && held === 1)) || (held <= cursor && beganLate);
    const cutInTwo = bytes > recordAt(held) ? 1 : 0;
    return showsWrap ? capacity : Math.max(cursor, held + cutInTwo);
  }

  it('that ends in an unwritten record has lost nothing', () => {
    const scan = scanLogBytes(
      makeModel(8, 3)
        .toBytes()
        .slice(0, recordAt(5) + 10),
    );
    expect(scan.loss).toEqual(NO_LOSS);
    expect(theFinding(scan, 'bodyTruncated')).toMatchObject({ severity: 'warning' });
  });

  it('that ends within a record counts it as torn, and the rest as missing', () => {
    const scan = scanLogBytes(
      makeModel(8, 7)
        .toBytes()
        .slice(0, recordAt(4) + 10),
    );
    expect(scan.loss).toEqual({ ...NO_LOSS, missing: 2, torn: 1, lost: 3 });
    expect(theFinding(scan, 'bodyTruncated')).toMatchObject({ severity: 'damage', position: 4, count: 3 });
  });

  it('cut before its cursor has wrapped if it begins with a later epoch, and has lost all of its end', () => {
    const model = makeModel(8, 21);
    const scan = scanLogBytes(model.toBytes().slice(0, recordAt(4)));
    expect(model.cursor).toBe(5);
    expect(scan.loss).toEqual({ ...NO_LOSS, missing: 4, lost: 4 });
    expect(theFinding(scan, 'bodyTruncated').message).toContain('; 4 written ones are missing. Fix');
    expect([...scan.columns]).toEqual(model.read(0).slice(0, 4));
  });

  it('cut before its cursor has not wrapped as far as anybody can tell if it begins with the first epoch', () => {
    const scan = scanLogBytes(makeModel(2, 3).toBytes().slice(0, recordAt(1)));
    expect(scan.loss).toEqual(NO_LOSS);
    expect(theFinding(scan, 'bodyTruncated').message).toContain('as far as its cursor tells');
  });

  it('of a log with the newest record at the cursor has not wrapped', () => {
    const model = makeModel(8, 3);
    model.writeRecord(makeRecord(3), 3);
    const scan = scanLogBytes(model.toBytes().slice(0, recordAt(4)));
    expect(scan.loss).toEqual(NO_LOSS);
    expect(kinds(scan)).toEqual(['bodyTruncated', 'newestRecordFirst']);
  });
});

describe('oddities', () => {
  it('takes a cursor beyond the capacity modulo the capacity', () => {
    for (const stored of [8, 13, 0xffff_ffff]) {
      const scan = scanLogBytes(withWord(makeModel(8, 13).toBytes(), 24, stored));
      expect(scan.header).toMatchObject({ storedCursor: BigInt(stored), cursor: stored % 8 });
      expect(theFinding(scan, 'cursorBeyondCapacity')).toMatchObject({ severity: 'warning', position: stored % 8 });
      expect(theFinding(scan, 'cursorBeyondCapacity').message).toContain(`cursor is ${stored}, expected less than`);
    }
  });

  it('reads a 64-bit cursor exactly', () => {
    const bytes = withWord(withWord(makeModel(8, 13).toBytes(), 24, 0xffff_fffd), 28, 0xffff_ffff);
    expect(scanLogBytes(bytes).header).toMatchObject({ storedCursor: 2n ** 64n - 3n, cursor: 5 });
  });

  it('opens with a cursor beyond the capacity as the reference does', () => {
    const storage = new MemoryStorage(withWord(makeModel(8, 13).toBytes(), 24, 13));
    const log = RingLog.open(storage, 8);
    expect(log.cursor).toBe(5);
    log.append(makeRecord(13));
    expectSameBytes(storage.toBytes(), makeModel(8, 14).toBytes());
  });

  it('ignores flags, but mentions them', () => {
    const scan = scanLogBytes(withWord(makeModel(8, 5).toBytes(), 12, 6));
    expect(theFinding(scan, 'flagsSet')).toMatchObject({ severity: 'information' });
    expect([...scan.columns]).toEqual(makeRecords(5));
  });

  it('ignores bytes after the last record, but counts them', () => {
    const bytes = new Uint8Array(recordAt(8) + 70).fill(0xab);
    bytes.set(makeModel(8, 5).toBytes());
    const scan = scanLogBytes(bytes);
    expect(theFinding(scan, 'trailingBytes')).toMatchObject({ severity: 'warning', count: 70 });
    expect(scan.loss).toEqual(NO_LOSS);
    const storage = new MemoryStorage(bytes.slice());
    expect(RingLog.open(storage, 8).recovered).toEqual([]);
    expectSameBytes(storage.toBytes(), bytes);
  });

  it('mentions a clock that was set back', () => {
    const model = makeModel(8, 3);
    model.append({ ...makeRecord(1), epoch: 1 });
    const finding = theFinding(scanLogBytes(model.toBytes()), 'timestampsNotMonotone');
    expect(finding).toMatchObject({ severity: 'information', position: 3, count: 1 });
  });

  it('compares both words of a timestamp', () => {
    const model = makeModel(8, 0);
    for (const timestampNs of [5n, 0x1_0000_0001n, 0x1_0000_0002n, 0x2_0000_0000n, 7n]) {
      model.append({ ...makeRecord(0), timestampNs });
    }
    const finding = theFinding(scanLogBytes(model.toBytes()), 'timestampsNotMonotone');
    expect(finding).toMatchObject({ position: 4, count: 1 });
  });

  it('mentions an epoch that starts again', () => {
    const model = makeModel(8, 6);
    model.append({ ...makeRecord(6), epoch: 0 });
    const finding = theFinding(scanLogBytes(model.toBytes()), 'epochNotMonotone');
    expect(finding).toMatchObject({ severity: 'information', position: 6, count: 1 });
  });

  it('keeps a failure class that it does not know', () => {
    const model = makeModel(8, 3);
    const failure = { slotStatus: 0, failureClass: 5, backendCode: 0, outputDigest: 0n };
    model.append({ ...makeRecord(3), failure });
    const scan = scanLogBytes(model.toBytes());
    expect(theFinding(scan, 'unknownFailureClass')).toMatchObject({ severity: 'warning', position: 3, count: 1 });
    expect(scan.columns.record(3).failure).toEqual(failure);
  });

  it.each([
    { slotStatus: 1 },
    { failureClass: 1 },
    { backendCode: 1 },
    { outputDigest: 1n },
    { outputDigest: 1n << 32n },
  ])('sees evidence of a single word: %o', (part) => {
    const failure = { slotStatus: 0, failureClass: 0, backendCode: 0, outputDigest: 0n, ...part };
    const model = makeModel(2, 0);
    model.append({ ...makeRecord(0), failure });
    expect(scanLogBytes(model.toBytes()).columns.record(0).failure).toEqual(failure);
  });

  it('reads bytes that start anywhere in their buffer', () => {
    const bytes = makeModel(8, 13).toBytes();
    for (const offset of [1, 2, 3, 4, 7]) {
      const buffer = new Uint8Array(bytes.length + 8);
      buffer.set(bytes, offset);
      const scan = scanLogBytes(buffer.subarray(offset, offset + bytes.length));
      expect([...scan.columns]).toEqual(makeRecords(8, 5));
    }
  });

  it('tells how far it is', () => {
    const steps: [number, number][] = [];
    scanLogBytes(makeModel(20_000, 30_000).toBytes(), { onProgress: (read, total) => steps.push([read, total]) });
    expect(steps).toEqual([
      [640_000, 1_280_000],
      [1_280_000, 1_280_000],
    ]);
  });
});
