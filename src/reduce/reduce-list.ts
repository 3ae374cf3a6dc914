/** A list of anything, made 1-minimal under a decider. */

import { ddmin, oneByOne } from './ddmin.ts';
import type { Decider } from './decide.ts';

/** What is being made smaller, and how a part of it becomes a candidate. */
export interface ListStage<Element, Candidate> {
  readonly stage: string;
  /** What elements are called: `slots`. */
  readonly unit: string;
  readonly candidateOf: (part: readonly Element[]) => Candidate;
  /** Leave the large parts out and go element by element at once. */
  readonly onlySingly?: boolean;
}

export interface ReducedList<Element> {
  readonly list: readonly Element[];
  /**
   * Every single element was left out once more, and what remained did not fail. Not so if runs were used up. Where failing is
   * luck, this is wrong with a probability of at most the decider's `alpha`.
   */
  readonly isMinimal: boolean;
  /** Of the last pass, candidates that could not be told: nobody knows whether they are needed. */
  readonly unresolved: number;
}

/**
 * `ddmin`, then one by one. One element is left at the least.
 *
 * If a list that another pass ends with still has an element too many, that element was rejected wrongly in the pass. The
 * k-th pass decides with alpha / (k · (k + 1)), which over all passes adds up to no more than alpha; large parts that are
 * rejected wrongly cost runs and nothing else.
 */
export async function reduceList<Element, Candidate>(
  list: readonly Element[],
  decider: Decider<Candidate>,
  { stage, unit, candidateOf, onlySingly = false }: ListStage<Element, Candidate>,
): Promise<ReducedList<Element>> {
  const ask = async (part: readonly Element[], sizeBefore: number, what: string, alpha?: number) =>
    // Whatever fails with nothing in it, such as a command that always does, says nothing about what is in it.
    part.length > 0 && (await decider.fails(candidateOf(part), { stage, what, sizeBefore, size: part.length }, alpha));
  const coarse = onlySingly
    ? list
    : await ddmin(list, (part, sizeBefore) => ask(part, sizeBefore, `${part.length} of ${sizeBefore} ${unit}`));
  let lastPass = { pass: 0, start: 0 };
  const fine = await oneByOne(coarse, (part, sizeBefore, pass) => {
    if (pass !== lastPass.pass) lastPass = { pass, start: decider.ledger.length };
    const alpha = decider.alpha / (pass * (pass + 1));
    return ask(part, sizeBefore, `one of ${sizeBefore} ${unit} less`, alpha);
  });
  const reasons = decider.ledger.slice(lastPass.start).map(({ reason }) => reason);
  return {
    list: fine,
    isMinimal: !reasons.includes('out of runs'),
    unresolved: reasons.filter((reason) => reason === 'unresolved').length,
  };
}
