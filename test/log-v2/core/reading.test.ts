import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type FlightEntry,
  FlightLog,
  type FlightLogOptions,
  FlightReader,
  type FlightSelection,
  flightLogBytes,
  MemoryMedium,
  scanFlightLog,
} from '../../../src/log-v2/index.ts';
import { completed, FILE_ID, METADATA, makeEntry, SLOTS_AT } from './model.ts';

const options: FlightLogOptions = { capacity: 64, metadata: METADATA, fileId: FILE_ID };

function logOf(count: number, capacity = 64): MemoryMedium {
  const own = { ...options, capacity };
  const medium = MemoryMedium.ofSize(flightLogBytes(own));
  const log = FlightLog.create(medium, own);
  for (let index = 0; index < count; index += 1) log.append(makeEntry(index));
  log.close();
  return medium;
}

function without(medium: MemoryMedium, positions: readonly number[], hint?: bigint): MemoryMedium {
  const bytes = medium.toBytes();
  for (const position of positions) bytes[SLOTS_AT + 128 * position + 50] ^= 1;
  if (hint !== undefined) new DataView(bytes.buffer).setBigUint64(8192, hint, true);
  return new MemoryMedium(bytes);
}

describe('a reader', () => {
  it('finds every record by its number, and no other', () => {
    const reader = FlightReader.open(logOf(100));
    expect([reader.oldestSequence, reader.newestSequence]).toEqual([37, 100]);
    for (let sequence = 1; sequence <= 101; sequence += 1) {
      const expected = sequence >= 37 && sequence <= 100 ? completed(makeEntry(sequence - 1), sequence) : undefined;
      expect(reader.record(sequence)).toEqual(expected);
    }
    expect(() => reader.record(0)).toThrow(/Fix: /);
  });

  it('knows the newest record whatever the hint says', () => {
    const medium = MemoryMedium.ofSize(flightLogBytes(options));
    const log = FlightLog.create(medium, options);
    for (let index = 0; index < 100; index += 1) log.append(makeEntry(index));
    for (const hint of [0n, 1n, 36n, 37n, 50n, 99n, 100n, 101n, 164n, 2n ** 60n, 2n ** 64n - 1n]) {
      expect(FlightReader.open(without(medium, [], hint)).newestSequence).toBe(100);
    }
  });

  it('looks at each lost record once at most when it searches', () => {
    const medium = without(
      logOf(1000, 1000),
      Array.from({ length: 998 }, (_, index) => index + 1),
    );
    const reader = FlightReader.open(medium);
    let reads = 0;
    const readAt = medium.readAt.bind(medium);
    medium.readAt = (target, position) => {
      reads += 1;
      return readAt(target, position);
    };
    expect([reader.firstOfEpoch(0), reader.firstOfTime(0n)]).toEqual([1, 1]);
    expect(reads).toBeLessThan(2 * 1000 + 50);
  });

  it('finds the first record of an epoch and of a time, past what is lost', () => {
    const property = fc.property(
      fc.integer({ min: 0, max: 150 }),
      fc.uniqueArray(fc.integer({ min: 0, max: 62 }), { maxLength: 40 }),
      fc.integer({ min: 0, max: 160 }),
      (count, lost, wanted) => {
        const medium = without(logOf(count), lost);
        const reader = FlightReader.open(medium);
        const { columns, newestSequence, oldestSequence } = scanFlightLog(medium);
        const firstWhere = (holds: (index: number) => boolean): number => {
          const before = Array.from(columns.sequence).findIndex((_, index) => holds(index));
          // From the number behind the last record that is before it.
          if (before < 0) return (columns.sequence.at(-1) ?? oldestSequence - 1) + 1;
          return before === 0 ? oldestSequence : columns.sequence[before - 1] + 1;
        };
        const atMost = (found: number, first: number): void => {
          const next = columns.sequence.find((sequence) => sequence >= found);
          expect(next).toBe(columns.sequence.find((sequence) => sequence >= first));
        };
        expect(reader.newestSequence).toBe(newestSequence);
        atMost(
          reader.firstOfEpoch(wanted >> 2),
          firstWhere((index) => columns.epoch[index] >= wanted >> 2),
        );
        const time = makeEntry(wanted).timestampNs;
        atMost(
          reader.firstOfTime(time),
          firstWhere((index) => columns.timestampNs[index] >= time),
        );
      },
    );
    fc.assert(property);
  });

  it('reads a selection in chunks as a filter of the scan', () => {
    const anyNumber = fc.integer({ min: 0, max: 160 });
    const anySelection: fc.Arbitrary<FlightSelection> = fc.record(
      {
        fromSequence: anyNumber,
        untilSequence: anyNumber,
        tenants: fc.array(fc.integer({ min: 0, max: 4 })),
        opcodes: fc.array(fc.integer({ min: 0, max: 8 })),
        epochs: fc.record({ from: fc.integer({ min: 0, max: 40 }), until: fc.integer({ min: 0, max: 40 }) }),
        times: fc.record({ fromNs: anyNumber.map(timeOf), untilNs: anyNumber.map(timeOf) }),
      },
      { requiredKeys: [] },
    );
    const property = fc.property(
      fc.integer({ min: 0, max: 150 }),
      fc.uniqueArray(fc.integer({ min: 0, max: 63 }), { maxLength: 20 }),
      anySelection,
      (count, lost, selection) => {
        const medium = without(logOf(count), lost);
        const { columns } = scanFlightLog(medium);
        const expected = Array.from({ length: columns.length }, (_, index) => columns.fullRecord(index)).filter(
          (record) => isSelected(record, selection),
        );
        const found = [...FlightReader.open(medium).chunks(selection)].flatMap((chunk) =>
          Array.from({ length: chunk.length }, (_, index) => chunk.fullRecord(index)),
        );
        expect(found).toEqual(expected);
      },
    );
    fc.assert(property);
  });

  it('reads chunks of bounded size', () => {
    const medium = logOf(20_000, 20_000);
    const lengths = [...FlightReader.open(medium).chunks()].map(({ length }) => length);
    expect(lengths).toEqual([8192, 8192, 3616]);
  });
});

function timeOf(index: number): bigint {
  return makeEntry(index).timestampNs;
}

function isSelected(record: FlightEntry & { sequence: number }, selection: FlightSelection): boolean {
  const { fromSequence = 0, untilSequence = 1e9, tenants, opcodes, epochs, times } = selection;
  return (
    record.sequence >= fromSequence &&
    record.sequence < untilSequence &&
    (tenants?.includes(record.tenantId) ?? true) &&
    (opcodes?.includes(record.opcode) ?? true) &&
    (epochs === undefined || (record.epoch >= epochs.from && record.epoch < epochs.until)) &&
    (times === undefined || (record.timestampNs >= times.fromNs && record.timestampNs < times.untilNs))
  );
}

describe('a scan', () => {
  it('is in order whatever the hint says', () => {
    const whole = scanFlightLog(logOf(100));
    for (const hint of [0n, 1n, 37n, 70n, 2n ** 64n - 1n]) {
      const { columns } = scanFlightLog(without(logOf(100), [], hint));
      expect([...columns.sequence]).toEqual([...whole.columns.sequence]);
      expect([...columns]).toEqual([...whole.columns]);
      expect(columns.rest).toEqual(whole.columns.rest);
    }
  });

  it('is in order even where records older than the window are left', () => {
    const medium = logOf(10, 4);
    const old = logOf(5, 4).toBytes();
    const bytes = medium.toBytes();
    // Record 10 lies at position 1; record 2, which it went over, is back.
    bytes.set(old.subarray(SLOTS_AT + 128, SLOTS_AT + 256), SLOTS_AT + 128);
    const { columns, findings, overwritten } = scanFlightLog(new MemoryMedium(bytes));
    expect([...columns.sequence]).toEqual([2, 7, 8, 9]);
    expect(columns.indexOfSequence(8)).toBe(2);
    expect(columns.indexOfSequence(3)).toBeUndefined();
    expect(overwritten).toBe(5);
    expect(findings.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['older', 'missing']));
  });

  it('says in order what it found of records that are odd', () => {
    const medium = MemoryMedium.ofSize(flightLogBytes(options));
    const log = FlightLog.create(medium, options);
    const failure = { slotStatus: 1, failureClass: 77, backendCode: 0, outputDigest: 0n };
    log.appendMany([makeEntry(9), { ...makeEntry(1), failure }, { ...makeEntry(10), epoch: 0 }]);
    log.close();
    expect(log.scan().findings.map(({ kind }) => kind)).toEqual([
      'timestampsNotMonotone',
      'epochNotMonotone',
      'unknownFailureClass',
    ]);
    for (const { message } of log.scan().findings) expect(message).toMatch(/\. Fix: .*\.$/);
  });

  it('tells how far it is', () => {
    const calls: [number, number][] = [];
    scanFlightLog(logOf(5), { onProgress: (read, total) => void calls.push([read, total]) });
    expect(calls.at(-1)).toEqual([64 * 128, 64 * 128]);
  });
});
