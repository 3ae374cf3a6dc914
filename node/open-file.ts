/** A file that is open: positional calls on its descriptor, repeated where the system wants that, with errors that say what failed. */

import { type Storage, type StorageCall, StorageError } from '../src/storage/index.ts';
import { type FileCalls, systemCalls } from './file-calls.ts';

/** A descriptor that was closed. */
const CLOSED = -1;

/** A call that the system wants repeated is repeated this often; a regular file gives no reason to wait longer. */
const MAX_ATTEMPTS = 100;

/**
 * Zeros are written this many at a time. Linux keeps what one call wrote together: a store to a mapping makes all of it
 * dirty, and the next sync writes all of it. With a megabyte at a time, that is what each sync of a single record wrote.
 */
const ZEROS_BYTES = 16_384;

/** Owns a descriptor. The descriptor's own position is never used. */
export class OpenFile implements Storage {
  /** What errors call the file. */
  readonly label: string;
  readonly calls: FileCalls;
  #descriptor: number;

  constructor(label: string, descriptor: number, calls: FileCalls = systemCalls) {
    this.label = label;
    this.calls = calls;
    this.#descriptor = descriptor;
  }

  size(): number {
    return this.#call('stat', (descriptor) => this.calls.stat(descriptor).size);
  }

  readAt(target: Uint8Array, position: number): number {
    let done = 0;
    while (done < target.length) {
      const count = this.#readSome(target, done, position + done);
      if (count === 0) break;
      done += count;
    }
    return done;
  }

  writeAt(source: Uint8Array, position: number): void {
    this.writeRange(source, 0, source.length, position);
  }

  /** Writes `source[start … end)` at `position`: `writeAt` without a view that would have to be made first. */
  writeRange(source: Uint8Array, start: number, end: number, position: number): void {
    let done = start;
    while (done < end) {
      const count = this.#writeSome(source, done, end - done, position + done - start);
      if (count === 0) throw this.#error('write', systemError('EIO', 'the system took no bytes'));
      done += count;
    }
  }

  resize(bytes: number): void {
    this.#call('truncate', (descriptor) => this.calls.truncate(descriptor, bytes));
  }

  sync(): void {
    this.#call('sync', (descriptor) => this.calls.sync(descriptor));
  }

  /** `sync` for a file whose size stays as it is: when it was last changed may be forgotten. */
  syncData(): void {
    this.#call('sync', (descriptor) => this.calls.syncData(descriptor));
  }

  /**
   * Makes a file `bytes` long: from `start` on, where it ends now, with zeros that are on the disk.
   *
   * Space is taken first, so that a disk that is too full says so at once and the file lies in one piece. The zeros are
   * written all the same: blocks that are only set aside have to be entered as written later, each time a page reaches
   * the disk for the first time, and that is what an append must not have to wait for, or fail for.
   *
   * @throws StorageError, with the file as it was or of some length below.
   */
  fillWithZeros(bytes: number, start = 0): void {
    this.#call('allocate', (descriptor) => {
      try {
        this.calls.allocate(descriptor, bytes);
      } catch (cause) {
        if (!hasCode(cause, 'EOPNOTSUPP') && !hasCode(cause, 'EINVAL') && !hasCode(cause, 'ENOSYS')) throw cause;
      }
    });
    const zeros = new Uint8Array(Math.min(bytes - start, ZEROS_BYTES));
    for (let position = start; position < bytes; position += zeros.length) {
      this.writeRange(zeros, 0, Math.min(zeros.length, bytes - position), position);
    }
  }

  /** The first `bytes` as memory. The mapping outlives `close`: it goes when nothing refers to the buffer. */
  map(bytes: number): ArrayBuffer {
    return this.#call('map', (descriptor) => this.calls.map(descriptor, bytes));
  }

  /** Puts what was stored to a mapping of this file where `sync` finds it. */
  flush(mapping: ArrayBuffer): void {
    this.#call('sync', () => this.calls.flush(mapping));
  }

  /** Takes the system's lock on the file; whether it was free. It goes with `unlock`, or with the process. */
  lock(): boolean {
    return this.#call('lock', (descriptor) => this.calls.lock(descriptor));
  }

  unlock(): void {
    this.#call('lock', (descriptor) => this.calls.unlock(descriptor));
  }

  /** Whether `path` still names this file, and not one that was put in its place. */
  isNamed(path: string): boolean {
    return this.#call('stat', (descriptor) => {
      const [mine, named] = [this.calls.stat(descriptor), this.calls.statPath(path)];
      return mine.ino === named?.ino && mine.dev === named.dev;
    });
  }

  close(): void {
    if (this.#descriptor === CLOSED) return;
    const descriptor = this.#descriptor;
    // Whatever close reports, the descriptor is gone: a second close could hit somebody else's.
    this.#descriptor = CLOSED;
    try {
      this.calls.close(descriptor);
    } catch (cause) {
      // A signal came between; it is closed all the same.
      if (!hasCode(cause, 'EINTR')) throw new StorageError('close', this.label, cause);
    }
  }

  // Reads and writes are written out instead of going through `#call`: appending must not make a closure a record.

  #readSome(target: Uint8Array, offset: number, position: number): number {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return this.calls.read(this.#descriptor, target, offset, target.length - offset, position);
      } catch (cause) {
        if (attempt === MAX_ATTEMPTS || !isTransient(cause)) throw this.#error('read', cause);
      }
    }
  }

  #writeSome(source: Uint8Array, offset: number, length: number, position: number): number {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return this.calls.write(this.#descriptor, source, offset, length, position);
      } catch (cause) {
        if (attempt === MAX_ATTEMPTS || !isTransient(cause)) throw this.#error('write', cause);
      }
    }
  }

  #call<Result>(call: StorageCall, run: (descriptor: number) => Result): Result {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return run(this.#descriptor);
      } catch (cause) {
        if (attempt === MAX_ATTEMPTS || !isTransient(cause)) throw this.#error(call, cause);
      }
    }
  }

  #error(call: StorageCall, cause: unknown): StorageError {
    const closed = this.#descriptor === CLOSED;
    return new StorageError(call, this.label, closed ? systemError('EBADF', 'the file is closed') : cause);
  }
}

/** Runs a call on a path, again if a signal came between. @throws StorageError naming the call and the path. */
export function callOnPath<Result>(call: StorageCall, path: string, run: () => Result): Result {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return run();
    } catch (cause) {
      if (attempt === MAX_ATTEMPTS || !isTransient(cause)) throw new StorageError(call, path, cause);
    }
  }
}

/** An error as the system's are, for what the system did not see as one. */
export function systemError(code: string, what: string): Error {
  return Object.assign(new Error(`${code}: ${what}`), { code });
}

/** Whether an error is the system's of that name. */
export function hasCode(cause: unknown, code: string): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === code;
}

/** For putting things back on the way out: another error, or none, is what the caller has to hear of. */
export function ignoreErrors(run: () => void): void {
  try {
    run();
  } catch {}
}

/** What file systems without hard links answer. */
const WITHOUT_LINKS: readonly string[] = ['EPERM', 'EOPNOTSUPP', 'ENOTSUP', 'ENOSYS', 'EMLINK'];

/** Whether a link failed because there are none where the file is. */
export function isWithoutLinks(error: unknown): boolean {
  return error instanceof StorageError && WITHOUT_LINKS.includes(error.systemCode ?? '');
}

function isTransient(cause: unknown): boolean {
  return hasCode(cause, 'EINTR') || hasCode(cause, 'EAGAIN');
}
