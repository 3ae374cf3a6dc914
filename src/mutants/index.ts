/** Mutants: sound kernels with one change each, and how well the change is found. */
export { type BaseKernel, COLUMNS, PLACES, Place, type Race } from './base-kernel.ts';
export { MUTANTS, type Mutant, type MutantGroup, type MutantKind, mutate } from './catalogue.ts';
export type { Rarity } from './rewrite/site.ts';
