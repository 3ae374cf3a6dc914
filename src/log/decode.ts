/** Reads a v1 log into columns, goes on past damage, and says what it found. */

import { amount } from '../base/amount.ts';
import { MemoryStorage, type Storage } from '../storage/index.ts';
import { PositionState, RecordCollector, rotateColumns } from './collect.ts';
import { type Finding, finding, listPositions, type PositionList } from './findings.ts';
import { isBlank, type LogHeader, printWord, readHeader } from './header.ts';
import { judgeOccupancy, type Occupancy, timestampGoesBack } from './occupancy.ts';
import { FAILURE_CLASS_NAMES, type RecordColumns } from './records.ts';
import { type ProgressListener, RowReader, type RowVisitor } from './rows.ts';
import { HEADER_BYTES, logBytes, RECORD_BYTES, RECORD_MAGIC, recordOffset } from './v1-layout.ts';

/** Records that are known to be lost, by what became of them. */
export interface LogLoss {
  /** Positions whose record magic is neither 0 nor that of a record, in the unwritten part of the log too. */
  readonly damaged: number;
  /** Never-written positions among written ones. */
  readonly holes: number;
  /** Records beyond the end of a file that was cut short. */
  readonly missing: number;
  /** A record that the end of the file cuts in two. */
  readonly torn: number;
  /** All of them together. */
  readonly lost: number;
}

/** What a log holds, what is lost of it, and what is odd about it. */
export interface LogScan {
  readonly header: LogHeader;
  /** The records that can be read, in publish order. */
  readonly columns: RecordColumns;
  readonly loss: LogLoss;
  /** The header's first, then the file's, then the records'. */
  readonly findings: readonly Finding[];
  /** Where the next record belongs: the cursor, or beyond it if it was found to be behind. */
  readonly nextPosition: number;
}

export interface ScanOptions {
  /** Told after every chunk. */
  readonly onProgress?: ProgressListener;
}

/**
 * Reads all records of a v1 log. Damage is counted and reported, not thrown; only a file without a usable header is
 * refused.
 *
 * Memory: 44 bytes a record in the file (20 more if any has failure evidence) and one chunk of 1 MiB.
 *
 * @throws TruncatedHeaderError, HeaderMismatchError, ZeroCapacityError, CapacityOverflowError as `readHeader` does.
 * @throws StorageError if the file cannot be read, or becomes shorter meanwhile.
 */
export function scanLog(storage: Storage, options: ScanOptions = {}): LogScan {
  const header = readHeader(storage);
  const file = measureFile(storage, header);
  const collector = new RecordCollector(file.heldRecords);
  const reader = new RowReader(storage, file.heldRecords, options.onProgress);
  const collect: RowVisitor = (rows, count, position) => collector.collect(rows, count, position);
  reader.visit(header.cursor, file.heldRecords, collect);
  const fromCursor = collector.length;
  reader.visit(0, Math.min(header.cursor, file.heldRecords), collect);

  const columns = collector.finish();
  const occupancy = judgeOccupancy(header, collector, columns, file.heldRecords, fromCursor);
  rotateColumns(columns, occupancy.newestFirst);
  const damaged = listPositions(collector.states, PositionState.DAMAGED, file.heldRecords);
  const holes = listPositions(collector.states, PositionState.EMPTY, Math.min(occupancy.occupied, file.heldRecords));
  const loss = countLoss(file, occupancy, damaged.count, holes.count);
  const findings = [
    ...findInHeader(header),
    ...findInFile(file, header, loss),
    ...findDamaged(damaged, header),
    ...findHoles(holes),
    ...findInOrder(header, columns, occupancy),
    ...findInRecords(columns),
  ];
  return { header, columns, loss, findings, nextPosition: occupancy.nextPosition };
}

/** `scanLog` for a log that is in memory already. `bytes` may start anywhere in its buffer and is not kept. */
export function scanLogBytes(bytes: Uint8Array, options: ScanOptions & { readonly label?: string } = {}): LogScan {
  return scanLog(new MemoryStorage(bytes, options.label), options);
}

/** The size of the file against the size that its header asks for. */
interface FileShape {
  readonly bytes: number;
  readonly expectedBytes: number;
  /** Whole records that the file has room for, never more than the capacity. */
  readonly heldRecords: number;
  /** Bytes of a record that the end of the file cuts in two; 0 if it does not. */
  readonly partialBytes: number;
  /** Whether those bytes are all zero: a record that was never written. */
  readonly partialIsBlank: boolean;
}

function measureFile(storage: Storage, { capacity }: LogHeader): FileShape {
  const bytes = storage.size();
  const heldRecords = Math.min(capacity, Math.max(0, Math.floor((bytes - HEADER_BYTES) / RECORD_BYTES)));
  const partialBytes = heldRecords === capacity ? 0 : Math.max(0, bytes - recordOffset(heldRecords));
  const partial = new Uint8Array(partialBytes);
  storage.readAt(partial, recordOffset(heldRecords));
  return { bytes, expectedBytes: logBytes(capacity), heldRecords, partialBytes, partialIsBlank: isBlank(partial) };
}

function countLoss(file: FileShape, { occupied }: Occupancy, damaged: number, holes: number): LogLoss {
  const cutOff = Math.max(0, occupied - file.heldRecords);
  const torn = file.partialBytes > 0 && (cutOff > 0 || !file.partialIsBlank) ? 1 : 0;
  const missing = cutOff > 0 ? cutOff - torn : 0;
  return { damaged, holes, missing, torn, lost: damaged + holes + missing + torn };
}

function findInHeader(header: LogHeader): Finding[] {
  const findings: Finding[] = [];
  if (header.flags !== 0) {
    findings.push(
      finding('flagsSet', `the header's flags are ${header.flags}, expected 0`, 'none needed; readers ignore them.'),
    );
  }
  if (header.storedCursor >= BigInt(header.capacity)) {
    findings.push(
      finding(
        'cursorBeyondCapacity',
        `the header's cursor is ${header.storedCursor}, expected less than the capacity of ${header.capacity}; ` +
          `it was taken as ${header.cursor}`,
        'check the order of the records; the header may be damaged.',
        { position: header.cursor },
      ),
    );
  }
  return findings;
}

function findInFile(file: FileShape, { capacity }: LogHeader, loss: LogLoss): Finding[] {
  const { bytes, expectedBytes, heldRecords } = file;
  if (bytes > expectedBytes) {
    const count = bytes - expectedBytes;
    const what = `${amount(count, 'byte')} beyond the ${expectedBytes} of a log of ${amount(capacity, 'record')}`;
    return [finding('trailingBytes', what, 'none needed to read it; they were ignored.', { count })];
  }
  if (bytes === expectedBytes) return [];
  const lost = loss.missing + loss.torn;
  const what = `the file has ${amount(bytes, 'byte')}, expected ${expectedBytes} for ${amount(capacity, 'record')}; `;
  if (lost === 0) {
    const fix = 'none needed to read it; whatever opens it to append (RingLog of vrrl does) makes it whole.';
    const unwritten = 'as far as its cursor tells, only unwritten ones are cut off';
    return [finding('bodyTruncated', `${what}${unwritten}`, fix, { severity: 'warning' })];
  }
  const { missing, torn } = loss;
  const gone = [
    ...(missing > 0 ? [`${amount(missing, 'written one')} ${missing === 1 ? 'is' : 'are'} missing`] : []),
    ...(torn > 0 ? [`${torn} is cut in two`] : []),
  ];
  return [
    finding('bodyTruncated', what + gone.join(' and '), 'look for a whole copy; the records that are left were read.', {
      position: heldRecords,
      count: lost,
    }),
  ];
}

function findDamaged({ count, first, text }: PositionList, { capacity }: LogHeader): Finding[] {
  if (count === 0) return [];
  return [
    finding(
      'recordDamaged',
      `${count} of ${amount(capacity, 'record')} ${count === 1 ? 'is' : 'are'} damaged, at ${text}: magic is neither 0 nor ${printWord(RECORD_MAGIC)}`,
      'look for a whole copy; the records that are left were read.',
      { position: first, count },
    ),
  ];
}

function findHoles({ count, first, text }: PositionList): Finding[] {
  if (count === 0) return [];
  return [
    finding(
      'hole',
      `${amount(count, 'record')} ${count === 1 ? 'is' : 'are'} lost, at ${text}: nothing is written there, though the cursor or later records say so`,
      'look for a whole copy; the records that are left were read.',
      { position: first, count },
    ),
  ];
}

function findInOrder(header: LogHeader, columns: RecordColumns, occupancy: Occupancy): Finding[] {
  const { newestFirst: count, occupied } = occupancy;
  const findings: Finding[] = [];
  if (count > 0) {
    const oneAtCursor = count === 1 && columns.position[columns.length - 1] === header.cursor;
    findings.push(oneAtCursor ? newestRecordFirst(header) : cursorBehind(header, occupancy));
  }
  if (occupied === header.capacity) {
    findings.push(
      finding(
        'full',
        `${header.capacity} of ${amount(header.capacity, 'record')} in use: the log has wrapped or is exactly full, and older records may have ` +
          'been overwritten; v1 cannot say how many',
        'none needed; record with a larger capacity to keep more.',
      ),
    );
  }
  return findings;
}

function newestRecordFirst({ cursor }: LogHeader): Finding {
  return finding(
    'newestRecordFirst',
    `the newest record lies at the cursor, position ${cursor}: the writer was killed before it moved the cursor on; ` +
      'the record was put last',
    'none needed to read it; before anything appends to it, open it with RingLog of vrrl, which moves the cursor on.',
    { position: cursor, count: 1 },
  );
}

function cursorBehind({ cursor }: LogHeader, { newestFirst, nextPosition }: Occupancy): Finding {
  return finding(
    'cursorBehind',
    `the cursor is ${cursor}, expected ${nextPosition}: the ${newestFirst} newest records lie at it or beyond it; ` +
      'they were put last',
    'none needed to read it; before anything appends to it, open it with RingLog of vrrl, which moves the cursor on.',
    { position: cursor, count: newestFirst },
  );
}

function findInRecords(columns: RecordColumns): Finding[] {
  const findings: Finding[] = [];
  const unknown = findUnknownClasses(columns);
  if (unknown !== undefined) {
    const what = `${amount(unknown.count, 'record')} ${unknown.count === 1 ? 'has' : 'have'} a failure class that v1 does not know, expected 0 to 4`;
    findings.push(finding('unknownFailureClass', what, 'read the log with the vrrl that wrote it.', unknown));
  }
  const { timestamps, epochs } = findDescents(columns);
  if (timestamps.count > 0) {
    const what = `the timestamp goes back at ${amount(timestamps.count, 'record')}, first at position ${timestamps.position}`;
    findings.push(
      finding('timestampsNotMonotone', what, 'none needed; somebody may have set the clock back.', timestamps),
    );
  }
  if (epochs.count > 0) {
    const what = `the epoch goes back at ${amount(epochs.count, 'record')}, first at position ${epochs.position}`;
    findings.push(finding('epochNotMonotone', what, 'none needed; every session counts epochs from 0.', epochs));
  }
  return findings;
}

/** How many records are odd in some way, and the position in the file of the first one. */
interface Tally {
  position: number;
  count: number;
}

function findUnknownClasses({ length, position, failure }: RecordColumns): Tally | undefined {
  if (failure === undefined) return undefined;
  const tally: Tally = { position: 0, count: 0 };
  for (let index = 0; index < length; index += 1) {
    if (failure.failureClass[index] >= FAILURE_CLASS_NAMES.length) add(tally, position[index]);
  }
  return tally.count === 0 ? undefined : tally;
}

/** One pass for both, written out: this sees every record of every log. */
function findDescents(columns: RecordColumns): { timestamps: Tally; epochs: Tally } {
  const { length, position, epoch } = columns;
  const timestamps: Tally = { position: 0, count: 0 };
  const epochs: Tally = { position: 0, count: 0 };
  for (let index = 1; index < length; index += 1) {
    if (timestampGoesBack(columns, index)) add(timestamps, position[index]);
    if (epoch[index] < epoch[index - 1]) add(epochs, position[index]);
  }
  return { timestamps, epochs };
}

function add(tally: Tally, position: number): void {
  if (tally.count === 0) tally.position = position;
  tally.count += 1;
}
