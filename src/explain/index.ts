/** Why an epoch came out as it did: an order of its slots that gives it, or the reason why there is none. */

export { type CoherenceProblem, type CoherentOrder, coherentOrder, type WordOperation } from './coherence.ts';
export { DEFAULT_NODES, DEFAULT_RUNS, type ExplainOptions, explain } from './explain.ts';
export { explainByModel, type ModelledEpoch, type ModelSlot, type SlotModel } from './explain-by-model.ts';
export type {
  AccessRow,
  ConcernedWord,
  Contradiction,
  ContradictionShape,
  ExplainVerdict,
  Explanation,
  Level,
  SlotText,
  Witness,
} from './explanation.ts';
export { compareOutcomes, isGivenByPublishing, type OutcomeComparison, replayOrder } from './replay-order.ts';
