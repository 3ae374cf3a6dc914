import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { analyseEpoch } from '../../src/explain/analysis.ts';
import { answerBackward } from '../../src/explain/backward-search.ts';
import { Budget } from '../../src/explain/budget.ts';
import { explain, replayOrder } from '../../src/explain/index.ts';
import { questionOf } from '../../src/explain/question.ts';
import { answerSerially } from '../../src/explain/serial-level.ts';
import { SlotMachine } from '../../src/explain/slot-machine.ts';
import { defineKernel, opcode } from '../../src/kernel/index.ts';
import { Priority } from '../../src/protocol/index.ts';
import { scenarioOfSlots } from '../../src/scenario/index.ts';
import { contendedEpoch, isSameOutcome } from './contended.ts';
import { anyScenario, orderBy, replayed } from './random-epochs.ts';

const RUNS = Number(process.env['VRRL_EXPLAIN_RUNS'] ?? 400);

describe('the search from the end', () => {
  it('answers as the search from the front does', () => {
    const keys = fc.array(fc.nat(), { minLength: 5, maxLength: 5 });
    const change = fc.option(fc.tuple(fc.constantFrom(162, 163, 164, 166, 167, 322, 323), fc.nat(3)));
    fc.assert(
      fc.property(anyScenario, keys, change, (scenario, order, changed) => {
        const given = replayed(scenario, orderBy(scenario, order));
        fc.pre(given !== undefined);
        if (changed !== null) given.words[changed[0]] = changed[1];
        const analysis = analyseEpoch(scenario);
        fc.pre(analysis.unsupported === undefined);
        const machine = new SlotMachine(scenario.kernel, scenario.slots);
        for (const component of analysis.components) {
          const question = questionOf(analysis, given, component);
          const backward = answerBackward(question, 1_000_000);
          if (backward === undefined) continue;
          expect(backward.verdict).toBe(answerSerially(question, machine, new Budget(1_000_000, 1)).verdict);
        }
      }),
      { numRuns: RUNS },
    );
  });

  it('and for slots that copy from word to word, in one batch and in several', () => {
    const told = fc.record({
      seed: fc.nat(),
      words: fc.integer({ min: 2, max: 4 }),
      copies: fc.constantFrom(0.2, 0.4, 0.7),
      isBroken: fc.boolean(),
      firstBatch: fc.integer({ min: 1, max: 7 }),
    });
    fc.assert(
      fc.property(told, ({ firstBatch, ...options }) => {
        // The most that the search from the front is asked first.
        const { scenario, outcome } = contendedEpoch({ slots: 7, ...options });
        const batched = { ...scenario, batchEnds: [...new Set([firstBatch, 7])] };
        const analysis = analyseEpoch(batched);
        const machine = new SlotMachine(scenario.kernel, scenario.slots);
        for (const component of analysis.components) {
          const question = questionOf(analysis, outcome, component);
          const backward = answerBackward(question, 1_000_000);
          expect(backward?.verdict).toBe(answerSerially(question, machine, new Budget(1_000_000, 1)).verdict);
        }
      }),
      { numRuns: RUNS },
    );
  });

  it('follows as many slots as it takes on, each of which says which one came before it', () => {
    const count = 1_000;
    const ticket = opcode('TICKET', 0x4000_0000, ['result'], ($, result) => {
      $.store('control', result, $.atomicAdd('control', 161, 1));
    });
    const kernel = defineKernel({ name: 'tickets', slotCount: count, observableWords: count + 8, opcodes: [ticket] });
    const slots = Array.from({ length: count }, (_, slotIndex) => ({
      slotIndex,
      slot: { opcode: 0x4000_0000, tenant: 0, priority: Priority.NORMAL, args: [162 + slotIndex] },
    }));
    const scenario = scenarioOfSlots(kernel, slots);
    const order = slots
      .map(({ slotIndex }) => (slotIndex * 7) % count)
      .map((slot) => (slot % 2 === 0 ? slot + 1 : slot - 1));
    const analysis = analyseEpoch(scenario);
    const question = questionOf(analysis, replayOrder(scenario, order), analysis.components[0]);
    expect(answerBackward(question, 1_000_000)?.order).toEqual(order);
  });

  it('finds orders of slots of which many copy from word to word', () => {
    for (let seed = 1; seed <= 10; seed += 1) {
      const { scenario, outcome } = contendedEpoch({ slots: 64, words: 16, seed, copies: 0.15 });
      const { witness, verdict } = explain(scenario, outcome);
      expect({ seed, verdict }).toEqual({ seed, verdict: 'serializable' });
      if (witness?.kind !== 'slots') throw new Error('no order');
      expect(isSameOutcome(replayOrder(scenario, witness.order), outcome)).toBe(true);
    }
  });

  it('finds orders of many slots that fight over few words', () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const { scenario, outcome } = contendedEpoch({ slots: 64, words: 16, seed });
      const { witness, verdict } = explain(scenario, outcome);
      expect({ seed, verdict }).toEqual({ seed, verdict: 'serializable' });
      if (witness?.kind !== 'slots') throw new Error('no order');
      expect(isSameOutcome(replayOrder(scenario, witness.order), outcome)).toBe(true);
    }
  });
});
