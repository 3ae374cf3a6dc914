/** What a mutant is, and all of them. */

import type { Kernel } from '../kernel/index.ts';
import type { BaseKernel, Race } from './base-kernel.ts';
import { accounting } from './groups/accounting.ts';
import { claim } from './groups/claim.ts';
import { coherenceMutants } from './groups/coherence.ts';
import { complete } from './groups/complete.ts';
import { fence } from './groups/fence.ts';
import { opcodes } from './groups/opcodes.ts';
import { publish } from './groups/publish.ts';
import { type Rarity, rewriteKernel, type Site } from './rewrite/site.ts';

/** The part of a kernel that a mutant breaks. */
export type MutantGroup = 'claim' | 'publish' | 'complete' | 'opcodes' | 'fence and epoch' | 'accounting' | 'coherence';

/** What it takes to show it: an interleaving of single accesses, or memory that is weaker than that. */
export type MutantKind = 'interleaving' | 'weak';

/** A sound kernel, one change to it, and the race that shows the change. Plain data but for the functions in it. */
export interface Mutant {
  /** Of the catalogue, 1 … 42. */
  readonly number: number;
  readonly group: MutantGroup;
  readonly kind: MutantKind;
  /** A few words. */
  readonly name: string;
  /** What differs when it shows, in one sentence. */
  readonly shows: string;
  readonly base: BaseKernel;
  readonly race: Race;
  /** Where the kernel is changed, and to what. */
  readonly sites: readonly Site[];
}

/** All mutants, in the order of their numbers. */
export const MUTANTS: readonly Mutant[] = [
  ...inGroup('claim', claim),
  ...inGroup('publish', publish),
  ...inGroup('complete', complete),
  ...inGroup('opcodes', opcodes),
  ...inGroup('fence and epoch', fence),
  ...inGroup('accounting', accounting),
  ...inGroup('coherence', coherenceMutants),
];

function inGroup(group: MutantGroup, mutants: readonly Omit<Mutant, 'group'>[]): Mutant[] {
  return mutants.map((mutant) => ({ ...mutant, group }));
}

/**
 * A kernel with the mutant's change; undefined if it lacks the part that the mutant breaks.
 *
 * @param rarity how rarely the defect shows; left out: always.
 */
export function mutate(mutant: Mutant, kernel: Kernel, rarity?: Rarity): Kernel | undefined {
  return rewriteKernel(kernel, `mutant ${mutant.number}`, mutant.sites, rarity);
}
