import { describe, expect, it } from 'vitest';
import { OutcomeCensus, type Sampler, sample } from '../../src/explore/index.ts';
import { defineKernel, type Kernel, opcode, type RoutineBuilder, type Value } from '../../src/kernel/index.ts';
import { Priority } from '../../src/protocol/index.ts';
import { type Scenario, scenarioOfSlots } from '../../src/scenario/index.ts';

const CODE = 0x4000_0000;
const X = 160;
const FLAG = 161;

function kernelOf(...handlers: readonly (($: RoutineBuilder, ...args: Value[]) => void)[]): Kernel {
  const opcodes = handlers.map((write, index) => opcode(`OWN_${index}`, CODE + index, ['argument'], write));
  return defineKernel({ name: 'sampling', slotCount: 8, observableWords: 32, opcodes });
}

function scenarioOf(kernel: Kernel, slots: readonly (readonly number[])[]): Scenario {
  return scenarioOfSlots(
    kernel,
    slots.map(([index, ...args], slotIndex) => ({
      slotIndex,
      slot: { opcode: CODE + index, tenant: 0, priority: Priority.NORMAL, args },
    })),
  );
}

/** Four accesses a lane, all of them contended. */
const append = kernelOf(($, digit) => {
  $.loop({ below: 2, atMost: 2 }, () => void $.atomicExchange('control', X, digit));
  $.atomicAdd('control', FLAG, $.load('control', X));
});

/** How many runs took each order of lanes. */
function countOrders(scenario: Scenario, sampler: Sampler, runs: number, seed: number): Map<string, number> {
  const counts = new Map<string, number>();
  sample(scenario, { sampler, runs, seed }, (run) => {
    const order = run
      .trace()
      .filter(({ isContended }) => isContended)
      .map(({ record }) => record)
      .join('');
    counts.set(order, (counts.get(order) ?? 0) + 1);
  });
  return counts;
}

describe('samplers', () => {
  it.each<[Sampler]>([['uniform'], ['pct'], ['pos'], ['urw']])('%s takes the same runs for a seed', (sampler) => {
    const scenario = scenarioOf(append, [
      [0, 1],
      [0, 2],
      [0, 3],
    ]);
    const runs = (seed: number) => {
      const tokens: string[] = [];
      sample(scenario, { sampler, runs: 50, seed }, (run) => {
        tokens.push(run.token());
      });
      return tokens;
    };
    expect(runs(5)).toEqual(runs(5));
    expect(runs(5)).not.toEqual(runs(6));
    expect(new Set(runs(5)).size).toBeGreaterThan(5);
  });

  it('uniform takes every step with equal odds', () => {
    const twice = kernelOf(($, value) => {
      $.store('control', X, value);
      $.store('control', X, value.plus(4));
    });
    const counts = countOrders(
      scenarioOf(twice, [
        [0, 1],
        [0, 2],
      ]),
      'uniform',
      2_000,
      11,
    );
    // A lane's second store is drawn with one half each time until the other lane has ended.
    const odds: Readonly<Record<string, number>> = { '0011': 4, '1100': 4, '0101': 2, '0110': 2, '1010': 2, '1001': 2 };
    const chiSquare = Object.entries(odds).reduce((sum, [order, sixteenths]) => {
      const expected = (2_000 * sixteenths) / 16;
      return sum + ((counts.get(order) ?? 0) - expected) ** 2 / expected;
    }, 0);
    expect([...counts.keys()].sort()).toEqual(Object.keys(odds).sort());
    // Five degrees of freedom, one in a thousand; the seed is fixed.
    expect(chiSquare).toBeLessThan(20.5);
  });

  it('urw takes every interleaving of equal lanes about as often', () => {
    const counts = countOrders(
      scenarioOf(
        kernelOf(($, value) => {
          for (let turn = 0; turn < 3; turn += 1) $.store('control', X, value.plus(turn * 4));
        }),
        [
          [0, 1],
          [0, 2],
        ],
      ),
      'urw',
      8_000,
      3,
    );
    expect(counts.size).toBe(20);
    for (const seen of counts.values()) expect(Math.abs(seen - 400)).toBeLessThan(100);
  });

  it('pct finds a bug of depth 2 as often as it guarantees', () => {
    // Lane 0 has to be between its check and its store, at one step of many, when lane 1 stores.
    const kernel = kernelOf(
      ($) => {
        $.loop({ below: 20, atMost: 20 }, () => void $.load('control', FLAG));
        const before = $.load('control', X);
        $.store('control', X, before.plus(1));
      },
      ($) => {
        $.loop({ below: 20, atMost: 20 }, () => void $.load('control', FLAG));
        $.store('control', X, 100);
      },
      ($) => $.store('control', FLAG, 1),
    );
    const scenario = scenarioOf(kernel, [[0], [1], [2]]);
    let found = 0;
    const runs = 20_000;
    sample(scenario, { sampler: 'pct', depth: 2, runs, seed: 2 }, ({ outcome }) => {
      if (outcome.words[X] === 1) found += 1;
    });
    const steps = 44;
    expect(found / runs).toBeGreaterThanOrEqual(1 / (3 * steps));
  });

  it.each<[Sampler]>([['uniform'], ['pct'], ['pos'], ['urw']])('%s gets a spinning lane to its end', (sampler) => {
    const kernel = kernelOf(
      ($) => {
        $.loop({ below: 0xffff_ffff, atMost: 0xffff_ffff }, () => {
          const flag = $.load('control', FLAG);
          $.if(flag.differsFrom(0), () => $.break());
        });
        $.store('control', X, 1);
      },
      ($) => $.store('control', FLAG, 1),
    );
    const scenario = scenarioOf(kernel, [[0], [1], [0]]);
    const census = new OutcomeCensus(scenario);
    sample(scenario, { sampler, runs: 300, maxSteps: 5_000 }, (run) => census.add(run));
    expect(census.outcomes().map(({ isHung }) => isHung)).toEqual([false]);
  });

  it('says that a lane which waits for what never comes hangs', () => {
    const kernel = kernelOf(($) => {
      $.loop({ below: 0xffff_ffff, atMost: 0xffff_ffff }, () => {
        const flag = $.load('control', FLAG);
        $.if(flag.differsFrom(0), () => $.break());
      });
    });
    sample(scenarioOf(kernel, [[0]]), { runs: 3, maxSteps: 1_000 }, (run) => void expect(run.isHung).toBe(true));
  });
});
