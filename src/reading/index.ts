/** Reading logs, whatever their version: records, what is lost, and how observations find them. */

export { isFlightLog, type LogFinding, type ReadLog, readLog } from './read-log.ts';
export { type Alignment, knownArguments, type RecordedLog, type SlotRests } from './recorded-log.ts';
export { recordedRingLog } from './ring-log.ts';
export { salvageLog } from './salvage-log.ts';
