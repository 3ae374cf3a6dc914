/** Logs made from logs: converted, cut, sifted, put together. Inputs are only read. */

export { convertToFlightLog, convertToRingLog, type RingDerivation } from './convert.ts';
export type { Draft, DraftEpoch, DraftObservations, MakingProgress, RecordStore, RecordVisitor } from './draft.ts';
export { type FilterSelection, filterRecording } from './filter.ts';
export { type MergeDerivation, mergeRecordings } from './merge.ts';
export { type Recovery, recoverRecording } from './recover.ts';
export type { Derivation, DerivationReport, NotKept } from './report.ts';
export type { Range, TimeRange } from './selection.ts';
export type { DerivationSource } from './source.ts';
export { type TrimSelection, trimRecording } from './trim.ts';
export { fillFlightLog, flightOptionsOf } from './write-flight-log.ts';
export { fillRingLog, fillStream, type RingLayout } from './write-ring-log.ts';
