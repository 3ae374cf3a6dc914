/** Makes a log ready to be appended to, whatever became of its last writer. */

import { FlightFormatError, FlightMetadataError } from './errors.ts';
import type { FlightFinding } from './findings.ts';
import { type JournalScan, scanJournal } from './journal-scan.ts';
import { FLIGHT_RECORD_BYTES, LOSS_KINDS, LogState, type LossKind } from './layout.ts';
import type { Medium } from './medium.ts';
import { type FlightMetadata, type MetadataRead, readMetadata } from './metadata.ts';
import { PositionFinding } from './position.ts';
import { countLoss, type FlightLoss } from './scan.ts';
import { describeScan } from './scan-findings.ts';
import { walkSlots } from './slot-walk.ts';
import { type FlightLosses, type Id, readSuperblock, type Superblock, SuperblockWriter } from './superblock.ts';
import { judgeWindow, type WindowReport } from './window.ts';

/** Bytes that recovery is about to zero. */
export interface ScrubbedBytes {
  /** Where they are in the file. */
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export interface RecoveryOptions {
  /** Of the machine's start, so that others can tell whether a writer outlived it. */
  readonly bootId?: Id;
  /** Handed all bytes that are no record and no frame before they are zeroed, to keep them aside. If it throws, nothing was changed. */
  readonly onScrub?: (scrubbed: ScrubbedBytes) => void;
}

/** What a writer goes on from. */
export interface RecoveredLog {
  readonly superblock: Superblock;
  readonly superblocks: SuperblockWriter;
  readonly metadata: FlightMetadata;
  /** The incarnation of the writer. */
  readonly incarnation: number;
  readonly journal: JournalScan;
  /** The newest number that was used. */
  readonly newestSequence: number;
  /** The commit word of that record; 0 if it is not there. */
  readonly newestCommit: number;
  /** What was found and put right. */
  readonly findings: readonly FlightFinding[];
  /** What this recovery found lost that none before it had counted. */
  readonly freshLoss: FlightLoss;
}

/** Numbers that may still be given out; below it a log is as good as full. */
const NUMBERS_LEFT = 2 ** 32;

/**
 * Recovers a log for writing: scans all of it, scrubs what is no record, counts what is lost, and writes both superblocks
 * with the next incarnation.
 *
 * @throws FlightFormatError, FlightVersionError, FlightFlagsError, FlightMetadataError if it is refused; it is as it was then.
 * @throws StorageError if a call fails.
 */
export function recoverFlightLog(medium: Medium, options: RecoveryOptions = {}): RecoveredLog {
  const read = readSuperblock(medium);
  const { superblock } = read;
  const { geometry } = superblock;
  const metadataRead = readMetadata(medium, geometry, superblock.fileId);
  const { metadata } = metadataRead;
  if (metadata === undefined) throw new FlightMetadataError(medium.label);
  const journal = scanJournal(medium, superblock);
  const table = walkSlots(medium, superblock, 0);
  const window = judgeWindow(table, superblock, journal.newestRecord);
  refuseExhausted(medium, superblock, window.newest, journal.newestFrame);
  const loss = countLoss(window, journal);
  const parts = { storage: medium, read, metadata: metadataRead, journal, window, loss, forks: table.forks };
  const findings = describeScan({ ...parts, columns: undefined });
  const freshLoss = countFresh(window, journal, superblock);
  const scrubs = listScrubs(table.findings, journal, superblock);
  for (const scrub of scrubs) handOver(medium, scrub, options.onScrub);

  if (medium.size() < geometry.fileBytes) medium.resize(geometry.fileBytes);
  repairMetadata(medium, superblock, metadataRead);
  const superblocks = new SuperblockWriter(medium, read.words, read.copyIndex);
  const counted = {
    losses: addLosses(superblock.losses, freshLoss),
    countedSequence: window.newest,
    countedFrame: journal.newestFrame,
  };
  // The superblock that counts may not be on stable storage yet, and the other copy is about to be written over.
  medium.sync();
  if (scrubs.length > 0) {
    superblocks.write({ ...counted, state: LogState.RECOVERING });
    medium.sync();
    for (const scrub of scrubs) clear(medium, scrub);
    medium.sync();
  }
  const incarnation = superblock.incarnation + 1;
  openSuperblocks(
    medium,
    superblocks,
    { ...counted, incarnation, bootId: options.bootId ?? [0, 0, 0, 0] },
    window,
    journal,
  );
  const newestCommit = table.highest === window.newest ? table.highestCommit : 0;
  return {
    superblock,
    superblocks,
    metadata,
    incarnation,
    journal,
    newestSequence: window.newest,
    newestCommit,
    findings,
    freshLoss,
  };
}

/** Both copies, each synced, so that whichever is left has the incarnation of the records. */
function openSuperblocks(
  medium: Medium,
  superblocks: SuperblockWriter,
  changes: Parameters<SuperblockWriter['write']>[0],
  window: WindowReport,
  journal: JournalScan,
): void {
  const marks = { syncedSequence: window.newest, syncedFrame: journal.newestFrame, state: LogState.OPEN };
  for (let copy = 0; copy < 2; copy += 1) {
    superblocks.write({ ...changes, ...marks });
    medium.sync();
  }
}

function refuseExhausted(medium: Medium, superblock: Superblock, newest: number, newestFrame: number): void {
  const highest = Math.max(newest, newestFrame, superblock.generation);
  if (highest < Number.MAX_SAFE_INTEGER - NUMBERS_LEFT && superblock.incarnation < 0xffff_ffff) return;
  throw new FlightFormatError(medium.label, 'has used up its numbers', 'start a new log.');
}

/** Of the journal: all stray bytes, unless a recovery was at it, and the missing frames that were not counted. */
function countFresh(window: WindowReport, journal: JournalScan, superblock: Superblock): FlightLoss {
  const fresh = countLoss(window, journal, window.isFresh);
  const { state, countedFrame } = superblock;
  const first = Math.max(countedFrame + 1, journal.frames.at(0)?.sequence ?? 0);
  const present = journal.frames.filter(({ sequence }) => sequence >= first).length;
  return {
    ...fresh,
    journalBytes: state === LogState.RECOVERING ? 0 : fresh.journalBytes,
    missingFrames: Math.max(0, Math.min(fresh.missingFrames, journal.newestFrame - first + 1 - present)),
  };
}

function addLosses(before: FlightLosses, fresh: FlightLosses): FlightLosses {
  const sum: Record<LossKind, number> = { ...before };
  for (const kind of LOSS_KINDS) sum[kind] += fresh[kind];
  return sum;
}

interface Scrub {
  readonly offset: number;
  readonly length: number;
}

function listScrubs(findings: Uint8Array, journal: JournalScan, { geometry }: Superblock): Scrub[] {
  const scrubs: Scrub[] = [];
  for (let position = 0; position < findings.length; position += 1) {
    if (findings[position] === PositionFinding.EMPTY || findings[position] === PositionFinding.VALID) continue;
    scrubs.push({ offset: geometry.slotsOffset + position * FLIGHT_RECORD_BYTES, length: FLIGHT_RECORD_BYTES });
  }
  for (const { position, bytes } of journal.stray) {
    scrubs.push({ offset: geometry.journalOffset + position, length: bytes });
  }
  return scrubs;
}

/** So much is handed over or zeroed at a time. */
const PIECE_BYTES = 0x10_0000;

function* piecesOf({ offset, length }: Scrub): Generator<Scrub> {
  for (let start = 0; start < length; start += PIECE_BYTES) {
    yield { offset: offset + start, length: Math.min(PIECE_BYTES, length - start) };
  }
}

function handOver(medium: Medium, scrub: Scrub, onScrub: RecoveryOptions['onScrub']): void {
  if (onScrub === undefined) return;
  for (const { offset, length } of piecesOf(scrub)) {
    const bytes = new Uint8Array(length);
    const found = medium.readAt(bytes, offset);
    onScrub({ offset, bytes: bytes.subarray(0, found) });
  }
}

function clear(medium: Medium, scrub: Scrub): void {
  for (const { offset, length } of piecesOf(scrub)) medium.writeAt(new Uint8Array(length), offset);
}

function repairMetadata(medium: Medium, { geometry }: Superblock, { bytes, damagedCopies }: MetadataRead): void {
  if (bytes === undefined) return;
  const offsets = [geometry.metadataOffset, geometry.metadataCopyOffset];
  for (const copy of damagedCopies) medium.writeAt(bytes, offsets[copy]);
}
