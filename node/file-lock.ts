/**
 * One writer a file. Two things hold others off:
 *
 * - `flock` on the file itself, through koffi. The kernel keeps it, whatever the file is called, and drops it when the
 *   process is gone, however it went. This one can be relied on.
 * - A note beside the file, `NAME.lock`, that says who writes and since when. Where there is no `flock` it is the lock,
 *   and a weaker one: a note that a killed process left has to be judged by whether that process still runs, which
 *   cannot be seen across machines and containers, and two processes that judge the same stale note at the same moment
 *   can, rarely, both come through. Then the chain of the log's records shows two histories.
 *
 * Where both are there the note is for the message to whoever is refused, and for writers that have no `flock`.
 */

import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import { VrrlError } from '../src/base/errors.ts';
import { StorageError } from '../src/storage/index.ts';
import type { FileCalls } from './file-calls.ts';
import { callOnPath, ignoreErrors, isWithoutLinks, OpenFile } from './open-file.ts';
import { type Liveness, livenessOf, ownIdentity, type ProcessIdentity } from './process-identity.ts';

/** What keeps other writers off: the kernel's lock, or a note that they are to heed. */
export type LockKind = 'flock' | 'note';

/** Who holds a lock. */
export interface LockHolder extends ProcessIdentity {
  /** When it was taken, as ISO 8601. */
  readonly since: string;
  readonly kind: LockKind;
}

/** What comes after the name of a file for the note about its writer. One that was left behind is harmless. */
export const LOCK_NOTE_SUFFIX = '.lock';

/** Somebody else writes the file. */
export class LockedError extends VrrlError {
  readonly code = 'VRRL_LOCKED';
  readonly path: string;
  /** Undefined if whoever it is has left no note, or the note is of somebody who is gone. */
  readonly holder: LockHolder | undefined;

  constructor(path: string, holder: LockHolder | undefined, fix: string) {
    super(`\`${path}\` is being written by ${holder === undefined ? 'another process' : nameOf(holder)}`, fix);
    this.path = path;
    this.holder = holder;
  }
}

/** The right to be the only writer of a file, until `release`. */
export class FileLock {
  readonly kind: LockKind;
  readonly #file: OpenFile;
  readonly #note: LockNote;
  #isHeld = true;

  private constructor(kind: LockKind, file: OpenFile, note: LockNote) {
    this.kind = kind;
    this.#file = file;
    this.#note = note;
  }

  /**
   * Takes the lock on `file` without waiting. `path` is what the file is or will be called, with symbolic links resolved.
   *
   * @throws LockedError if somebody else has it.
   * @throws StorageError if it cannot be taken for another reason.
   */
  static take(file: OpenFile, path: string): FileLock {
    const kind = lockByKernel(file, path);
    const note = new LockNote(file, path, kind);
    const lock = new FileLock(kind, file, note);
    try {
      note.claim();
    } catch (error) {
      // The kernel's lock is held, and needs no note: a full disk or a folder that is not ours is no reason to stop.
      if (kind === 'flock' && error instanceof StorageError) return lock;
      lock.release();
      throw error;
    }
    return lock;
  }

  /**
   * Lets others in. Idempotent, and to be called before the file is closed. It does not throw: whatever of the lock cannot
   * be taken back goes with the process.
   */
  release(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    ignoreErrors(() => this.#note.withdraw());
    if (this.kind === 'flock') ignoreErrors(() => this.#file.unlock());
  }
}

/** Whether a note of a holder may be put aside by somebody who has the lock of kind `own`, or wants it. */
export function isStale(
  holder: LockHolder | undefined,
  own: LockKind,
  liveness: (of: LockHolder) => Liveness,
): boolean {
  // One that cannot be read was damaged, or is being written by a process without flock.
  if (holder === undefined) return own === 'flock';
  // Had its process not gone, the kernel's lock would not be ours.
  if (holder.kind === 'flock' && own === 'flock') return true;
  return liveness(holder) === 'dead';
}

function lockByKernel(file: OpenFile, path: string): LockKind {
  if (file.calls.withoutNative !== undefined) return 'note';
  try {
    if (file.lock()) return 'flock';
  } catch (error) {
    if (error instanceof StorageError && WITHOUT_LOCKS.includes(error.systemCode ?? '')) return 'note';
    throw error;
  }
  const holder = parseNote(readNote(file, path + LOCK_NOTE_SUFFIX));
  // What a process left that is gone does not speak of whoever holds the lock now.
  const isGone = holder === undefined || livenessOf(holder) === 'dead';
  throw new LockedError(file.label, isGone ? undefined : holder, WAIT_FIX);
}

/** What file systems without `flock` answer. */
const WITHOUT_LOCKS: readonly string[] = ['EOPNOTSUPP', 'ENOTSUP', 'ENOSYS', 'ENOLCK', 'EINVAL'];

const WAIT_FIX = 'wait until it has finished or end it, or write to another file.';
const MAX_CLAIMS = 10;

/** The note beside a file that says who writes it. */
class LockNote {
  readonly #file: OpenFile;
  readonly #path: string;
  readonly #kind: LockKind;
  readonly #text: string;
  readonly #freshPath: string;

  constructor(file: OpenFile, path: string, kind: LockKind) {
    this.#file = file;
    this.#path = path + LOCK_NOTE_SUFFIX;
    this.#kind = kind;
    // So that no two notes are alike, not even of one process at one time.
    const nonce = randomBytes(8).toString('hex');
    this.#text = `${JSON.stringify({ ...ownIdentity(), since: new Date().toISOString(), kind, nonce })}\n`;
    this.#freshPath = `${this.#path}.${nonce}`;
  }

  /** Puts the note where everybody looks. @throws LockedError if another one is there and not stale. */
  claim(): void {
    writeNote(this.#file.calls, this.#freshPath, this.#text);
    try {
      for (let attempt = 1; !this.#publish(); attempt += 1) {
        this.#putStaleAside();
        if (attempt === MAX_CLAIMS) throw new LockedError(this.#file.label, undefined, WAIT_FIX);
      }
    } finally {
      this.#remove(this.#freshPath);
    }
  }

  /** Takes the note away, if it is still this one. */
  withdraw(): void {
    if (readNote(this.#file, this.#path) === this.#text) this.#remove(this.#path);
  }

  /** Whether there was none before. A link, so that nobody sees half a note. */
  #publish(): boolean {
    const { calls } = this.#file;
    try {
      callOnPath('link', this.#path, () => calls.link(this.#freshPath, this.#path));
      return true;
    } catch (error) {
      if (isTaken(error)) return false;
      if (!isWithoutLinks(error)) throw error;
    }
    return this.#publishWithoutLink();
  }

  #publishWithoutLink(): boolean {
    try {
      writeNote(this.#file.calls, this.#path, this.#text);
      return true;
    } catch (error) {
      if (isTaken(error)) return false;
      throw error;
    }
  }

  #putStaleAside(): void {
    const found = readNote(this.#file, this.#path);
    // Withdrawn meanwhile.
    if (found === undefined) return;
    const holder = parseNote(found);
    if (!isStale(holder, this.#kind, livenessOf)) throw this.#refusal(holder);
    const { calls } = this.#file;
    const asidePath = `${this.#freshPath}.stale`;
    unlessAbsent(() => callOnPath('rename', this.#path, () => calls.rename(this.#path, asidePath)));
    const taken = readNote(this.#file, asidePath);
    if (taken === undefined) return;
    if (taken !== found) {
      // Somebody was quicker, and it is his note that went. Back with it, unless a third one has come.
      callOnPath('link', this.#path, () => calls.link(asidePath, this.#path));
      this.#remove(asidePath);
      throw this.#refusal(parseNote(taken));
    }
    this.#remove(asidePath);
  }

  #refusal(holder: LockHolder | undefined): LockedError {
    const isAlive = holder !== undefined && livenessOf(holder) === 'alive';
    const fix = isAlive ? WAIT_FIX : `if no process writes it any more, remove \`${this.#path}\`.`;
    return new LockedError(this.#file.label, holder, fix);
  }

  #remove(path: string): void {
    callOnPath('remove', path, () => this.#file.calls.remove(path));
  }
}

/** On the disk before anybody can see it: after a power failure a note without a text would be in everybody's way. */
function writeNote(calls: FileCalls, path: string, text: string): void {
  const flags = fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_EXCL;
  const note = new OpenFile(
    path,
    callOnPath('open', path, () => calls.open(path, flags, 0o644)),
    calls,
  );
  try {
    note.writeAt(new TextEncoder().encode(text), 0);
    note.sync();
    note.close();
  } catch (error) {
    ignoreErrors(() => note.close());
    ignoreErrors(() => callOnPath('remove', path, () => calls.remove(path)));
    throw error;
  }
}

function isTaken(error: unknown): boolean {
  return error instanceof StorageError && error.systemCode === 'EEXIST';
}

/** Undefined if there is none. */
function readNote({ calls }: OpenFile, path: string): string | undefined {
  const descriptor = unlessAbsent(() => callOnPath('open', path, () => calls.open(path, fs.constants.O_RDONLY, 0)));
  if (descriptor === undefined) return undefined;
  const note = new OpenFile(path, descriptor, calls);
  try {
    const bytes = new Uint8Array(MAX_NOTE_BYTES);
    return new TextDecoder().decode(bytes.subarray(0, note.readAt(bytes, 0)));
  } finally {
    ignoreErrors(() => note.close());
  }
}

/** Notes are withdrawn at any time. */
function unlessAbsent<Result>(run: () => Result): Result | undefined {
  try {
    return run();
  } catch (error) {
    if (error instanceof StorageError && error.systemCode === 'ENOENT') return undefined;
    throw error;
  }
}

const MAX_NOTE_BYTES = 4096;

/** What can be printed: a note may come from anybody. */
const SINCE = /^[\d:.TZ-]{1,30}$/;
const HOST = /^[^\p{C}]{1,255}$/u;

/** Undefined if it is not one. */
function parseNote(text: string | undefined): LockHolder | undefined {
  try {
    const { pid, host, bootId, pidNamespace, startTicks, since, kind } = JSON.parse(text ?? '');
    const optional = [bootId, pidNamespace, startTicks].every((each) => each === undefined || typeof each === 'string');
    const isNote = Number.isSafeInteger(pid) && pid > 0 && HOST.test(host) && SINCE.test(since);
    if (!isNote || !optional || (kind !== 'flock' && kind !== 'note')) return undefined;
    return { pid, host, bootId, pidNamespace, startTicks, since, kind };
  } catch {
    return undefined;
  }
}

function nameOf({ pid, host, since }: LockHolder): string {
  return `process ${pid}${host === os.hostname() ? '' : ` on ${host}`}, since ${since}`;
}
