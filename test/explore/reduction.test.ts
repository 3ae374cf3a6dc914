import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exhaust, type MemoryModel } from '../../src/explore/index.ts';
import { OptimalSearch } from '../../src/explore/optimal-search.ts';
import { ScheduledRun } from '../../src/explore/schedule.ts';
import { StepMachine } from '../../src/explore/step-machine.ts';
import { lowerToSteps } from '../../src/kernel/index.ts';
import type { Scenario, ScenarioOutcome } from '../../src/scenario/index.ts';
import { anyScenario } from './random-scenario.ts';

interface Explored {
  readonly outcomes: readonly string[];
  readonly runs: number;
  readonly complete: boolean;
}

function explore(scenario: Scenario, memory: MemoryModel, reduction: boolean): Explored {
  const outcomes = new Set<string>();
  const { runs, complete } = exhaust(scenario, { memory, reduction, maxRuns: 20_000 }, ({ outcome }) => {
    outcomes.add(keyOf(outcome));
  });
  return { outcomes: [...outcomes].sort(), runs, complete };
}

function keyOf({ words, done, pending, faults }: ScenarioOutcome): string {
  return JSON.stringify([words.join(), done, pending, faults]);
}

/** Outcomes with lanes that stop before every access, whether or not another lane can get in its way. */
function exploreEverywhere(scenario: Scenario): readonly string[] | undefined {
  const program = lowerToSteps(scenario.kernel);
  const machine = new StepMachine(scenario, program, { memory: 'sequential', maxSteps: 10_000, stopsEverywhere: true });
  const search = new OptimalSearch();
  const outcomes = new Set<string>();
  for (let runs = 0; runs < 5_000; runs += 1) {
    machine.reset();
    search.take(machine, new ScheduledRun());
    outcomes.add(keyOf(machine.outcome()));
    if (!search.next()) return [...outcomes].sort();
  }
  return undefined;
}

describe('stopping at contended words only', () => {
  it('loses no outcome', () => {
    fc.assert(
      fc.property(anyScenario, (scenario) => {
        const everywhere = exploreEverywhere(scenario);
        fc.pre(everywhere !== undefined);
        expect(explore(scenario, 'sequential', true).outcomes).toEqual(everywhere);
      }),
      { numRuns: Number(process.env['VRRL_EXPLORE_RUNS'] ?? 60) },
    );
  });
});

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
