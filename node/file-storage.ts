/** A file as `Storage`, through positional calls on a descriptor. */

import fs from 'node:fs';
import { type Storage, type StorageCall, StorageError } from '../src/storage/index.ts';

/**
 * How a file is opened.
 *
 * - `read`: it must exist; writes fail.
 * - `readWrite`: it must exist.
 * - `create`: it is made if it does not exist, and left as it is if it does.
 */
export type FileMode = 'read' | 'readWrite' | 'create';

/** A descriptor that was closed. */
const CLOSED = -1;

/** A call that the system wants repeated is repeated this often; a regular file gives no reason to wait longer. */
const MAX_ATTEMPTS = 100;

/** A regular file, read and written at absolute positions; the descriptor's own position is never used. */
export class FileStorage implements Storage {
  /** The path as given. */
  readonly label: string;
  /** Whether opening made the file. */
  readonly created: boolean;
  #descriptor: number;

  private constructor(path: string, descriptor: number, created: boolean) {
    this.label = path;
    this.#descriptor = descriptor;
    this.created = created;
  }

  /**
   * Opens a regular file.
   *
   * @throws StorageError if that fails, or if the path names something else: a folder, a FIFO, a device.
   */
  static open(path: string, mode: FileMode): FileStorage {
    const { descriptor, created } = openDescriptor(path, mode);
    try {
      refuseIrregular(fs.fstatSync(descriptor));
    } catch (cause) {
      fs.closeSync(descriptor);
      throw new StorageError('open', path, cause);
    }
    return new FileStorage(path, descriptor, created);
  }

  size(): number {
    return this.#call('stat', () => fs.fstatSync(this.#descriptor).size);
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
    let done = 0;
    while (done < source.length) {
      const count = this.#writeSome(source, done, position + done);
      if (count === 0) throw this.#error('write', systemError('EIO', 'the system took no bytes'));
      done += count;
    }
  }

  resize(bytes: number): void {
    this.#call('truncate', () => fs.ftruncateSync(this.#descriptor, bytes));
  }

  sync(): void {
    this.#call('sync', () => fs.fsyncSync(this.#descriptor));
  }

  close(): void {
    if (this.#descriptor === CLOSED) return;
    const descriptor = this.#descriptor;
    // Whatever close reports, the descriptor is gone: a second close could hit somebody else's.
    this.#descriptor = CLOSED;
    try {
      fs.closeSync(descriptor);
    } catch (cause) {
      throw new StorageError('close', this.label, cause);
    }
  }

  // Reads and writes are written out instead of going through `#call`: appending must not make a closure a record.

  #readSome(target: Uint8Array, offset: number, position: number): number {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return fs.readSync(this.#descriptor, target, offset, target.length - offset, position);
      } catch (cause) {
        if (attempt === MAX_ATTEMPTS || !isTransient(cause)) throw this.#error('read', cause);
      }
    }
  }

  #writeSome(source: Uint8Array, offset: number, position: number): number {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return fs.writeSync(this.#descriptor, source, offset, source.length - offset, position);
      } catch (cause) {
        if (attempt === MAX_ATTEMPTS || !isTransient(cause)) throw this.#error('write', cause);
      }
    }
  }

  #call<Result>(call: StorageCall, run: () => Result): Result {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return run();
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

function openDescriptor(path: string, mode: FileMode): { descriptor: number; created: boolean } {
  const { O_RDONLY, O_RDWR, O_CREAT, O_NONBLOCK = 0, O_NOCTTY = 0 } = fs.constants;
  // Opening a FIFO waits for its other end, and opening a terminal may adopt it, before we can see that it is no file.
  const flags = (mode === 'read' ? O_RDONLY : O_RDWR) | O_NONBLOCK | O_NOCTTY;
  try {
    return { descriptor: fs.openSync(path, flags), created: false };
  } catch (cause) {
    if (mode !== 'create' || !hasCode(cause, 'ENOENT')) throw new StorageError('open', path, cause);
  }
  try {
    return { descriptor: fs.openSync(path, flags | O_CREAT, 0o666), created: true };
  } catch (cause) {
    throw new StorageError('open', path, cause);
  }
}

/** Only a regular file has a size that can be trusted and positions that can be read again. */
function refuseIrregular(stats: fs.Stats): void {
  if (stats.isFile()) return;
  if (stats.isDirectory()) throw systemError('EISDIR', 'it is a folder, expected a regular file');
  throw systemError('ESPIPE', `it is ${kindOf(stats)}, expected a regular file`);
}

function kindOf(stats: fs.Stats): string {
  if (stats.isFIFO()) return 'a FIFO';
  if (stats.isSocket()) return 'a socket';
  if (stats.isCharacterDevice()) return 'a character device';
  if (stats.isBlockDevice()) return 'a block device';
  return 'something else';
}

function systemError(code: string, what: string): Error {
  return Object.assign(new Error(`${code}: ${what}`), { code });
}

function isTransient(cause: unknown): boolean {
  return hasCode(cause, 'EINTR') || hasCode(cause, 'EAGAIN');
}

function hasCode(cause: unknown, code: string): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === code;
}
