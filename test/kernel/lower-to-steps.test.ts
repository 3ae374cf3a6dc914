import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ReferenceBackend } from '../../src/backend/index.ts';
import { StepMachine } from '../../src/explore/step-machine.ts';
import { lowerToSteps } from '../../src/kernel/index.ts';
import { DEBUG_WORDS } from '../../src/protocol/index.ts';
import { scenarioOfSlots } from '../../src/scenario/index.ts';
import { anyKernelCase, type KernelCase } from './random-kernel.ts';
import { prepare } from './run-three-ways.ts';

/** The scenario of a random kernel case. */
function scenarioOf(made: KernelCase) {
  const machine = prepare(made, new ArrayBuffer(1 << 16));
  const initial = new Uint32Array(made.kernel.controlWords + DEBUG_WORDS);
  machine.observe(initial);
  return scenarioOfSlots(
    made.kernel,
    made.slots.map((slot, slotIndex) => ({ slotIndex, slot })),
    initial,
  );
}

describe('a kernel as single-access steps', () => {
  it('leaves behind what the reference does when lanes go one after the other, wherever they stop', () => {
    fc.assert(
      fc.property(anyKernelCase, fc.boolean(), (made, stopsEverywhere) => {
        const scenario = scenarioOf(made);
        const reference = new ReferenceBackend(made.kernel);
        reference.restore(scenario.initial);
        for (const { slotIndex, slot } of scenario.slots) reference.publish(slotIndex, slot);
        const report = reference.drain();
        const expected = new Uint32Array(scenario.initial.length);
        reference.observe(expected);
        const machine = new StepMachine(scenario, lowerToSteps(made.kernel), {
          memory: 'sequential',
          maxSteps: 10_000_000,
          stopsEverywhere,
        });
        for (let round = 0; round < 2; round += 1) {
          machine.reset();
          do {
            while (machine.readyCount > 0) machine.step(machine.ready[0]);
          } while (machine.nextBatch());
          const { words, done, pending, faults } = machine.outcome();
          expect(machine.isHung).toBe(false);
          expect(words).toEqual(expected);
          expect({ done, pending, faults }).toEqual({ ...report, pending: report.pending.length });
        }
      }),
      { numRuns: 300 },
    );
  });
});
