/** What a runner that is asked to probe prints: one line of JSON. */

import { asBackendFault, type BackendFaultKind } from '../../src/backend/index.ts';
import type { AdapterReport } from './adapter-report.ts';

export type ProbeAnswer = { readonly adapter: AdapterReport } | { readonly problem: ProbeProblem };

/** Why there is no adapter: `unavailable` if nothing is broken, but nothing is there. */
export interface ProbeProblem {
  readonly kind: BackendFaultKind;
  readonly what: string;
  readonly fix: string;
}

export function problemOf(error: unknown): ProbeProblem {
  const { kind, what, fix } = asBackendFault(error, 'gpu');
  // Whoever reports it says which backend it is about.
  return { kind, what: what.replace(/^backend \w+: /, ''), fix };
}
