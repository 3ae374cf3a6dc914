import { describe, expect, it } from 'vitest';
import { FrameBuffer } from '../../src/observe/frame-buffer.ts';
import { ObservationFormatError, type ObservationHeader, ObservationReader } from '../../src/observe/index.ts';
import { FrameKind } from '../../src/observe/stream-format.ts';
import { MemoryStorage } from '../../src/storage/index.ts';

/** A stream that is nothing but a header with this payload. */
function openPayload(payload: Uint8Array): ObservationReader {
  const buffer = new FrameBuffer([1, 2]);
  const at = buffer.reserve(payload.length);
  buffer.bytes.set(payload, at * 4);
  buffer.seal(FrameKind.HEADER, payload.length, 0);
  return ObservationReader.open(new MemoryStorage(buffer.bytes.slice(0, buffer.length), 'run.vrrl.obs'));
}

function openText(text: string): ObservationReader {
  return openPayload(new TextEncoder().encode(text));
}

const header: ObservationHeader = {
  formatVersion: 1,
  tool: 'vrrl 0.1.0',
  kernel: { name: 'k' },
  layout: { areas: [{ name: 'control', words: 4 }], regions: [] },
  backend: { name: 'reference' },
};

describe('a header', () => {
  it('alone makes a stream without epochs', () => {
    const reader = openText(JSON.stringify(header));
    expect(reader.header).toEqual(header);
    expect([reader.epochCount, reader.firstOrdinal, reader.overwrittenEpochs, reader.cleanEnd]).toEqual([
      0,
      0,
      0,
      false,
    ]);
    expect([reader.initialWords, reader.initialMemory, reader.totals, reader.slotRest(1)]).toEqual(
      Array(4).fill(undefined),
    );
    expect(() => reader.epoch(0)).toThrow(/has no epoch 0, it has 0/);
  });

  it('may have properties that nobody knows yet', () => {
    expect(openText(JSON.stringify({ ...header, mood: 'good' })).header).toEqual(header);
  });

  const layout = header.layout;
  const wrong: readonly (readonly [change: object, message: RegExp])[] = [
    [{ formatVersion: 2 }, /formatVersion is 2, expected 1/],
    [{ formatVersion: undefined }, /formatVersion is undefined, expected 1/],
    [{ tool: undefined }, /tool is missing/],
    [{ tool: 3 }, /tool is not of the right form/],
    [{ backend: {} }, /backend is not of the right form/],
    [{ backend: null }, /backend is not of the right form/],
    [{ layout: undefined }, /layout is missing/],
    [{ layout: { areas: {}, regions: [] } }, /layout is not of the right form/],
    [{ layout: { areas: [{ name: 'a' }], regions: [] } }, /layout is not of the right form/],
    [{ layout: { areas: [], regions: [] } }, /layout cannot be used: the layout has no area/],
    [{ layout: { ...layout, regions: [null] } }, /layout is not of the right form/],
    [{ layout: { areas: [{ name: 'a', words: 1e12 }], regions: [] } }, /layout cannot be used: area `a`: words/],
    [{ log: { capacity: 0 } }, /log is not of the right form/],
    [{ log: { capacity: 8, firstPosition: -1 } }, /log is not of the right form/],
    [{ note: 5 }, /note is not of the right form/],
    [{ createdAt: [] }, /createdAt is not of the right form/],
  ];

  it.each(wrong)('with %j is refused', (change, message) => {
    const attempt = () => openText(JSON.stringify({ ...header, ...change }));
    expect(attempt).toThrow(ObservationFormatError);
    expect(attempt).toThrow(message);
    expect(attempt).toThrow(/`run.vrrl.obs`.* Fix: [^:]*$/);
  });

  it('that is no JSON object is refused', () => {
    for (const text of ['', '{', '[]', 'null', '"x"'])
      expect(() => openText(text)).toThrow(/header is no (JSON|object)/);
    expect(() => openPayload(Uint8Array.of(0xff, 0xfe))).toThrow(/header is no JSON/);
  });
});

it('an empty file has no header', () => {
  expect(() => ObservationReader.open(new MemoryStorage())).toThrow(/the header is not in the 0 bytes/);
});
