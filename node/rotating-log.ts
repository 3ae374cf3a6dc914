/** A recording that goes on from log to log, so that no file's size limits it: spec/log-set.md. */

import fs from 'node:fs';
import { InputError } from '../src/base/errors.ts';
import { type FlightLog, type FlightMetadata, randomId } from '../src/log-v2/index.ts';
import type { EpochObservation, ResolvedLayout } from '../src/observe/index.ts';
import type { ListedLog } from '../src/reading/index.ts';
import {
  JournalObservations,
  type JournalPlan,
  type ObservationSink,
  type PlacedSlot,
  type RecordingSession,
  type WholeRecordSink,
} from '../src/record/index.ts';
import { createFlightLogFile } from './flight-log-file.ts';
import { besideOf, memberName, nextMemberNumber, refuseReplaced, writeManifest } from './log-set-files.ts';

export interface RotatingLogOptions {
  /** Records that a log has room for. */
  readonly recordsPerLog: number;
  /** Logs that are kept; all if left out. */
  readonly keep?: number | undefined;
  readonly layout: ResolvedLayout;
  /** Of each log. */
  readonly journal: JournalPlan;
  /** What each log says about itself. */
  readonly metadata: FlightMetadata;
}

/** What is asked of the session that the log belongs to. */
export type RecordedRun = Pick<RecordingSession, 'epochCount' | 'snapshot' | 'finish'>;

/** The log that is written now. */
interface CurrentLog {
  readonly listed: ListedLog;
  readonly log: FlightLog;
  readonly observations: JournalObservations;
}

/** Records that were published together, in the epoch that is in progress. */
interface Batch {
  readonly slots: readonly PlacedSlot[];
  readonly timestampNs: bigint;
  readonly epoch: number;
}

/** No end frame takes more. */
const END_FRAME_BYTES = 128;
/** Of the epoch before, which may be written late, and of the one that begins. */
const EPOCHS_AHEAD = 2;

/** Takes the records and the observations of a session, and changes to a new log between epochs. */
export class RotatingLog implements WholeRecordSink, ObservationSink {
  /** Nothing is ever overwritten. */
  readonly capacity: number = Number.MAX_SAFE_INTEGER;
  readonly #path: string;
  readonly #options: RotatingLogOptions;
  #current: CurrentLog;
  #listed: readonly ListedLog[];
  #run: RecordedRun | undefined;
  #number: number;
  /** The ordinal of the epoch in progress, the number of its first record, and its records so far. */
  #ordinal = -1;
  #firstOfEpoch = 1;
  #batches: Batch[] = [];
  #recordsOfEpoch = 0;
  #mostRecords = 0;

  /**
   * Makes the first log and the manifest, in place of what has its name.
   *
   * @throws StorageError if a call fails; nothing is left of the log then.
   */
  constructor(path: string, initialWords: Uint32Array, options: RotatingLogOptions) {
    this.#path = path;
    this.#options = options;
    this.#number = nextMemberNumber(path);
    this.#current = this.#makeLog(initialWords, { firstSequence: 1, firstEpoch: 0, observedEpochs: 0 });
    this.#listed = [this.#current.listed];
    try {
      writeManifest(path, { logs: this.#listed });
    } catch (error) {
      this.#discard(this.#current);
      throw error;
    }
  }

  /** Has to be called before the first record. */
  attach(run: RecordedRun): void {
    this.#run = run;
  }

  /**
   * @throws InputError if the epoch has more records than a log has room for.
   * @throws StorageError if a write fails or no new log can be made; the records do not count then.
   */
  appendSlots(slots: readonly PlacedSlot[], timestampNs: bigint, epoch: number): void {
    const run = this.#run;
    if (run === undefined) throw new Error('a slot was published before the log was given its session');
    if (run.epochCount !== this.#ordinal) this.#beginEpoch(run, slots.length);
    if (slots.length > this.#room) this.#makeRoom(run, slots.length);
    this.#current.log.appendSlots(slots, timestampNs, epoch);
    this.#batches.push({ slots, timestampNs, epoch });
    this.#recordsOfEpoch += slots.length;
  }

  prepare(records: number): void {
    this.#current.log.prepare(Math.min(records, this.#room));
  }

  appendEpoch(observation: EpochObservation): void {
    this.#current.observations.appendEpoch(observation);
  }

  /** Nothing to do: the records have all that slots have. */
  appendSlotRest(): void {}

  /** Nothing to do: nothing is overwritten. */
  dropBefore(): void {}

  /** Says that the recording ended here, and closes the log. */
  close(): void {
    endAndClose(this.#current);
  }

  get #room(): number {
    const { log, listed } = this.#current;
    return this.#options.recordsPerLog - (log.nextSequence - listed.firstSequence);
  }

  #beginEpoch(run: RecordedRun, records: number): void {
    this.#mostRecords = Math.max(this.#mostRecords, this.#recordsOfEpoch);
    this.#ordinal = run.epochCount;
    this.#firstOfEpoch = this.#current.log.nextSequence;
    this.#batches = [];
    this.#recordsOfEpoch = 0;
    const isEmpty = this.#firstOfEpoch === this.#current.listed.firstSequence;
    const fits = Math.max(this.#mostRecords, records) <= this.#room && this.#hasJournalRoom();
    if (!isEmpty && !fits) this.#rotate(run);
  }

  #hasJournalRoom(): boolean {
    const { journalBytes, mostEpochBytes } = this.#options.journal;
    return this.#current.observations.bytes + EPOCHS_AHEAD * mostEpochBytes + END_FRAME_BYTES <= journalBytes;
  }

  /** For an epoch that turns out larger than those before it: it moves to a new log with what it has so far. */
  #makeRoom(run: RecordedRun, records: number): void {
    const { recordsPerLog } = this.#options;
    if (this.#recordsOfEpoch + records > recordsPerLog) {
      throw new InputError(
        `epoch ${run.epochCount} has more than the ${recordsPerLog} records that a log of the set \`${this.#path}\` has room for`,
        'give --rotate a larger number, or end epochs sooner.',
      );
    }
    this.#rotate(run);
  }

  #rotate(run: RecordedRun): void {
    run.finish();
    const old = this.#current;
    const next = this.#makeLog(run.snapshot, {
      firstSequence: this.#firstOfEpoch,
      firstEpoch: run.epochCount,
      observedEpochs: old.observations.epochCount,
    });
    const all = [...this.#listed, next.listed];
    const kept = all.slice(-(this.#options.keep ?? all.length));
    try {
      for (const { slots, timestampNs, epoch } of this.#batches) next.log.appendSlots(slots, timestampNs, epoch);
      if (this.#batches.length > 0) next.log.sync();
      old.log.sync();
      refuseReplaced(this.#path, old.listed.id);
      writeManifest(this.#path, { logs: kept });
    } catch (error) {
      this.#discard(next);
      throw error;
    }
    this.#current = next;
    this.#listed = kept;
    endAndClose(old);
    for (const { file } of all.slice(0, all.length - kept.length)) {
      fs.rmSync(besideOf(this.#path, file), { force: true });
    }
  }

  #makeLog(
    words: Uint32Array,
    { firstSequence, firstEpoch, observedEpochs }: Omit<ListedLog, 'file' | 'id'> & { readonly observedEpochs: number },
  ): CurrentLog {
    const { recordsPerLog: capacity, journal, layout, metadata } = this.#options;
    const { journalBytes, keyframeInterval } = journal;
    const id = randomId();
    const file = memberName(this.#path, this.#number);
    const options = { capacity, journalBytes, metadata, firstSequence, fileId: id };
    const { log } = createFlightLogFile(besideOf(this.#path, file), options);
    this.#number += 1;
    const listed = { file, id, firstSequence, firstEpoch };
    try {
      const startsAfter = {
        nextOrdinal: firstEpoch,
        overwrittenEpochs: observedEpochs,
        firstLiveRecord: firstSequence,
      };
      const before = firstEpoch === 0 ? undefined : startsAfter;
      const observations = new JournalObservations(log, layout, words, keyframeInterval, before);
      // The manifest is going to say that the log is there: with its base, also after a power failure.
      log.sync();
      return { listed, log, observations };
    } catch (error) {
      this.#discard({ listed, log });
      throw error;
    }
  }

  #discard({ log, listed }: Pick<CurrentLog, 'log' | 'listed'>): void {
    try {
      log.close();
    } finally {
      fs.rmSync(besideOf(this.#path, listed.file), { force: true });
    }
  }
}

function endAndClose({ observations, log }: CurrentLog): void {
  try {
    observations.end();
  } finally {
    log.close();
  }
}
