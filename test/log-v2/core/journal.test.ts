import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  FlightLog,
  type FlightLogOptions,
  flightLogBytes,
  JournalSpaceError,
  journalStream,
  type Medium,
  MemoryMedium,
  scanFlightLog,
} from '../../../src/log-v2/index.ts';
import {
  EpochWord,
  FrameBuffer,
  FrameKind,
  InitialStateWord,
  ObservationReader,
  resolveLayout,
  StateEncoding,
} from '../../../src/observe/index.ts';
import { JournalObservations } from '../../../src/record/index.ts';
import { MemoryStorage, StorageError } from '../../../src/storage/index.ts';
import { FILE_ID, METADATA, makeEntry, SLOTS_AT } from './model.ts';

const JOURNAL_BYTES = 4096;
const JOURNAL_AT = SLOTS_AT + 4096;
const options: FlightLogOptions = { capacity: 4, journalBytes: JOURNAL_BYTES, metadata: METADATA, fileId: FILE_ID };

/** A frame of some kind with a payload that says which one it is. */
interface Made {
  readonly kind: 'base' | 'delta' | 'fault';
  readonly bytes: number;
  readonly tag: number;
}

function makeFrame({ kind, bytes, tag }: Made): Uint8Array {
  const buffer = new FrameBuffer([9, 9]);
  const payloadBytes = Math.max(bytes, 80);
  const at = buffer.reserve(payloadBytes);
  buffer.words.fill(0, at, at + Math.ceil(payloadBytes / 4));
  buffer.words[at] = tag;
  buffer.words[at + EpochWord.FIRST_RECORD] = 1;
  if (kind !== 'fault') {
    buffer.words[at + EpochWord.STATE_ENCODING] = kind === 'base' ? StateEncoding.KEYFRAME : StateEncoding.DELTA;
  }
  buffer.bytes.fill(tag & 0xff, at * 4 + 72, at * 4 + payloadBytes);
  buffer.seal(kind === 'fault' ? FrameKind.FAULT : FrameKind.EPOCH, payloadBytes, 1000);
  return buffer.bytes.slice(0, buffer.length);
}

/** What the frames of a journal say that they are, in the order of their numbers. */
function tagsOf(medium: Medium): number[] {
  const { journal } = scanFlightLog(medium);
  return journal.frames.map(({ position }) => {
    const tag = new Uint8Array(4);
    medium.readAt(tag, JOURNAL_AT + position + 32);
    return new DataView(tag.buffer).getUint32(0, true);
  });
}

function newMedium(isMapped: boolean): MemoryMedium | MemoryStorage {
  return isMapped ? MemoryMedium.ofSize(flightLogBytes(options)) : new MemoryStorage();
}

const anyFrame = fc.record({
  kind: fc.constantFrom('base' as const, 'delta' as const, 'fault' as const),
  bytes: fc.integer({ min: 80, max: 1300 }),
});

describe.each([
  ['a mapping', true],
  ['a file', false],
])('in %s', (_, isMapped) => {
  it('a ring of frames holds the newest ones, whole, with a state to start from, across writers', () => {
    const property = fc.property(
      fc.array(fc.oneof({ weight: 9, arbitrary: anyFrame }, { weight: 1, arbitrary: fc.constant('reopen' as const) }), {
        maxLength: 60,
        size: 'max',
      }),
      (steps) => {
        const medium = newMedium(isMapped);
        let log = FlightLog.create(medium, options);
        const appended: Made[] = [];
        for (const step of steps) {
          if (step === 'reopen') {
            log = FlightLog.open(medium);
            expect(log.recovered).toMatchObject([{ kind: 'notClosed' }]);
            continue;
          }
          const made = { ...step, tag: appended.length };
          try {
            log.appendFrames(makeFrame(made));
            appended.push(made);
          } catch (error) {
            expect(error).toBeInstanceOf(JournalSpaceError);
          }
          const { journal } = scanFlightLog(medium);
          const tags = tagsOf(medium);
          expect(tags).toEqual(appended.slice(appended.length - tags.length).map(({ tag }) => tag));
          expect([journal.strayBytes, journal.missingFrames, journal.forked.length]).toEqual([0, 0, 0]);
          expect(journal.newestFrame).toBe(2 + appended.length);
          if (appended.some(({ kind }) => kind === 'base'))
            expect(journal.frames.some(({ isBase }) => isBase)).toBe(true);
          // Nothing is dropped that there was room for.
          const last = journal.frames.reduce((sum, { position, end }) => sum + end - position, 0);
          if (tags.length < appended.length) expect(last).toBeGreaterThan(JOURNAL_BYTES - 2 * 1400);
        }
      },
    );
    fc.assert(property, { numRuns: 60 });
  });

  it('refuses a frame that is larger than the journal, or is none', () => {
    const medium = newMedium(isMapped);
    const log = FlightLog.create(medium, options);
    expect(() => log.appendFrames(makeFrame({ kind: 'base', bytes: 5000, tag: 1 }))).toThrow(
      /larger than the journal\. Fix: /,
    );
    const frame = makeFrame({ kind: 'base', bytes: 100, tag: 1 });
    expect(() => log.appendFrames(frame.subarray(0, frame.length - 8))).toThrow(/no whole frame at byte 0.*Fix: /);
    expect(() => log.appendFrames(new Uint8Array([...frame, ...new Uint8Array(32)]))).toThrow(/no whole frame at byte/);
    expect(scanFlightLog(medium).journal.frames).toEqual([]);
  });

  it('refuses to destroy the only state', () => {
    const medium = newMedium(isMapped);
    const log = FlightLog.create(medium, options);
    log.appendFrames(makeFrame({ kind: 'base', bytes: 1000, tag: 0 }));
    for (const tag of [1, 2]) log.appendFrames(makeFrame({ kind: 'delta', bytes: 1000, tag }));
    expect(() => log.appendFrames(makeFrame({ kind: 'delta', bytes: 1000, tag: 3 }))).toThrow(JournalSpaceError);
    expect(tagsOf(medium)).toEqual([0, 1, 2]);
    log.appendFrames(makeFrame({ kind: 'base', bytes: 800, tag: 3 }));
    log.appendFrames(makeFrame({ kind: 'delta', bytes: 1000, tag: 4 }));
    expect(tagsOf(medium)).toEqual([1, 2, 3, 4]);
  });

  it('takes a new state even where a loss of power left the only one just ahead', () => {
    const medium = newMedium(isMapped);
    const log = FlightLog.create(medium, options);
    log.appendFrames(makeFrame({ kind: 'base', bytes: 968, tag: 0 }));
    for (const tag of [1, 2]) log.appendFrames(makeFrame({ kind: 'delta', bytes: 168, tag }));
    log.appendFrames(makeFrame({ kind: 'base', bytes: 968, tag: 3 }));
    for (const tag of [4, 5]) log.appendFrames(makeFrame({ kind: 'delta', bytes: 768, tag }));
    // The second state is lost, and the frame before it.
    medium.writeAt(new Uint8Array(1200), JOURNAL_AT + 1200);
    const reopened = FlightLog.open(medium);
    expect(tagsOf(medium)).toEqual([0, 1, 4, 5]);
    expect(() => reopened.appendFrames(makeFrame({ kind: 'delta', bytes: 968, tag: 6 }))).toThrow(JournalSpaceError);
    reopened.appendFrames(makeFrame({ kind: 'base', bytes: 1168, tag: 7 }));
    expect(tagsOf(medium)).toEqual([0, 1, 4, 5, 7]);
    reopened.appendFrames(makeFrame({ kind: 'delta', bytes: 168, tag: 8 }));
    FlightLog.open(medium).appendFrames(makeFrame({ kind: 'delta', bytes: 168, tag: 9 }));
    expect(tagsOf(medium)).toEqual([0, 1, 5, 7, 8, 9]);
    expect(scanFlightLog(medium).journal.strayBytes).toBe(0);
  });

  it('syncs before it destroys the newest state that is on stable storage', () => {
    const medium = newMedium(isMapped);
    let syncs = 0;
    const sync = medium.sync.bind(medium);
    medium.sync = () => {
      syncs += 1;
      sync();
    };
    const log = FlightLog.create(medium, options);
    log.appendFrames(makeFrame({ kind: 'base', bytes: 1000, tag: 0 }));
    log.sync();
    syncs = 0;
    log.appendFrames(makeFrame({ kind: 'base', bytes: 1000, tag: 1 }));
    log.appendFrames(makeFrame({ kind: 'delta', bytes: 1000, tag: 2 }));
    expect(syncs).toBe(0);
    log.appendFrames(makeFrame({ kind: 'delta', bytes: 1000, tag: 3 }));
    expect(syncs).toBe(1);
    expect(scanFlightLog(medium).superblock.syncedFrame).toBe(5);
  });

  it('survives a kill at any store or write', () => {
    const bytes = new Uint8Array(flightLogBytes(options));
    const images: { image: Uint8Array<ArrayBuffer>; returned: number }[] = [];
    let returned = -1;
    const onStored = (): void => {
      if (returned >= 0) images.push({ image: bytes.slice(), returned });
    };
    const log = FlightLog.create(new MemoryMedium(bytes, { isMapped, trace: { onStored } }), options);
    for (returned = 0; returned < 14; returned += 1) {
      const kind = returned % 3 === 0 ? 'base' : 'delta';
      log.appendFrames(makeFrame({ kind, bytes: 100 + 67 * returned, tag: returned }));
    }
    expect(images.length).toBeGreaterThan(28);
    for (const { image, returned: before } of images) {
      const medium = new MemoryMedium(image);
      const reopened = FlightLog.open(medium);
      const { journal } = scanFlightLog(medium);
      const tags = tagsOf(medium);
      const newest = tags.at(-1);
      expect(newest === before || newest === before - 1 || (before === 0 && newest === undefined)).toBe(true);
      expect(tags).toEqual(Array.from(tags, (__, index) => tags[0] + index));
      expect([journal.strayBytes, journal.missingFrames]).toEqual([0, 0]);
      if (before > 0) expect(journal.frames.some(({ isBase }) => isBase)).toBe(true);
      reopened.appendFrames(makeFrame({ kind: 'base', bytes: 90, tag: 99 }));
      expect(tagsOf(medium).at(-1)).toBe(99);
      expect(scanFlightLog(medium).journal).toMatchObject({ strayBytes: 0, missingFrames: 0 });
    }
  });
});

describe('what is damaged in the journal', () => {
  function logOf(count: number): { medium: MemoryMedium; bytes: Uint8Array<ArrayBuffer> } {
    const bytes = new Uint8Array(flightLogBytes(options));
    const medium = new MemoryMedium(bytes);
    const log = FlightLog.create(medium, options);
    for (let tag = 0; tag < count; tag += 1) log.appendFrames(makeFrame({ kind: 'base', bytes: 200, tag }));
    log.sync();
    return { medium, bytes };
  }

  it('is counted, scrubbed and handed over, and counted no more', () => {
    const { medium, bytes } = logOf(5);
    const frameBytes = 232;
    bytes[JOURNAL_AT + 2 * frameBytes + 50] ^= 4;
    bytes.fill(0, JOURNAL_AT + 4 * frameBytes, JOURNAL_AT + 5 * frameBytes);
    const scan = scanFlightLog(medium);
    expect(scan.journal).toMatchObject({ strayBytes: frameBytes, missingFrames: 2, newestFrame: 7 });
    expect(scan.findings.map(({ kind }) => kind)).toEqual(['notClosed', 'journalBytes', 'missingFrames']);
    const kept: number[] = [];
    const log = FlightLog.open(medium, { onScrub: ({ offset, bytes: { length } }) => kept.push(offset, length) });
    expect(kept).toEqual([JOURNAL_AT + 2 * frameBytes, frameBytes]);
    expect(log.recoveredLoss).toMatchObject({ journalBytes: frameBytes, missingFrames: 2 });
    expect(tagsOf(medium)).toEqual([0, 1, 3]);
    log.appendFrames(makeFrame({ kind: 'base', bytes: 200, tag: 77 }));
    expect(scanFlightLog(medium).journal.newestFrame).toBe(8);
    expect(tagsOf(medium)).toEqual([0, 1, 3, 77]);
    expect(FlightLog.open(medium).recoveredLoss).toMatchObject({ journalBytes: 0, missingFrames: 0 });
    expect(scanFlightLog(medium).superblock.losses).toMatchObject({ journalBytes: frameBytes, missingFrames: 2 });
  });

  it('is never believed, whichever bit flips', () => {
    const { medium, bytes } = logOf(3);
    for (let bit = 0; bit < 232 * 8; bit += 1) {
      bytes[JOURNAL_AT + 232 + (bit >>> 3)] ^= 1 << (bit & 7);
      expect(tagsOf(medium)).toEqual([0, 2]);
      bytes[JOURNAL_AT + 232 + (bit >>> 3)] ^= 1 << (bit & 7);
    }
  });

  it('is not believed from another log', () => {
    const { medium, bytes } = logOf(3);
    const other = FlightLog.create(MemoryMedium.ofSize(flightLogBytes(options)), { ...options, fileId: [1, 2, 3, 4] });
    other.appendFrames(makeFrame({ kind: 'base', bytes: 200, tag: 50 }));
    const foreign = makeFrame({ kind: 'base', bytes: 200, tag: 51 });
    bytes.set(foreign, JOURNAL_AT + 3 * 232);
    expect(tagsOf(medium)).toEqual([0, 1, 2]);
    expect(scanFlightLog(medium).journal.strayBytes).toBe(232);
  });
});

it('takes the order of stores in which the oldest frame goes first and the new one counts last', () => {
  const bytes = new Uint8Array(flightLogBytes(options));
  const stores: [offset: number, bytes: number, headerCrc: boolean][] = [];
  const onStored = (offset: number, count: number): void => {
    const at = Math.min(offset, JOURNAL_AT);
    stores.push([offset - at, count, bytes.subarray(JOURNAL_AT + 28, JOURNAL_AT + 32).some((byte) => byte !== 0)]);
  };
  const log = FlightLog.create(new MemoryMedium(bytes, { trace: { onStored } }), options);
  for (let tag = 0; tag < 4; tag += 1) log.appendFrames(makeFrame({ kind: 'base', bytes: 968, tag }));
  stores.length = 0;
  log.appendFrames(makeFrame({ kind: 'base', bytes: 168, tag: 4 }));
  expect(stores).toEqual([
    [28, 4, false],
    [4000, 96, false],
    [28, 4, false],
    [32, 168, false],
    [0, 28, false],
    [200, 800, false],
    [28, 4, true],
    [0, 24, true],
  ]);
});

it('has taken all frames that a new one destroys before any of its payload arrives in a mapping', () => {
  const bytes = new Uint8Array(flightLogBytes(options));
  const images: { offset: number; before: Uint8Array<ArrayBuffer> }[] = [];
  let before = bytes.slice();
  const onStored = (offset: number): void => {
    images.push({ offset, before });
    before = bytes.slice();
  };
  const log = FlightLog.create(new MemoryMedium(bytes, { trace: { onStored } }), options);
  for (const size of [268, 468, 468, 468, 968, 1200]) {
    log.appendFrames(makeFrame({ kind: 'base', bytes: size, tag: size }));
  }
  // The first wraps and leaves zeros behind it; the second begins in them and destroys the next two.
  log.appendFrames(makeFrame({ kind: 'base', bytes: 148, tag: 1 }));
  images.length = 0;
  log.appendFrames(makeFrame({ kind: 'base', bytes: 1068, tag: 2 }));
  const payload = images.find(({ offset }) => offset === JOURNAL_AT + 184 + 32);
  const { journal } = scanFlightLog(new MemoryMedium(payload!.before));
  expect(journal.frames.map(({ sequence }) => sequence)).toEqual([6, 7, 8, 9]);
});

it('a record that only the journal knows of keeps its number', () => {
  const medium = MemoryMedium.ofSize(flightLogBytes(options));
  const log = FlightLog.create(medium, options);
  log.append(makeEntry(0));
  const buffer = new FrameBuffer([0, 0]);
  const at = buffer.reserve(80);
  buffer.words.fill(0, at, at + 20);
  buffer.words[at + EpochWord.FIRST_RECORD] = 1;
  buffer.words[at + EpochWord.RECORD_COUNT] = 3;
  buffer.words[at + EpochWord.STATE_ENCODING] = StateEncoding.KEYFRAME;
  buffer.seal(FrameKind.EPOCH, 80, 0);
  log.appendFrames(buffer.bytes.subarray(0, buffer.length));
  const { loss, newestSequence } = scanFlightLog(medium);
  expect([loss.missing, newestSequence]).toEqual([2, 3]);
  expect(FlightLog.open(medium).nextSequence).toBe(4);
});

it('a failed write of a frame does not count, and leaves nothing behind', () => {
  for (let limit = 8; limit < 900; limit += 8) {
    const storage = new MemoryStorage();
    const log = FlightLog.create(storage, options);
    for (let tag = 0; tag < 6; tag += 1) log.appendFrames(makeFrame({ kind: 'base', bytes: 600, tag }));
    const writeAt = storage.writeAt.bind(storage);
    storage.writeAt = (source, position) => {
      if (source.length <= limit) return writeAt(source, position);
      writeAt(source.subarray(0, limit), position);
      throw new StorageError('write', storage.label, new Error('EIO'));
    };
    expect(() => log.appendFrames(makeFrame({ kind: 'base', bytes: 900, tag: 6 }))).toThrow(StorageError);
    storage.writeAt = writeAt;
    log.appendFrames(makeFrame({ kind: 'base', bytes: 100, tag: 7 }));
    const { journal } = scanFlightLog(storage);
    expect([journal.strayBytes, journal.missingFrames]).toEqual([0, 0]);
    expect(tagsOf(storage).at(-1)).toBe(7);
  }
});

describe('as an observation stream', () => {
  const layout = {
    areas: [{ name: 'control', words: 40 }],
    regions: [{ name: 'control', area: 'control', start: 0, count: 40, equivalence: 'exact' as const }],
  };
  const metadata = { ...METADATA, kernel: { name: 'k' }, backend: { name: 'reference' }, layout };

  function stateOf(epoch: number): Uint32Array {
    return Uint32Array.from({ length: 40 }, (_, word) => (word <= epoch % 7 ? epoch * 1000 + word : 5));
  }

  function record(epochs: number, journalBytes: number, closes: boolean): MemoryMedium {
    const own = { ...options, metadata, journalBytes };
    const medium = MemoryMedium.ofSize(flightLogBytes(own));
    const log = FlightLog.create(medium, own);
    const writer = new JournalObservations(log, resolveLayout(layout), stateOf(0), 8);
    for (let ordinal = 0; ordinal < epochs; ordinal += 1) {
      writer.appendEpoch({
        ordinal,
        deviceEpoch: ordinal,
        firstRecord: 1 + ordinal,
        recordCount: 1,
        done: 1,
        faulted: ordinal % 5 === 0 ? 1 : 0,
        pending: 0,
        faultDigest: [ordinal, 1],
        recordsDigest: [ordinal, 2],
        words: stateOf(ordinal + 1),
        ...(ordinal % 5 === 0 ? { faults: [{ slotIndex: 1, opcode: 2, code: 3, detail: [ordinal] }] } : {}),
      });
    }
    if (closes) writer.end();
    log.close();
    return medium;
  }

  function readerOf(medium: MemoryMedium): ObservationReader {
    const stream = journalStream(medium, scanFlightLog(medium));
    if (stream === undefined) return expect.fail('the log has no observations');
    return ObservationReader.open(stream);
  }

  it.each([true, false])('reads whole before it wraps (closed: %s)', (closes) => {
    const reader = readerOf(record(20, 65_536, closes));
    expect(reader.findings).toEqual([]);
    expect(reader.header).toMatchObject({ kernel: { name: 'k' }, log: { capacity: 4 } });
    expect([reader.epochCount, reader.overwrittenEpochs, reader.cleanEnd]).toEqual([20, 0, closes]);
    expect(reader.initialWords).toEqual(stateOf(0));
    for (let index = 0; index < 20; index += 1) expect(reader.wordsAfter(index)).toEqual(stateOf(index + 1));
    expect(reader.faults(10)).toEqual([{ slotIndex: 1, opcode: 2, code: 3, detail: [10] }]);
  });

  it.each([true, false])('reads from the first keyframe on after it has wrapped (closed: %s)', (closes) => {
    for (let epochs = 30; epochs < 120; epochs += 7) {
      const reader = readerOf(record(epochs, 8192, closes));
      expect(reader.findings).toEqual([]);
      expect(reader.overwrittenEpochs + reader.epochCount).toBe(epochs);
      expect(reader.firstOrdinal).toBe(reader.overwrittenEpochs);
      expect([reader.cleanEnd, reader.initialWords]).toEqual([
        closes,
        reader.overwrittenEpochs === 0 ? stateOf(0) : undefined,
      ]);
      const known = Array.from({ length: reader.epochCount }, (_, index) => reader.stateKnown(index));
      const firstKnown = known.indexOf(true);
      expect(firstKnown).toBeGreaterThanOrEqual(0);
      expect(firstKnown).toBeLessThanOrEqual(8);
      for (let index = firstKnown; index < reader.epochCount; index += 1) {
        expect(reader.wordsAfter(index)).toEqual(stateOf(reader.epoch(index).ordinal + 1));
      }
    }
  });

  it('says what is missing in the middle', () => {
    const medium = record(20, 65_536, true);
    const bytes = medium.toBytes();
    const scan = scanFlightLog(medium);
    const frame = scan.journal.frames[9];
    bytes[scan.superblock.geometry.journalOffset + frame.position + 40] ^= 1;
    const reader = readerOf(new MemoryMedium(bytes));
    expect(reader.loss.missingFrames).toBe(1);
  });

  it('is none where nothing is observed', () => {
    const own = { ...options, journalBytes: 0 };
    const medium = MemoryMedium.ofSize(flightLogBytes(own));
    FlightLog.create(medium, own);
    expect(journalStream(medium, scanFlightLog(medium))).toBeUndefined();
  });

  it('begins with the state that is not known only if the first one is gone', () => {
    const medium = record(3, 65_536, false);
    const first = scanFlightLog(medium).journal.frames[0];
    expect([first.kind, first.isBase]).toEqual([FrameKind.INITIAL_STATE, true]);
    const words = new Uint32Array(8);
    medium.readAt(
      new Uint8Array(words.buffer),
      scanFlightLog(medium).superblock.geometry.journalOffset + first.position + 32,
    );
    expect(words[InitialStateWord.SNAPSHOT_WORDS]).toBe(40);
  });
});
