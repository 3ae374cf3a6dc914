/** Feeds the reader and the followers of v2 logs with damaged logs, forged ones, two logs in one file, and plain noise. */

import { isDeepStrictEqual } from 'node:util';
import { WORD_BYTES } from '../src/base/words.ts';
import {
  FlightFollower,
  FlightReader,
  type FlightRecord,
  type FlightScan,
  scanFlightLog,
} from '../src/log-v2/index.ts';
import { MemoryStorage } from '../src/storage/index.ts';
import { type Input, inTime, makeInput, orRefused, type Random } from './flight-log-inputs.ts';
import type { FuzzTarget } from './fuzz-target.ts';

/** A follower of what nobody writes to gets to the end after so many looks for each position, and some. */
const LOOKS_PER_POSITION = 3;

/**
 * They may refuse an input with an error of ours where a scan does. What they hand out is what the scan found, neither more
 * nor, in the window that they say they know, less; and they come to an end.
 */
export const target: FuzzTarget = {
  name: 'flight-readers',
  once(random) {
    const input = makeInput(random);
    inTime(() => {
      const scan = orRefused(() => scanFlightLog(new MemoryStorage(input.bytes)));
      read(input, scan, random);
      follow(input, scan, random);
    });
  },
};

/** Makes sure that both refuse, or neither. */
function sameRefusal<Reader>(what: string, reader: Reader | undefined, scan: FlightScan | undefined): boolean {
  if ((reader === undefined) !== (scan === undefined)) throw new Error(`a scan and ${what} refuse different things`);
  return reader !== undefined;
}

/** The records that a scan found, by number. */
function recordsOf({ columns }: FlightScan): Map<number, FlightRecord> {
  return new Map(Array.from(columns, (_, index) => [columns.sequence[index], columns.fullRecord(index)]));
}

function read({ bytes }: Input, scan: FlightScan | undefined, random: Random): void {
  const reader = orRefused(() => FlightReader.open(new MemoryStorage(bytes)));
  if (!sameRefusal('a reader', reader, scan) || reader === undefined || scan === undefined) return;
  const { oldestSequence, newestSequence } = reader;
  if (newestSequence > scan.newestSequence) throw new Error(`knows of record ${newestSequence}, which is not there`);
  const known = recordsOf(scan);
  const expected = [...known.keys()].filter((sequence) => sequence >= oldestSequence && sequence <= newestSequence);
  const found: number[] = [];
  for (const columns of reader.chunks()) {
    for (let index = 0; index < columns.length; index += 1) {
      found.push(columns.sequence[index]);
      checkRecord(columns.fullRecord(index), known);
    }
  }
  if (found.join() !== expected.join()) throw new Error(`reads ${found.join()}, expected ${expected.join()}`);
  for (const sequence of expected) checkRecord(reader.record(sequence), known);
  search(reader, random);
}

function checkRecord(record: FlightRecord | undefined, known: ReadonlyMap<number, FlightRecord>): void {
  if (record === undefined) throw new Error('a record that the scan found cannot be read alone');
  if (!isDeepStrictEqual(known.get(record.sequence), record)) throw new Error(`believes record ${record.sequence}`);
}

/** What a search finds lies in the window, whatever the epochs and times are that damage left. */
function search(reader: FlightReader, random: Random): void {
  const { oldestSequence, newestSequence } = reader;
  const epoch = random() % 8;
  const timeNs = 1_700_000_000_000_000_000n + BigInt(random() % 20_000);
  for (const found of [reader.firstOfEpoch(epoch), reader.firstOfTime(timeNs)]) {
    if (found < oldestSequence || found > newestSequence + 1) throw new Error(`the search finds ${found}`);
  }
  for (const columns of reader.chunks({ epochs: { from: epoch, until: epoch + 2 }, tenants: [random() % 5] })) {
    if (columns.epoch.subarray(0, columns.length).some((each) => each < epoch || each >= epoch + 2)) {
      throw new Error('a selection has another epoch');
    }
  }
}

function follow({ bytes }: Input, scan: FlightScan | undefined, random: Random): void {
  const from = random() % 2 === 0 ? undefined : 1 + (random() % 30);
  const isMapped = bytes.length >= (scan?.superblock.geometry.fileBytes ?? 0) && random() % 2 === 0;
  const follower = orRefused(() => {
    if (!isMapped) return FlightFollower.overStorage(new MemoryStorage(bytes), from);
    const words = new Int32Array(Math.ceil(bytes.length / WORD_BYTES));
    new Uint8Array(words.buffer).set(bytes);
    return FlightFollower.overWords(words, new MemoryStorage(bytes), from);
  });
  if (!sameRefusal('a follower', follower, scan) || follower === undefined || scan === undefined) return;
  const known = recordsOf(scan);
  const start = follower.nextSequence;
  let next = start;
  let looks = 0;
  for (const followed of follower.drain()) {
    looks += 1;
    if (looks > LOOKS_PER_POSITION * scan.capacity + 8) throw new Error(`looks ${looks} times`);
    if (followed.kind === 'record') {
      if (followed.record.sequence !== next) throw new Error(`takes ${followed.record.sequence}, expected ${next}`);
      checkRecord(followed.record, known);
      next += 1;
    } else {
      if (!(followed.count > 0)) throw new Error(`${followed.kind} ${followed.count}`);
      for (let sequence = next; followed.kind === 'lost' && sequence < next + followed.count; sequence += 1) {
        if (known.has(sequence)) throw new Error(`calls record ${sequence} lost`);
      }
      next += followed.count;
    }
    if (follower.nextSequence !== next) throw new Error('does not count on');
  }
  if (next > Math.max(start, scan.newestSequence + 1)) throw new Error(`is at ${next}, beyond what there is`);
  const isDamaged = scan.findings.some(({ severity }) => severity === 'damage' || severity === 'warning');
  if (!isDamaged && start <= scan.newestSequence && next !== scan.newestSequence + 1) {
    throw new Error(`stops at ${next} of ${scan.newestSequence} in a log that is whole`);
  }
}
