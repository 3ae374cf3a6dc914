/** A file as `Storage`, through positional calls on a descriptor. */

import fs from 'node:fs';
import { StorageError } from '../src/storage/index.ts';
import { type FileCalls, systemCalls } from './file-calls.ts';
import { callOnPath, ignoreErrors, OpenFile, systemError } from './open-file.ts';

/**
 * How a file is opened.
 *
 * - `read`: it must exist; writes fail.
 * - `readWrite`: it must exist.
 * - `create`: it is made if it does not exist, and left as it is if it does.
 */
export type FileMode = 'read' | 'readWrite' | 'create';

/** A regular file, read and written at absolute positions. */
export class FileStorage extends OpenFile {
  /** Whether opening made the file. */
  readonly created: boolean;

  private constructor(path: string, descriptor: number, calls: FileCalls, created: boolean) {
    super(path, descriptor, calls);
    this.created = created;
  }

  /**
   * Opens a regular file.
   *
   * @throws StorageError if that fails, or if the path names something else: a folder, a FIFO, a device.
   */
  static open(path: string, mode: FileMode, calls: FileCalls = systemCalls): FileStorage {
    const { descriptor, created } = openDescriptor(path, mode, calls);
    try {
      callOnPath('open', path, () => refuseIrregular(calls.stat(descriptor)));
    } catch (error) {
      ignoreErrors(() => calls.close(descriptor));
      throw error;
    }
    return new FileStorage(path, descriptor, calls, created);
  }
}

function openDescriptor(path: string, mode: FileMode, calls: FileCalls): { descriptor: number; created: boolean } {
  const { O_RDONLY, O_RDWR, O_CREAT, O_NONBLOCK = 0, O_NOCTTY = 0 } = fs.constants;
  // Opening a FIFO waits for its other end, and opening a terminal may adopt it, before we can see that it is no file.
  const flags = (mode === 'read' ? O_RDONLY : O_RDWR) | O_NONBLOCK | O_NOCTTY;
  const open = (extraFlags: number) => callOnPath('open', path, () => calls.open(path, flags | extraFlags, 0o666));
  try {
    return { descriptor: open(0), created: false };
  } catch (error) {
    const isAbsent = error instanceof StorageError && error.systemCode === 'ENOENT';
    if (mode !== 'create' || !isAbsent) throw error;
  }
  return { descriptor: open(O_CREAT), created: true };
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
