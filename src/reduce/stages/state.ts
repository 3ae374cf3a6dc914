/** A simpler state to start from. */

import { freshSnapshot } from '../../scenario/index.ts';
import type { LogCandidate } from '../candidate.ts';
import { reduceList } from '../reduce-list.ts';
import type { Stage } from './stage.ts';

/** Starts from a fresh kernel, or from one in which as few words as can be are what they were. */
export const reduceState: Stage = async (candidate, decider) => {
  const { initial, kernel } = candidate;
  if (initial === undefined || kernel === undefined) return { candidate };
  const fresh = freshSnapshot(kernel);
  const changed = Array.from(initial.keys()).filter((index) => initial[index] !== fresh[index]);
  const sizes = { sizeBefore: changed.length, size: 0 };
  const afresh = { ...candidate, initial: undefined };
  if (await decider.fails(afresh, { stage: 'state', what: 'a fresh kernel', ...sizes })) return { candidate: afresh };
  const candidateOf = (words: readonly number[]): LogCandidate => {
    const state = fresh.slice();
    for (const index of words) state[index] = initial[index];
    return { ...candidate, initial: state };
  };
  const { list } = await reduceList(changed, decider, { stage: 'state', unit: 'words', candidateOf });
  return { candidate: candidateOf(list) };
};
