/** A log of either version, read whole. */

import { type ScanOptions, type Severity, scanLog } from '../log/index.ts';
import {
  FLIGHT_MAGIC,
  type FlightMetadata,
  type FlightScan,
  type Id,
  journalStream,
  PAGE_BYTES,
  scanFlightLog,
} from '../log-v2/index.ts';
import { ObservationReader, type Observations } from '../observe/index.ts';
import type { Storage } from '../storage/index.ts';
import { recordedFlightLog } from './flight-log.ts';
import type { RecordedLog } from './recorded-log.ts';
import { recordedRingLog } from './ring-log.ts';

/** Something noticed about a log. Programs go by `kind`; people read `message`, which ends in a `Fix:` sentence. */
export interface LogFinding {
  readonly kind: string;
  readonly severity: Severity;
  readonly message: string;
  /** The first position concerned, counted in records. */
  readonly position?: number;
}

/** What a log holds, whatever its version. */
export interface ReadLog extends RecordedLog {
  readonly format: 'v1' | 'v2';
  readonly capacity: number;
  /** The position that the header says is next (v1), or that is (v2). */
  readonly cursor: number;
  /** What is lost by kind, as the version counts it; `lost` is all records together. */
  readonly loss: Readonly<Record<string, number>> & { readonly lost: number };
  readonly findings: readonly LogFinding[];
  /** What was observed, where the log holds it itself. Reads from the log's storage, which has to stay open. */
  readonly observations: Observations | undefined;
  /** Of a v2 log, unless it is lost. */
  readonly metadata: FlightMetadata | undefined;
  /** Of a v2 log: which file it is, and the numbers that its records should have. */
  readonly flight: FlightIdentity | undefined;
  /** Of a set of logs, how many it has. */
  readonly logCount?: number;
}

/** What only a v2 log knows of itself. */
export interface FlightIdentity {
  /** Undefined for a set of logs. */
  readonly fileId: Id | undefined;
  readonly oldestSequence: number;
  /** The highest number that was used. */
  readonly newestSequence: number;
}

/**
 * Reads a log. Damage is counted and reported, not thrown; only what is no usable log is refused.
 *
 * @throws as `scanLog` and `scanFlightLog` do.
 */
export function readLog(storage: Storage, options: ScanOptions = {}): ReadLog {
  return isFlightLog(storage) ? readFlightLog(storage, options) : readRingLog(storage, options);
}

/** Whether a storage holds a v2 log, by what is left of its superblocks. */
export function isFlightLog(storage: Storage): boolean {
  return [0, PAGE_BYTES].some((position) => {
    const bytes = new Uint8Array(FLIGHT_MAGIC.length);
    const found = storage.readAt(bytes, position);
    return found === bytes.length && new TextDecoder('latin1').decode(bytes) === FLIGHT_MAGIC;
  });
}

function readRingLog(storage: Storage, options: ScanOptions): ReadLog {
  const scan = scanLog(storage, options);
  const { header, loss, findings } = scan;
  return {
    ...recordedRingLog(scan),
    format: 'v1',
    capacity: header.capacity,
    cursor: header.cursor,
    loss: { ...loss },
    findings,
    observations: undefined,
    metadata: undefined,
    flight: undefined,
  };
}

/** Without the metadata nobody knows what the words mean; a finding says that it is lost. */
function observationsIn(storage: Storage, scan: FlightScan): ObservationReader | undefined {
  const stream = scan.metadata === undefined ? undefined : journalStream(storage, scan);
  return stream && ObservationReader.open(stream);
}

function readFlightLog(storage: Storage, options: ScanOptions): ReadLog {
  const scan = scanFlightLog(storage, options);
  const { capacity, nextPosition, loss, findings, metadata } = scan;
  return {
    ...recordedFlightLog(scan),
    format: 'v2',
    capacity,
    cursor: nextPosition,
    loss: { ...loss },
    findings,
    observations: observationsIn(storage, scan),
    metadata,
    flight: {
      fileId: scan.superblock.fileId,
      oldestSequence: scan.oldestSequence,
      newestSequence: scan.newestSequence,
    },
  };
}
