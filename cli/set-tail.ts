/** The logs of a set that somebody may be writing to, one after the other. */

import { FileStorage } from '../node/file-storage.ts';
import { besideOf, nextMemberNumber } from '../node/log-set-files.ts';
import { VrrlError } from '../src/base/errors.ts';
import { isLogSet, type ListedLog, type LogSetManifest, readManifest } from '../src/reading/index.ts';
import { withAdviceOnPipes } from './log-source.ts';
import { fileNamed, type Gap, LogTail, type Tail, type TailEvent, type TailStart } from './log-tail.ts';

/** Opens what a path names, a log or the manifest of a set. Throws as `LogTail.open` and `SetTail.open` do. */
export function openTail(path: string, start: TailStart): Tail {
  return readSet(path) === undefined ? LogTail.open(path, start) : SetTail.open(path, start);
}

/** The manifest at a path; undefined if something else is there. */
function readSet(path: string): LogSetManifest | undefined {
  const storage = withAdviceOnPipes(() => FileStorage.open(path, 'read'));
  try {
    return isLogSet(storage) ? readManifest(storage) : undefined;
  } finally {
    storage.close();
  }
}

/** Follows a set: in the log that has the next number, as far as that log's numbers are the set's. */
class SetTail implements Tail {
  readonly #path: string;
  #manifest: LogSetManifest;
  /** The file that the manifest was read from. A writer replaces it. */
  #file: string;
  /** The log that is read, which the manifest may name no more. */
  #listed: ListedLog;
  #log: LogTail;
  /** What is known to be missing and was not handed out yet. */
  #pending: Gap[] = [];

  private constructor(path: string, file: string, manifest: LogSetManifest, start: TailStart) {
    this.#path = path;
    this.#file = file;
    this.#manifest = manifest;
    const from = firstWanted(path, manifest, start);
    const opened = this.#openAt(from ?? manifest.logs[0].firstSequence, from !== undefined);
    this.#listed = opened.listed;
    this.#log = opened.log;
  }

  /**
   * @throws LogSetFormatError if the manifest cannot be used.
   * @throws StorageError, FlightFormatError, FlightVersionError, FlightFlagsError if the last log that is wanted cannot be.
   */
  static open(path: string, start: TailStart): SetTail {
    const file = fileNamed(path);
    const manifest = readSet(path);
    if (manifest === undefined) throw new Error('it was a set a moment ago');
    return new SetTail(path, file, manifest, start);
  }

  get nextSequence(): number {
    return this.#pending[0]?.firstSequence ?? this.#log.nextSequence;
  }

  newestSequence(): number {
    this.#refresh();
    return newestOf(this.#path, this.#manifest);
  }

  look(newest: number): TailEvent[] {
    for (;;) {
      if (this.#pending.length > 0) return this.#pending.splice(0);
      const following = this.#following();
      const end = following === undefined ? newest : Math.min(newest, following.firstSequence - 1);
      const events = this.#log.look(end);
      if (events.length > 0) return events;
      if (this.#log.nextSequence > newest) return [];
      if (following === undefined) {
        if (!this.#refresh()) return [];
        continue;
      }
      // The writer has left this log: what it has not got, nobody brings.
      const gap = this.#log.passMissing(Math.min(end, this.#log.closedAt() ?? this.#log.newestSequence()));
      if (gap !== undefined) return [gap];
      this.#leave(following.firstSequence);
    }
  }

  closedAt(): number | undefined {
    const closedAt = this.#log.closedAt();
    if (closedAt === undefined || this.#following() !== undefined) return undefined;
    // A writer that changes to a new log makes it, closes the old one, and then names it.
    const number = Number(/\.([0-9]+)$/.exec(this.#listed.file)?.[1] ?? 0);
    return nextMemberNumber(this.#path) > number + 1 ? undefined : closedAt;
  }

  passMissing(newest: number): Gap | undefined {
    return this.#log.passMissing(newest);
  }

  isReplaced(): boolean {
    if (fileNamed(this.#path) === this.#file) return false;
    try {
      const manifest = readSet(this.#path);
      return manifest === undefined || !this.#isSuccessor(manifest);
    } catch (error) {
      if (error instanceof VrrlError) return false;
      throw error;
    }
  }

  close(): void {
    this.#log.close();
  }

  /** The log after the one that is read. */
  #following(): ListedLog | undefined {
    return this.#manifest.logs.find(({ firstSequence }) => firstSequence > this.#listed.firstSequence);
  }

  /** Reads the manifest again if it was replaced by a later one of the same set; whether it was. */
  #refresh(): boolean {
    const file = fileNamed(this.#path);
    if (file === this.#file) return false;
    const manifest = readSet(this.#path);
    if (manifest === undefined || !this.#isSuccessor(manifest)) return false;
    this.#manifest = manifest;
    this.#file = file;
    return true;
  }

  /** It names the log that is read, or only later ones, where the writer keeps a few. */
  #isSuccessor({ logs }: LogSetManifest): boolean {
    const { id, firstSequence } = this.#listed;
    const names = logs.some((log) => log.id.every((word, index) => word === id[index]));
    return names || logs[0].firstSequence > firstSequence;
  }

  /** Goes on with another log. Up to its first number the one that is read should have had all, unless it was let go. */
  #leave(firstOfNext: number): void {
    const next = this.#log.nextSequence;
    const isNamed = this.#manifest.logs.some(({ file }) => file === this.#listed.file);
    const isShort = isNamed && next < firstOfNext;
    if (isShort) this.#pending.push({ kind: 'lost', firstSequence: next, lastSequence: firstOfNext - 1 });
    const { listed, log } = this.#openAt(isShort ? firstOfNext : next, true);
    this.#log.close();
    this.#listed = listed;
    this.#log = log;
  }

  /** Opens the log that has a number, or the next that can be read; what is not there is pending then. */
  #openAt(sequence: number, isWanted: boolean): { listed: ListedLog; log: LogTail } {
    const { logs } = this.#manifest;
    const [{ firstSequence: oldest }] = logs;
    if (sequence < oldest) this.#pending.push({ kind: 'lapped', firstSequence: sequence, lastSequence: oldest - 1 });
    let from = Math.max(sequence, oldest);
    for (let index = logs.findLastIndex(({ firstSequence }) => firstSequence <= from); ; index += 1) {
      const listed = logs[index];
      try {
        return { listed, log: LogTail.open(besideOf(this.#path, listed.file), isWanted ? { from } : {}) };
      } catch (error) {
        const next = logs.at(index + 1);
        if (!(error instanceof VrrlError) || index + 1 >= logs.length || next === undefined) throw error;
        this.#pending.push({ kind: 'lost', firstSequence: from, lastSequence: next.firstSequence - 1 });
        from = next.firstSequence;
      }
    }
  }
}

function firstWanted(path: string, manifest: LogSetManifest, { from, last }: TailStart): number | undefined {
  if (last === undefined) return from;
  return Math.max(manifest.logs[0].firstSequence, newestOf(path, manifest) - last + 1);
}

/** The newest number of the set; if its last log cannot be read, that of the log before. */
function newestOf(path: string, { logs }: LogSetManifest): number {
  const { file, firstSequence } = logs[logs.length - 1];
  try {
    const log = LogTail.open(besideOf(path, file), {});
    try {
      return log.newestSequence();
    } finally {
      log.close();
    }
  } catch (error) {
    if (error instanceof VrrlError) return firstSequence - 1;
    throw error;
  }
}
