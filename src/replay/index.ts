/** Replay: a log cut into epochs, run again on backends, every outcome counted. */
export {
  type ComparableOutcome,
  type Outcome,
  relate,
  type Signature,
  type SlotTally,
  sameSignature,
} from './outcome.ts';
export {
  type PlannedEpoch,
  type PlanOptions,
  planReplay,
  type Recording,
  type ReplayPlan,
  slotRestOf,
} from './plan.ts';
export {
  type BackendReplay,
  type EpochReplay,
  type ReplayMode,
  type ReplayOptions,
  replayOn,
} from './replay.ts';
