/** Schedules of a scenario, one access at a time: drawn, taken one and all, and replayed from tokens. */
export { type CountedOutcome, OutcomeCensus } from './census.ts';
export { tracedCommute } from './commuting.ts';
export { TokenError } from './errors.ts';
export { Explorer, exhaust, exhaustSerial, replayToken, runSerially, sample } from './explorer.ts';
export {
  commonRows,
  type LaneAccess,
  type LaneRow,
  laneAccess,
  laneRows,
  laneRowsBeside,
} from './lane-rows.ts';
export { type LaneNames, laneTable } from './lane-table.ts';
export { accessesThatMatter, placeOf } from './meetings.ts';
export type {
  ExhaustOptions,
  ExhaustResult,
  MemoryModel,
  Run,
  RunListener,
  SampleOptions,
  SampleResult,
  Sampler,
  SerialOptions,
  TracedAccess,
} from './run.ts';
export { type JudgedOutcome, judgeSeriality, type Seriality, type SerialJudge, SerialTrials } from './seriality.ts';
export { TOKEN_VERSION } from './token.ts';
