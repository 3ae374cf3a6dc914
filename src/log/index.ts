/** The v1 log: reading it whatever happened to it, and writing it byte for byte. */

export { columnsOf } from './collect.ts';
export { type LogLoss, type LogScan, type ScanOptions, scanLog, scanLogBytes } from './decode.ts';
export {
  CapacityOverflowError,
  HeaderMismatchError,
  TruncatedBodyError,
  TruncatedHeaderError,
  type TruncatedHeaderKind,
  ZeroCapacityError,
} from './errors.ts';
export {
  FINDING_SEVERITIES,
  type Finding,
  type FindingKind,
  listPositions,
  type PositionList,
  type Severity,
} from './findings.ts';
export { type LogHeader, readHeader } from './header.ts';
export { RingImage } from './image.ts';
export { checkCapacity, type OpenOptions } from './open-log.ts';
export { type RebuiltRingLog, rebuildRingLog } from './rebuild.ts';
export {
  COLUMN_BYTES_PER_RECORD,
  FAILURE_BYTES_PER_RECORD,
  FAILURE_CLASS_NAMES,
  type FailureClassName,
  FailureColumns,
  type FailureEvidence,
  failureClassName,
  type LogRecord,
  RecordColumns,
} from './records.ts';
export { readStrictly } from './replay-strict.ts';
export { RingLog } from './ring-log.ts';
export type { ProgressListener } from './rows.ts';
export {
  HEADER_BYTES,
  HEADER_LAYOUT,
  LOG_MAGIC,
  LOG_VERSION,
  logBytes,
  MAX_CAPACITY,
  RECORD_ARGUMENT_COUNT,
  RECORD_BYTES,
  RECORD_LAYOUT,
  RECORD_MAGIC,
} from './v1-layout.ts';
