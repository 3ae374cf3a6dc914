/** Logs of which everything is known: each record and each frame that was ever written, and where it lies. */

import {
  type FlightColumns,
  type FlightEntry,
  FlightLog,
  type FlightLogOptions,
  type FlightRecord,
  flightLogBytes,
  type Id,
  type Medium,
  MemoryMedium,
} from '../../../src/log-v2/index.ts';
import { FrameBuffer } from '../../../src/observe/frame-buffer.ts';
import { EpochWord, FrameKind, StateEncoding } from '../../../src/observe/stream-format.ts';
import { MemoryStorage } from '../../../src/storage/index.ts';

/** A frame as it has to lie in the journal. */
export interface KnownFrame {
  readonly sequence: number;
  readonly position: number;
  readonly bytes: Uint8Array;
  /** The newest record that it speaks of. */
  readonly newestRecord: number;
}

/** A log and the truth about it. */
export interface KnownLog {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly capacity: number;
  readonly journalBytes: number;
  readonly fileId: Id;
  /** All that were ever appended, by number. */
  readonly records: ReadonlyMap<number, FlightRecord>;
  /** Those that are there still, by number. */
  readonly frames: ReadonlyMap<number, KnownFrame>;
}

/** What a log is made to go through. */
export interface LogStory {
  readonly name: string;
  readonly capacity: number;
  readonly journalBytes: number;
  /** Appends before each sync; the last ones are not synced unless the log is closed. */
  readonly records: readonly number[];
  readonly framesPerRecord: number;
  readonly isClosed: boolean;
  /** Whether it is closed, opened and appended to once more. */
  readonly isReopened?: boolean;
  /** Logs of different variants have different words in all records and frames. */
  readonly variant?: number;
}

const METADATA = { tool: 'test 1', kernel: { name: 'histogram', lanes: 4 }, note: 'known' } as const;
const FIRST_FRAME = 3;

/** The record of a number: every word of it is told from the number. */
export function makeEntry(sequence: number, variant = 0): FlightEntry {
  const first = sequence + 1000 * variant;
  const args = Array.from({ length: 1 + (sequence % 12) }, (_, index) => Math.imul(first + index, 0x9e3779b1) >>> 0);
  const entry = {
    timestampNs: 1_700_000_000_000_000_000n + 1000n * BigInt(sequence),
    slotIndex: sequence % 64,
    tenantId: sequence % 5,
    opcode: 1 + (sequence % 7),
    priority: sequence % 3,
    args,
    epoch: sequence >> 2,
  };
  if (sequence % 4 !== 0) return entry;
  const failure = { slotStatus: 7, failureClass: 1, backendCode: sequence, outputDigest: BigInt(sequence) << 33n };
  return { ...entry, failure };
}

/** That entry as a log gives it back. */
export function makeRecord(sequence: number, variant = 0): FlightRecord {
  const entry = makeEntry(sequence, variant);
  const args = [...entry.args, ...new Array<number>(12 - entry.args.length).fill(0)];
  return { ...entry, sequence, priority: entry.priority ?? 1, args };
}

/** A frame of an epoch; every third one is a keyframe. `salt` and `sequence` are what the journal has to put there. */
export function makeFrame(
  ordinal: number,
  newestRecord: number,
  salt: readonly [number, number],
  sequence: number,
  variant = 0,
): Uint8Array {
  const buffer = new FrameBuffer(salt);
  const stateWords = 5 + ((ordinal * 7) % 40);
  const payloadWords = EpochWord.REGION_DIGESTS + stateWords;
  const at = buffer.reserve(4 * payloadWords);
  buffer.words.fill(0, at, at + payloadWords);
  buffer.words[at + EpochWord.ORDINAL] = ordinal;
  buffer.words[at + EpochWord.FIRST_RECORD] = newestRecord;
  buffer.words[at + EpochWord.RECORD_COUNT] = 1;
  buffer.words[at + EpochWord.STATE_ENCODING] = ordinal % 3 === 0 ? StateEncoding.KEYFRAME : StateEncoding.DELTA;
  for (let word = 0; word < stateWords; word += 1) {
    buffer.words[at + EpochWord.REGION_DIGESTS + word] = Math.imul(ordinal * 64 + word + 1000 * variant, 0x85ebca6b);
  }
  buffer.seal(FrameKind.EPOCH, 4 * payloadWords, sequence);
  return buffer.bytes.slice(0, buffer.length);
}

/** Where frames have to lie, told from the specification. */
export class JournalModel {
  readonly live: Map<number, KnownFrame> = new Map();
  readonly #size: number;
  readonly #salt: readonly [number, number];
  readonly #variant: number;
  #next = FIRST_FRAME;
  #position = 0;

  constructor(size: number, fileId: Id, variant = 0) {
    this.#size = size;
    this.#variant = variant;
    this.#salt = [fileId[0], fileId[1]];
  }

  /** Notes a frame, and gives it as a caller would have made it. */
  append(newestRecord: number): Uint8Array {
    const bytes = makeFrame(this.#next, newestRecord, this.#salt, this.#next, this.#variant);
    const wraps = this.#position + bytes.length > this.#size;
    const position = wraps ? 0 : this.#position;
    for (const frame of [...this.live.values()]) {
      const isUnder = frame.position < position + bytes.length && position < frame.position + frame.bytes.length;
      if (isUnder || (wraps && frame.position >= this.#position)) this.live.delete(frame.sequence);
    }
    this.live.set(this.#next, { sequence: this.#next, position, bytes, newestRecord });
    const foreign = makeFrame(this.#next, newestRecord, [1, 2], 77, this.#variant);
    this.#next += 1;
    this.#position = position + bytes.length;
    return foreign;
  }
}

/** Lives a story. */
export function makeKnownLog(story: LogStory, fileId: Id = [0x1234_5678, 0x9abc_def0, 3, 4]): KnownLog {
  const options: FlightLogOptions = { ...story, metadata: METADATA, fileId };
  const medium = MemoryMedium.ofSize(flightLogBytes(options));
  const journal = new JournalModel(story.journalBytes, fileId, story.variant);
  const records = new Map<number, FlightRecord>();
  let log = FlightLog.create(medium, options);
  const append = (count: number): void => {
    for (let index = 0; index < count; index += 1) {
      const sequence = log.nextSequence;
      log.append(makeEntry(sequence, story.variant));
      records.set(sequence, makeRecord(sequence, story.variant));
      for (let frame = 0; frame < story.framesPerRecord; frame += 1) log.appendFrames(journal.append(sequence));
    }
  };
  for (const [index, count] of story.records.entries()) {
    if (index > 0) log.sync();
    append(count);
  }
  if (story.isReopened === true) {
    log.close();
    log = FlightLog.open(medium);
    append(2);
  }
  if (story.isClosed) log.close();
  const { name, capacity, journalBytes } = story;
  return { name, bytes: medium.toBytes(), capacity, journalBytes, fileId, records, frames: journal.live };
}

export const STORIES: readonly LogStory[] = [
  { name: 'wrapped and closed', capacity: 7, journalBytes: 4096, records: [6, 11], framesPerRecord: 2, isClosed: true },
  { name: 'wrapped and killed', capacity: 7, journalBytes: 4096, records: [9, 4], framesPerRecord: 2, isClosed: false },
  { name: 'short and killed', capacity: 7, journalBytes: 4096, records: [2, 2], framesPerRecord: 1, isClosed: false },
  { name: 'without a journal', capacity: 5, journalBytes: 0, records: [4, 5], framesPerRecord: 0, isClosed: false },
  {
    name: 'opened twice',
    capacity: 3,
    journalBytes: 4096,
    records: [2, 5],
    framesPerRecord: 3,
    isClosed: false,
    isReopened: true,
  },
];

/** Whether a row of columns is that record, without making an object of it. */
export function isRecord(columns: FlightColumns, index: number, record: FlightRecord): boolean {
  const time = columns.timestampWords;
  const timestampNs = (BigInt(time[2 * index + 1]) << 32n) | BigInt(time[2 * index]);
  return (
    columns.sequence[index] === record.sequence &&
    timestampNs === record.timestampNs &&
    columns.slotIndex[index] === record.slotIndex &&
    columns.tenantId[index] === record.tenantId &&
    columns.opcode[index] === record.opcode &&
    columns.priority(index) === record.priority &&
    columns.epoch[index] === record.epoch &&
    record.args.every((argument, at) => columns.argument(index, at) === argument) &&
    isEvidence(columns, index, record)
  );
}

function isEvidence({ failure }: FlightColumns, index: number, record: FlightRecord): boolean {
  const { slotStatus, failureClass, backendCode, outputDigest } = record.failure ?? NO_EVIDENCE;
  if (failure === undefined) return record.failure === undefined;
  const words = failure.outputDigestWords;
  return (
    failure.slotStatus[index] === slotStatus &&
    failure.failureClass[index] === failureClass &&
    failure.backendCode[index] === backendCode &&
    ((BigInt(words[2 * index + 1]) << 32n) | BigInt(words[2 * index])) === outputDigest
  );
}

const NO_EVIDENCE = { slotStatus: 0, failureClass: 0, backendCode: 0, outputDigest: 0n };

/** A medium that holds a copy of `bytes`; a mapping if the length allows one and it is asked for. */
export function mediumOf(bytes: Uint8Array, isMapped: boolean): Medium & { toBytes(): Uint8Array } {
  return isMapped ? new MemoryMedium(new Uint8Array(bytes)) : new MemoryStorage(bytes.slice());
}

/** The sequence words of a record at `offset`, as a number. */
export function sequenceAt(bytes: Uint8Array, offset: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return view.getUint32(offset, true) + 2 ** 32 * view.getUint32(offset + 4, true);
}
