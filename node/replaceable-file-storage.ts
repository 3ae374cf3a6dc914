/** A file whose whole content can be exchanged at once, through a second file and a rename. */

import fs from 'node:fs';
import { dirname } from 'node:path';
import { type ReplaceableStorage, type Storage, type StorageCall, StorageError } from '../src/storage/index.ts';
import { type FileMode, FileStorage } from './file-storage.ts';

/** Opens files; tests hand in one that fails. */
export type FileOpener = (path: string, mode: FileMode) => Storage;

/** What comes after the name of a file while its next content is being written. One that is left over is harmless. */
export const REWRITE_SUFFIX = '.rewrite';

/** A regular file that can be replaced; otherwise a `FileStorage`. */
export class ReplaceableFileStorage implements ReplaceableStorage {
  /** The path as given. */
  readonly label: string;
  /** Where the file is: renaming over a symbolic link would replace the link. */
  readonly #path: string;
  readonly #open: FileOpener;
  #file: Storage;
  /** The folder could not be synced after a rename: the exchange may not survive the machine, and `sync` says so. */
  #folderError: StorageError | undefined;

  private constructor(label: string, path: string, file: Storage, open: FileOpener) {
    this.label = label;
    this.#path = path;
    this.#file = file;
    this.#open = open;
  }

  /**
   * Opens a regular file, as `FileStorage.open` does.
   *
   * @throws StorageError if that fails.
   */
  static open(path: string, mode: FileMode, open: FileOpener = FileStorage.open): ReplaceableFileStorage {
    const file = open(path, mode);
    try {
      return new ReplaceableFileStorage(path, fs.realpathSync(path), file, open);
    } catch (cause) {
      file.close();
      throw new StorageError('open', path, cause);
    }
  }

  size(): number {
    return this.#file.size();
  }

  readAt(target: Uint8Array, position: number): number {
    return this.#file.readAt(target, position);
  }

  writeAt(source: Uint8Array, position: number): void {
    this.#file.writeAt(source, position);
  }

  resize(bytes: number): void {
    this.#file.resize(bytes);
  }

  sync(): void {
    if (this.#folderError !== undefined) throw this.#folderError;
    this.#file.sync();
  }

  close(): void {
    this.#file.close();
  }

  replaceWith(write: (fresh: Storage) => void): void {
    const freshPath = this.#path + REWRITE_SUFFIX;
    // A killed process may have left one behind.
    this.#attempt('open', () => fs.rmSync(freshPath, { force: true }));
    const fresh = this.#open(freshPath, 'create');
    try {
      this.#keepPermissions(freshPath);
      write(fresh);
      fresh.sync();
      this.#attempt('rename', () => fs.renameSync(freshPath, this.#path));
    } catch (error) {
      discard(fresh, freshPath);
      throw error;
    }
    const old = this.#file;
    this.#file = this.#underItsOwnName(fresh);
    // The old content is unreachable; whatever closing it reports concerns nobody.
    ignoreErrors(() => old.close());
    this.#syncFolder();
  }

  #keepPermissions(freshPath: string): void {
    this.#attempt('stat', () => fs.chmodSync(freshPath, fs.statSync(this.#path).mode & 0o7777));
  }

  /** The fresh file still calls itself by its first name; errors should say the one that it has now. */
  #underItsOwnName(fresh: Storage): Storage {
    try {
      const renamed = this.#open(this.#path, 'readWrite');
      ignoreErrors(() => fresh.close());
      return renamed;
    } catch {
      return fresh;
    }
  }

  /** A rename is on stable storage once its folder is. Windows has no way to ask for that, and needs none. */
  #syncFolder(): void {
    if (process.platform === 'win32') return;
    try {
      this.#attempt('sync', () => {
        const folder = fs.openSync(dirname(this.#path), 'r');
        try {
          fs.fsyncSync(folder);
        } finally {
          fs.closeSync(folder);
        }
      });
    } catch (error) {
      if (error instanceof StorageError) this.#folderError = error;
    }
  }

  #attempt(call: StorageCall, run: () => void): void {
    try {
      run();
    } catch (cause) {
      throw new StorageError(call, this.label, cause);
    }
  }
}

function discard(fresh: Storage, freshPath: string): void {
  ignoreErrors(() => fresh.close());
  ignoreErrors(() => fs.rmSync(freshPath, { force: true }));
}

function ignoreErrors(run: () => void): void {
  try {
    run();
  } catch {
    // Another error, or none, is what the caller has to hear of.
  }
}
