/** Fewer slots. */

import { placesOf, withPlaces } from '../candidate.ts';
import { reduceList } from '../reduce-list.ts';
import type { Stage } from './stage.ts';

/** Leaves out slots: large parts first, then one by one. */
export const reduceSlots: Stage = (candidate, decider) => reduce(candidate, decider, false);

/** Leaves out slots one by one: what was needed before other things got smaller may not be needed any more. */
export const reduceSlotsSingly: Stage = (candidate, decider) => reduce(candidate, decider, true);

async function reduce(
  candidate: Parameters<Stage>[0],
  decider: Parameters<Stage>[1],
  onlySingly: boolean,
): ReturnType<Stage> {
  const { list, isMinimal, unresolved } = await reduceList(placesOf(candidate), decider, {
    stage: onlySingly ? 'slots again' : 'slots',
    unit: 'slots',
    candidateOf: (places) => withPlaces(candidate, places),
    onlySingly,
  });
  return { candidate: withPlaces(candidate, list), isMinimal, unresolved };
}
