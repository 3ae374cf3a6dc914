/** A file as the medium of a log: mapped where that works, written by calls where it does not, the same bytes either way. */

import { WORD_BYTES } from '../src/base/words.ts';
import type { Mapping, Medium } from '../src/log-v2/index.ts';
import { StorageError } from '../src/storage/index.ts';
import { type FileCalls, systemCalls } from './file-calls.ts';
import type { LockKind } from './file-lock.ts';
import { LockedFile } from './locked-file.ts';
import { systemError } from './open-file.ts';

/** How a file is written: through a mapping if there can be one, only through a mapping, or never through one. */
export type FileAccess = 'auto' | 'mapped' | 'plain';

export interface FileMediumOptions {
  /** `auto` if left out. */
  readonly access?: FileAccess;
  /** Tests hand in some that fail. */
  readonly calls?: FileCalls;
}

/**
 * A locked file of fixed size.
 *
 * A mapped one is written by stores alone, so that they reach the file in the order in which they are made. Should
 * somebody cut it short meanwhile, the next store beyond its end ends this process (SIGBUS); so might a disk that breaks.
 * It is read by calls, which report such things.
 */
export class FileMedium implements Medium {
  readonly label: string;
  /** Why there is no mapping; undefined if there is one. */
  readonly unmappedReason: string | undefined;
  readonly #locked: LockedFile;
  #buffer: ArrayBuffer | undefined;
  #mapping: Mapping | undefined;
  #bytes = EMPTY;
  /** What the system dropped when a sync failed, no second one brings back; it would only say that all is well. */
  #syncError: unknown;

  private constructor(locked: LockedFile, access: FileAccess) {
    this.label = locked.file.label;
    this.#locked = locked;
    this.unmappedReason = this.#mapIfWanted(access);
  }

  /**
   * Makes a file of `bytes` zeros, has `fill` write what it starts with, and gives it its name then. See `LockedFile`.
   *
   * @throws StorageError if a call fails or there is a file of that name; nothing is left of the new one then.
   * @throws whatever `fill` throws, likewise.
   */
  static create<Result>(
    path: string,
    bytes: number,
    fill: (medium: FileMedium) => Result,
    options: FileMediumOptions = {},
  ): Result {
    const { access = 'auto', calls = systemCalls } = options;
    return LockedFile.create(path, bytes, (locked) => fill(new FileMedium(locked, access)), calls);
  }

  /**
   * Opens a file that is there.
   *
   * @throws LockedError if somebody else writes it.
   * @throws StorageError if a call fails, or it cannot be mapped and `access` says `mapped`.
   */
  static open(path: string, options: FileMediumOptions = {}): FileMedium {
    const { access = 'auto', calls = systemCalls } = options;
    const locked = LockedFile.open(path, calls);
    try {
      return new FileMedium(locked, access);
    } catch (error) {
      locked.close();
      throw error;
    }
  }

  /** The whole file. It must not be stored to after `close`: the file may be somebody else's then. */
  get mapping(): Mapping | undefined {
    return this.#mapping;
  }

  /** Whether the kernel holds the lock, or only a note does. */
  get lockKind(): LockKind {
    return this.#locked.lockKind;
  }

  size(): number {
    return this.#locked.file.size();
  }

  readAt(target: Uint8Array, position: number): number {
    return this.#locked.file.readAt(target, position);
  }

  writeAt(source: Uint8Array, position: number): void {
    if (this.#mapping === undefined) {
      this.#locked.file.writeAt(source, position);
      return;
    }
    if (position + source.length > this.#bytes.length) {
      throw new StorageError(
        'write',
        this.label,
        systemError('EFBIG', `it is mapped with ${this.#bytes.length} bytes`),
      );
    }
    this.#bytes.set(source, position);
  }

  /** Lets a file grow that was cut short; the rest is written as zeros. */
  resize(bytes: number): void {
    const { file } = this.#locked;
    const before = file.size();
    if (bytes === before) return;
    if (bytes < before && this.#mapping !== undefined) {
      throw new StorageError('truncate', this.label, systemError('EBUSY', 'it is mapped'));
    }
    if (bytes < before) file.resize(bytes);
    else file.fillWithZeros(bytes, before);
    if (this.#mapping !== undefined) this.#map();
  }

  sync(): void {
    if (this.#syncError !== undefined) throw this.#syncError;
    try {
      if (this.#buffer !== undefined) this.#locked.file.flush(this.#buffer);
      this.#locked.file.syncData();
    } catch (error) {
      this.#syncError = error;
      throw error;
    }
  }

  close(): void {
    this.#buffer = undefined;
    this.#mapping = undefined;
    this.#bytes = EMPTY;
    this.#locked.close();
  }

  #mapIfWanted(access: FileAccess): string | undefined {
    if (access === 'plain') return 'plain writes were asked for';
    const { withoutNative } = this.#locked.file.calls;
    try {
      if (withoutNative !== undefined) throw new StorageError('map', this.label, systemError('ENOSYS', withoutNative));
      this.#map();
      return undefined;
    } catch (error) {
      if (access === 'mapped' || !(error instanceof StorageError)) throw error;
      return withoutNative ?? error.what;
    }
  }

  #map(): void {
    const { file } = this.#locked;
    const size = file.size();
    const buffer = file.map(size);
    this.#buffer = buffer;
    this.#mapping = { words: new Int32Array(buffer, 0, Math.floor(size / WORD_BYTES)) };
    this.#bytes = new Uint8Array(buffer);
  }
}

const EMPTY = new Uint8Array(0);
