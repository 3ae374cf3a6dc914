/** Outcomes that a shader kept, as the host reads them. */

import type { CapturedOutcome, CapturedRelation, ProgramHead } from '../backend/index.ts';
import type { FaultExplainer } from '../kernel/index.ts';
import { explainReported, REPORTED_FAULT_WORDS } from './faults.ts';
import { CAPTURED_HEAD_WORDS, CapturedWord, MAX_CAPTURED_FAULTS } from './program-layout.ts';

/** By the number that a shader gives them. */
const RELATIONS: readonly CapturedRelation[] = ['same', 'different', 'undecided', 'no expectation'];

/** Reads one outcome: its head, its signature, its snapshot. */
export function readCaptured(
  words: Uint32Array,
  { signatureWords }: ProgramHead,
  explain: FaultExplainer,
): CapturedOutcome {
  const faulted = words[CapturedWord.FAULTED];
  const faults = Array.from({ length: Math.min(faulted, MAX_CAPTURED_FAULTS) }, (_, index) =>
    explainReported(explain, words.subarray(CapturedWord.FAULTS + REPORTED_FAULT_WORDS * index)),
  );
  return {
    epoch: words[CapturedWord.EPOCH],
    replica: words[CapturedWord.REPLICA],
    relation: RELATIONS[words[CapturedWord.RELATION]],
    done: words[CapturedWord.DONE],
    faulted,
    pending: words[CapturedWord.PENDING],
    faults,
    signature: words.slice(CAPTURED_HEAD_WORDS, CAPTURED_HEAD_WORDS + signatureWords),
    snapshot: words.slice(CAPTURED_HEAD_WORDS + signatureWords),
  };
}
