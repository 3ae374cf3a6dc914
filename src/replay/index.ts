/** Replay: a log cut into epochs, run again on backends, every outcome counted. */
export { type InferredSizes, inferSizes } from './infer.ts';
export { ObservationSaver } from './observation-saver.ts';
export {
  type ComparableOutcome,
  type Outcome,
  outcomeOfObserved,
  relate,
  type Signature,
  type SlotTally,
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
export {
  type BackendReplay,
  type EpochReplay,
  type ReplayMode,
  type ReplayOptions,
  replayOn,
} from './replay.ts';
