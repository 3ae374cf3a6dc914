/** The v2 log: a ring of proven records with a journal of observations; written, recovered, read and followed. */

export { FlightColumns } from './columns.ts';
export {
  FlightFlagsError,
  FlightFormatError,
  FlightMetadataError,
  FlightVersionError,
  JournalSpaceError,
} from './errors.ts';
export {
  FLIGHT_FINDING_SEVERITIES,
  type FlightFinding,
  type FlightFindingKind,
} from './findings.ts';
export { FlightLog, type FlightLogOptions, flightLogBytes } from './flight-log.ts';
export { FlightFollower, type Followed } from './follower.ts';
export { type FlightGeometry, MAX_JOURNAL_BYTES } from './geometry.ts';
export { type ColumnRange, joinColumns } from './join-columns.ts';
export type { JournalFrame, JournalScan, Stretch } from './journal-scan.ts';
export { journalStream } from './journal-stream.ts';
export {
  BODY_START,
  BODY_WORDS,
  FLIGHT_ARGUMENT_COUNT,
  FLIGHT_MAGIC,
  FLIGHT_RECORD_BYTES,
  FLIGHT_RECORD_WORDS,
  LOSS_KINDS,
  LogState,
  type LossKind,
  PAGE_BYTES,
  RecordWord,
} from './layout.ts';
export { type Mapping, type Medium, type MediumTrace, MemoryMedium } from './medium.ts';
export { type FlightMetadata, type RingLogOrigin, saltOf } from './metadata.ts';
export { FlightReader, type FlightSelection } from './reader.ts';
export { type RebuiltLog, rebuildFlightLog } from './rebuild.ts';
export type { FlightEntry, FlightRecord } from './record.ts';
export type { FlightSlot } from './record-store.ts';
export { type RecoveryOptions, recoverFlightLog, type ScrubbedBytes } from './recovery.ts';
export { type FlightLoss, type FlightScan, type FlightScanOptions, scanFlightLog, scanFlightLogBytes } from './scan.ts';
export type { FlightProgress } from './slot-walk.ts';
export {
  type FlightLosses,
  type Id,
  randomId,
  readSuperblock,
  type Superblock,
  type SuperblockRead,
} from './superblock.ts';
