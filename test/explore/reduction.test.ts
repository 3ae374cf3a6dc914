import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exhaust, type MemoryModel } from '../../src/explore/index.ts';
import type { Scenario } from '../../src/scenario/index.ts';
import { anyScenario } from './random-scenario.ts';

interface Explored {
  readonly outcomes: readonly string[];
  readonly runs: number;
  readonly complete: boolean;
}

function explore(scenario: Scenario, memory: MemoryModel, reduction: boolean): Explored {
  const outcomes = new Set<string>();
  const { runs, complete } = exhaust(scenario, { memory, reduction, maxRuns: 20_000 }, ({ outcome }) => {
    const { words, done, pending, faults } = outcome;
    outcomes.add(JSON.stringify([Array.from(words).join(), done, pending, faults]));
  });
  return { outcomes: [...outcomes].sort(), runs, complete };
}

describe.each<[MemoryModel]>([['sequential'], ['relaxed']])('exhausting with reduction, %s', (memory) => {
  it('finds the outcomes that plain enumeration finds', () => {
    fc.assert(
      fc.property(anyScenario, (scenario) => {
        const plain = explore(scenario, memory, false);
        fc.pre(plain.complete);
        const reduced = explore(scenario, memory, true);
        expect(reduced.complete).toBe(true);
        expect(reduced.outcomes).toEqual(plain.outcomes);
        expect(reduced.runs).toBeLessThanOrEqual(plain.runs);
      }),
      { numRuns: Number(process.env['VRRL_EXPLORE_RUNS'] ?? 120) },
    );
  });
});
