/** Schedules of a scenario, one access at a time: drawn, taken one and all, and replayed from tokens. */
export { type CountedOutcome, OutcomeCensus, type Seriality, type SerialJudge, serialJudge } from './census.ts';
export { TokenError } from './errors.ts';
export { Explorer, exhaust, exhaustSerial, replayToken, sample } from './explorer.ts';
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
export { TOKEN_VERSION } from './token.ts';
