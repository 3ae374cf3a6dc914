import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { crc32c } from '../../src/base/crc32c.ts';
import { VrrlError } from '../../src/base/errors.ts';
import { FrameBuffer } from '../../src/observe/frame-buffer.ts';
import {
  type FindingKind,
  ObservationFormatError,
  ObservationReader,
  ObservationWriter,
} from '../../src/observe/index.ts';
import { FrameKind } from '../../src/observe/stream-format.ts';
import { MemoryStorage } from '../../src/storage/index.ts';
import {
  below,
  CountingStorage,
  concatenate,
  damageAtRandom,
  falseBelief,
  forgeAtRandom,
  frameBounds,
  reading,
  seededRandom,
  type WrittenStream,
  writeRandomStream,
} from './streams.ts';

function open(bytes: Uint8Array): ObservationReader {
  return ObservationReader.open(new MemoryStorage(bytes));
}

function kinds(reader: ObservationReader): FindingKind[] {
  return reader.findings.map(({ kind }) => kind);
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

  it('is not more than there is a hole: frames that a cut frame seems to cover are found', () => {
    const storage = new MemoryStorage();
    const areas = [{ name: 'a', words: 200 }];
    const metadata = { tool: 't', kernel: 0, layout: { areas, regions: [] }, backend: { name: 'b' } };
    const writer = ObservationWriter.create(storage, metadata, new Uint32Array(200), { keyframeInterval: 100 });
    const facts = { deviceEpoch: 0, recordCount: 1, done: 1, faulted: 0, pending: 0 };
    const digests = { faultDigest: [0, 0], recordsDigest: [0, 0] } as const;
    const ends: number[] = [];
    for (let ordinal = 0; ordinal < 30; ordinal++) {
      const random = seededRandom(9);
      const words = Uint32Array.from({ length: 200 }, () => below(random, 0x1_0000_0000));
      words[0] = ordinal;
      writer.appendEpoch({ ...facts, ...digests, ordinal, firstRecord: ordinal + 1, words });
      ends.push(writer.sizeBytes);
    }
    const bytes = storage.toBytes();
    // The first epoch is a keyframe, and the others are much shorter than what is cut out of it.
    const reader = open(concatenate(bytes.subarray(0, ends[0] - 720), bytes.subarray(ends[0])));
    expect(reader.epochCount).toBe(29);
    expect(reader.loss).toMatchObject({ missingFrames: 1, epochsWithoutState: 29 });
  });

  it('includes frames that are intact and make no sense where they are', () => {
    const written = writeRandomStream(seededRandom(2), { epochs: 2, keyframeInterval: 1, layout, close: false });
    const bytes = written.storage.toBytes();
    const bounds = frameBounds(bytes);
    const words = new Uint32Array(bytes.slice().buffer);
    const salt = [words[4], words[5]] as const;
    const kindOf = (start: number) => words[start / 4];
    const withFrame = (kind: number, payload: Uint32Array): ObservationReader => {
      const buffer = new FrameBuffer(salt);
      const at = buffer.reserve(payload.byteLength);
      buffer.words.set(payload, at);
      buffer.seal(kind, payload.byteLength, 1000);
      return open(concatenate(bytes, buffer.bytes.subarray(0, buffer.length)));
    };
    const payloadOf = (kind: number): Uint32Array => {
      const start = bounds.findLast((bound) => bound < bytes.length && kindOf(bound) === kind) ?? 0;
      return words.slice(start / 4 + 8, start / 4 + 8 + words[start / 4 + 1] / 4);
    };
    const epoch = payloadOf(FrameKind.EPOCH);
    const nextEpoch = epoch.with(0, 2).with(2, 1000);
    expect(withFrame(FrameKind.EPOCH, nextEpoch).loss.malformedFrames).toBe(0);
    const wrong: readonly (readonly [kind: number, payload: Uint32Array])[] = [
      [0x0062_6f76, Uint32Array.of(1)],
      [FrameKind.EPOCH, epoch],
      [FrameKind.EPOCH, nextEpoch.with(0, 1)],
      [FrameKind.EPOCH, nextEpoch.with(2, 1)],
      [FrameKind.EPOCH, nextEpoch.with(3, 0xffff_ffff)],
      [FrameKind.EPOCH, nextEpoch.with(14, 1)],
      [FrameKind.EPOCH, nextEpoch.with(15, 3)],
      [FrameKind.EPOCH, nextEpoch.subarray(0, nextEpoch.length - 1)],
      [FrameKind.EPOCH, nextEpoch.subarray(0, 5)],
      [FrameKind.EPOCH, new Uint32Array(100)],
      [FrameKind.INITIAL_STATE, payloadOf(FrameKind.INITIAL_STATE)],
      [FrameKind.INITIAL_STATE, Uint32Array.of(1, 2)],
      [FrameKind.SLOT_REST, new Uint32Array(0)],
      [FrameKind.SLOT_REST, new Uint32Array(11)],
      [FrameKind.SLOT_REST, new Uint32Array(12)],
      [FrameKind.SLOT_REST, new Uint32Array(24).fill(1, 0, 1).fill(1, 12, 13)],
      [FrameKind.FAULT, Uint32Array.of(9)],
      [FrameKind.FAULT, Uint32Array.of(9, 1, 0, 0, 0, 5)],
      [FrameKind.FAULT, Uint32Array.of(9, 2, 0, 0, 0, 0)],
      [FrameKind.FAULT, Uint32Array.of(1, 0)],
      [FrameKind.END, Uint32Array.of(1, 2)],
    ];
    for (const [kind, payload] of wrong) {
      const reader = withFrame(kind, payload);
      expect(reader.loss.malformedFrames, `${kind.toString(16)} ${payload}`).toBe(1);
      expect(kinds(reader)).toContain('malformed');
      expect(reader.epochCount).toBe(2);
      expect(reader.cleanEnd).toBe(false);
    }
  });

  it('is noticed by the count in the end, if by nothing else', () => {
    const storage = new MemoryStorage();
    const written = writeRandomStream(seededRandom(2), {
      epochs: 2,
      keyframeInterval: 1,
      layout,
      close: false,
      storage,
    });
    const words = new Uint32Array(storage.toBytes().buffer);
    const buffer = new FrameBuffer([words[4], words[5]]);
    buffer.words.set([5, 0, 9, 0], buffer.reserve(16));
    const sequence = words[frameBounds(storage.toBytes()).at(-2)! / 4 + 2] + 1;
    buffer.seal(FrameKind.END, 16, sequence);
    const bytes = concatenate(written.storage.toBytes(), buffer.bytes.subarray(0, buffer.length));
    const reader = open(bytes);
    expect(reader.findings.map(({ message }) => message)).toEqual(['the writer counted 5 epochs, 2 are accounted for']);
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
      const bytes = damageAtRandom(random, written.storage.toBytes());
      try {
        expect(falseBelief(bytes, written)).toBeUndefined();
      } catch (error) {
        if (!(error instanceof VrrlError)) throw error;
      }
    }),
    { numRuns: 3000 },
  );
});

it('reads forged frames, whose checksums are right, or throws an error of ours', () => {
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const random = seededRandom(seed);
      const written = writeRandomStream(random, { epochs: below(random, 12), keyframeInterval: 1 + below(random, 8) });
      const bytes = forgeAtRandom(random, written.storage.toBytes());
      try {
        const reader = open(bytes);
        reading(reader);
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

it('reads in proportion to the size, whatever the headers claim', () => {
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
  const storage = new CountingStorage(concatenate(bytes, claims));
  expect(ObservationReader.open(storage).epochCount).toBe(1);
  expect(storage.bytesRead).toBeLessThan(20 * storage.size());
});
