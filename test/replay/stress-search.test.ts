import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkedStress, type StressSettings } from '../../src/backend/index.ts';
import { StressSearch } from '../../src/replay/index.ts';
import { replicasOfTurn } from '../../src/replay/stress-search.ts';

const EPOCHS = 1_000;

/** Plays so many turns; `differingOf` says what settings find. */
function play(
  search: StressSearch,
  turns: number,
  differingOf: (settings: StressSettings) => number,
): StressSettings[] {
  return Array.from({ length: turns }, () => {
    const settings = search.next();
    search.report({ settings, epochs: EPOCHS, differing: differingOf(settings) });
    return settings;
  });
}

const withoutSeed = ({ seed: _, ...others }: StressSettings): StressSettings => others;

describe('a search for stress settings', () => {
  it('tries what it tries again for the same seed, and something else for another one', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 32 - 1), fc.array(fc.nat(9), { minLength: 1 }), (seed, found) => {
        const run = (from: number) => {
          let turn = 0;
          return play(new StressSearch(from), 30, () => found[turn++ % found.length]);
        };
        expect(run(seed)).toEqual(run(seed));
        expect(run(seed)).not.toEqual(run((seed + 1) >>> 0));
      }),
      { numRuns: 50 },
    );
  });

  it('tries only settings that there are', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 32 - 1), fc.array(fc.nat(2), { minLength: 1 }), (seed, found) => {
        let turn = 0;
        const tried = play(new StressSearch(seed), 60, () => found[turn++ % found.length]);
        for (const settings of tried) expect(() => checkedStress(settings)).not.toThrow();
      }),
      { numRuns: 50 },
    );
  });

  it('begins without stress, then with what it was told, in that order', () => {
    const candidates = [{ lanes: 4 }, { lanes: 64, shuffleLanes: 1 }];
    const search = new StressSearch(1, candidates);
    expect(play(search, 4, () => 0).slice(0, 3)).toEqual([{}, ...candidates]);
    // Whoever handed them in has them still.
    expect(candidates).toHaveLength(2);
  });

  it('drops what finds nothing at once, and tries it no more', () => {
    const search = new StressSearch(3);
    const tried = play(search, 40, () => 0);
    expect(search.summary()).toEqual({ tried: 40, dropped: 40, best: undefined });
    expect(new Set(tried.map((settings) => JSON.stringify(settings))).size).toBe(40);
  });

  it('gives the best every other turn, with another seed each time', () => {
    const good = { lanes: 64, meetTurns: 2 };
    const search = new StressSearch(5, [good]);
    const isGood = (settings: StressSettings) => settings.lanes === 64 && settings.meetTurns === 2;
    const tried = play(search, 41, (settings) => (isGood(settings) ? 30 : 0));
    const again = tried.filter((settings, turn) => turn > 1 && isGood(settings));
    expect(again.length).toBeGreaterThanOrEqual(18);
    expect(again.length).toBeLessThan(26);
    expect(again.map(withoutSeed)).toEqual(again.map(() => good));
    expect(new Set(again.map(({ seed }) => seed)).size).toBe(again.length);
    // All its turns are one trial.
    const { tried: count, dropped, best } = search.summary();
    expect(withoutSeed(best?.settings ?? {})).toEqual(good);
    expect(best).toMatchObject({ epochs: EPOCHS * (again.length + 1), differing: 30 * (again.length + 1) });
    expect(count).toBe(dropped + 1);
  });

  it('changes over to what is better', () => {
    const [poor, better] = [{ lanes: 4 }, { lanes: 256 }];
    const search = new StressSearch(7, [poor, better]);
    play(search, 30, (settings) => {
      const found = withoutSeed(settings);
      if (JSON.stringify(found) === JSON.stringify(poor)) return 1;
      return JSON.stringify(found) === JSON.stringify(better) ? 500 : 0;
    });
    expect(search.summary().best?.settings).toMatchObject(better);
  });

  it('may find that no stress is best', () => {
    const search = new StressSearch(9);
    const tried = play(search, 20, (settings) => (settings.lanes === undefined ? 100 : 0));
    expect(withoutSeed(search.summary().best?.settings ?? { lanes: 1 })).toEqual({});
    expect(tried.filter(({ lanes }) => lanes === undefined).length).toBeGreaterThanOrEqual(10);
  });

  it('does not take one epoch in one for a better rate than many in many', () => {
    const search = new StressSearch(1);
    search.report({ settings: { lanes: 1 }, epochs: 1, differing: 1 });
    search.report({ settings: { lanes: 4 }, epochs: 1_000, differing: 900 });
    expect(search.summary().best?.settings).toEqual({ lanes: 4 });
  });
});

describe('the turns of a search', () => {
  it('have a replica at least, are a few dozen at least and a few hundred at most, and come to all replicas', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000_000 }), (replicas) => {
        const each = replicasOfTurn(replicas);
        const turns = Math.ceil(replicas / each);
        expect(each).toBeGreaterThanOrEqual(1);
        expect(turns).toBeLessThanOrEqual(240);
        expect(turns).toBeGreaterThanOrEqual(Math.min(replicas, 12));
      }),
    );
  });
});
