/** Feeds scan and recovery of v2 logs with damaged logs, forged ones, two logs in one file, and plain noise. */

import { isDeepStrictEqual } from 'node:util';
import {
  FlightLog,
  type FlightRecord,
  type FlightScan,
  JournalSpaceError,
  LOSS_KINDS,
  type Medium,
  MemoryMedium,
  readSuperblock,
  scanFlightLog,
} from '../src/log-v2/index.ts';
import { MemoryStorage, StorageError } from '../src/storage/index.ts';
import { isRecord, type KnownLog, makeEntry, makeFrame, makeRecord } from '../test/log-v2/damage/known-log.ts';
import {
  type Input,
  inTime,
  isEqual,
  METADATA_OFFSET,
  makeInput,
  orRefused,
  type Random,
} from './flight-log-inputs.ts';
import type { FuzzTarget } from './fuzz-target.ts';

/** What a scan may keep on top of twice its input. */
const MAX_CONSTANT_BYTES = 65_536;
/** More than any of the logs here has. */
const MAX_STORAGE_BYTES = 1 << 20;
const APPENDED = 3;
/** Records that are appended after a recovery have words that no others have. */
const OWN_VARIANT = 77;

/**
 * A scan may refuse an input with an error of ours, but not believe what was not written, nor take time or memory that it
 * does not justify; recovery may refuse it too, with the file as it was, or has to leave a log without damage, of which a
 * second recovery changes nothing.
 */
export const target: FuzzTarget = {
  name: 'flight-log',
  once(random) {
    const input = makeInput(random);
    inTime(() => {
      const scan = orRefused(() => scanFlightLog(new MemoryStorage(input.bytes)));
      if (scan !== undefined) checkScan(scan, input);
      recover(input, scan, random);
    });
  },
};

// What a scan says

function checkScan(scan: FlightScan, { bytes, truth }: Input): void {
  checkNumbers(scan);
  checkLosses(scan);
  const allowed = 2 * bytes.length + MAX_CONSTANT_BYTES;
  if (scan.columns.buffer.byteLength > allowed) throw new Error('columns larger than the input justifies');
  for (const { message, kind } of scan.findings) if (!message.includes(' Fix: ')) throw new Error(`${kind} has no fix`);
  if (truth !== undefined) checkBelief(scan, bytes, truth, []);
}

function checkNumbers({
  columns,
  capacity,
  oldestSequence,
  newestSequence,
  nextPosition,
  overwritten,
}: FlightScan): void {
  if (columns.length > capacity) throw new Error('more records than the capacity');
  for (let index = 0; index < columns.length; index += 1) {
    const sequence = columns.sequence[index];
    const isRising = index === 0 || sequence > columns.sequence[index - 1];
    const isPlaced = (sequence - 1) % capacity === columns.position[index];
    if (!isRising || !isPlaced || sequence > newestSequence) throw new Error(`record ${sequence} is out of place`);
  }
  const isWindow = newestSequence - oldestSequence < capacity && oldestSequence <= newestSequence + 1;
  if (!isWindow || overwritten < 0) throw new Error(`the window is ${oldestSequence} to ${newestSequence}`);
  if (nextPosition !== newestSequence % capacity) throw new Error(`next position ${nextPosition}`);
}

/** Every number of the window is read or counted, and damage is called so. */
function checkLosses({ columns, loss, findings, capacity, oldestSequence, newestSequence, ...rest }: FlightScan): void {
  const { journal, forks, metadata } = rest;
  const present = columns.sequence.filter((sequence) => sequence >= oldestSequence).length;
  const absent = newestSequence - oldestSequence + 1 - present;
  if (absent > loss.lost) throw new Error(`${absent} of the window are not there, and ${loss.lost} counted as lost`);
  if (LOSS_KINDS.some((kind) => !Number.isSafeInteger(loss[kind]) || loss[kind] < 0))
    throw new Error('a loss is no count');
  if (loss.lost + loss.unfinished > capacity) throw new Error(`${loss.lost} lost of ${capacity}`);
  const isTruncated = findings.some(({ kind }) => kind === 'fileTruncated');
  const isDamaged =
    loss.lost + loss.journalBytes + loss.missingFrames + forks.length + journal.forked.length > 0 ||
    metadata === undefined ||
    isTruncated;
  if (findings.some(({ severity }) => severity === 'damage') !== isDamaged) throw new Error('damage is not called so');
}

/** All records and frames have to be somebody's. `bytes` is what was scanned. */
function checkBelief(
  { columns, journal, superblock }: FlightScan,
  bytes: Uint8Array,
  truth: readonly KnownLog[],
  appended: readonly FlightRecord[],
): void {
  for (let index = 0; index < columns.length; index += 1) {
    const sequence = columns.sequence[index];
    const isTrue =
      truth.some(({ records }) => isSome(records.get(sequence), (record) => isRecord(columns, index, record))) ||
      appended.some((record) => isRecord(columns, index, record));
    if (!isTrue) throw new Error(`believes record ${sequence}, which nobody wrote`);
  }
  for (const { position, end, sequence, kind } of journal.frames) {
    const at = superblock.geometry.journalOffset;
    const found = bytes.subarray(at + position, at + end);
    const isTrue = truth.some(({ frames }) => isSome(frames.get(sequence), (frame) => isEqual(frame.bytes, found)));
    if (!isTrue && appended.length === 0) throw new Error(`believes frame ${sequence} of kind ${kind}`);
  }
}

function isSome<Value>(value: Value | undefined, holds: (value: Value) => boolean): boolean {
  return value !== undefined && holds(value);
}

// Recovery

/** Storage on a disk that is soon full. */
class SmallStorage extends MemoryStorage {
  override resize(bytes: number): void {
    if (bytes > MAX_STORAGE_BYTES) {
      const cause = Object.assign(new Error('no space left'), { code: 'ENOSPC' });
      throw new StorageError('truncate', this.label, cause);
    }
    super.resize(bytes);
  }
}

function recover({ bytes, truth }: Input, before: FlightScan | undefined, random: Random): void {
  const isMapped = before?.superblock.geometry.fileBytes === bytes.length && random() % 2 === 0;
  const medium = isMapped ? new MemoryMedium(new Uint8Array(bytes)) : new SmallStorage(bytes.slice());
  let scrubbedBytes = 0;
  const onScrub = (scrubbed: { readonly bytes: Uint8Array }): void => {
    scrubbedBytes += scrubbed.bytes.length;
  };
  const log = orRefused(() => FlightLog.open(medium, { onScrub }));
  if (log === undefined) {
    if (!isEqual(medium.toBytes(), bytes)) throw new Error('it was refused, and changed all the same');
    return;
  }
  if (before === undefined) throw new Error('it cannot be read, and was opened all the same');
  if (scrubbedBytes > bytes.length) throw new Error(`${scrubbedBytes} bytes scrubbed of ${bytes.length}`);
  checkRecovered(log, before);
  const appended = appendTo(log, medium);
  const after = scanFlightLog(medium);
  checkAfter(after, before, appended);
  if (truth !== undefined) checkBelief(after, medium.toBytes(), truth, appended);
  recoverAgain(medium, after);
}

/** Only the superblocks say that there was another recovery. */
function recoverAgain(medium: Medium & { toBytes(): Uint8Array }, { superblock }: FlightScan): void {
  const before = medium.toBytes().subarray(METADATA_OFFSET);
  const onScrub = (): void => {
    throw new Error('the second recovery scrubs');
  };
  const log = FlightLog.open(medium, { onScrub });
  const again = LOSS_KINDS.filter((kind) => (log.recoveredLoss?.[kind] ?? 0) > 0);
  if (again.length > 0) throw new Error(`${again.join()} are counted twice`);
  log.close();
  if (!isEqual(medium.toBytes().subarray(METADATA_OFFSET), before)) throw new Error('the second recovery changes it');
  const { superblock: last } = readSuperblock(medium);
  const { incarnation, generation, countedSequence, countedFrame } = last;
  const expected = { ...superblock, incarnation, generation, countedSequence, countedFrame };
  if (!isDeepStrictEqual(last, expected)) throw new Error('the second recovery changes what is said of the log');
}

function checkRecovered(log: FlightLog, before: FlightScan): void {
  if (log.nextSequence !== before.newestSequence + 1) throw new Error(`goes on with ${log.nextSequence}`);
  for (const kind of LOSS_KINDS) {
    const fresh = log.recoveredLoss?.[kind] ?? 0;
    if (fresh < 0 || fresh > before.loss[kind]) throw new Error(`${fresh} ${kind} of ${before.loss[kind]} are new`);
  }
}

function appendTo(log: FlightLog, medium: Medium): FlightRecord[] {
  const appended: FlightRecord[] = [];
  for (let count = 0; count < APPENDED; count += 1) {
    const sequence = log.nextSequence;
    // Of a number as large as a forged one no word can be made.
    const { args, ...entry } = makeEntry(count + 1, OWN_VARIANT);
    log.append({ ...entry, args });
    appended.push({ ...makeRecord(count + 1, OWN_VARIANT), sequence });
    try {
      log.appendFrames(makeFrame(998 + count, 1, [7, 7], 1));
    } catch (error) {
      if (!(error instanceof JournalSpaceError)) throw error;
    }
  }
  log.sync();
  log.close();
  if (medium.size() > MAX_STORAGE_BYTES) throw new Error(`the file has grown to ${medium.size()} bytes`);
  return appended;
}

/** What was appended is there, what was there is there unless it was written over, and no damage is left. */
function checkAfter(after: FlightScan, before: FlightScan, appended: readonly FlightRecord[]): void {
  const { loss, columns } = after;
  const left = loss.lost - loss.missing + loss.unfinished + loss.journalBytes;
  if (left > 0) throw new Error(`recovery leaves ${left} damaged`);
  const present = new Set(columns.sequence);
  for (const record of appended.slice(-after.capacity)) {
    const index = columns.indexOfSequence(record.sequence) ?? -1;
    if (index < 0 || !isRecord(columns, index, record)) throw new Error(`record ${record.sequence} is not there`);
  }
  const replaced = new Set(appended.map(({ sequence }) => (sequence - 1) % after.capacity));
  for (const sequence of before.columns.sequence) {
    const isDue = !replaced.has((sequence - 1) % after.capacity);
    if (isDue && !present.has(sequence)) throw new Error(`recovery loses record ${sequence}`);
  }
  if (after.superblock.state !== 0 || after.superblock.incarnation !== before.superblock.incarnation + 1) {
    throw new Error('it does not say that it was opened and closed');
  }
}
