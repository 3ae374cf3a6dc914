import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { explain } from '../../src/explain/index.ts';
import type { ScenarioOutcome } from '../../src/scenario/index.ts';
import { anyScenario, isSerial, orderBy, replayed, sameAs } from './random-epochs.ts';

/** Random epochs of each kind in the default run; more with VRRL_EXPLAIN_RUNS. */
const RUNS = Number(process.env['VRRL_EXPLAIN_RUNS'] ?? 300);

const shuffle = fc.array(fc.nat(), { minLength: 5, maxLength: 5 });

describe('explained as trying every order says', () => {
  it('finds an order for what an order gave', () => {
    fc.assert(
      fc.property(anyScenario, shuffle, (scenario, keys) => {
        const outcome = replayed(scenario, orderBy(scenario, keys));
        fc.pre(outcome !== undefined);
        const { verdict, violated, witness, notKnown } = explain(scenario, outcome);
        expect(violated).toBeUndefined();
        if (verdict === 'unknown') return void expect(notKnown[0]).toContain('another turn in a later batch');
        expect(verdict).toBe('serializable');
        if (witness?.kind !== 'slots') throw new Error('no witness');
        const given = replayed(scenario, witness.order);
        expect(given !== undefined && sameAs(given, outcome)).toBe(true);
      }),
      { numRuns: RUNS },
    );
  });

  it('and none for what none gives', () => {
    const corruption = fc.record({
      word: fc.oneof(fc.integer({ min: 160, max: 171 }), fc.constantFrom(0, 1, 98, 128, 322, 323, 336, 337)),
      value: fc.nat(4),
      from: fc.boolean(),
    });
    fc.assert(
      fc.property(anyScenario, shuffle, corruption, (scenario, keys, { word, value, from }) => {
        const sound = replayed(scenario, orderBy(scenario, keys));
        fc.pre(sound !== undefined);
        const words = sound.words.slice();
        words[word] = from ? scenario.initial[word] : value;
        const outcome: ScenarioOutcome = { ...sound, words };
        const { violated, witness, verdict, notKnown } = explain(scenario, outcome);
        if (notKnown[0]?.includes('another turn in a later batch')) return;
        const isPossible = isSerial(scenario, outcome);
        expect({ isPossible, verdict }).toEqual({ isPossible, verdict: isPossible ? 'serializable' : verdict });
        expect(witness?.kind === 'slots').toBe(isPossible);
        expect(violated === undefined).toBe(isPossible);
      }),
      { numRuns: RUNS },
    );
  });
});
