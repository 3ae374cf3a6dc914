/** Less stress. */

import { NO_STRESS, type StressName, type StressSettings } from '../../backend/index.ts';
import type { LogCandidate } from '../candidate.ts';
import type { Stage } from './stage.ts';

/** None at all if it fails so; else every setting back to where it does nothing, then halved as long as it fails. */
export const reduceStress: Stage = async (candidate, decider) => {
  const { stress } = candidate;
  if (stress === undefined) return { candidate };
  const size = Object.keys(stress).length;
  const without = { ...candidate, stress: undefined };
  if (await decider.fails(without, { stage: 'stress', what: 'no stress', sizeBefore: size, size: 0 })) {
    return { candidate: without };
  }
  let current = candidate;
  for (const name of Object.keys(stress) as StressName[]) {
    for (const value of calmer(name, stress[name] ?? NO_STRESS[name])) {
      const next = withSetting(current, name, value);
      const label = { stage: 'stress', what: `${name} ${value}`, sizeBefore: size, size: sizeOf(next.stress) };
      if (!(await decider.fails(next, label))) continue;
      current = next;
      break;
    }
  }
  return { candidate: current };
};

/** Values between that of no stress and the one that there is, the calmest first. The seed is as good as any other. */
function* calmer(name: StressName, value: number): Generator<number> {
  const least = NO_STRESS[name];
  if (name === 'seed' || value <= least) return;
  yield least;
  for (let between = Math.max(1, least); between < value; between *= 4) if (between > least) yield between;
}

/** A setting that does nothing is left out. */
function withSetting(candidate: LogCandidate, name: StressName, value: number): LogCandidate {
  const { [name]: _, ...others } = candidate.stress ?? {};
  const stress = value === NO_STRESS[name] ? others : { ...others, [name]: value };
  return { ...candidate, stress };
}

function sizeOf(stress: StressSettings | undefined): number {
  return Object.keys(stress ?? {}).length;
}
