/** Reduction: whatever fails made as small as it gets, with an account of everything that was tried. */
export { ddmin, type ListTest, oneByOne, type PassTest } from './ddmin.ts';
export { DEFAULT_ALPHA, DEFAULT_MAX_RUNS, Decider, type DecisionOptions, type TrialLabel } from './decide.ts';
export type { LedgerEntry, LedgerListener, TrialReason } from './ledger.ts';
export { cleanRunsToReject } from './rates.ts';
export { type ListStage, type ReducedList, reduceList } from './reduce-list.ts';
export type { Runs, Subject } from './subject.ts';
