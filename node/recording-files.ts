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
 * Makes sure that a new recording may be made at a path. Changes nothing.
 *
 * @throws InputError if something is in the way that may not be replaced.
 */
export function refuseOccupied(logPath: string, mayReplace: boolean): void {
  for (const path of pathsOf(logPath)) {
    // Not `existsSync`: a symbolic link to nowhere is in the way too.
    const stats = fs.lstatSync(path, { throwIfNoEntry: false });
    if (stats === undefined) continue;
    if (!mayReplace) {
      throw new InputError(`\`${path}\` is there already`, 'name another file, or pass --force to replace it.');
    }
    if (!stats.isFile()) throw new InputError(`\`${path}\` is not a regular file`, 'name another file.');
  }
}

/**
 * Makes sure that a new recording does not replace a file that it is made from, by whatever name or link.
 *
 * @throws InputError that names the file.
 */
export function refuseOverwriting(logPath: string, sources: readonly string[]): void {
  for (const source of sources) {
    const path = pathsOf(logPath).find((each) => isSameFile(each, source));
    if (path === undefined) continue;
    const what = `\`${source}\` is to be read, and \`${path}\`, which is to be written, is the same file`;
    throw new InputError(what, 'name another file for the log.');
  }
}

function isSameFile(left: string, right: string): boolean {
  const [one, other] = [left, right].map((path) => fs.statSync(path, { bigint: true, throwIfNoEntry: false }));
  return one !== undefined && other !== undefined && one.dev === other.dev && one.ino === other.ino;
}

/** The files of an old recording, which lie aside until the new one is there. */
export interface OldRecording {
  /** Removes them for good. */
  discard(): void;
  /** Puts them back in place of what there is of the new one. */
  putBack(): void;
}

/**
 * Moves an old recording out of the way of a new one, under names of its own in the same folder: if the process is killed
 * before either of its two methods is called, it is still there.
 *
 * @throws InputError as `refuseOccupied` does, and then nothing was moved.
 */
export function makeWay(logPath: string, mayReplace: boolean): OldRecording {
  refuseOccupied(logPath, mayReplace);
  const moved: { readonly path: string; readonly aside: string }[] = [];
  const moveBack = () => {
    for (const { path, aside } of moved) fs.renameSync(aside, path);
  };
  try {
    for (const path of pathsOf(logPath)) {
      if (!fs.existsSync(path)) continue;
      const aside = `${path}.replaced-${process.pid}`;
      fs.renameSync(path, aside);
      moved.push({ path, aside });
    }
  } catch (error) {
    moveBack();
    throw error;
  }
  return {
    discard() {
      for (const { aside } of moved) fs.rmSync(aside, { force: true });
    },
    putBack() {
      for (const path of pathsOf(logPath)) fs.rmSync(path, { force: true });
      moveBack();
    },
  };
}

function pathsOf(logPath: string): readonly string[] {
  return [logPath, observationPathOf(logPath)];
}
