/** Reading logs, whatever their version: records, what is lost, and how observations find them. */

export { joinLogs, type SetMember } from './log-set.ts';
export {
  encodeManifest,
  isLogSet,
  type ListedLog,
  LogSetFormatError,
  type LogSetManifest,
  readManifest,
} from './log-set-manifest.ts';
export { isFlightLog, type LogFinding, type ReadLog, readLog } from './read-log.ts';
export { type Alignment, knownArguments, type RecordedLog, type SlotRests } from './recorded-log.ts';
export { recordedRingLog } from './ring-log.ts';
export { salvageLog } from './salvage-log.ts';
