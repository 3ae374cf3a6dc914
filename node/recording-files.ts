/** A recording on disk: a log, and the observation stream beside it. */

import fs from 'node:fs';
import { InputError } from '../src/base/errors.ts';
import { type ScanOptions, scanLog } from '../src/log/index.ts';
import { ObservationReader } from '../src/observe/index.ts';
import type { Recording } from '../src/replay/index.ts';
import { FileStorage } from './file-storage.ts';

/** Where the observations of the log at `logPath` are: `run.vrrl` has them in `run.vrrl.obs`. */
export function observationPathOf(logPath: string): string {
  return `${logPath}.obs`;
}

/** An open recording; `close` it. */
export interface RecordingFiles extends Recording {
  readonly logPath: string;
  /** Where the observations came from, if there are any. */
  readonly observationPath: string | undefined;
  close(): void;
}

export interface OpenRecordingOptions extends ScanOptions {
  /** Read them from here instead of from beside the log; `false`: not at all. */
  readonly observations?: string | false | undefined;
}

/**
 * Reads the log at a path, and opens the observations beside it if there are any.
 *
 * @throws StorageError, and what `scanLog` and `ObservationReader.open` throw for files that are not what they should be.
 */
export function openRecording(logPath: string, options: OpenRecordingOptions = {}): RecordingFiles {
  const log = FileStorage.open(logPath, 'read');
  let observations: FileStorage | undefined;
  try {
    const scan = scanLog(log, options);
    observations = openObservations(logPath, options.observations);
    const reader = observations && ObservationReader.open(observations);
    const held = observations;
    return {
      scan,
      ...(reader === undefined ? {} : { observations: reader }),
      logPath,
      observationPath: held?.label,
      close: () => held?.close(),
    };
  } catch (error) {
    observations?.close();
    throw error;
  } finally {
    log.close();
  }
}

function openObservations(logPath: string, wanted: string | false | undefined): FileStorage | undefined {
  if (wanted === false) return undefined;
  if (wanted !== undefined) return FileStorage.open(wanted, 'read');
  const beside = observationPathOf(logPath);
  return fs.existsSync(beside) ? FileStorage.open(beside, 'read') : undefined;
}

/**
 * Makes sure that nothing is in the way of a new recording.
 *
 * @throws InputError if something is and it may not be removed.
 */
export function clearForRecording(logPath: string, mayReplace: boolean): void {
  for (const path of [logPath, observationPathOf(logPath)]) {
    if (!fs.existsSync(path)) continue;
    if (!mayReplace) {
      throw new InputError(`\`${path}\` is there already`, 'name another file, or pass --force to replace it.');
    }
    if (!fs.lstatSync(path).isFile()) throw new InputError(`\`${path}\` is not a regular file`, 'name another file.');
    fs.rmSync(path);
  }
}
