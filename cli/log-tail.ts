/** A v2 log that somebody may be writing to, in the order in which its records come. */

import { statSync } from 'node:fs';
import { FileStorage } from '../node/file-storage.ts';
import { InputError, VrrlError } from '../src/base/errors.ts';
import { LOG_MAGIC } from '../src/log/index.ts';
import { FlightFollower, FlightReader, type FlightRecord, LogState, readSuperblock } from '../src/log-v2/index.ts';
import { isFlightLog } from '../src/reading/index.ts';
import type { Storage } from '../src/storage/index.ts';
import { withAdviceOnPipes } from './log-source.ts';

/** Records that cannot be had, by their numbers. */
export interface Gap {
  /** Overwritten before they were read, or never arrived whole. */
  readonly kind: 'lapped' | 'lost';
  readonly firstSequence: number;
  readonly lastSequence: number;
}

export type TailEvent = { readonly kind: 'record'; readonly record: FlightRecord } | Gap;

/** Where to begin: with a number, with so many of the newest, or with the oldest that is there. */
export interface TailStart {
  readonly from?: number | undefined;
  readonly last?: number | undefined;
}

/** What is followed, a log or a set of them. */
export interface Tail {
  /** The number that comes next. */
  readonly nextSequence: number;
  /** The newest number that was used, looked up afresh. */
  newestSequence(): number;
  /** What there is to see now up to the number `newest`, oldest first; empty if there is nothing new. */
  look(newest: number): TailEvent[];
  /**
   * The newest number, if the last writer closed it. What was written before that can be seen by whoever looks after
   * this.
   */
  closedAt(): number | undefined;
  /**
   * Passes over what will not come any more, up to the next record that is there, or up to `newest`. A follower waits
   * where it sees nothing beyond; whoever knows that there is no writer need not.
   */
  passMissing(newest: number): Gap | undefined;
  /** Whether the name belongs to something else now. */
  isReplaced(): boolean;
  close(): void;
}

/** What one look takes at most. */
const MOST_EVENTS = 4_096;

/** Follows one file. Reads positions of it and maps nothing, so that a file that is cut short kills nobody. */
export class LogTail implements Tail {
  readonly #storage: Storage;
  readonly #path: string;
  /** Which file had the name when it was opened, as far as that can be told. */
  #file: string;
  readonly #fileId: string;
  #follower: FlightFollower;
  /** Nobody asked for numbers before the first record that is got, so those are not missed. */
  #mayBeginLater: boolean;

  private constructor(storage: Storage, path: string, file: string, start: TailStart) {
    this.#storage = storage;
    this.#path = path;
    this.#file = file;
    this.#fileId = fileIdOf(storage);
    this.#follower = FlightFollower.overStorage(storage, firstWanted(storage, start));
    this.#mayBeginLater = start.from === undefined;
  }

  /**
   * @throws StorageError if it cannot be read.
   * @throws InputError if it is a v1 log.
   * @throws FlightFormatError, FlightVersionError, FlightFlagsError if it is no log, or one that cannot be read.
   */
  static open(path: string, start: TailStart): LogTail {
    // Looked at before it is opened: if another takes the name in between, that is noticed later.
    const file = fileNamed(path);
    const storage = withAdviceOnPipes(() => FileStorage.open(path, 'read'));
    try {
      if (!isFlightLog(storage)) refuseRingLog(storage);
      return new LogTail(storage, path, file, start);
    } catch (error) {
      storage.close();
      throw error;
    }
  }

  get nextSequence(): number {
    return this.#follower.nextSequence;
  }

  newestSequence(): number {
    return FlightReader.open(this.#storage).newestSequence;
  }

  look(newest: number): TailEvent[] {
    const events: TailEvent[] = [];
    for (let count = 0; count < MOST_EVENTS && this.nextSequence <= newest; count += 1) {
      const first = this.nextSequence;
      const followed = this.#follower.poll();
      if (followed === undefined) break;
      if (followed.kind === 'record') events.push(followed);
      else if (followed.kind === 'lost' || !this.#mayBeginLater) addGap(events, followed.kind, first, followed.count);
      this.#mayBeginLater &&= followed.kind !== 'record';
    }
    return events;
  }

  /** It was synced when it was closed. */
  closedAt(): number | undefined {
    const { state, syncedSequence } = readSuperblock(this.#storage).superblock;
    return state === LogState.CLOSED ? syncedSequence : undefined;
  }

  passMissing(newest: number): Gap | undefined {
    const first = this.nextSequence;
    if (first > newest) return undefined;
    const reader = FlightReader.open(this.#storage);
    const isLapped = reader.oldestSequence > first;
    let next = isLapped ? reader.oldestSequence : first + 1;
    while (!isLapped && next <= newest && reader.record(next) === undefined) next += 1;
    this.#follower = FlightFollower.overStorage(this.#storage, next);
    return { kind: isLapped ? 'lapped' : 'lost', firstSequence: first, lastSequence: next - 1 };
  }

  isReplaced(): boolean {
    const file = fileNamed(this.#path);
    if (file === this.#file || file === NO_FILE) return false;
    const fileId = fileIdNamed(this.#path);
    if (fileId === undefined) return false;
    if (fileId !== this.#fileId) return true;
    // A copy of this one took its place: there is nothing in it that is not here.
    this.#file = file;
    return false;
  }

  close(): void {
    this.#storage.close();
  }
}

function firstWanted(storage: Storage, { from, last }: TailStart): number | undefined {
  if (last === undefined) return from;
  const { newestSequence, oldestSequence } = FlightReader.open(storage);
  return Math.max(oldestSequence, newestSequence - last + 1);
}

/** Adds to the gap before it, if that is of the same kind. Numbers within a batch have no holes. */
function addGap(events: TailEvent[], kind: Gap['kind'], firstSequence: number, count: number): void {
  const lastSequence = firstSequence + count - 1;
  const before = events.at(-1);
  if (before?.kind === kind) events[events.length - 1] = { ...before, lastSequence };
  else events.push({ kind, firstSequence, lastSequence });
}

/** @throws InputError if it is a v1 log, and as `readSuperblock` does if it is none. */
function refuseRingLog(storage: Storage): void {
  const magic = new Uint8Array(LOG_MAGIC.length);
  storage.readAt(magic, 0);
  if (new TextDecoder('latin1').decode(magic) === LOG_MAGIC) {
    const what = `\`${storage.label}\` is a v1 log, whose records have no numbers to follow them by`;
    throw new InputError(what, 'print what is there with vrrl dump, or record a v2 log.');
  }
  readSuperblock(storage);
}

const NO_FILE = '';

/** Which file a name belongs to. */
export function fileNamed(path: string): string {
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stats === undefined ? NO_FILE : `${stats.dev}:${stats.ino}`;
}

/** The id of the log that a name belongs to; undefined if it is none, or gone again. */
function fileIdNamed(path: string): string | undefined {
  try {
    const storage = FileStorage.open(path, 'read');
    try {
      return fileIdOf(storage);
    } finally {
      storage.close();
    }
  } catch (error) {
    if (error instanceof VrrlError) return undefined;
    throw error;
  }
}

function fileIdOf(storage: Storage): string {
  return readSuperblock(storage).superblock.fileId.join(':');
}
