import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { crc32c } from '../../src/base/crc32c.ts';
import { VrrlError } from '../../src/base/errors.ts';
import { type FindingKind, ObservationFormatError, ObservationReader } from '../../src/observe/index.ts';
import { MemoryStorage } from '../../src/storage/index.ts';
import { below, falseBelief, reading, seededRandom, type WrittenStream, writeRandomStream } from './streams.ts';

/** Where every frame of an undamaged stream starts, and where the last one ends. */
function frameBounds(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const bounds = [0];
  for (let position = 0; position < bytes.length; ) {
    position += 32 + Math.ceil(view.getUint32(position + 4, true) / 8) * 8;
    bounds.push(position);
  }
  return bounds;
}

function open(bytes: Uint8Array): ObservationReader {
  return ObservationReader.open(new MemoryStorage(bytes));
}

function kinds(reader: ObservationReader): FindingKind[] {
  return reader.findings.map(({ kind }) => kind);
}

function concatenate(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
  let position = 0;
  for (const part of parts) {
    whole.set(part, position);
    position += part.length;
  }
  return whole;
}

const layout = {
  areas: [{ name: 'a', words: 9 }],
  regions: [{ name: 'm', area: 'a', start: 3, count: 4, equivalence: 'multiset', recordWords: 2 }],
} as const;

describe('a small stream', () => {
  let written: WrittenStream;
  let bytes: Uint8Array;
  const epochEnds: number[] = [];

  beforeAll(() => {
    written = writeRandomStream(seededRandom(11), {
      epochs: 9,
      keyframeInterval: 4,
      layout,
      afterEpoch: (writer) => epochEnds.push(writer.sizeBytes),
    });
    bytes = written.storage.toBytes();
  });

  it('cut off anywhere, gives every epoch that was whole', () => {
    const bounds = frameBounds(bytes);
    for (let length = 0; length < bytes.length; length++) {
      const cut = bytes.slice(0, length);
      if (length < bounds[1]) {
        expect(() => open(cut)).toThrow(ObservationFormatError);
        continue;
      }
      const reader = open(cut);
      expect(reader.cleanEnd).toBe(false);
      expect(kinds(reader)).toEqual(bounds.includes(length) ? [] : ['torn']);
      expect(reader.epochCount).toBe(epochEnds.filter((end) => end <= length).length);
      if (length >= bounds[3]) expect(reader.loss.epochsWithoutState).toBe(0);
      expect(falseBelief(cut, written)).toBeUndefined();
    }
  });

  it('with any one bit flipped, says so and believes nothing false', () => {
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      bytes[bit >> 3] ^= 1 << (bit & 7);
      const reader = open(bytes);
      if (reader.findings.length === 0) expect.fail(`bit ${bit} goes unseen`);
      const belief = falseBelief(bytes, written);
      if (belief !== undefined) expect.fail(`bit ${bit}: ${belief}`);
      // One frame is lost, and at most one epoch with it.
      if (reader.epochCount < 8) expect.fail(`bit ${bit} costs more than a frame`);
      bytes[bit >> 3] ^= 1 << (bit & 7);
    }
  });

  it('with any frame removed, says that it is missing', () => {
    const bounds = frameBounds(bytes);
    for (let frame = 0; frame + 1 < bounds.length; frame++) {
      const damaged = concatenate(bytes.subarray(0, bounds[frame]), bytes.subarray(bounds[frame + 1]));
      const reader = open(damaged);
      const isAtEdge = frame === 0 || frame === bounds.length - 2;
      expect(kinds(reader).includes('missing')).toBe(!isAtEdge);
      expect(falseBelief(damaged, written)).toBeUndefined();
    }
  });

  it('with any word overwritten, or any two frames exchanged, believes nothing false', () => {
    const bounds = frameBounds(bytes);
    for (let position = 0; position < bytes.length; position += 4) {
      const damaged = bytes.slice();
      damaged.fill(0xff, position, position + 4);
      expect(falseBelief(damaged, written)).toBeUndefined();
    }
    for (let one = 0; one + 1 < bounds.length; one++) {
      for (let other = one + 1; other + 1 < bounds.length; other++) {
        const frame = (index: number) => bytes.subarray(bounds[index], bounds[index + 1]);
        const between = bytes.subarray(bounds[one + 1], bounds[other]);
        const damaged = concatenate(
          bytes.subarray(0, bounds[one]),
          frame(other),
          between,
          frame(one),
          bytes.subarray(bounds[other + 1]),
        );
        // Two copies of the header differ in nothing but their number.
        expect(open(damaged).findings.length, `frames ${one} and ${other}`).toBeGreaterThan(0);
        expect(falseBelief(damaged, written)).toBeUndefined();
      }
    }
  });

  it('with frames of another stream in it, passes over them', () => {
    const other = writeRandomStream(seededRandom(12), { epochs: 3, keyframeInterval: 2, layout }).storage.toBytes();
    const clean = reading(open(bytes));
    const bounds = frameBounds(bytes);
    for (const bound of bounds.slice(1)) {
      const spliced = concatenate(bytes.subarray(0, bound), other, bytes.subarray(bound));
      const reader = open(spliced);
      expect(kinds(reader)).toEqual(['foreign']);
      expect(reader.loss.foreignFrames).toBe(frameBounds(other).length - 1);
      const isAtEnd = bound === bytes.length;
      expect(reader.cleanEnd).toBe(!isAtEnd);
      if (!isAtEnd) expect(reading(reader)).toBe(clean);
      expect(falseBelief(spliced, written)).toBeUndefined();
    }
  });

  it('with its own older frames in it again, passes over them', () => {
    const bounds = frameBounds(bytes);
    const old = bytes.subarray(bounds[2], bounds[6]);
    for (const bound of bounds.slice(6)) {
      const spliced = concatenate(bytes.subarray(0, bound), old, bytes.subarray(bound));
      const reader = open(spliced);
      expect(kinds(reader)).toEqual(['stale']);
      expect(reader.loss.staleFrames).toBe(4);
      expect(falseBelief(spliced, written)).toBeUndefined();
    }
  });

  it('with bytes cut out of its middle, finds the frames after the hole', () => {
    const bounds = frameBounds(bytes);
    for (let start = bounds[1]; start < bounds[8]; start += 8) {
      const damaged = concatenate(bytes.subarray(0, start), bytes.subarray(start + 24));
      const reader = open(damaged);
      expect(reader.findings.length).toBeGreaterThan(0);
      expect(reader.epochCount).toBeGreaterThanOrEqual(7);
      expect(falseBelief(damaged, written)).toBeUndefined();
    }
  });
});

describe('what is lost', () => {
  /** Damages the frame before the epoch ends at `end`. */
  function lose(bytes: Uint8Array, end: number): Uint8Array {
    const damaged = bytes.slice();
    damaged[end - 9] ^= 1;
    return damaged;
  }

  it('makes states unknown until the next keyframe, and keeps digests and the rest', () => {
    const epochEnds: number[] = [];
    const written = writeRandomStream(seededRandom(21), {
      epochs: 12,
      keyframeInterval: 5,
      layout: { areas: [{ name: 'a', words: 60 }], regions: [] },
      afterEpoch: (writer) => epochEnds.push(writer.sizeBytes),
    });
    const bytes = written.storage.toBytes();
    const whole = open(bytes);
    // A keyframe is due at ordinals 4 and 9; the epoch after ordinal 5 is lost.
    const reader = open(lose(bytes, epochEnds[6]));
    expect(reader.epochCount).toBe(11);
    const known = Array.from({ length: 11 }, (_, index) => [reader.epoch(index).ordinal, reader.stateKnown(index)]);
    const changes = (ordinal: number) =>
      whole.epoch(ordinal).stateDigest.join() !== whole.epoch(ordinal - 1).stateDigest.join();
    expect(changes(6)).toBe(true);
    expect(known).toEqual([
      ...[0, 1, 2, 3, 4, 5].map((ordinal) => [ordinal, true]),
      ...[7, 8].map((ordinal) => [ordinal, false]),
      ...[9, 10, 11].map((ordinal) => [ordinal, true]),
    ]);
    expect(reader.loss.epochsWithoutState).toBe(2);
    expect(reader.epoch(6).regionDigests).toEqual(whole.epoch(7).regionDigests);
    expect(reader.wordsAfter(6)).toBeUndefined();
    expect(reader.wordsBefore(6)).toBeUndefined();
    expect(reader.wordsBefore(8)).toBeUndefined();
    expect(reader.wordsBefore(9)).toEqual(written.epochs[9].words);
  });

  it('is no proof of anything: a lost rest and a lost fault are known to be lost', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const written = writeRandomStream(seededRandom(seed), { epochs: 6, keyframeInterval: 2, layout });
        const bytes = written.storage.toBytes();
        const bounds = frameBounds(bytes);
        for (let frame = 3; frame + 1 < bounds.length; frame++) {
          const kind = String.fromCharCode(bytes[bounds[frame] + 3]);
          if (kind !== 'S' && kind !== 'F') continue;
          const reader = open(lose(bytes, bounds[frame + 1]));
          const doubted = Array.from({ length: 6 }, (_, index) => reader.epoch(index)).filter(
            (epoch) => !(kind === 'S' ? epoch.slotRestsKnown : epoch.faultsKnown),
          );
          expect(doubted).toHaveLength(1);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('can be the initial state', () => {
    const written = writeRandomStream(seededRandom(5), { epochs: 4, keyframeInterval: 3, layout });
    const bytes = written.storage.toBytes();
    const damaged = lose(bytes, frameBounds(bytes)[3]);
    const reader = open(damaged);
    expect([reader.initialWords, reader.initialMemory, reader.wordsBefore(0)]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(reader.wordsAfter(3)).toEqual(written.epochs[3].words);
    expect(falseBelief(damaged, written)).toBeUndefined();
  });

  it('is not the stream if one copy of the header is, but is if both are', () => {
    const written = writeRandomStream(seededRandom(6), { epochs: 2, keyframeInterval: 3, layout });
    const bytes = written.storage.toBytes();
    const clean = reading(open(bytes));
    const bounds = frameBounds(bytes);
    const first = lose(bytes, bounds[1]);
    const second = lose(bytes, bounds[2]);
    for (const damaged of [first, second]) expect(reading(open(damaged))).toBe(clean);
    expect(() => open(lose(first, bounds[2]))).toThrow(/damaged in both copies/);
  });
});

it('reads any bytes, damaged as they may be, or throws an error of ours', () => {
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const random = seededRandom(seed);
      const written = writeRandomStream(random, { epochs: below(random, 12), keyframeInterval: 1 + below(random, 8) });
      let bytes = written.storage.toBytes();
      for (let damage = 1 + below(random, 4); damage > 0; damage--) {
        const start = below(random, bytes.length);
        const end = Math.min(bytes.length, start + below(random, 200));
        const kind = below(random, 4);
        if (kind === 0) bytes[start] ^= 1 << below(random, 8);
        else if (kind === 1) bytes.fill(below(random, 256), start, end);
        else if (kind === 2) bytes = concatenate(bytes.subarray(0, start), bytes.subarray(end));
        else bytes = concatenate(bytes.subarray(0, end), bytes.subarray(start));
        if (bytes.length === 0) break;
      }
      try {
        expect(falseBelief(bytes, written)).toBeUndefined();
      } catch (error) {
        if (!(error instanceof VrrlError)) throw error;
      }
    }),
    { numRuns: 3000 },
  );
});

it('reads noise, or throws an error of ours', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      expect(() => open(bytes)).toThrow(ObservationFormatError);
    }),
  );
});

it('takes time in proportion to the size, whatever the headers claim', () => {
  const written = writeRandomStream(seededRandom(3), { epochs: 1, keyframeInterval: 1, layout });
  const bytes = written.storage.toBytes();
  const bounds = frameBounds(bytes);
  // Headers that are intact and claim everything that follows; no payload is what they say.
  const header = bytes.slice(bounds[3], bounds[3] + 32);
  const claims = new Uint8Array(4 << 20);
  const words = new Uint32Array(header.buffer);
  for (let position = 0; position < claims.length; position += 32) {
    words[1] = claims.length - position - 32;
    words[7] = crc32c(header, 0, 28);
    claims.set(header, position);
  }
  const start = performance.now();
  expect(open(concatenate(bytes, claims)).epochCount).toBe(1);
  expect(performance.now() - start).toBeLessThan(5000);
});
