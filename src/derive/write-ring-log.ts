/** Drafts as v1 logs, with a stream of observations beside them. */

import { MAX_CAPACITY, RECORD_ARGUMENT_COUNT, RingImage } from '../log/index.ts';
import type { RingLogOrigin } from '../log-v2/index.ts';
import {
  type LogReference,
  type ObservationHeader,
  type ObservationMetadata,
  ObservationWriter,
  type SlotRest,
} from '../observe/index.ts';
import { ARGUMENT_COUNT, Priority } from '../protocol/index.ts';
import type { SlotRests } from '../reading/index.ts';
import type { Storage } from '../storage/index.ts';
import { type Draft, type DraftObservations, eachEpoch, type MakingProgress } from './draft.ts';
import type { DerivationSource, RecordNumbers } from './source.ts';

/** How the records lie in a v1 log. */
export interface RingLayout {
  readonly capacity: number;
  /** Records with lower numbers have no place. */
  readonly oldest: number;
  /** Of the record with number 1. */
  readonly firstPosition: number;
  /** Taken off the numbers that the observations have for the records. */
  readonly numberShift: number;
  /** What the observations are to say about the log. */
  readonly log: LogReference | undefined;
}

/** What the v1 log looked like that a source was made from, or how it fits one best. */
export function ringLayoutOf({ log, observations }: DerivationSource, numbers: RecordNumbers): RingLayout {
  const { capacity, metadata, startsFresh } = log;
  const { newest } = numbers;
  const oldest = Math.max(numbers.oldest, newest - capacity + 1);
  const origin = metadata?.ringLog;
  if (isOrigin(origin)) {
    const { firstPosition, numberShift } = origin;
    return { capacity, oldest, firstPosition: modulo(firstPosition, capacity), numberShift, log: origin.log };
  }
  const fitted = fittedCapacity(capacity, oldest, newest, startsFresh && observations === undefined);
  return { capacity: fitted, oldest, firstPosition: 0, numberShift: 0, log: { capacity: fitted } };
}

/**
 * Without numbers, unwritten positions mean that the recording began at position 0, and a full log that it may have begun
 * before.
 */
function fittedCapacity(capacity: number, oldest: number, newest: number, startsFresh: boolean): number {
  const records = newest - oldest + 1;
  if (oldest > 1) return Math.max(1, records);
  return startsFresh && records === capacity && capacity < MAX_CAPACITY ? capacity + 1 : capacity;
}

/** The metadata of a file may be anything. */
function isOrigin(origin: RingLogOrigin | undefined): origin is RingLogOrigin {
  if (typeof origin !== 'object' || origin === null) return false;
  const { firstPosition, numberShift, log } = origin;
  const areNumbers = Number.isSafeInteger(firstPosition) && Number.isSafeInteger(numberShift);
  return areNumbers && numberShift >= 0 && (log === undefined || Number.isSafeInteger(log?.capacity));
}

function modulo(value: number, by: number): number {
  return ((value % by) + by) % by;
}

/** Writes the records of a draft into an empty storage. Returns how many there was no place for. */
export function fillRingLog(
  storage: Storage,
  draft: Draft,
  { capacity, oldest, firstPosition }: RingLayout,
  onProgress: MakingProgress = () => {},
): number {
  const image = new RingImage(storage, capacity);
  const positionOf = (sequence: number): number => (sequence - 1 + firstPosition) % capacity;
  let done = 0;
  let left = 0;
  draft.eachRecord(({ columns }, index, sequence) => {
    if (sequence < oldest) left += 1;
    else image.put(columns, index, positionOf(sequence));
    done += 1;
    if (done % PROGRESS_RECORDS === 0) onProgress(done, draft.recordCount);
  });
  image.finish(positionOf(draft.newestSequence + 1));
  onProgress(draft.recordCount, draft.recordCount);
  return left;
}

const PROGRESS_RECORDS = 16_384;

/** Writes what was observed into an empty storage, which is closed then. Returns how many epochs were left out. */
export function fillStream(
  storage: Storage,
  draft: Draft,
  observed: DraftObservations,
  header: ObservationHeader,
  { log, numberShift }: RingLayout,
): number {
  const { startWords, startsAfter, memory, isEnded } = observed;
  const writer = ObservationWriter.create(storage, streamMetadata(header, log), startWords, {
    startsAfter: { ...startsAfter, firstLiveRecord: Math.max(0, startsAfter.firstLiveRecord - numberShift) },
    ...(memory === undefined ? {} : { initialMemory: memory }),
  });
  const rests = new RestQueue(draft, numberShift);
  let left = 0;
  eachEpoch(observed, (observation, lacksRests) => {
    const firstRecord = observation.firstRecord - numberShift;
    // What is lost of its slots would pass for nothing.
    if (lacksRests || firstRecord < 1) {
      left += 1;
      return;
    }
    rests.appendBefore(firstRecord + observation.recordCount, writer);
    writer.appendEpoch({ ...observation, firstRecord });
  });
  rests.appendBefore(Number.POSITIVE_INFINITY, writer);
  if (isEnded) writer.close();
  else {
    writer.sync();
    storage.close();
  }
  return left;
}

function streamMetadata({ formatVersion: _, log: __, ...rest }: ObservationHeader, log: LogReference | undefined) {
  const metadata: ObservationMetadata = log === undefined ? rest : { ...rest, log };
  return metadata;
}

/** Rests of slots in one frame: an argument list has room for some ten thousand. */
const RESTS_AT_ONCE = 1_024;

/** What slots have beyond v1 records, in order; one entry a record that has something. */
class RestQueue {
  // Side by side, since there may be a million.
  readonly #rests: SlotRests[] = [];
  readonly #indices: number[] = [];
  readonly #sequences: number[] = [];
  #next = 0;

  constructor(draft: Draft, numberShift: number) {
    draft.eachRecord(({ rests }, index, sequence) => {
      const number = sequence - numberShift;
      if (rests !== undefined && number >= 1 && hasRest(rests, index)) {
        this.#rests.push(rests);
        this.#indices.push(index);
        this.#sequences.push(number);
      }
    });
  }

  appendBefore(sequence: number, writer: ObservationWriter): void {
    let batch: SlotRest[] = [];
    for (; this.#next < this.#sequences.length && this.#sequences[this.#next] < sequence; this.#next += 1) {
      batch.push(restAt(this.#rests[this.#next], this.#indices[this.#next], this.#sequences[this.#next]));
      if (batch.length < RESTS_AT_ONCE) continue;
      writer.appendSlotRest(...batch);
      batch = [];
    }
    writer.appendSlotRest(...batch);
  }
}

/** Whether a slot has what a v1 record has no room for. */
export function hasRest(rests: SlotRests, index: number): boolean {
  return rests.priority(index) !== Priority.NORMAL || hasMoreArguments(rests, index);
}

/** Whether an argument beyond the fourth is not zero. */
export function hasMoreArguments(rests: SlotRests, index: number): boolean {
  for (let argument = RECORD_ARGUMENT_COUNT; argument < ARGUMENT_COUNT; argument += 1) {
    if (rests.argument(index, argument) !== 0) return true;
  }
  return false;
}

function restAt(rests: SlotRests, index: number, sequence: number): SlotRest {
  const count = ARGUMENT_COUNT - RECORD_ARGUMENT_COUNT;
  const args = Array.from({ length: count }, (_, at) => rests.argument(index, RECORD_ARGUMENT_COUNT + at));
  return { sequence, priority: rests.priority(index), arguments: args };
}
