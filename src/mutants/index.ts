/** Mutants: sound kernels with one change each, and how well the change is found. */
export { type BaseKernel, COLUMNS, PLACES, Place, type Race } from './base-kernel.ts';
export { MUTANTS, type Mutant, type MutantGroup, type MutantKind, mutate } from './catalogue.ts';
export { ORACLES, type Oracle } from './oracles.ts';
export type { RacesOptions } from './races-run.ts';
export type { Rarity } from './rewrite/site.ts';
export { FATES, type Fate, type KillExplanation, type OracleScore, type Score } from './score.ts';
export { BackendScorer, type ScoredBackend } from './score-backend.ts';
export { allOutcomes, type ExplorerScoreOptions, ExplorerScorer } from './score-explorer.ts';
export { SerialRunner, sameOutcome } from './serial-outcomes.ts';
export { SharedBackends } from './shared-backends.ts';
export { columnOf, type ScoreSummary, summarize } from './summary.ts';
