import fc from 'fast-check';
import { expect, test } from 'vitest';
import { explain } from '../../src/explain/index.ts';
import { contendedEpoch } from './contended.ts';

test('without a run for single accesses it says the same of whole slots, and nothing of accesses', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1_000_000 }), fc.boolean(), (seed, isBroken) => {
      const { scenario, outcome } = contendedEpoch({ slots: 8, words: 3, seed, isBroken });
      const all = explain(scenario, outcome, { maxRuns: 50 });
      const { verdict, violated, accesses, runs } = explain(scenario, outcome, { maxRuns: 0 });
      expect(violated === undefined).toBe(all.violated === undefined);
      if (violated === undefined) expect(verdict).toBe(all.verdict);
      else expect(verdict).not.toBe('serializable');
      expect({ accesses, runs }).toEqual({ accesses: [], runs: 0 });
    }),
  );
});
