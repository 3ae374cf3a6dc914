/** The levels access-serial and weak: interleavings of single accesses, run by exploring them. */

import type { SmallContradiction } from './contradiction.ts';
import type { AccessRow, Level, Witness } from './explanation.ts';
import type { Question } from './question.ts';

export interface AccessAnswer {
  readonly kind: 'legal' | 'broken promise' | 'not sequential' | 'unknown';
  readonly holds: Level | undefined;
  /** Opcodes concerned. */
  readonly text: string;
  readonly argument: readonly string[];
  readonly brokenPromises: readonly string[];
  readonly witness: Witness | undefined;
  readonly rows: readonly AccessRow[];
  readonly weakShape: string | undefined;
  readonly notKnown: readonly string[];
  readonly runs: number;
}

export function answerByAccesses(_question: Question, _small: SmallContradiction, _maxRuns: number): AccessAnswer {
  return {
    kind: 'unknown',
    holds: undefined,
    text: '',
    argument: [],
    brokenPromises: [],
    witness: undefined,
    rows: [],
    weakShape: undefined,
    notKnown: [],
    runs: 0,
  };
}
