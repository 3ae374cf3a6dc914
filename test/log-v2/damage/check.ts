/** Reads a damaged log, recovers it and appends to it, and compares all that comes out with what has to. */

import { VrrlError } from '../../../src/base/errors.ts';
import {
  FlightLog,
  type FlightScan,
  LOSS_KINDS,
  type LossKind,
  type Medium,
  scanFlightLog,
  scanFlightLogBytes,
} from '../../../src/log-v2/index.ts';
import type { Storage } from '../../../src/storage/index.ts';
import { type Expectation, expectationOf, placesOf } from './expectation.ts';
import { isRecord, type KnownLog, makeEntry, makeFrame, makeRecord, mediumOf } from './known-log.ts';

const FOREIGN_SALT = [7, 7] as const;

/** A sentence on what is wrong with how `bytes` are read, or undefined. */
export function wrongWithScan(known: KnownLog, bytes: Uint8Array, expected: Expectation): string | undefined {
  let scan: FlightScan;
  try {
    scan = scanFlightLogBytes(bytes);
  } catch (error) {
    return expected.isRefused ? wrongWithRefusal(error, 'VRRL_FLIGHT_FORMAT') : `the scan threw ${String(error)}`;
  }
  if (expected.isRefused) return 'it was read, though nothing is left of its superblock';
  const wrong = differences([
    [
      'kinds of findings',
      scan.findings
        .map(({ kind }) => kind)
        .sort()
        .join(),
      expected.kinds.join(),
    ],
    ['losses', lossText(scan.loss), lossText(expected.loss)],
    ['records', [...scan.columns.sequence].join(), expected.records.join()],
    ['frames', scan.journal.frames.map(({ sequence }) => sequence).join(), expected.frames.join()],
    ['the newest number', scan.newestSequence, expected.newest],
    ['the oldest number', scan.oldestSequence, expected.oldest],
    ['having metadata', scan.metadata !== undefined, expected.hasMetadata],
  ]);
  return wrong ?? wrongWithContent(known, bytes, scan);
}

/** What was read has to be what was written. */
function wrongWithContent(known: KnownLog, bytes: Uint8Array, scan: FlightScan): string | undefined {
  const { columns } = scan;
  for (let index = 0; index < columns.length; index += 1) {
    const record = known.records.get(columns.sequence[index]);
    if (record === undefined || !isRecord(columns, index, record)) return `believes record ${columns.sequence[index]}`;
  }
  const { journal } = placesOf(known);
  for (const { sequence, position, end } of scan.journal.frames) {
    const frame = known.frames.get(sequence);
    const found = bytes.subarray(journal + position, journal + end);
    if (frame === undefined || !isEqual(found, frame.bytes)) return `believes frame ${sequence}`;
  }
  return undefined;
}

/** A sentence on what is wrong with opening `bytes` for writing and appending to them, or undefined. */
export function wrongWithRecovery(
  known: KnownLog,
  bytes: Uint8Array,
  expected: Expectation,
  isMapped: boolean,
): string | undefined {
  const medium = mediumOf(bytes, isMapped);
  const scrubs: string[] = [];
  let log: FlightLog;
  try {
    const onScrub = ({ offset, bytes: handed }: { offset: number; bytes: Uint8Array }): void => {
      const isTrue = isEqual(handed, bytes.subarray(offset, offset + handed.length));
      scrubs.push(isTrue ? `${offset}+${handed.length}` : `${offset}: other bytes`);
    };
    log = FlightLog.open(medium, { onScrub });
  } catch (error) {
    if (!expected.isRefused && expected.hasMetadata) return `recovery threw ${String(error)}`;
    if (!isEqual(medium.toBytes(), bytes)) return 'it was refused, and changed all the same';
    return wrongWithRefusal(error, expected.isRefused ? 'VRRL_FLIGHT_FORMAT' : 'VRRL_FLIGHT_METADATA');
  }
  if (expected.isRefused || !expected.hasMetadata) return 'it was opened, and had to be refused';
  const recoveredLoss = log.recoveredLoss === undefined ? 'none' : lossText(log.recoveredLoss);
  const wrong = differences([
    ['what recovery says is lost', recoveredLoss, lossText(expected.fresh)],
    ['what was scrubbed', scrubs.join(), expected.scrubs.map(([offset, length]) => `${offset}+${length}`).join()],
    ['the next number', log.nextSequence, expected.newest + 1],
  ]);
  return wrong ?? wrongWithAppending(known, expected, log, medium);
}

function wrongWithAppending(
  known: KnownLog,
  expected: Expectation,
  log: FlightLog,
  medium: Medium & { toBytes(): Uint8Array },
): string | undefined {
  const sequence = log.nextSequence;
  log.append(makeEntry(sequence));
  // A number that no known frame has, so that the content tells it from them.
  const frame = makeFrame(999, sequence, FOREIGN_SALT, 1);
  if (known.journalBytes > 0) log.appendFrames(frame);
  log.close();
  const scan = scanFlightLog(medium);
  const lost = new Set([sequence, ...expected.records]);
  const survivors = expected.records.filter((each) => each % known.capacity !== sequence % known.capacity);
  const inWindow = survivors.filter((each) => each > sequence - known.capacity).length + 1;
  const windowSize = Math.min(known.capacity, sequence);
  const before = addUp(expected.before, expected.fresh);
  const wrong = differences([
    ['records after an append', [...scan.columns.sequence].join(), [...survivors, sequence].join()],
    ['missing ones after an append', scan.loss.missing, windowSize - inWindow],
    ['other losses after an append', scan.loss.lost + scan.loss.unfinished + scan.loss.journalBytes, scan.loss.missing],
    ['losses counted', lossText(scan.superblock.losses), lossText(before)],
    ['the incarnation', scan.superblock.incarnation, expected.incarnation + 1],
    ['the state', scan.superblock.state, 0],
    ['the file’s length', medium.size(), known.bytes.length],
    ['forks', scan.forks.length + scan.journal.forked.length, 0],
  ]);
  if (wrong !== undefined) return wrong;
  for (let index = 0; index < scan.columns.length; index += 1) {
    const each = scan.columns.sequence[index];
    const isTrue = lost.has(each) && isRecord(scan.columns, index, known.records.get(each) ?? makeRecord(each));
    if (!isTrue) return `believes record ${each} after an append`;
  }
  return wrongWithFrames(known, scan, medium, frame) ?? wrongWithSecondOpening(medium, before);
}

/** The new frame has to be the newest, and what is left beside it has to be as it was. */
function wrongWithFrames(known: KnownLog, scan: FlightScan, storage: Storage, frame: Uint8Array): string | undefined {
  if (known.journalBytes === 0) return undefined;
  const { journal } = placesOf(known);
  const newest = scan.journal.frames.at(-1);
  for (const { sequence, position, end } of scan.journal.frames) {
    const found = new Uint8Array(end - position);
    storage.readAt(found, journal + position);
    const isTrue =
      sequence === newest?.sequence
        ? isEqual(found.subarray(32), frame.subarray(32))
        : isEqual(found, known.frames.get(sequence)?.bytes ?? new Uint8Array(0));
    if (!isTrue) return `believes frame ${sequence} after another was appended`;
  }
  return newest === undefined ? 'the frame that was appended is not there' : undefined;
}

/** Damage is counted once. */
function wrongWithSecondOpening(medium: Medium, before: Readonly<Record<LossKind, number>>): string | undefined {
  const log = FlightLog.open(medium);
  const counted = LOSS_KINDS.filter((kind) => (log.recoveredLoss?.[kind] ?? 0) > 0);
  if (counted.length > 0) return `the second recovery counts ${counted.join()} again`;
  const now = lossText(scanFlightLog(medium).superblock.losses);
  return now === lossText(before) ? undefined : `the second recovery changes what is counted to ${now}`;
}

/** Everything that may go wrong with a damaged log, in one. */
export function wrongWith(known: KnownLog, bytes: Uint8Array, isMapped: boolean): string | undefined {
  const expected = expectationOf(known, bytes);
  return wrongWithScan(known, bytes, expected) ?? wrongWithRecovery(known, bytes, expected, isMapped);
}

function wrongWithRefusal(error: unknown, code: string): string | undefined {
  const isRight = error instanceof VrrlError && error.code === code && error.message.includes(' Fix: ');
  return isRight ? undefined : `expected ${code}, it threw ${String(error)}`;
}

function lossText(loss: Readonly<Record<LossKind, number>>): string {
  return LOSS_KINDS.filter((kind) => loss[kind] !== 0)
    .map((kind) => `${kind} ${loss[kind]}`)
    .join(', ');
}

function addUp(
  one: Readonly<Record<LossKind, number>>,
  other: Readonly<Record<LossKind, number>>,
): Record<LossKind, number> {
  const sum = { ...one };
  for (const kind of LOSS_KINDS) sum[kind] += other[kind];
  return sum;
}

function differences(
  pairs: readonly (readonly [what: string, found: unknown, expected: unknown])[],
): string | undefined {
  const different = pairs.filter(([, found, expected]) => found !== expected);
  if (different.length === 0) return undefined;
  return different.map(([what, found, expected]) => `${what}: ${found}, expected ${expected}`).join('; ');
}

function isEqual(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}
