import { describe, expect, it } from 'vitest';
import { InputError, VrrlError } from '../../src/base/errors.ts';
import {
  CapacityOverflowError,
  HeaderMismatchError,
  MAX_CAPACITY,
  RingLog,
  readHeader,
  scanLog,
  scanLogBytes,
  TruncatedBodyError,
  TruncatedHeaderError,
  ZeroCapacityError,
} from '../../src/log/index.ts';
import { MemoryStorage } from '../../src/storage/index.ts';
import { expectSameBytes, makeModel, makeRecord, makeRecords, withWord } from './model.ts';

/** What `run` throws; makes sure that it is one of ours, with something to do about it. */
function thrownBy(run: () => void): VrrlError {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(VrrlError);
    if (!(error instanceof VrrlError)) throw error;
    expect(error.message).toMatch(/[^.]\. Fix: [a-z`].*\.$/);
    return error;
  }
  throw new Error('nothing was thrown');
}

/** Opens bytes for writing, expects a refusal, and makes sure that they were left alone. */
function refusal(bytes: Uint8Array, capacity: number | bigint = 8): VrrlError {
  const storage = new MemoryStorage(bytes.slice(), 'some/log.vrrl');
  const error = thrownBy(() => RingLog.open(storage, capacity));
  expectSameBytes(storage.toBytes(), bytes);
  return error;
}

const whole = makeModel(8, 13).toBytes();

describe('the capacity asked for', () => {
  it.each([0, 0n, -0])('must not be %s', (capacity) => {
    const error = refusal(new Uint8Array(0), capacity);
    expect(error).toBeInstanceOf(ZeroCapacityError);
    expect(error).toMatchObject({ code: 'VRRL_ZERO_CAPACITY', path: undefined });
    expect(error.message).toContain('the capacity asked for is 0, expected 1 to 1048576 records');
  });

  it.each([MAX_CAPACITY + 1, 2 ** 53, 2n ** 64n])('must not be beyond the maximum: %s', (capacity) => {
    const error = refusal(new Uint8Array(0), capacity);
    expect(error).toBeInstanceOf(CapacityOverflowError);
    expect(error).toMatchObject({ code: 'VRRL_CAPACITY_OVERFLOW', count: BigInt(capacity), max: MAX_CAPACITY });
    expect(error.message).toContain(`the capacity asked for is ${capacity}, expected 1 to 1048576`);
  });

  it.each([-1, -1n, 0.5, Number.NaN, Number.POSITIVE_INFINITY])('must be a count: %s', (capacity) => {
    const error = refusal(new Uint8Array(0), capacity);
    expect(error).toBeInstanceOf(InputError);
    expect(error.message).toContain(`the capacity asked for is ${capacity}, expected an integer from 1 to 1048576`);
  });

  it('is checked even if an existing log has its own', () => {
    expect(refusal(whole, 0)).toBeInstanceOf(ZeroCapacityError);
    expect(refusal(whole, MAX_CAPACITY + 1)).toBeInstanceOf(CapacityOverflowError);
  });

  it.each([1, 8n, MAX_CAPACITY])('gives a log of the right length: %s', (capacity) => {
    const storage = new MemoryStorage();
    const log = RingLog.open(storage, capacity);
    expect([log.capacity, log.cursor, storage.size()]).toEqual([Number(capacity), 0, 32 + 64 * Number(capacity)]);
    expect(log.path).toBe('[memory]');
    expect(log.replayAll()).toEqual([]);
  });
});

describe('a header', () => {
  it('of a capacity of 0 is refused', () => {
    const error = refusal(withWord(whole, 16, 0));
    expect(error).toMatchObject({ code: 'VRRL_ZERO_CAPACITY', path: 'some/log.vrrl' });
    expect(error.message).toContain('the header field capacity of `some/log.vrrl` is 0, expected 1 to 1048576');
  });

  it.each([
    [MAX_CAPACITY + 1, 0, 1_048_577n],
    [8, 1, 4_294_967_304n],
    [0xffff_ffff, 0xffff_ffff, 2n ** 64n - 1n],
  ])('of an impossible capacity is refused: %i + %i · 2³²', (low, high, count) => {
    const error = refusal(withWord(withWord(whole, 16, low), 20, high));
    expect(error).toMatchObject({ code: 'VRRL_CAPACITY_OVERFLOW', count, max: MAX_CAPACITY, path: 'some/log.vrrl' });
    expect(error.message).toContain(`the header field capacity of \`some/log.vrrl\` is ${count}`);
  });

  it.each([0, 2, 0xffff_ffff])('of version %i is refused', (version) => {
    const error = refusal(withWord(whole, 8, version));
    expect(error).toBeInstanceOf(HeaderMismatchError);
    expect(error).toMatchObject({ code: 'VRRL_HEADER_MISMATCH', field: 'version', found: `${version}`, expected: '1' });
    expect(error.message).toContain(
      `the field version of \`some/log.vrrl\` is ${version}, expected 1. Fix: this reader`,
    );
  });

  it.each([0, 1, 2, 3, 4, 5, 6, 7])('with byte %i of the magic wrong is refused', (index) => {
    const bytes = whole.slice();
    bytes[index] = 0x7a;
    const error = refusal(bytes);
    const found = `${'VRRL0001'.slice(0, index)}z${'VRRL0001'.slice(index + 1)}`;
    expect(error).toMatchObject({ code: 'VRRL_HEADER_MISMATCH', field: 'magic', found, expected: 'VRRL0001' });
    expect(error.message).toContain('is no vrrl log, or its header is damaged');
  });

  it('of v2 is refused with the way to go on', () => {
    const bytes = whole.slice();
    bytes[7] = 0x32;
    const error = refusal(bytes);
    expect(error).toMatchObject({ code: 'VRRL_HEADER_MISMATCH', field: 'magic', found: 'VRRL0002' });
    expect(error.fix).toContain('it is a v2 log: open it with `vrrl/log-v2`');
  });

  it('of other bytes is printed as bytes', () => {
    const bytes = whole.slice().fill(1, 0, 8);
    expect(refusal(bytes)).toMatchObject({ found: '0x0101010101010101' });
  });

  it('that is blank before records is refused: they are not ours to wipe', () => {
    const error = refusal(whole.slice().fill(0, 0, 32));
    expect(error).toMatchObject({ code: 'VRRL_HEADER_MISMATCH', field: 'magic', found: '8 zero bytes' });
    expect(error.fix).toContain('its header was never written');
  });

  it.each([33, 95, 100])('that is blank in a file of %i bytes, which no log has, is refused', (bytes) => {
    expect(refusal(new Uint8Array(bytes))).toMatchObject({ code: 'VRRL_HEADER_MISMATCH', found: '8 zero bytes' });
  });

  it('is refused alike by the readers', () => {
    const badMagic = withWord(whole, 0, 7);
    for (const bytes of [badMagic, withWord(whole, 8, 2), withWord(whole, 16, 0), withWord(whole, 20, 1)]) {
      const { message } = refusal(bytes);
      const storage = new MemoryStorage(bytes, 'some/log.vrrl');
      expect(thrownBy(() => scanLog(storage)).message).toBe(message);
      expect(thrownBy(() => readHeader(storage)).message).toBe(message);
    }
  });
});

describe('a header cut short', () => {
  const lengths = Array.from({ length: 31 }, (_, index) => index + 1);
  const bytesText = (length: number) => (length === 1 ? '1 byte' : `${length} bytes`);

  it('to nothing: the reader says so, and the writer makes a new log', () => {
    const error = thrownBy(() => scanLogBytes(new Uint8Array(0), { label: 'x.vrrl' }));
    expect(error).toMatchObject({
      code: 'VRRL_TRUNCATED_HEADER',
      path: 'x.vrrl',
      bytes: 0,
      kind: 'headerEmpty',
      repairable: true,
    });
    expect(error.message).toContain('`x.vrrl` has 0 bytes, expected a header of 32. Fix: open it for writing');
    const log = RingLog.open(new MemoryStorage(), 8);
    expect(log.recovered).toMatchObject([{ kind: 'headerEmpty', severity: 'warning' }]);
    expect(log.recovered[0].message).toContain('was empty; a new log of 8 records was made of it. Fix: ');
  });

  it.each(lengths)('to %i bytes: the reader says so, and the writer makes a new log', (length) => {
    const bytes = whole.slice(0, length);
    const error = thrownBy(() => scanLogBytes(bytes));
    expect(error).toBeInstanceOf(TruncatedHeaderError);
    expect(error).toMatchObject({ bytes: length, kind: 'headerTruncated', repairable: true });
    expect(error.message).toContain(`has ${bytesText(length)}, the beginning of a v1 header, expected a header of 32`);
    const storage = new MemoryStorage(bytes);
    const log = RingLog.open(storage, 5);
    expect(log.recovered).toMatchObject([{ kind: 'headerTruncated' }]);
    expect(log.recovered[0].message).toContain(
      `had only ${bytesText(length)}, the beginning of a v1 header; a new log of 5`,
    );
    // The cursor may be cut: what was once behind it is not known, what is left is.
    expect(error.fix).toContain('what is left of it holds no record');
    expect(log.recovered[0].message).toContain('what was left of it held no record');
    expectSameBytes(storage.toBytes(), makeModel(5, 0).toBytes());
  });

  it.each(lengths)('to %i bytes that are not of v1: both refuse', (length) => {
    const bytes = whole.slice(0, length);
    bytes[Math.min(length - 1, 11)] ^= 0x40;
    const error = refusal(bytes);
    expect(error).toMatchObject({ code: 'VRRL_TRUNCATED_HEADER', bytes: length, repairable: false });
    expect(error.message).toContain('which are not the beginning of a v1 header');
    expect(error.fix).toContain('opening it for writing refuses it too');
    expect(thrownBy(() => scanLogBytes(bytes, { label: 'some/log.vrrl' })).message).toBe(error.message);
  });

  it.each([
    { capacity: [0], repairable: true },
    { capacity: [0, 0], repairable: true },
    { capacity: [0, 0, 0], repairable: false },
    { capacity: [0, 0, 16], repairable: true },
    { capacity: [1, 0, 16], repairable: false },
    { capacity: [0, 0, 16, 0, 0, 0, 0, 0, 99, 99], repairable: true },
    { capacity: [0, 0, 0, 0, 0, 0, 0, 0, 1], repairable: false },
    { capacity: [8, 0, 0, 0, 0, 1], repairable: false },
  ])('within its capacity $capacity: some log can have it: $repairable', ({ capacity, repairable }) => {
    const bytes = new Uint8Array([...whole.subarray(0, 16), ...capacity]);
    expect(thrownBy(() => scanLogBytes(bytes))).toMatchObject({ repairable });
  });
});

describe('a writer killed while it created the log', () => {
  it.each([1, 8, 2000])('left zeros in the length of %i records: a new log of the capacity asked for', (capacity) => {
    const storage = new MemoryStorage(new Uint8Array(32 + 64 * capacity));
    const log = RingLog.open(storage, 5);
    expect(log.recovered).toMatchObject([{ kind: 'headerBlank', severity: 'warning' }]);
    expect(log.recovered[0].message).toContain(`had ${32 + 64 * capacity} bytes, all of them zero; a new log of 5`);
    expect(log.recovered[0].message).toContain(' Fix: ');
    expectSameBytes(storage.toBytes(), makeModel(5, 0).toBytes());
  });

  it('leaves nothing that cannot be opened again, whichever call is its last', () => {
    for (let calls = 0; calls <= 3; calls += 1) {
      const storage = new MemoryStorage();
      let left = calls;
      const dieAfter = (run: () => void): void => {
        if (left === 0) throw new Error('killed');
        left -= 1;
        run();
      };
      const { resize, writeAt } = storage;
      storage.resize = (bytes) => dieAfter(() => resize.call(storage, bytes));
      storage.writeAt = (source, position) => dieAfter(() => writeAt.call(storage, source, position));
      if (calls < 3) expect(() => RingLog.open(storage, 8)).toThrow('killed');
      else RingLog.open(storage, 8);
      const survivor = new MemoryStorage(storage.toBytes());
      RingLog.open(survivor, 8).append(makeRecord(0));
      expectSameBytes(survivor.toBytes(), makeModel(8, 1).toBytes());
    }
  });
});

describe('a body cut short', () => {
  it('is made whole with zeros, and never with half a record', () => {
    for (let bytes = 32; bytes < whole.length; bytes += 1) {
      const storage = new MemoryStorage(whole.slice(0, bytes));
      const log = RingLog.open(storage, 3);
      const held = Math.floor((bytes - 32) / 64);
      expect(log.recovered).toMatchObject([{ kind: 'bodyTruncated' }]);
      expect([log.capacity, log.cursor, storage.size()]).toEqual([8, 5, whole.length]);
      const expected = whole.slice().fill(0, 32 + 64 * held);
      expectSameBytes(storage.toBytes(), expected);
      expect(log.replayAll().length).toBe(held);
      log.append(makeRecord(13));
      expect(log.replayAll().at(-1)).toEqual(makeRecord(13));
    }
  });

  it('is still known to have lost something when it is read again', () => {
    const storage = new MemoryStorage(whole.slice(0, 32 + 64 * 7));
    const before = RingLog.open(storage, 8).recovered[0];
    expect(before).toMatchObject({ severity: 'damage', count: 1 });
    expect(scanLogBytes(storage.toBytes()).loss).toMatchObject({ holes: 1, lost: 1 });
  });

  it('is refused by the strict reader', () => {
    const storage = new MemoryStorage(whole.slice(), 'some/log.vrrl');
    const log = RingLog.open(storage, 8);
    storage.resize(200);
    const error = thrownBy(() => log.replayAll());
    expect(error).toBeInstanceOf(TruncatedBodyError);
    expect(error).toMatchObject({ code: 'VRRL_TRUNCATED_BODY', expectedBytes: whole.length, foundBytes: 200 });
    expect(error.message).toContain('`some/log.vrrl` has 200 bytes, expected 544');
  });
});

describe('the strict reader', () => {
  it('refuses a damaged record wherever it is, and names it', () => {
    for (let position = 0; position < 8; position += 1) {
      const bytes = withWord(whole, 32 + 64 * position, 0xdead_beee);
      const log = RingLog.open(new MemoryStorage(bytes, 'some/log.vrrl'), 8);
      const error = thrownBy(() => log.replayAll());
      expect(error).toMatchObject({
        code: 'VRRL_HEADER_MISMATCH',
        path: 'some/log.vrrl',
        field: `records[${position}].magic`,
        found: '0xdeadbeee',
        expected: '0xdeadbeef or 0x0',
      });
      expect(error.message).toContain('`scanLog` reads all the others');
    }
  });

  it('skips what was never written', () => {
    const bytes = whole.slice().fill(0, 32 + 64 * 6, 32 + 64 * 7);
    expect(RingLog.open(new MemoryStorage(bytes), 8).replayAll()).toEqual([makeRecord(5), ...makeRecords(6, 7)]);
  });
});

describe('a record that does not fit', () => {
  const good = makeRecord(3);
  const failure = { slotStatus: 1, failureClass: 1, backendCode: 1, outputDigest: 1n };
  const bad = [
    { field: 'timestampNs', record: { ...good, timestampNs: -1n } },
    { field: 'timestampNs', record: { ...good, timestampNs: 2n ** 64n } },
    { field: 'slotIndex', record: { ...good, slotIndex: -1 } },
    { field: 'tenantId', record: { ...good, tenantId: 2 ** 32 } },
    { field: 'opcode', record: { ...good, opcode: 0.5 } },
    { field: 'epoch', record: { ...good, epoch: Number.NaN } },
    { field: 'args[2]', record: { ...good, args: [1, 2, -3, 4] as const } },
    { field: 'failure.slotStatus', record: { ...good, failure: { ...failure, slotStatus: -1 } } },
    { field: 'failure.failureClass', record: { ...good, failure: { ...failure, failureClass: 1.5 } } },
    { field: 'failure.backendCode', record: { ...good, failure: { ...failure, backendCode: 2 ** 33 } } },
    { field: 'failure.outputDigest', record: { ...good, failure: { ...failure, outputDigest: -1n } } },
  ];

  it.each(bad)('is refused by its $field, and nothing is written', ({ field, record }) => {
    const storage = new MemoryStorage(whole.slice());
    const log = RingLog.open(storage, 8);
    const batch = [...makeRecords(20, 13), record];
    for (const run of [() => log.append(record), () => log.appendMany(batch), () => log.appendMany(new Set(batch))]) {
      const error = thrownBy(run);
      expect(error).toBeInstanceOf(InputError);
      expect(error.message).toContain(`the record's field ${field} is `);
      expectSameBytes(storage.toBytes(), whole);
    }
  });

  it('is refused by evidence that does not fit', () => {
    const log = RingLog.open(new MemoryStorage(whole.slice()), 8);
    const error = thrownBy(() => log.appendWithFailure(good, { ...failure, backendCode: -1 }));
    expect(error.message).toContain('failure.backendCode is -1, expected an integer from 0 to 4294967295');
  });

  it('is refused by a wrong number of arguments', () => {
    const log = RingLog.open(new MemoryStorage(whole.slice()), 8);
    const parsed: unknown = JSON.parse('[1, 2, 3]');
    const error = thrownBy(() => log.append({ ...good, args: parsed as typeof good.args }));
    expect(error.message).toContain("the record's field args has 3 words, expected 4");
  });
});
