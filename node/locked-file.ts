/** Files of a fixed size with one writer: made whole or not at all, and locked from the moment that they have a name. */

import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { StorageError } from '../src/storage/index.ts';
import { type FileCalls, systemCalls } from './file-calls.ts';
import { FileLock, type LockKind } from './file-lock.ts';
import { FileStorage } from './file-storage.ts';
import { callOnPath, hasCode, ignoreErrors, isWithoutLinks, OpenFile, systemError } from './open-file.ts';

/** What comes after the name of a file that is being made. One that a killed process left behind can be removed. */
export const NEW_FILE_SUFFIX = '.new';

/** Somebody may put another file in place of the one that is being opened. Not over and over, though. */
const MAX_OPENINGS = 10;

/** A file that nobody else writes until it is closed. */
export class LockedFile {
  readonly file: OpenFile;
  readonly #lock: FileLock;

  private constructor(file: OpenFile, lock: FileLock) {
    this.file = file;
    this.#lock = lock;
  }

  /**
   * Makes a file of `bytes` zeros and has `fill` write what it starts with. It gets its name only then, with everything
   * on stable storage: whoever finds a file of that name finds a whole one, also after a power failure.
   *
   * @throws StorageError if a call fails, or there is a file of that name; nothing is left of the new one then.
   * @throws whatever `fill` throws, likewise.
   */
  static create<Result>(
    label: string,
    bytes: number,
    fill: (made: LockedFile) => Result,
    calls: FileCalls = systemCalls,
  ): Result {
    const making = new NewFile(label, calls);
    try {
      const made = new LockedFile(making.file, making.fillAndLock(bytes));
      const result = fill(made);
      making.publish();
      return result;
    } catch (error) {
      making.discard();
      throw error;
    }
  }

  /**
   * Opens a file that is there.
   *
   * @throws LockedError if somebody else writes it.
   * @throws StorageError if a call fails, or it is no regular file.
   */
  static open(label: string, calls: FileCalls = systemCalls): LockedFile {
    for (let attempt = 1; ; attempt += 1) {
      const file = FileStorage.open(label, 'readWrite', calls);
      let lock: FileLock | undefined;
      try {
        const target = callOnPath('stat', label, () => calls.realPath(label));
        lock = FileLock.take(file, target);
        // The lock is on the file and not on its name, which may have gone to another one before it was taken.
        if (file.isNamed(target)) return new LockedFile(file, lock);
        if (attempt === MAX_OPENINGS) {
          throw new StorageError('open', label, systemError('EBUSY', 'other files were put in its place meanwhile'));
        }
      } catch (error) {
        lock?.release();
        ignoreErrors(() => file.close());
        throw error;
      }
      lock.release();
      file.close();
    }
  }

  /** Whether the kernel holds the lock, or only a note does. */
  get lockKind(): LockKind {
    return this.#lock.kind;
  }

  /** Lets go of the lock and the file. Idempotent. */
  close(): void {
    this.#lock.release();
    this.file.close();
  }
}

/** A file that has no name yet that anybody looks for. */
class NewFile {
  readonly file: OpenFile;
  readonly #label: string;
  readonly #calls: FileCalls;
  readonly #folder: string;
  readonly #path: string;
  readonly #freshPath: string;
  #lock: FileLock | undefined;
  #hasFreshName = true;
  #hasName = false;

  constructor(label: string, calls: FileCalls) {
    this.#label = label;
    this.#calls = calls;
    this.#folder = callOnPath('stat', label, () => calls.realPath(path.dirname(label)));
    this.#path = path.join(this.#folder, path.basename(label));
    this.#freshPath = `${this.#path}.${randomBytes(6).toString('hex')}${NEW_FILE_SUFFIX}`;
    // It will be asked again with the name itself, where nobody can come between; now it costs nothing yet.
    const isTaken = callOnPath('stat', label, () => calls.statPath(this.#path)) !== undefined;
    if (isTaken) throw new StorageError('link', label, systemError('EEXIST', 'there is a file of that name'));
    const { O_RDWR, O_CREAT, O_EXCL } = fs.constants;
    const descriptor = callOnPath('open', label, () => calls.open(this.#freshPath, O_RDWR | O_CREAT | O_EXCL, 0o666));
    this.file = new OpenFile(label, descriptor, calls);
  }

  fillAndLock(bytes: number): FileLock {
    this.file.fillWithZeros(bytes);
    this.#lock = FileLock.take(this.file, this.#path);
    return this.#lock;
  }

  publish(): void {
    this.file.sync();
    this.#giveName();
    this.#hasName = true;
    if (this.#hasFreshName) this.#remove(this.#freshPath);
    this.#hasFreshName = false;
    syncFolder(this.#folder, this.#label, this.#calls);
  }

  discard(): void {
    this.#lock?.release();
    ignoreErrors(() => this.file.close());
    if (this.#hasName) ignoreErrors(() => this.#remove(this.#path));
    if (this.#hasFreshName) ignoreErrors(() => this.#remove(this.#freshPath));
  }

  /** A link fails if the name is taken, which a rename would not. */
  #giveName(): void {
    try {
      callOnPath('link', this.#label, () => this.#calls.link(this.#freshPath, this.#path));
    } catch (error) {
      if (!isWithoutLinks(error)) throw error;
      this.#renameToName();
    }
  }

  /** Where there are no links, the name is claimed by an empty file first; a process killed right then leaves that. */
  #renameToName(): void {
    const { O_WRONLY, O_CREAT, O_EXCL } = fs.constants;
    const claim = () => this.#calls.open(this.#path, O_WRONLY | O_CREAT | O_EXCL, 0o666);
    const descriptor = callOnPath('open', this.#label, claim);
    this.#hasName = true;
    ignoreErrors(() => this.#calls.close(descriptor));
    callOnPath('rename', this.#label, () => this.#calls.rename(this.#freshPath, this.#path));
    this.#hasFreshName = false;
  }

  #remove(each: string): void {
    callOnPath('remove', this.#label, () => this.#calls.remove(each));
  }
}

/** A name is on stable storage once its folder is. Windows has no way to ask for that, and needs none. */
export function syncFolder(folder: string, label: string, calls: FileCalls = systemCalls): void {
  if (process.platform === 'win32') return;
  const descriptor = callOnPath('open', label, () => calls.open(folder, fs.constants.O_RDONLY, 0));
  try {
    callOnPath('sync', label, () => calls.sync(descriptor));
  } catch (error) {
    // Some file systems have nothing to sync about a folder, and say so.
    if (!(error instanceof StorageError) || !hasCode(error.cause, 'EINVAL')) throw error;
  } finally {
    ignoreErrors(() => calls.close(descriptor));
  }
}
