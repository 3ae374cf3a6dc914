/** Logs from files and from standard input. */

import { FileStorage } from '../node/file-storage.ts';
import { type OpenRecordingOptions, openRecording, type RecordingFiles } from '../node/recording-files.ts';
import { InputError } from '../src/base/errors.ts';
import { ObservationReader } from '../src/observe/index.ts';
import { readLog } from '../src/reading/index.ts';
import { type Storage, StorageError } from '../src/storage/index.ts';
import { withAdvice } from './exit.ts';
import { InputStorage } from './input-storage.ts';
import type { Io } from './io.ts';
import { plural } from './render/text.ts';

/** What comes through a pipe is held in memory. */
const MOST_INPUT_BYTES = 2 ** 30;

/** The path that means standard input. */
export const STANDARD_INPUT = '-';

/** Opens the log at a path for reading, or all of standard input for `-`. Close it. */
export async function openLogSource(io: Io, path: string): Promise<Storage> {
  if (path !== STANDARD_INPUT) return withAdviceOnPipes(() => FileStorage.open(path, 'read'));
  const storage = new InputStorage('[standard input]');
  for await (const chunk of io.input) {
    if (storage.size() + chunk.length > MOST_INPUT_BYTES) throw tooMuchInput(MOST_INPUT_BYTES);
    storage.push(chunk);
  }
  return storage;
}

/** As `openRecording`; a log on standard input has nothing beside it, but may be given a stream. */
export async function openRecordingSource(
  io: Io,
  path: string,
  options: OpenRecordingOptions = {},
): Promise<RecordingFiles> {
  if (path !== STANDARD_INPUT) return withAdviceOnPipes(() => openRecording(path, options));
  const log = (options.read ?? readLog)(await openLogSource(io, path), options);
  const { observations: wanted } = options;
  if (typeof wanted !== 'string') {
    const observations = wanted === false ? undefined : log.observations;
    const within =
      observations === undefined ? { observationPath: undefined } : { observations, observationPath: path };
    return { log, logPath: path, files: [], ...within, close() {} };
  }
  const storage = FileStorage.open(wanted, 'read');
  try {
    const observations = ObservationReader.open(storage);
    return { log, observations, logPath: path, observationPath: wanted, files: [wanted], close: () => storage.close() };
  } catch (error) {
    storage.close();
    throw error;
  }
}

/** Opens what a path names; a log that is to come through a pipe there is told the way in. */
export function withAdviceOnPipes<Result>(open: () => Result): Result {
  try {
    return open();
  } catch (error) {
    if (!(error instanceof StorageError) || error.systemCode !== 'ESPIPE') throw error;
    throw withAdvice(error, 'copy it into a regular file, or send a log to standard input and name - as the log.');
  }
}

const FIRST_BYTES = 1 << 16;

/**
 * Everything on standard input, in one array that grows: chunks kept until the end would be there twice.
 *
 * @throws InputError if it is more than `mostBytes`.
 */
export async function readAll(io: Io, mostBytes: number): Promise<Uint8Array> {
  let held = new Uint8Array(FIRST_BYTES);
  let bytes = 0;
  for await (const chunk of io.input) {
    const end = bytes + chunk.length;
    if (end > mostBytes) throw tooMuchInput(mostBytes);
    if (end > held.length) held = grown(held, Math.min(mostBytes, Math.max(end, 2 * held.length)));
    held.set(chunk, bytes);
    bytes = end;
  }
  return held.subarray(0, bytes);
}

function grown(old: Uint8Array, bytes: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(bytes);
  larger.set(old);
  return larger;
}

function tooMuchInput(mostBytes: number): InputError {
  return new InputError(
    `standard input is more than ${plural(mostBytes, 'byte')}`,
    'put it into a file and name that.',
  );
}
