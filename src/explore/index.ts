/** Schedules of a scenario, one access at a time: drawn, taken one and all, and replayed from tokens. */
export { TokenError } from './errors.ts';
export { Explorer, exhaust, replayToken, sample } from './explorer.ts';
export type {
  ExhaustOptions,
  ExhaustResult,
  MemoryModel,
  Run,
  RunListener,
  SampleOptions,
  SampleResult,
  Sampler,
  TracedAccess,
} from './run.ts';
export { TOKEN_VERSION } from './token.ts';
