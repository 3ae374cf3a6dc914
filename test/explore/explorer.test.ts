import { describe, expect, it } from 'vitest';
import {
  exhaust,
  exhaustSerial,
  type MemoryModel,
  replayToken,
  type Sampler,
  sample,
} from '../../src/explore/index.ts';
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
  it('ends where the accesses are used up, whoever chooses the schedules', () => {
    const copies = scenario(...[0, 1, 2, 3].map((copy) => [Opcode.MEMCPY, 160, 161 + copy, 20]));
    const bounds = { maxAccesses: 1_000, maxRuns: 1_000_000 };
    const ignore = () => {};
    const drawn = sample(copies, { runs: 1_000_000, maxAccesses: bounds.maxAccesses }, ignore);
    const reduced = exhaust(copies, bounds, ignore);
    const serial = exhaustSerial(copies, bounds, ignore);
    for (const { runs, accesses } of [drawn, reduced, serial]) {
      // The run that is under way comes to its end.
      expect(accesses).toBeLessThan(bounds.maxAccesses + 400);
      expect(runs).toBeGreaterThan(0);
    }
    expect(reduced.complete).toBe(false);
  });

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
