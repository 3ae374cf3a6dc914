/** Replay: a log cut into epochs, run again on backends, every outcome counted. */
export type { BackendReplay, DeviceReplay, ReplayMode, ReplayOptions } from './backend-replay.ts';
export type { Baseline, EpochReplay } from './epoch-counts.ts';
export { type InferredSizes, inferSizes } from './infer.ts';
export { keptRunning } from './kept-running.ts';
export { ObservationSaver } from './observation-saver.ts';
export {
  type ComparableOutcome,
  type Outcome,
  outcomeOfObserved,
  relate,
  type Signature,
  sameSignature,
} from './outcome.ts';
export {
  argumentsOf,
  type PlannedEpoch,
  type PlanOptions,
  planReplay,
  type Recording,
  type ReplayPlan,
} from './plan.ts';
export { type MemoryRecordingOptions, recordInMemory, type SlotsOfEpoch } from './record-in-memory.ts';
export { replayOn, replayThatNeverRan } from './replay.ts';
export { type StressReport, type StressRequest, StressSearch, type StressTrial } from './stress-search.ts';
