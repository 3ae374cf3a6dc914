/** A recording on disk: a log, and what was observed, within it (v2) or in a stream beside it (v1). */

import fs from 'node:fs';
import { InputError } from '../src/base/errors.ts';
import type { ScanOptions } from '../src/log/index.ts';
import { ObservationReader, type Observations } from '../src/observe/index.ts';
import { isLogSet, type ReadLog, readLog } from '../src/reading/index.ts';
import type { Recording } from '../src/replay/index.ts';
import type { Storage } from '../src/storage/index.ts';
import { FileStorage } from './file-storage.ts';
import { logsOfSet, type OpenLogSet, openLogSet } from './log-set-files.ts';

/** Where the observations of the v1 log at `logPath` are: `run.vrrl` has them in `run.vrrl.obs`. */
export function observationPathOf(logPath: string): string {
  return `${logPath}.obs`;
}

/** An open recording; `close` it. */
export interface RecordingFiles extends Recording {
  readonly log: ReadLog;
  readonly logPath: string;
  /** Where the observations came from, if there are any. */
  readonly observationPath: string | undefined;
  /** Every file that it is read from. */
  readonly files: readonly string[];
  close(): void;
}

export interface OpenRecordingOptions extends ScanOptions {
  /** Read them from here instead of from the log or from beside it; `false`: not at all. */
  readonly observations?: string | false | undefined;
  /** How the log is read; `readLog` if left out. */
  readonly read?: (storage: Storage, options: ScanOptions) => ReadLog;
}

/**
 * Reads the log at a path, and opens what was observed if there is something.
 *
 * @throws StorageError, and what `readLog` and `ObservationReader.open` throw for files that are not what they should be.
 */
export function openRecording(logPath: string, options: OpenRecordingOptions = {}): RecordingFiles {
  const opened = openLogs(logPath, options);
  const { log, files } = opened;
  let stream: FileStorage | undefined;
  try {
    stream = openStream(logPath, log, options.observations);
    const observations = observationsOf(log, stream, options.observations);
    const isOwn = observations !== undefined && stream === undefined;
    return {
      log,
      ...(observations === undefined ? {} : { observations }),
      logPath,
      observationPath: isOwn ? logPath : stream?.label,
      files: stream === undefined ? files : [...files, stream.label],
      close() {
        stream?.close();
        opened.close();
      },
    };
  } catch (error) {
    stream?.close();
    opened.close();
    throw error;
  }
}

/** The log at a path, or the logs of the set that has its manifest there. */
function openLogs(logPath: string, options: OpenRecordingOptions): OpenLogSet {
  const { read = readLog } = options;
  const storage = FileStorage.open(logPath, 'read');
  try {
    if (!isLogSet(storage)) return { log: read(storage, options), files: [logPath], close: () => storage.close() };
    const set = openLogSet(logPath, storage, read, options);
    storage.close();
    return set;
  } catch (error) {
    storage.close();
    throw error;
  }
}

function observationsOf(
  log: ReadLog,
  stream: FileStorage | undefined,
  wanted: string | false | undefined,
): Observations | undefined {
  if (wanted === false) return undefined;
  return stream === undefined ? log.observations : ObservationReader.open(stream);
}

/** The stream that was named, or the one beside a v1 log. */
function openStream(logPath: string, { format }: ReadLog, wanted: string | false | undefined): FileStorage | undefined {
  if (wanted === false) return undefined;
  if (wanted !== undefined) return FileStorage.open(wanted, 'read');
  const beside = observationPathOf(logPath);
  return format === 'v1' && fs.existsSync(beside) ? FileStorage.open(beside, 'read') : undefined;
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
  const paths = [...pathsOf(logPath), ...logsOfSet(logPath)];
  for (const source of sources) {
    const path = paths.find((each) => isSameFile(each, source));
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
 * before either of its two methods is called, it is still there. The logs of a set stay where they are until it is
 * discarded: it is its manifest that moves.
 *
 * @throws InputError as `refuseOccupied` does, and then nothing was moved.
 */
export function makeWay(logPath: string, mayReplace: boolean): OldRecording {
  refuseOccupied(logPath, mayReplace);
  const logs = logsOfSet(logPath);
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
      for (const each of [...moved.map(({ aside }) => aside), ...logs]) fs.rmSync(each, { force: true });
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
