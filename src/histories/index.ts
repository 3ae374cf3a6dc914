/** Histories of calls and returns: read, and judged by a model of what they were calls of. */

export type { Contradiction, Misfit, Progress } from './contradiction.ts';
export { describeInput, describeOperation, describeValue } from './describe.ts';
export { HISTORY_END, type History, type HistoryOperation, isPending } from './history.ts';
export { HistoryError } from './history-error.ts';
export {
  type HistoryJudgement,
  type HistoryVerdict,
  type JudgeHistoryOptions,
  judgeHistory,
  type PartProgress,
  type WitnessStep,
} from './judge-history.ts';
export type { MemberKind, Members, ModelDefinition, OperationDefinition } from './language.ts';
export { findModel, MODELS } from './models.ts';
export { parseHistory } from './parse-history.ts';
export type { Balances, Value } from './values.ts';
