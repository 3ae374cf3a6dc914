import { afterAll, describe, expect, it } from 'vitest';
import { BrokenPromise } from '../crash/broken-promise.ts';
import { describeBroken, Exploration } from '../crash/explore.ts';
import type { LogV2 } from '../crash/history.ts';
import { DIRECTED_CHECKS } from './directed-checks.ts';
import { SAFEGUARDS } from './safeguards.ts';
import { type Variant, VariantBuilder } from './variant.ts';

/** Every capacity from 1 to 8, mapped and by plain writes. */
const HISTORIES = 16;

/** How much of each history is gone through: a little, then, if nothing was found, more. */
const ROUNDS = [
  { depth: 'hunt', mostImages: 150 },
  { depth: 'kills', mostImages: Number.POSITIVE_INFINITY },
  { depth: 'hunt', mostImages: 1_500 },
] as const;

const builder = new VariantBuilder();
afterAll(() => builder.clear());

/** The promise that is broken, and how; undefined if every one is kept. */
type Found = { readonly promise: string; readonly told: string } | undefined;

/** By crashes. */
function hunt(log: LogV2, rounds: number, histories: readonly number[]): Found {
  for (const { depth, mostImages } of ROUNDS.slice(0, rounds)) {
    const exploration = new Exploration(log, depth);
    for (const seed of histories) {
      const broken = exploration.explore(seed, { mostImages });
      if (broken !== undefined) return { promise: broken.promise, told: describeBroken(broken) };
    }
  }
  return undefined;
}

/** The same by something done on purpose. */
function check(variant: Variant, name: string): Found {
  try {
    DIRECTED_CHECKS[name](variant);
    return undefined;
  } catch (error) {
    if (!(error instanceof BrokenPromise)) throw error;
    return { promise: error.promise, told: error.message };
  }
}

const EVERY_HISTORY = Array.from({ length: HISTORIES }, (_, seed) => seed);

function look(variant: Variant, seenBy: string, rounds: number = ROUNDS.length, histories = EVERY_HISTORY): Found {
  return seenBy === 'crashes' ? hunt(variant.log, rounds, histories) : check(variant, seenBy);
}

describe('with every safeguard in place', () => {
  it.each(['crashes', ...Object.keys(DIRECTED_CHECKS)])('no promise is broken by %s', async (seenBy) => {
    expect(look(await builder.build(), seenBy, 1)?.told).toBeUndefined();
  });
});

describe('a promise is broken without', () => {
  it.each(SAFEGUARDS)(
    '$name',
    async (safeguard) => {
      const { seenBy, history } = safeguard;
      const histories = history === undefined ? EVERY_HISTORY : [history];
      const found = look(await builder.build([safeguard]), seenBy, ROUNDS.length, histories);
      expect(safeguard.breaks, found?.told).toContain(found?.promise);
    },
    300_000,
  );
});

it('every check shows that some safeguard is needed', () => {
  const used = new Set(SAFEGUARDS.map(({ seenBy }) => seenBy));
  expect([...used].sort()).toEqual(['crashes', ...Object.keys(DIRECTED_CHECKS)].sort());
});
