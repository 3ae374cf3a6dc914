import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeFrame, FRAME_HEADER_BYTES, type Frame, FrameReader, WireError } from '../../src/wire/index.ts';

const frames = fc.array(fc.record({ type: fc.nat(0xffff_ffff), payload: fc.uint8Array({ maxLength: 300 }) }), {
  maxLength: 12,
});

function readAll(reader: FrameReader): Frame[] {
  const read: Frame[] = [];
  for (let frame = reader.next(); frame !== undefined; frame = reader.next()) read.push(frame);
  return read;
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(pieces.flatMap((piece) => [...piece]));
}

describe('frames', () => {
  it('are little-endian: length, type, payload', () => {
    expect([...encodeFrame(0x0102, Uint8Array.of(9, 8))]).toEqual([2, 0, 0, 0, 2, 1, 0, 0, 9, 8]);
  });

  it('come back as they were, however the stream was cut', () => {
    fc.assert(
      fc.property(frames, fc.array(fc.nat(40), { minLength: 1 }), (sent, cuts) => {
        const stream = joined(sent.map(({ type, payload }) => encodeFrame(type, payload)));
        const reader = new FrameReader(300);
        const read: Frame[] = [];
        for (let at = 0, turn = 0; at < stream.length; turn += 1) {
          // Nodes hand over pieces of one buffer that they use again: a copy each, so that mixing them up would show.
          const length = Math.max(cuts[turn % cuts.length], turn % 7 === 6 ? 1 : 0);
          reader.push(stream.slice(at, at + length));
          at += length;
          read.push(...readAll(reader));
        }
        expect(read.map(({ type, payload }) => ({ type, payload: [...payload] }))).toEqual(
          sent.map(({ type, payload }) => ({ type, payload: [...payload] })),
        );
        expect(reader.isBetweenFrames).toBe(true);
      }),
    );
  });

  it('are not whole until the last byte is there', () => {
    const stream = encodeFrame(5, new Uint8Array(20));
    const reader = new FrameReader(20);
    for (const byte of stream.subarray(0, -1)) {
      reader.push(Uint8Array.of(byte));
      expect(reader.next()).toBeUndefined();
      expect(reader.isBetweenFrames).toBe(false);
    }
    reader.push(stream.subarray(-1));
    expect(reader.next()).toMatchObject({ type: 5 });
  });

  it.each([101, 0x7fff_ffff, 0xffff_ffff])(
    'of %i bytes are refused by their header, where 100 are the most',
    (length) => {
      const reader = new FrameReader(100);
      reader.push(new Uint8Array(Uint32Array.of(100, 1).buffer));
      expect(reader.next()).toBeUndefined();
      reader.push(new Uint8Array(100));
      expect(reader.next()?.payload).toHaveLength(100);
      reader.push(new Uint8Array(Uint32Array.of(length, 1).buffer));
      expect(() => reader.next()).toThrow(WireError);
    },
  );

  it('take time in proportion to their length, in however many pieces they come', () => {
    // Quadratic, the many small pieces of these 32 MiB would be joined 8,192 times: 128 GiB to copy.
    const reader = new FrameReader(2 ** 26);
    const piece = new Uint8Array(4_096).fill(7);
    reader.push(new Uint8Array(Uint32Array.of(2 ** 25, 9).buffer));
    for (let count = 0; count < 2 ** 13; count += 1) {
      expect(reader.next()).toBeUndefined();
      reader.push(piece);
    }
    expect(reader.next()?.payload.every((byte) => byte === 7)).toBe(true);
  });

  it('have payloads whose slices are copies, also from Node buffers', () => {
    const reader = new FrameReader(8);
    reader.push(Buffer.from(encodeFrame(1, Uint8Array.of(1, 2, 3, 4))));
    const payload = reader.next()!.payload;
    expect(new Uint32Array(payload.slice().buffer)).toEqual(Uint32Array.of(0x0403_0201));
    expect(FRAME_HEADER_BYTES).toBe(8);
  });
});
