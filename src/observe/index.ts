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
export { ObservationFormatError } from './errors.ts';
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
export { digestRegion, digestSnapshot } from './snapshot-digest.ts';
