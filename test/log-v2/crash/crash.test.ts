import { expect, it } from 'vitest';
import * as log from '../../../src/log-v2/index.ts';
import { type Broken, describeBroken, Exploration } from './explore.ts';

/** Every capacity from 1 to 8, mapped and by plain writes. */
const HISTORIES = 16;
/** Of an exploration, which `npm run soak:log` makes of a million. */
const LEAST_IMAGES = 50_000;

function explain(broken: Broken | undefined): string {
  return broken === undefined ? 'every promise was kept' : describeBroken(broken);
}

it('keeps its promises after a kill or a loss of power at any moment, within recovery too', () => {
  const exploration = new Exploration(log, 'short');
  for (let seed = 0; seed < HISTORIES; seed += 1) {
    expect(explain(exploration.explore(seed))).toBe('every promise was kept');
  }
  const { counts, distinct } = exploration;
  expect(distinct).toBeGreaterThanOrEqual(LEAST_IMAGES);
  // None of the ways to crash was left out, and no step.
  const { choices, steps, kills, powerLosses, nested, deep } = counts;
  expect(Object.values({ ...choices, ...steps, kills, powerLosses, nested, deep })).not.toContain(0);
}, 300_000);
