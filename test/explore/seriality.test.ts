import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  accessesThatMatter,
  exhaustSerial,
  judgeSeriality,
  OutcomeCensus,
  type Sampler,
  SerialTrials,
  sample,
} from '../../src/explore/index.ts';
import { defineKernel, type Kernel, opcode } from '../../src/kernel/index.ts';
import { Priority } from '../../src/protocol/index.ts';
import { type Scenario, type ScenarioOutcome, scenarioOfSlots } from '../../src/scenario/index.ts';
import { anyScenario } from './random-scenario.ts';

const PUSH = 0x4000_0000;
const COUNT = 0x4000_0001;
const BASE = 170;

/** A push that is none under concurrency; where it stores is loaded, so its footprint is all of memory. */
const stack: Kernel = defineKernel({
  name: 'stack',
  slotCount: 32,
  observableWords: 64,
  opcodes: [
    opcode('PUSH', PUSH, ['value'], ($, value) => {
      const length = $.load('control', BASE);
      $.store('control', length.plus(BASE + 1), value);
      $.atomicAdd('control', BASE, 1);
    }),
    opcode('COUNT', COUNT, ['word'], ($, word) => void $.atomicAdd('control', word, 1)),
  ],
});

function pushesAndCounts(pushes: number, counts: number): Scenario {
  const slots = [
    ...Array.from({ length: counts }, (_, index) => ({ opcode: COUNT, args: [200 + (index % 8)] })),
    ...Array.from({ length: pushes }, (_, index) => ({ opcode: PUSH, args: [index + 1] })),
  ];
  return scenarioOfSlots(
    stack,
    slots.map((slot, slotIndex) => ({ slotIndex, slot: { ...slot, tenant: 0, priority: Priority.NORMAL } })),
  );
}

function keyOf({ words, done, pending, faults }: ScenarioOutcome): string {
  return JSON.stringify([words.join(), done, pending, faults]);
}

function serialOutcomes(scenario: Scenario, reduction: boolean) {
  const outcomes = new Set<string>();
  const { runs, complete } = exhaustSerial(scenario, { reduction, maxRuns: 20_000 }, ({ outcome }) => {
    outcomes.add(keyOf(outcome));
  });
  return { outcomes: [...outcomes].sort(), runs, complete };
}

describe('orders of whole slots', () => {
  it('are told by one of each class', () => {
    fc.assert(
      fc.property(anyScenario, anyScenario, (left, right) => {
        // Four slots of a batch, and up to two of the next.
        const scenario = scenarioOfSlots(
          left.kernel,
          [...left.slots, ...right.slots].map((placed, index) => ({ ...placed, slotIndex: index % 4 })),
        );
        const all = serialOutcomes(scenario, false);
        fc.pre(all.complete && all.runs > 1);
        const reduced = serialOutcomes(scenario, true);
        expect(reduced.complete).toBe(true);
        expect(reduced.outcomes).toEqual(all.outcomes);
      }),
      { numRuns: Number(process.env['VRRL_EXPLORE_RUNS'] ?? 150) },
    );
  });

  it('are as many as those of the slots that have to do with each other', () => {
    const { outcomes, runs, complete } = serialOutcomes(pushesAndCounts(4, 20), true);
    expect([outcomes.length, complete]).toEqual([24, true]);
    // It begins again whenever a slot is seen at a word that is new.
    expect(runs).toBeLessThan(200);
  });
});

describe('judging seriality', () => {
  it('is certain beside any number of slots that only count', () => {
    const scenario = pushesAndCounts(3, 20);
    const census = new OutcomeCensus(scenario);
    sample(scenario, { runs: 500 }, (run) => census.add(run));
    const serialities = judgeSeriality(scenario, census.outcomes(), new SerialTrials(scenario));
    expect(serialities).toContain('not serial');
    expect(serialities).not.toContain('unknown');
  });

  it('finds orders near a run where there are too many to try', () => {
    const scenario = pushesAndCounts(8, 0);
    const trials = new SerialTrials(scenario, 1);
    const given = new OutcomeCensus(scenario);
    // Whole slots one after the other, of whose 8! orders few are among those drawn. The first run only looks round.
    let runs = 0;
    sample(scenario, { runs: 60, sampler: 'pct', depth: 1 }, (run) => {
      runs += 1;
      if (runs > 1) given.add(run);
    });
    expect(given.outcomes().every((judged) => trials.gave(judged))).toBe(false);
    expect(new Set(judgeSeriality(scenario, given.outcomes(), trials))).toEqual(new Set(['serial']));
  });

  it('asks the other judge only about what no order gave that was run', () => {
    const scenario = pushesAndCounts(4, 0);
    const census = new OutcomeCensus(scenario);
    sample(scenario, { runs: 200 }, (run) => census.add(run));
    const serialities = judgeSeriality(scenario, census.outcomes(), new SerialTrials(scenario, 1), () => 'not serial');
    expect(serialities).toEqual(judgeSeriality(scenario, census.outcomes(), new SerialTrials(scenario)));
  });
});

describe('slots that only count', () => {
  it.each<[Sampler]>([['uniform'], ['pct'], ['pos'], ['urw']])('leave a race as likely as it was, %s', (sampler) => {
    const share = (counts: number) => {
      let lost = 0;
      const options = { sampler, runs: 4_000, depth: 2, seed: 3 };
      sample(pushesAndCounts(2, counts), options, ({ outcome }) => {
        // Both stored at one place: the second was never written.
        if (outcome.words[BASE + 2] === 0) lost += 1;
      });
      return lost / options.runs;
    };
    // A standard deviation of either share is at most 0.008.
    expect(Math.abs(share(0) - share(20))).toBeLessThan(0.05);
  });

  it('are not among the accesses that matter', () => {
    const scenario = pushesAndCounts(2, 20);
    let records: number[] = [];
    sample(scenario, { runs: 1 }, (run) => {
      records = accessesThatMatter(run.trace()).map(({ record }) => record);
    });
    expect(new Set(records)).toEqual(new Set([20, 21]));
  });
});
