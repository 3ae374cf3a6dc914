/** Reads a v2 log into columns, proves every record, and says what it found. */

import { MemoryStorage, type Storage } from '../storage/index.ts';
import { FlightCollector, type FlightColumns } from './columns.ts';
import type { FlightFinding } from './findings.ts';
import { readHints } from './hints.ts';
import { type JournalScan, scanJournal } from './journal-scan.ts';
import { FLIGHT_RECORD_BYTES, type LossKind } from './layout.ts';
import { type FlightMetadata, type MetadataRead, readMetadata } from './metadata.ts';
import { describeScan } from './scan-findings.ts';
import { type FlightProgress, walkSlots } from './slot-walk.ts';
import { type FlightLosses, noLosses, readSuperblock, type Superblock, type SuperblockRead } from './superblock.ts';
import { Answer, judgeWindow, SLOT_LOSSES, type WindowReport } from './window.ts';

/** What is lost of the records and frames that the log should have now. */
export interface FlightLoss extends FlightLosses {
  /** Records: all kinds but `unfinished` together. */
  readonly lost: number;
}

/** What a log holds, what is lost of it, and what is odd about it. */
export interface FlightScan {
  readonly superblock: Superblock;
  /** Undefined if both copies are damaged. */
  readonly metadata: FlightMetadata | undefined;
  /** The records that can be proven, in the order of their numbers. */
  readonly columns: FlightColumns;
  readonly loss: FlightLoss;
  readonly findings: readonly FlightFinding[];
  readonly journal: JournalScan;
  readonly capacity: number;
  /** The lowest number that the log should have. */
  readonly oldestSequence: number;
  /** The highest number that was used, whether or not its record is there. */
  readonly newestSequence: number;
  /** Records that newer ones were written over, as it should be. */
  readonly overwritten: number;
  /** The position that the next record goes to. */
  readonly nextPosition: number;
  /** Numbers of records that do not follow from the ones before them. */
  readonly forks: readonly number[];
}

export interface FlightScanOptions {
  /** Told after every chunk. */
  readonly onProgress?: FlightProgress;
}

/**
 * Reads all of a v2 log. Damage is counted and reported, not thrown; only a log without a usable superblock is refused.
 *
 * Memory: 61 bytes a position (36 more if any slot has a priority or arguments beyond the fourth, 20 if any has failure
 * evidence), some dozens of bytes a frame, and a chunk of 256 KiB and one of 1 MiB.
 *
 * @throws FlightFormatError, FlightVersionError, FlightFlagsError as `readSuperblock` does.
 * @throws StorageError if the file cannot be read, or becomes shorter meanwhile.
 */
export function scanFlightLog(storage: Storage, options: FlightScanOptions = {}): FlightScan {
  const read = readSuperblock(storage);
  const { superblock } = read;
  const { capacity } = superblock.geometry;
  const metadata = readMetadata(storage, superblock.geometry, superblock.fileId);
  const journal = scanJournal(storage, superblock);
  const collector = new FlightCollector(recordsHeld(storage, superblock));
  const hints = readHints(storage, superblock.geometry);
  const table = walkSlots(
    storage,
    superblock,
    hints.newestSequence % capacity,
    (rows, start, count, position) => collector.take(rows, start, count, position),
    options.onProgress,
  );
  const window = judgeWindow(table, superblock, journal.newestRecord);
  const columns = collector.finish();
  const loss = countLoss(window, journal);
  const { forks } = table;
  return {
    superblock,
    metadata: metadata.metadata,
    columns,
    loss,
    findings: describeScan({ storage, read, metadata, journal, window, columns, loss, forks }),
    journal,
    capacity,
    oldestSequence: window.oldest,
    newestSequence: window.newest,
    overwritten: countOverwritten(superblock, window),
    nextPosition: window.newest % capacity,
    forks,
  };
}

/** `scanFlightLog` for a log that is in memory already. `bytes` may start anywhere in its buffer and is not kept. */
export function scanFlightLogBytes(
  bytes: Uint8Array,
  options: FlightScanOptions & { readonly label?: string } = {},
): FlightScan {
  return scanFlightLog(new MemoryStorage(bytes, options.label), options);
}

/** What is known of a log once it was gone through. */
export interface ScanParts {
  readonly storage: Storage;
  readonly read: SuperblockRead;
  readonly metadata: MetadataRead;
  readonly journal: JournalScan;
  readonly window: WindowReport;
  readonly columns: FlightColumns | undefined;
  readonly loss: FlightLoss;
  readonly forks: readonly number[];
}

/** Adds up what is lost, or with `isFresh` what no recovery has counted yet. */
export function countLoss(window: WindowReport, journal: JournalScan, isFresh?: Uint8Array): FlightLoss {
  const losses: Record<LossKind, number> = noLosses();
  const counts = countAnswers(window.answers, isFresh);
  for (const [kind, code] of SLOT_LOSSES) losses[kind] = counts[code];
  losses.journalBytes = journal.strayBytes;
  losses.missingFrames = journal.missingFrames;
  const { overtaken, torn, corrupt, foreign, misplaced, missing } = losses;
  return { ...losses, lost: overtaken + torn + corrupt + foreign + misplaced + missing };
}

function countAnswers(answers: Uint8Array, isCounted: Uint8Array | undefined): Uint32Array {
  const counts = new Uint32Array(Answer.RECORD + 1);
  for (let position = 0; position < answers.length; position += 1) {
    if (isCounted === undefined || isCounted[position] === 1) counts[answers[position]] += 1;
  }
  return counts;
}

function recordsHeld(storage: Storage, { geometry }: Superblock): number {
  const held = Math.ceil((storage.size() - geometry.slotsOffset) / FLIGHT_RECORD_BYTES);
  return Math.max(0, Math.min(geometry.capacity, held));
}

/** Below the window, all that is not there after all. */
function countOverwritten({ firstSequence }: Superblock, { oldest, older }: WindowReport): number {
  return Math.max(0, oldest - firstSequence - older);
}
