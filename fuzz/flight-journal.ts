/** Feeds the reader of observations in v2 logs with journals that were damaged, forged, cut short, or of another log. */

import {
  FlightLog,
  flightLogBytes,
  journalStream,
  MemoryMedium,
  PAGE_BYTES,
  scanFlightLog,
} from '../src/log-v2/index.ts';
import { ObservationReader } from '../src/observe/index.ts';
import { MemoryStorage } from '../src/storage/index.ts';
import {
  below,
  disbelief,
  randomLayout,
  reading,
  type WrittenStream,
  writeRandomStream,
} from '../test/observe/streams.ts';
import { damage, inTime, orRefused, type Random, resum } from './flight-log-inputs.ts';
import type { FuzzTarget } from './fuzz-target.ts';

const CAPACITY = 8;
const FRAME_HEADER_BYTES = 32;

/** What a log's journal was filled with, and the log. */
interface Written {
  readonly stream: WrittenStream;
  readonly bytes: Uint8Array;
  readonly journalAt: number;
}

/**
 * A log may be refused, but only with an error of ours; its observations are those that were written, whatever is damaged,
 * and what is not damaged reads without a word of complaint.
 */
export const target: FuzzTarget = {
  name: 'flight-journal',
  once(random) {
    const written = writeLog(random);
    inTime(() => {
      const kind = random() % 8;
      if (kind === 0) readIntact(written);
      else if (kind < 6) readDamaged(damage(written.bytes.slice(), random), written.stream);
      // Somebody who forges sums can make a journal say anything, but not break the reader.
      else readDamaged(forge(written, random), undefined);
    });
  },
};

/** Hands what is written to it to the journal of a log, where the frames are that matter here. */
class JournalStorage extends MemoryStorage {
  log: FlightLog | undefined;

  override writeAt(source: Uint8Array, position: number): void {
    super.writeAt(source, position);
    this.log?.appendFrames(source);
  }
}

function writeLog(randomWord: Random): Written {
  const random = (): number => randomWord() / 0x1_0000_0000;
  const layout = randomLayout(random);
  const options = {
    capacity: CAPACITY,
    journalBytes: PAGE_BYTES * (1 + below(random, 3)),
    metadata: { tool: 'fuzz', kernel: { opcodes: ['nop'] }, layout, backend: { name: 'reference', lanes: 4 } },
    fileId: [1, 2, 3, 1 + below(random, 2)] as const,
  };
  const medium = MemoryMedium.ofSize(flightLogBytes(options));
  const log = FlightLog.create(medium, options);
  const storage = new JournalStorage();
  storage.log = log;
  const shape = { epochs: below(random, 40), keyframeInterval: 1 + below(random, 8), close: random() < 0.7 };
  const stream = writeRandomStream(random, { ...shape, layout, storage, isWithoutRests: true });
  if (random() < 0.7) log.close();
  const { geometry } = scanFlightLog(medium).superblock;
  return { stream, bytes: medium.toBytes(), journalAt: geometry.journalOffset };
}

function readIntact({ bytes, stream }: Written): void {
  const reader = open(bytes);
  if (reader === undefined) throw new Error('a log that is whole has no observations');
  const belief = disbelief(reader, stream);
  if (belief !== undefined) throw new Error(`reads back wrong: ${belief}`);
  if (reader.findings.length > 0) throw new Error(`finds fault with what is right: ${reader.findings[0].message}`);
  const last = stream.epochs.at(-1)?.ordinal;
  const seen = reader.epochCount === 0 ? undefined : reader.epoch(reader.epochCount - 1).ordinal;
  if (last !== seen) throw new Error(`the last epoch is ${seen}, expected ${last}`);
}

function readDamaged(bytes: Uint8Array, stream: WrittenStream | undefined): void {
  orRefused(() => {
    const reader = open(bytes);
    if (reader === undefined) return;
    reading(reader);
    const belief = stream && disbelief(reader, stream);
    if (belief !== undefined) throw new Error(`believes what was never written: ${belief}`);
  });
}

function open(bytes: Uint8Array): ObservationReader | undefined {
  const storage = new MemoryStorage(bytes);
  const stream = journalStream(storage, scanFlightLog(storage));
  return stream && ObservationReader.open(stream);
}

/** Words of frames replaced, with sums that are right. */
function forge({ bytes: intact, journalAt }: Written, random: Random): Uint8Array {
  const bytes = intact.slice();
  const { frames } = scanFlightLog(new MemoryStorage(bytes)).journal;
  for (let change = random() % 4; change >= 0 && frames.length > 0; change -= 1) {
    const { position, end } = frames[random() % frames.length];
    const words = (end - position) / 4;
    const word = random() % 2 === 0 ? random() % words : FRAME_HEADER_BYTES / 4 + (random() % 18);
    const value = random() % 2 === 0 ? random() % 64 : random();
    if (word < words) new DataView(bytes.buffer).setUint32(journalAt + position + 4 * word, value, true);
    resum(bytes, journalAt + position, journalAt + end);
  }
  return random() % 2 === 0 ? bytes : damage(bytes, random);
}
