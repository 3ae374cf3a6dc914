/** The verdict: what differs, where first, how often, who is odd, and what cannot be told. */
export { type ComparedSide, compareStreams, type StreamComparison } from './compare-streams.ts';
export { type EpochVerdict, judge, judgeEpochs, RECORDING } from './judge.ts';
export type {
  BackendJudgement,
  Divergence,
  InvolvedSlot,
  Judgement,
  OddOneOut,
  UnknownEpoch,
  Verdict,
} from './judgement.ts';
export { type Rate, rateOf } from './statistics.ts';
