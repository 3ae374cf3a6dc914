/** The file that names the logs of a set: spec/log-set.md. */

import { VrrlError } from '../base/errors.ts';
import { isWord } from '../base/words.ts';
import type { Id } from '../log-v2/index.ts';
import type { Storage } from '../storage/index.ts';

/** The logs of a set, in the order of their records. */
export interface LogSetManifest {
  readonly logs: readonly ListedLog[];
}

/** A log as the manifest has it. */
export interface ListedLog {
  /** Its name in the folder of the manifest. */
  readonly file: string;
  readonly id: Id;
  /** The number of its first record, and the ordinal of its first epoch. */
  readonly firstSequence: number;
  readonly firstEpoch: number;
}

/** The manifest of a set is not what it should be. */
export class LogSetFormatError extends VrrlError {
  readonly code = 'VRRL_LOG_SET_FORMAT';
  readonly path: string;

  constructor(path: string, what: string, fix = 'look for a whole copy; each log of the set can be read alone.') {
    super(`the manifest \`${path}\` ${what}`, fix);
    this.path = path;
  }
}

const FIRST_BYTES = '{"format":"vrrl-log-set",';
const VERSION = 1;
const MAX_MANIFEST_BYTES = 0x100_0000;

/** Whether a storage begins as the manifest of a set does. */
export function isLogSet(storage: Storage): boolean {
  const bytes = new Uint8Array(FIRST_BYTES.length);
  return storage.readAt(bytes, 0) === bytes.length && new TextDecoder('latin1').decode(bytes) === FIRST_BYTES;
}

/** The bytes of a manifest. */
export function encodeManifest({ logs }: LogSetManifest): Uint8Array {
  const lines = logs.map(({ file, id, firstSequence, firstEpoch }) =>
    JSON.stringify({ file, id: idDigits(id), firstSequence, firstEpoch }),
  );
  return new TextEncoder().encode(`${FIRST_BYTES}"version":${VERSION},"logs":[\n${lines.join(',\n')}\n]}\n`);
}

/**
 * Reads a manifest. Nothing in it is believed: names stay in the folder, numbers rise.
 *
 * @throws LogSetFormatError if it is none that can be used.
 * @throws StorageError if it cannot be read.
 */
export function readManifest(storage: Storage): LogSetManifest {
  const { label } = storage;
  const size = storage.size();
  if (size > MAX_MANIFEST_BYTES)
    throw new LogSetFormatError(label, `has ${size} bytes, more than ${MAX_MANIFEST_BYTES}`);
  const bytes = new Uint8Array(size);
  const found = storage.readAt(bytes, 0);
  const { format, version, logs } = parseObject(label, bytes.subarray(0, found));
  if (format !== 'vrrl-log-set') throw new LogSetFormatError(label, 'does not say that it is the manifest of a set');
  if (version !== VERSION) {
    const what = `is of version ${JSON.stringify(version)}, expected ${VERSION}`;
    throw new LogSetFormatError(label, what, 'use the version of vrrl that wrote it.');
  }
  if (!Array.isArray(logs) || logs.length === 0) throw new LogSetFormatError(label, 'names no logs');
  const listed = logs.map((each: unknown, index) => parseLog(label, each, index));
  refuseDisorder(label, listed);
  return { logs: listed };
}

function parseObject(label: string, bytes: Uint8Array): Record<string, unknown> {
  try {
    return recordOf(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new LogSetFormatError(label, `is no JSON: ${reason}`);
  }
}

function parseLog(label: string, value: unknown, index: number): ListedLog {
  const { file, id, firstSequence, firstEpoch } = recordOf(value);
  const wrong = (what: string) => new LogSetFormatError(label, `has no usable ${what} for log ${index}`);
  if (typeof file !== 'string' || !isPlainName(file)) throw wrong('name');
  if (typeof id !== 'string' || !/^[0-9a-f]{32}$/.test(id)) throw wrong('id');
  if (!isNumber(firstSequence) || firstSequence < 1) throw wrong('first record');
  if (!isNumber(firstEpoch) || !isWord(firstEpoch)) throw wrong('first epoch');
  return { file, id: parseId(id), firstSequence, firstEpoch };
}

/** Nothing outside of the folder can be named. */
function isPlainName(file: string): boolean {
  return file !== '' && file !== '.' && file !== '..' && !['/', '\\', '\0'].some((each) => file.includes(each));
}

function isNumber(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

function recordOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function refuseDisorder(label: string, logs: readonly ListedLog[]): void {
  const names = new Set(logs.map(({ file }) => file));
  if (names.size < logs.length) throw new LogSetFormatError(label, 'names a log twice');
  for (const [index, log] of logs.entries()) {
    const before = logs[index - 1];
    if (before === undefined) continue;
    if (log.firstSequence > before.firstSequence && log.firstEpoch >= before.firstEpoch) continue;
    throw new LogSetFormatError(label, `has log ${index} out of order`);
  }
}

function idDigits(id: Id): string {
  return id.map((word) => word.toString(16).padStart(8, '0')).join('');
}

function parseId(digits: string): Id {
  const word = (index: number): number => Number.parseInt(digits.slice(8 * index, 8 * index + 8), 16);
  return [word(0), word(1), word(2), word(3)];
}
