import { describe, expect, it } from 'vitest';
import { ReferenceBackend } from '../../src/backend/index.ts';
import { defineKernel } from '../../src/kernel/index.ts';
import { Opcode, Priority } from '../../src/protocol/index.ts';
import type { SlotRequest } from '../../src/record/index.ts';
import { planReplay, recordInMemory } from '../../src/replay/index.ts';
import { freshSnapshot, scenarioOfEpoch, scenarioOfSlots } from '../../src/scenario/index.ts';

const kernel = defineKernel({ name: 'scenarios', slotCount: 4, observableWords: 16 });
const record = (epochs: readonly (readonly SlotRequest[])[]) =>
  recordInMemory(
    new ReferenceBackend(kernel),
    kernel,
    epochs.map((slots) => ({ slots })),
    { capacity: 64, tool: 'test' },
  );
const add = (amount: number, word: number): SlotRequest => ({ opcode: Opcode.ATOMIC_ADD, args: [amount, word] });

describe('the scenario of a recorded epoch', () => {
  it('starts from what the epoch before left, and has every slot and what was seen', async () => {
    const recording = await record([[add(1, 170)], [add(2, 170), add(3, 171)]]);
    const plan = planReplay(recording, { kernel });
    const { scenario, recorded, problems } = scenarioOfEpoch(plan, plan.epochs[1], kernel);
    expect(problems).toEqual([]);
    expect(scenario?.initial[170]).toBe(1);
    expect(scenario?.slots.map(({ slot }) => slot.opcode)).toEqual([
      Opcode.ATOMIC_ADD,
      Opcode.ATOMIC_ADD,
      Opcode.BATCH_FENCE,
    ]);
    expect(Array.from(scenario?.slots[1].slot.args ?? []).slice(0, 2)).toEqual([3, 171]);
    expect([recorded?.words[170], recorded?.words[171], recorded?.done]).toEqual([3, 3, 3]);
  });

  it('begins with a fresh kernel where the recording did', async () => {
    const recording = await record([[add(1, 170)]]);
    const plan = planReplay(recording, { kernel });
    expect(scenarioOfEpoch(plan, plan.epochs[0], kernel).scenario?.initial).toEqual(freshSnapshot(kernel));
  });

  it('says what is missing where nothing was observed', async () => {
    const { log } = await record([[add(1, 170)]]);
    const plan = planReplay({ log }, { kernel });
    const { recorded, problems } = scenarioOfEpoch(plan, plan.epochs[0], kernel);
    expect(recorded).toBeUndefined();
    expect(problems).toEqual(['nothing was observed when it drained']);
  });
});

describe('a scenario of slots that were written down', () => {
  it('waits where a slot of the ring comes again', () => {
    const slot = { opcode: Opcode.NOP, tenant: 0, priority: Priority.NORMAL, args: [] };
    const slots = [0, 1, 1, 0, 1].map((slotIndex) => ({ slotIndex, slot }));
    expect(scenarioOfSlots(kernel, slots).batchEnds).toEqual([2, 4, 5]);
  });

  it('takes the records of a debug log that somebody has observed for gone', () => {
    const initial = freshSnapshot(kernel);
    initial[kernel.controlWords] = 8;
    expect(scenarioOfSlots(kernel, [], initial).initial[kernel.controlWords]).toBe(0);
    expect(initial[kernel.controlWords]).toBe(8);
  });
});
