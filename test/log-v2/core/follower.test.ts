import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  FlightFollower,
  FlightLog,
  type FlightLogOptions,
  type Followed,
  flightLogBytes,
  MemoryMedium,
} from '../../../src/log-v2/index.ts';
import { HINTS_OFFSET, METADATA_OFFSET } from '../../../src/log-v2/layout.ts';
import { completed, FILE_ID, METADATA, makeEntry, SLOTS_AT } from './model.ts';

function optionsFor(capacity: number): FlightLogOptions {
  return { capacity, metadata: METADATA, fileId: FILE_ID };
}

type Access = 'storage' | 'words';
const accesses: readonly Access[] = ['storage', 'words'];

function follow(access: Access, medium: MemoryMedium, from?: number): FlightFollower {
  if (access === 'storage') return FlightFollower.overStorage(medium, from);
  const { mapping } = medium;
  if (mapping === undefined) return expect.fail('the medium is no mapping');
  return FlightFollower.overWords(mapping.words, medium, from);
}

/** What a follower was handed, in short. */
function brief(followed: Followed): string {
  return followed.kind === 'record' ? `${followed.record.sequence}` : `${followed.kind} ${followed.count}`;
}

describe.each(accesses)('over %s', (access) => {
  it('sees every record once it is appended, whole, and counts what it was lapped by', () => {
    const property = fc.property(
      fc.integer({ min: 1, max: 5 }),
      fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 20 }),
      (capacity, bursts) => {
        const medium = MemoryMedium.ofSize(flightLogBytes(optionsFor(capacity)));
        let log = FlightLog.create(medium, optionsFor(capacity));
        const follower = follow(access, medium);
        let [appended, seen] = [0, 0];
        for (const burst of bursts) {
          if (burst === 12) log = FlightLog.open(medium);
          for (let index = 0; index < burst; index += 1) log.append(makeEntry(appended++));
          for (const followed of follower.drain()) {
            if (followed.kind !== 'record') {
              expect(followed.kind).toBe('lapped');
              seen += followed.count;
              continue;
            }
            expect(followed.record).toEqual(completed(makeEntry(seen), seen + 1));
            seen += 1;
          }
          expect(seen).toBe(appended);
          expect(follower.nextSequence).toBe(appended + 1);
        }
      },
    );
    fc.assert(property);
  });

  it('never takes a part of a record for one, at whichever store it looks', () => {
    for (let capacity = 1; capacity <= 3; capacity += 1) {
      const bytes = new Uint8Array(flightLogBytes(optionsFor(capacity)));
      let returned = 0;
      let looks = 0;
      const onStored = (): void => {
        if (returned === 0) return;
        // A follower from every number on, as it would find the file now.
        for (let from = Math.max(1, returned - 6); from <= returned + 2; from += 1) {
          const image = new MemoryMedium(bytes.slice());
          let next = from;
          for (const followed of follow(access, image, from).drain(10)) {
            if (followed.kind === 'record') {
              expect(followed.record).toEqual(completed(makeEntry(next - 1), next));
              next += 1;
            } else {
              next += followed.count;
            }
          }
          if (from <= returned) expect(next - 1).toBeGreaterThanOrEqual(capacity === 1 ? from - 1 : returned);
          expect(next - 1).toBeLessThanOrEqual(Math.max(returned + 1, from - 1));
          looks += 1;
        }
      };
      const log = FlightLog.create(new MemoryMedium(bytes, { trace: { onStored } }), optionsFor(capacity));
      for (let index = 0; index < 4 * capacity + 2; index += 1) {
        log.append(makeEntry(index));
        returned = index + 1;
      }
      expect(looks).toBeGreaterThan(50);
    }
  });

  it('passes over what is lost once it is sure', () => {
    const medium = MemoryMedium.ofSize(flightLogBytes(optionsFor(8)));
    const log = FlightLog.create(medium, optionsFor(8));
    for (const index of [0, 1]) log.append(makeEntry(index));
    log.skipTo(5);
    const follower = follow(access, medium);
    expect([...follower.drain()].map(brief)).toEqual(['1', '2']);
    log.append(makeEntry(4));
    expect([...follower.drain()].map(brief)).toEqual(['lost 1', 'lost 1', '5']);

    const bytes = medium.toBytes();
    bytes[SLOTS_AT + 128 + 60] ^= 1;
    expect([...follow(access, new MemoryMedium(bytes)).drain()].map(brief)).toEqual([
      '1',
      'lost 1',
      'lost 1',
      'lost 1',
      '5',
    ]);
  });

  it('waits at a record that was damaged until a newer one shows that it will not come', () => {
    const medium = MemoryMedium.ofSize(flightLogBytes(optionsFor(8)));
    const log = FlightLog.create(medium, optionsFor(8));
    for (const index of [0, 1]) log.append(makeEntry(index));
    const bytes = medium.toBytes();
    bytes[SLOTS_AT + 128 + 60] ^= 1;
    const spoilt = new MemoryMedium(bytes);
    const follower = follow(access, spoilt);
    expect([...follower.drain()].map(brief)).toEqual(['1']);
    const writer = FlightLog.open(spoilt);
    expect([...follower.drain()].map(brief)).toEqual([]);
    writer.append(makeEntry(5));
    // Nothing had said that record 2 was there, so its number was free.
    expect([...follower.drain()].map(brief)).toEqual(['2']);
  });

  it('believes no hint', () => {
    const medium = MemoryMedium.ofSize(flightLogBytes(optionsFor(4)));
    const log = FlightLog.create(medium, optionsFor(4));
    for (let index = 0; index < 6; index += 1) log.append(makeEntry(index));
    for (const hint of [0n, 3n, 5n, 7n, 2n ** 53n, 2n ** 64n - 1n]) {
      const bytes = medium.toBytes();
      new DataView(bytes.buffer).setBigUint64(8192, hint, true);
      const all = [...follow(access, new MemoryMedium(bytes), 1).drain()].map(brief);
      expect(all.slice(-4)).toEqual(['3', '4', '5', '6']);
    }
  });

  it('begins with the oldest record that is there', () => {
    const medium = MemoryMedium.ofSize(flightLogBytes(optionsFor(4)));
    const log = FlightLog.create(medium, optionsFor(4));
    expect(follow(access, medium).nextSequence).toBe(1);
    for (let index = 0; index < 9; index += 1) log.append(makeEntry(index));
    expect(follow(access, medium).nextSequence).toBe(6);
    expect(follow(access, medium, 9).nextSequence).toBe(9);
  });
});

it('takes no record from a storage that is written between two reads of it', () => {
  const medium = MemoryMedium.ofSize(flightLogBytes(optionsFor(1)));
  const log = FlightLog.create(medium, optionsFor(1));
  log.append(makeEntry(0));
  const torn = new MemoryMedium(medium.toBytes());
  const follower = FlightFollower.overStorage(torn, 1);
  let reads = 0;
  const readAt = torn.readAt.bind(torn);
  torn.readAt = (target, position) => {
    const found = readAt(target, position);
    if (position === SLOTS_AT) {
      reads += 1;
      if (reads % 2 === 1) torn.writeAt(new Uint8Array([reads]), SLOTS_AT + 40);
      else torn.writeAt(medium.toBytes().subarray(SLOTS_AT, SLOTS_AT + 128), SLOTS_AT);
    }
    return found;
  };
  for (let look = 0; look < 5; look += 1) expect(follower.poll()).toBeUndefined();
  torn.readAt = readAt;
  expect(follower.poll()).toMatchObject({ kind: 'record' });
});

it('refuses memory that ends before the records do, and follows the storage of such a log', () => {
  const medium = MemoryMedium.ofSize(flightLogBytes(optionsFor(4)));
  const log = FlightLog.create(medium, optionsFor(4));
  for (let index = 0; index < 4; index += 1) log.append(makeEntry(index));
  const short = new MemoryMedium(medium.toBytes().slice(0, SLOTS_AT + 3 * 128));
  expect(() => follow('words', short)).toThrow(/has records up to byte \d+.*Fix: /);
  expect([...follow('storage', short, 1).drain()].map(brief)).toEqual(['1', '2', '3']);
});

it('calls a record lapped, not lost, that came and was begun to be written over between two looks', () => {
  const options = optionsFor(4);
  const writing = MemoryMedium.ofSize(flightLogBytes(options));
  const log = FlightLog.create(writing, options);
  const imageOf = (count: number): Uint8Array => {
    while (log.nextSequence <= count) log.append(makeEntry(log.nextSequence - 1));
    return writing.toBytes();
  };
  const images = [imageOf(4), imageOf(6)];
  const inFlight = imageOf(8);
  // Record 9 has taken its commit from record 5, and no more.
  inFlight.fill(0, SLOTS_AT + 124, SLOTS_AT + 128);
  images.push(inFlight);
  const medium = new MemoryMedium(images[0].slice());
  const follower = FlightFollower.overStorage(medium, 5);
  const readAt = medium.readAt.bind(medium);
  const seen: number[] = [];
  medium.readAt = (target, position) => {
    const found = readAt(target, position);
    if (position >= SLOTS_AT) seen.push((position - SLOTS_AT) / 128);
    // After both reads of record 5's position, and after both of that of record 6, which the hint names.
    if (seen.join() === '0,0') medium.writeAt(images[1], 0);
    if (seen.join() === '0,0,1,1') medium.writeAt(images[2], 0);
    return found;
  };
  expect(brief(follower.poll() ?? expect.fail('there is news'))).toBe('lapped 1');
  expect([...follower.drain()].map(brief)).toEqual(['6', '7', '8']);
});

it('calls a record lapped, not lost, whose place twice held the same record without its commit', () => {
  const options = optionsFor(3);
  const writing = MemoryMedium.ofSize(flightLogBytes(options));
  const log = FlightLog.create(writing, options);
  /** All records up to `count`, and no hint; of the record in the first position the commit is missing. */
  const imageOf = (count: number): Uint8Array<ArrayBuffer> => {
    while (log.nextSequence <= count) log.append(makeEntry(log.nextSequence - 1));
    const bytes = Uint8Array.from(writing.toBytes());
    return bytes.fill(0, SLOTS_AT + 124, SLOTS_AT + 128).fill(0, HINTS_OFFSET, METADATA_OFFSET);
  };
  // The append of record 7 has its commit still to write; then the append of record 10 has just taken it away again.
  const [before, after] = [imageOf(7), imageOf(9)];
  const medium = new MemoryMedium(before);
  const follower = FlightFollower.overStorage(medium, 4);
  const readAt = medium.readAt.bind(medium);
  const seen: number[] = [];
  medium.readAt = (target, position) => {
    const found = readAt(target, position);
    if (position >= SLOTS_AT) seen.push((position - SLOTS_AT) / 128);
    // Record 4 was looked for, record 5 was found, record 4 was looked for again; record 6 comes next.
    if (seen.join() === '0,0,1,1,0,0') medium.writeAt(after, 0);
    return found;
  };
  expect(brief(follower.poll() ?? expect.fail('there is news'))).toBe('lapped 1');
  expect([...follower.drain()].map(brief)).toEqual(['lapped 1', 'lapped 1', 'lapped 1', '8', '9']);
});
