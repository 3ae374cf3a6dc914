/** How a device is stressed while races of mutants run on it. */

import { drawStress, type StressSettings } from '../backend/index.ts';
import { RandomWords } from '../base/random.ts';

/** Each number of lanes is a pipeline of its own, which drivers take long to compile: alone, and as without stress. */
const LANES = [1, 16] as const;
/** Workgroups that only stress, in most rounds: many take the place of those that race. */
const FEW_GROUPS = 4;

/** The settings of a round, the same for the same word. In three rounds of four few workgroups stress, or none does. */
export function stressOfRound(word: number, round: number): StressSettings {
  const random = new RandomWords(word);
  const drawn = drawStress(random.next());
  const lanes = LANES[round % LANES.length];
  if (round % 4 === 3) return { ...drawn, lanes };
  return { ...drawn, lanes, stressGroups: Math.min(drawn.stressGroups ?? 0, FEW_GROUPS) };
}
