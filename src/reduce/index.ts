/** Reduction: whatever fails made as small as it gets, with an account of everything that was tried. */
export { BackendSubject, type BackendSubjectOptions } from './backend-subject.ts';
export { candidateOf, type EpochSlots, type LogCandidate, scenarioOf, slotCountOf } from './candidate.ts';
export { ddmin, type ListTest, oneByOne, type PassTest } from './ddmin.ts';
export { DEFAULT_ALPHA, DEFAULT_MAX_RUNS, Decider, type DecisionOptions, type TrialLabel } from './decide.ts';
export { isUndecided } from './explained.ts';
export { ExplorerSubject, type ExplorerSubjectOptions, type ScheduledFailure } from './explorer-subject.ts';
export { type Found, findFailing } from './find-failing.ts';
export { candidateOfEpochs, candidateOfRecording, largestSlotOf, whyNotOf } from './from-plan.ts';
export type { LedgerEntry, LedgerListener, TrialReason } from './ledger.ts';
export { type Failure, type KernelOracleName, ORACLES, type OracleName, referenceOutcomes } from './oracle.ts';
export { cleanRunsToReject } from './rates.ts';
export { type ListStage, type ReducedList, reduceList } from './reduce-list.ts';
export { type ReduceOptions, type Reduction, reduceLog } from './reduce-log.ts';
export type { Difference } from './signature.ts';
export type { Runs, Subject } from './subject.ts';
export { fewestSwitches, type ScheduleComparison } from './switches.ts';
