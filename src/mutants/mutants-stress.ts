/** How a device is stressed while races of mutants run on it. */

import { drawStress, type StressSettings } from '../backend/index.ts';
import { RandomWords } from '../base/random.ts';

/** Each number of lanes is a pipeline of its own, which drivers take long to compile: alone, and as without stress. */
const LANES = [1, 16] as const;
/** Of so many rounds one has whatever was drawn. */
const WILD_ROUND = 4;
/** Workgroups that only stress, in other rounds: many take the place of those that race. */
const FEW_GROUPS = 4;

/**
 * The settings of a round, the same for the same word. As a rule few workgroups stress, or none does, and those that race
 * stay beside each other: a device that has more workgroups than it can hold runs the others later, when nobody is left to
 * race with.
 */
export function stressOfRound(word: number, round: number): StressSettings {
  const random = new RandomWords(word);
  const drawn = { ...drawStress(random.next()), lanes: LANES[round % LANES.length] };
  if (round % WILD_ROUND === WILD_ROUND - 1) return drawn;
  return { ...drawn, shuffleGroups: 0, stressGroups: Math.min(drawn.stressGroups ?? 0, FEW_GROUPS) };
}

/** Turns that workgroups wait for each other, in every other round. */
const MEETINGS = [4_096, 0] as const;

/** The same for races that have a dispatch to themselves, a workgroup a slot: what moves slots is left out. */
export function stressOfLoneRound(word: number, round: number): StressSettings {
  const meetTurns = MEETINGS[round % MEETINGS.length];
  return {
    ...drawStress(word),
    ...ALONE,
    shuffleLanes: 0,
    shuffleGroups: 0,
    stressGroups: 0,
    stressTurns: 0,
    meetTurns,
  };
}

/** How races have a dispatch to themselves, a workgroup a slot. */
export const ALONE: StressSettings = { mostInstances: 1, lanes: 1 };
