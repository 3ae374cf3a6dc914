/** Fewer epochs. */

import { reduceList } from '../reduce-list.ts';
import type { Stage } from './stage.ts';

/** Leaves out epochs; those that stay run one after the other, from the state that the first of all started from. */
export const reduceEpochs: Stage = async (candidate, decider) => {
  if (candidate.epochs.length < 2) return { candidate };
  const { list, isMinimal, unresolved } = await reduceList(candidate.epochs, decider, {
    stage: 'epochs',
    unit: 'epochs',
    candidateOf: (epochs) => ({ ...candidate, epochs }),
  });
  return { candidate: { ...candidate, epochs: list }, isMinimal, unresolved };
};
