/** What is observed when an epoch has drained: layouts, digests, comparison, and the stream that keeps it. */

export {
  compareSnapshots,
  MAX_LISTED_DIFFERENCES,
  type RecordDifference,
  type RecordsDiffer,
  type RegionDifference,
  type SnapshotComparison,
  type UnknownRegion,
  type WordDifference,
  type WordsDiffer,
} from './comparison.ts';
export { addToSums, DIGEST_WORDS, type Digest, DigestConstant, digestWords, finishDigest } from './digest.ts';
export type { EpochFacts, EpochObservation, FaultEntry, ObservedEpoch, SlotRest } from './epoch.ts';
export { ObservationFormatError } from './errors.ts';
export { type FindingKind, MAX_LISTED_FINDINGS, type StreamFinding, type StreamLoss } from './findings.ts';
export type { Salt } from './frame-buffer.ts';
export type { StreamTotals } from './frame-payloads.ts';
export type { Area, Equivalence, ObservationLayout, Region } from './layout.ts';
export {
  hasOverflowed,
  MAX_SNAPSHOT_WORDS,
  type ResolvedArea,
  type ResolvedLayout,
  type ResolvedRegion,
  resolveLayout,
  usedRecords,
  wordName,
} from './observation.ts';
export { ObservationReader } from './reader.ts';
export { digestRegion, digestSnapshot } from './snapshot-digest.ts';
export { OBSERVATION_FORMAT_VERSION } from './stream-format.ts';
export type { LogReference, ObservationHeader, ObservationMetadata } from './stream-header.ts';
export { ObservationWriter, type ObservationWriterOptions } from './writer.ts';
