/** Sets of logs in a folder: spec/log-set.md. */

import fs from 'node:fs';
import path from 'node:path';
import { InputError, VrrlError } from '../src/base/errors.ts';
import type { ScanOptions } from '../src/log/index.ts';
import { type Id, readSuperblock } from '../src/log-v2/index.ts';
import {
  encodeManifest,
  isFlightLog,
  isLogSet,
  joinLogs,
  type ListedLog,
  type LogSetManifest,
  type ReadLog,
  readManifest,
  type SetMember,
} from '../src/reading/index.ts';
import { type Storage, StorageError } from '../src/storage/index.ts';
import { FileStorage } from './file-storage.ts';
import { syncFolder } from './locked-file.ts';
import { callOnPath, ignoreErrors } from './open-file.ts';

/** Digits of the number in a log's name, at least. */
const NUMBER_DIGITS = 6;

/** The logs of a set, open as one. */
export interface OpenLogSet {
  readonly log: ReadLog;
  /** Everything that it is read from, the manifest first. */
  readonly files: readonly string[];
  close(): void;
}

/**
 * Opens the logs that a manifest names. One that is not there or no log is a finding.
 *
 * @param storage the manifest.
 * @param read reads one log.
 * @throws LogSetFormatError if the manifest cannot be used.
 * @throws StorageError if a file that is there cannot be read.
 */
export function openLogSet(
  manifestPath: string,
  storage: Storage,
  read: (storage: Storage, options: ScanOptions) => ReadLog,
  { onProgress }: ScanOptions = {},
): OpenLogSet {
  const manifest = readManifest(storage);
  const open: FileStorage[] = [];
  const close = () => {
    for (const each of open) each.close();
  };
  try {
    const count = manifest.logs.length;
    const members = manifest.logs.map(({ file }, index): SetMember => {
      const share = (done: number, total: number) => onProgress?.(index * total + done, count * total);
      const options = onProgress === undefined ? {} : { onProgress: share };
      return openMember(besideOf(manifestPath, file), open, (member) => read(member, options));
    });
    const files = [manifestPath, ...manifest.logs.map(({ file }) => besideOf(manifestPath, file))];
    return { log: joinLogs(manifest, members), files, close };
  } catch (error) {
    close();
    throw error;
  }
}

/** What cannot be read because of what it holds is a finding; what the system does not let us read is not. */
function openMember(file: string, open: FileStorage[], read: (storage: Storage) => ReadLog): SetMember {
  let storage: FileStorage;
  try {
    storage = FileStorage.open(file, 'read');
  } catch (error) {
    if (!(error instanceof StorageError) || error.systemCode !== 'ENOENT') throw error;
    return { log: undefined, problem: 'missing', reason: 'is not there' };
  }
  open.push(storage);
  try {
    return { log: read(storage) };
  } catch (error) {
    if (!(error instanceof VrrlError) || error instanceof StorageError) throw error;
    return { log: undefined, problem: 'unreadable', reason: `cannot be read (${error.what})` };
  }
}

/** Puts a manifest in place of what has its name, as a whole and on stable storage. */
export function writeManifest(manifestPath: string, manifest: LogSetManifest): void {
  const fresh = `${manifestPath}.manifest-${process.pid}`;
  try {
    const storage = FileStorage.open(fresh, 'create');
    try {
      const bytes = encodeManifest(manifest);
      storage.resize(bytes.length);
      storage.writeAt(bytes, 0);
      storage.sync();
    } finally {
      storage.close();
    }
    callOnPath('rename', manifestPath, () => fs.renameSync(fresh, manifestPath));
  } catch (error) {
    ignoreErrors(() => fs.rmSync(fresh, { force: true }));
    throw error;
  }
  syncFolder(path.dirname(manifestPath), manifestPath);
}

/** The name of a log of the set that has its manifest at a path. */
export function memberName(manifestPath: string, number: number): string {
  return `${path.basename(manifestPath)}.${String(number).padStart(NUMBER_DIGITS, '0')}`;
}

/** Where a file is that a manifest names. */
export function besideOf(manifestPath: string, file: string): string {
  return path.join(path.dirname(manifestPath), file);
}

/** The lowest number that no file beside a manifest has, and none has a higher one. */
export function nextMemberNumber(manifestPath: string): number {
  return 1 + Math.max(0, ...numberedFiles(manifestPath).map(({ number }) => number));
}

/**
 * The logs that go with the manifest at a path, if there is one: those that it names and that are the ones it means, and v2
 * logs that are named as its logs are, which a writer that was killed may have left.
 */
export function logsOfSet(manifestPath: string): string[] {
  const manifest = manifestAt(manifestPath);
  if (manifest === undefined) return [];
  const listed = manifest.logs.filter((log) => isListedLog(manifestPath, log)).map(({ file }) => file);
  const left = numberedFiles(manifestPath)
    .map(({ file }) => file)
    .filter((file) => isLogFile(besideOf(manifestPath, file), isFlightLog));
  return [...new Set([...listed, ...left])].map((file) => besideOf(manifestPath, file));
}

/**
 * Makes sure that the manifest at a path, if there is one, is the one of a writer whose newest log has this id: another
 * writer may have put a recording of its own there.
 *
 * @throws InputError if it is not.
 */
export function refuseReplaced(manifestPath: string, newest: Id): void {
  if (!fs.existsSync(manifestPath)) return;
  const found = manifestAt(manifestPath)?.logs.at(-1);
  if (found?.id.every((word, index) => word === newest[index]) === true) return;
  throw new InputError(
    `\`${manifestPath}\` was replaced while it was recorded to`,
    'record under a name that nobody else uses; the logs beside it can be read alone.',
  );
}

/** Undefined if there is none; one without logs if it cannot be used. */
function manifestAt(manifestPath: string): LogSetManifest | undefined {
  if (fs.statSync(manifestPath, { throwIfNoEntry: false })?.isFile() !== true) return undefined;
  const storage = FileStorage.open(manifestPath, 'read');
  try {
    return isLogSet(storage) ? readManifest(storage) : undefined;
  } catch (error) {
    if (!(error instanceof VrrlError) || error instanceof StorageError) throw error;
    return { logs: [] };
  } finally {
    storage.close();
  }
}

function isListedLog(manifestPath: string, { file, id }: ListedLog): boolean {
  return isLogFile(besideOf(manifestPath, file), (storage) => {
    const found: Id = readSuperblock(storage).superblock.fileId;
    return found.every((word, index) => word === id[index]);
  });
}

/** Whether there is a regular file that can be read, and `judge` says yes to it. */
function isLogFile(file: string, judge: (storage: Storage) => boolean): boolean {
  try {
    const storage = FileStorage.open(file, 'read');
    try {
      return judge(storage);
    } finally {
      storage.close();
    }
  } catch (error) {
    if (!(error instanceof VrrlError)) throw error;
    return false;
  }
}

function numberedFiles(manifestPath: string): { readonly file: string; readonly number: number }[] {
  const start = `${path.basename(manifestPath)}.`;
  return fs.readdirSync(path.dirname(manifestPath)).flatMap((file) => {
    const digits = file.startsWith(start) ? file.slice(start.length) : '';
    const number = Number(digits);
    const isNumber = /^[0-9]+$/.test(digits) && digits.length >= NUMBER_DIGITS && Number.isSafeInteger(number);
    return isNumber ? [{ file, number }] : [];
  });
}
