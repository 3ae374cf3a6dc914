/** Opening a v1 log for writing: makes new ones, and puts right what a killed writer left. */

import { amount } from '../base/amount.ts';
import { InputError } from '../base/errors.ts';
import type { Storage } from '../storage/index.ts';
import { scanLog } from './decode.ts';
import { CapacityOverflowError, TruncatedHeaderError, ZeroCapacityError } from './errors.ts';
import { type Finding, type FindingKind, finding } from './findings.ts';
import { cursorBytes, isBlank, newHeader, startsLikeHeader } from './header.ts';
import { HEADER_BYTES, HEADER_LAYOUT, logBytes, MAX_CAPACITY, RECORD_BYTES, recordOffset } from './v1-layout.ts';

export interface OpenOptions {
  /** The storage was made for this log, so finding it empty is nothing to report. */
  readonly isNew?: boolean;
}

/** What a writer has to know of a log that is ready for it. */
export interface OpenedLog {
  readonly capacity: number;
  readonly cursor: number;
  readonly recovered: readonly Finding[];
}

/**
 * The capacity as a number.
 *
 * @throws ZeroCapacityError, CapacityOverflowError, or InputError for what is no count at all.
 */
export function checkCapacity(capacity: number | bigint): number {
  if ((typeof capacity !== 'bigint' && !Number.isInteger(capacity)) || capacity < 0) {
    throw new InputError(
      `the capacity asked for is ${capacity}, expected an integer from 1 to ${MAX_CAPACITY}`,
      'pass a whole number of records.',
    );
  }
  const count = BigInt(capacity);
  if (count === 0n) throw new ZeroCapacityError();
  if (count > BigInt(MAX_CAPACITY)) throw new CapacityOverflowError(count);
  return Number(count);
}

/**
 * Makes `storage` a log that can be appended to. An existing log keeps its own capacity. Nothing is written unless the
 * log is new or needs repair, and nothing at all if it is refused.
 *
 * @throws what `checkCapacity`, `scanLog` and the storage throw.
 */
export function openLog(storage: Storage, capacity: number | bigint, { isNew = false }: OpenOptions = {}): OpenedLog {
  const asked = checkCapacity(capacity);
  const unfinished = describeUnfinished(storage);
  if (unfinished === undefined) return openExisting(storage);
  createLog(storage, asked);
  if (isNew && unfinished.kind === 'headerEmpty') return { capacity: asked, cursor: 0, recovered: [] };
  const what = `\`${storage.label}\` ${unfinished.what}; a new log of ${amount(asked, 'record')} was made of it`;
  const recovered = [finding(unfinished.kind, what, 'none needed; what was left of it held no record.')];
  return { capacity: asked, cursor: 0, recovered };
}

/**
 * The length comes first and the header last, in one write: a writer killed in between leaves a blank file, which the
 * next one recognises.
 */
function createLog(storage: Storage, capacity: number): void {
  storage.resize(0);
  storage.resize(logBytes(capacity));
  storage.writeAt(newHeader(capacity), 0);
}

interface UnfinishedLog {
  readonly kind: FindingKind;
  readonly what: string;
}

/**
 * Recognises what a writer killed while it created the log leaves: nothing, the beginning of a header, or zeros in the
 * length of a log. None of them holds a record, though the beginning of a header may be what somebody left of a log
 * that did. Undefined if the storage has a header to be read.
 */
function describeUnfinished(storage: Storage): UnfinishedLog | undefined {
  const bytes = storage.size();
  if (bytes === 0) return { kind: 'headerEmpty', what: 'was empty' };
  const header = new Uint8Array(Math.min(bytes, HEADER_BYTES));
  storage.readAt(header, 0);
  if (bytes < HEADER_BYTES) {
    if (!startsLikeHeader(header)) throw new TruncatedHeaderError(storage.label, bytes, false);
    return { kind: 'headerTruncated', what: `had only ${amount(bytes, 'byte')}, the beginning of a v1 header` };
  }
  if (isBlankLog(storage, bytes)) return { kind: 'headerBlank', what: `had ${bytes} bytes, all of them zero` };
  return undefined;
}

const BLANK_CHECK_BYTES = 65_536;

/** Whether all is zero, in the length that some capacity asks for. A body that is not blank is not ours to wipe. */
function isBlankLog(storage: Storage, bytes: number): boolean {
  const hasLogLength = bytes > HEADER_BYTES && bytes <= logBytes(MAX_CAPACITY) && bytes % RECORD_BYTES === HEADER_BYTES;
  if (!hasLogLength) return false;
  const chunk = new Uint8Array(Math.min(bytes, BLANK_CHECK_BYTES));
  for (let offset = 0; offset < bytes; offset += chunk.length) {
    const found = storage.readAt(chunk, offset);
    if (!isBlank(chunk.subarray(0, found))) return false;
  }
  return true;
}

/** What `openExisting` puts right, of all that a scan may find. */
const REPAIRED: ReadonlySet<FindingKind> = new Set<FindingKind>(['bodyTruncated', 'newestRecordFirst', 'cursorBehind']);

function openExisting(storage: Storage): OpenedLog {
  const { header, findings, nextPosition } = scanLog(storage);
  const { capacity } = header;
  extendBody(storage, capacity);
  if (nextPosition !== header.cursor) {
    storage.writeAt(cursorBytes(nextPosition), HEADER_LAYOUT.cursor.offset);
  }
  return { capacity, cursor: nextPosition, recovered: findings.filter(({ kind }) => REPAIRED.has(kind)) };
}

/** Cuts a torn record off before the body is made whole: with zeros behind it, it would pass for a record. */
function extendBody(storage: Storage, capacity: number): void {
  const bytes = storage.size();
  if (bytes >= logBytes(capacity)) return;
  const wholeRecords = Math.floor((bytes - HEADER_BYTES) / RECORD_BYTES);
  storage.resize(recordOffset(wholeRecords));
  storage.resize(logBytes(capacity));
}
