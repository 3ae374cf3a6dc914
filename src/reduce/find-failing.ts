/** Which of many epochs fails by itself. */

import { isUndecided } from './explained.ts';
import type { Subject } from './subject.ts';

/** What was found, and what the search took. */
export interface Found<Candidate> {
  readonly candidate: Candidate | undefined;
  /** Which of them it is, counted from 0. */
  readonly index: number | undefined;
  readonly runs: number;
}

/** So many times as often as in the round before is each of them run. */
const GROWTH = 4;

/**
 * Runs candidates round after round, each of them more often than in the round before, until one fails: whichever fails most
 * often is found soon, and one that rarely does is not missed for being among many. One of which nobody can tell whether it fails is
 * taken only if no other of its round fails.
 *
 * @param candidateAt gives a candidate by its index, or undefined where there is none.
 * @param mostRuns over all of them.
 */
export async function findFailing<Candidate>(
  count: number,
  candidateAt: (index: number) => Candidate | undefined,
  subject: Subject<Candidate>,
  mostRuns: number,
): Promise<Found<Candidate>> {
  let runs = 0;
  for (let times = 1; runs < mostRuns; times *= GROWTH) {
    const before = runs;
    let undecided: Pick<Found<Candidate>, 'candidate' | 'index'> | undefined;
    for (let index = 0; index < count && runs < mostRuns; index += 1) {
      const candidate = candidateAt(index);
      if (candidate === undefined) continue;
      const seen = await subject.run(candidate, Math.min(times, mostRuns - runs), undefined);
      runs += Math.max(1, seen.runs);
      const signatures = [...seen.failures.keys()];
      if (signatures.some((signature) => !isUndecided(signature))) return { candidate, index, runs };
      if (signatures.length > 0) undecided ??= { candidate, index };
    }
    if (undecided !== undefined) return { ...undecided, runs };
    // There is none, or running them again would show the same again.
    if (runs === before || subject.isDeterministic) break;
  }
  return { candidate: undefined, index: undefined, runs };
}
