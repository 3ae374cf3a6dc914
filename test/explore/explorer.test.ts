import { describe, expect, it } from 'vitest';
import { exhaust, type MemoryModel, replayToken, type Sampler, sample } from '../../src/explore/index.ts';
import { defineKernel } from '../../src/kernel/index.ts';
import { Opcode, Priority } from '../../src/protocol/index.ts';
import { scenarioOfSlots } from '../../src/scenario/index.ts';

const kernel = defineKernel({ name: 'exploring', slotCount: 8, observableWords: 64 });
const scenario = (...slots: readonly (readonly number[])[]) =>
  scenarioOfSlots(
    kernel,
    slots.map(([opcode, ...args], slotIndex) => ({
      slotIndex,
      slot: { opcode, tenant: 0, priority: Priority.NORMAL, args },
    })),
  );

describe('exploring', () => {
  it.each<[MemoryModel]>([['sequential'], ['relaxed']])('finds every outcome of two stores, %s', (memory) => {
    const seen = new Set<number>();
    const result = exhaust(
      scenario([Opcode.STORE_U32, 1, 160], [Opcode.STORE_U32, 2, 160]),
      { memory, reduction: false },
      ({ outcome }) => void seen.add(outcome.words[160]),
    );
    expect([...seen].sort()).toEqual([1, 2]);
    expect(result.complete).toBe(true);
  });

  it.each<[Sampler]>([['uniform'], ['pct'], ['pos'], ['urw']])('replays every run from its token, %s', (sampler) => {
    const torn = scenario(
      [Opcode.MEMCPY, 160, 170, 3],
      [Opcode.STORE_U32, 5, 160],
      [Opcode.COMPARE_SWAP, 161, 0, 7],
      [Opcode.LOAD_U32, 170, 3],
    );
    for (const memory of ['sequential', 'relaxed'] as const) {
      sample(torn, { sampler, memory, runs: 200, seed: 7 }, (run) => {
        const again = replayToken(torn, run.token());
        expect(again.outcome).toEqual(run.outcome);
        expect(again.token()).toBe(run.token());
        expect(run.trace().filter(({ isContended }) => isContended)).toHaveLength(run.steps);
      });
    }
  });
});
