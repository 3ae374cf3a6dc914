/** Logs from files and from standard input. */

import { FileStorage } from '../node/file-storage.ts';
import { InputError } from '../src/base/errors.ts';
import { logBytes, MAX_CAPACITY } from '../src/log/index.ts';
import { MemoryStorage, type Storage } from '../src/storage/index.ts';
import type { Io } from './io.ts';

/** Opens the log at a path for reading, or all of standard input for `-`. Close it. */
export async function openLogSource(io: Io, path: string): Promise<Storage> {
  if (path !== '-') return FileStorage.open(path, 'read');
  return new MemoryStorage(await readAll(io, logBytes(MAX_CAPACITY)), '[standard input]');
}

/**
 * Everything on standard input.
 *
 * @throws InputError if it is more than `mostBytes`.
 */
export async function readAll(io: Io, mostBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of io.input) {
    bytes += chunk.length;
    if (bytes > mostBytes) {
      throw new InputError(`standard input is more than ${mostBytes} bytes`, 'put it into a file and name that.');
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, bytes);
}
