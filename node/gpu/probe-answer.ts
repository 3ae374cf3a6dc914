/** What a runner that is asked to probe prints: one line of JSON. */

import type { BackendFaultKind } from '../../src/backend/index.ts';
import type { AdapterReport } from './adapter-report.ts';

export type ProbeAnswer = { readonly adapter: AdapterReport } | { readonly problem: ProbeProblem };

export interface ProbeProblem {
  readonly kind: BackendFaultKind;
  readonly what: string;
  readonly fix: string;
}
