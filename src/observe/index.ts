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
export { type EncodedFrames, ObservationEncoder, type ObservationEncoderOptions } from './encoder.ts';
export type { EpochFacts, EpochObservation, FaultEntry, ObservedEpoch, SlotRest } from './epoch.ts';
export { ObservationFormatError } from './errors.ts';
export { type FindingKind, MAX_LISTED_FINDINGS, type StreamFinding, type StreamLoss } from './findings.ts';
export { FrameBuffer, type Salt } from './frame-buffer.ts';
export { type InitialStateFacts, type StreamTotals, writeInitialState } from './frame-payloads.ts';
export { type Frame, FrameReader } from './frame-reader.ts';
export { JoinedObservations, type ObservationPart, type Observations } from './joined-observations.ts';
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
export {
  EndWord,
  EpochWord,
  FRAME_ALIGNMENT_BYTES,
  FRAME_HEADER_BYTES,
  FrameKind,
  FrameWord,
  frameBytes,
  InitialStateWord,
  KIND_PREFIX,
  KIND_PREFIX_MASK,
  largestEpochBytes,
  largestFaultsBytes,
  OBSERVATION_FORMAT_VERSION,
  StateEncoding,
} from './stream-format.ts';
export { encodeHeader, type LogReference, type ObservationHeader, type ObservationMetadata } from './stream-header.ts';
export { ObservationWriter, type ObservationWriterOptions } from './writer.ts';
