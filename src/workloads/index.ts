/** Ready-made work for kernels: something to record, replay and diff, and what tests and benchmarks load backends with. */

import { InputError } from '../base/errors.ts';
import { bank } from './bank.ts';
import { dfa } from './dfa.ts';
import { histogram } from './histogram.ts';
import { lostUpdate } from './lost-update.ts';
import { packed } from './packed.ts';
import { printf } from './printf.ts';
import type { Workload } from './workload.ts';

export { type Litmus, litmus } from './litmus.ts';
export type { SlotBatch, Workload, WorkloadOptions, WorkloadPlan } from './workload.ts';

/** All of them, the plainest first. */
export const workloads: readonly Workload[] = [histogram, dfa, bank, packed, printf, lostUpdate];

/**
 * The workload of that name.
 *
 * @throws InputError with the names that there are.
 */
export function findWorkload(name: string): Workload {
  const found = workloads.find((workload) => workload.name === name);
  if (found !== undefined) return found;
  const names = workloads.map((workload) => workload.name).join(', ');
  throw new InputError(`there is no workload called ${JSON.stringify(name)}`, `use one of ${names}.`);
}
