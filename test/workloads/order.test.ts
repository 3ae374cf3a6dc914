/** What order notes claim, on every order that the reference can take: it runs slots as they were published. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ReferenceBackend } from '../../src/backend/index.ts';
import { RandomWords } from '../../src/base/random.ts';
import { compareSnapshots, hasOverflowed, resolveLayout } from '../../src/observe/index.ts';
import type { SlotRequest } from '../../src/record/index.ts';
import { findWorkload, type WorkloadPlan, workloads } from '../../src/workloads/index.ts';
import { anyInput, bytesOf } from './inputs.ts';
import { runPlan } from './run-plan.ts';

/** The same plan with the slots of each batch in another order. */
function shuffled(plan: WorkloadPlan, seed: number): WorkloadPlan {
  function* epochs(): Generator<{ slots: readonly SlotRequest[]; tag: number }> {
    const random = new RandomWords(seed);
    for (const { slots, tag } of plan.epochs()) {
      const order = Uint32Array.from(slots.keys());
      random.shuffle(order, order.length);
      yield { slots: Array.from(order, (index) => slots[index]), tag };
    }
  }
  return { ...plan, epochs };
}

describe.each(workloads.map((workload) => [workload.name, workload] as const))('%s', (name, workload) => {
  it('shows the same after each epoch, whatever the order of its slots', async () => {
    const property = fc.asyncProperty(
      anyInput,
      fc.integer({ min: 5, max: 40 }),
      fc.nat({ max: 0xffff_ffff }),
      async (input, slotCount, seed) => {
        const plan = workload.plan(input, { slotCount });
        const backend = new ReferenceBackend(plan.kernel);
        const layout = resolveLayout(backend.layout);
        const expected = await runPlan(plan, backend);
        const seen = await runPlan(shuffled(plan, seed), backend);
        for (const [epoch, snapshot] of expected.snapshots.entries()) {
          // The fourth word of a printed record names the ring's slot, and shuffling moves slots.
          const words = name === 'printf' ? [snapshot, seen.snapshots[epoch]].map(withoutSlots) : [];
          const [left, right] = words.length > 0 ? words : [snapshot, seen.snapshots[epoch]];
          expect(compareSnapshots(layout, left, right).differences).toEqual([]);
        }
        expect(plan.check?.(seen.last)).toBeUndefined();
      },
    );
    await fc.assert(property, { numRuns: 30 });
  });
});

function withoutSlots(snapshot: Uint32Array): Uint32Array {
  const copy = snapshot.slice();
  for (let record = 0; record < 64; record += 1) copy[copy.length - 257 + 1 + 4 * record + 3] = 0;
  return copy;
}

describe('bank', () => {
  const plan = findWorkload('bank').plan(bytesOf(Array.from({ length: 400 }, (_, line) => `${line}\n`).join('')));
  const seeds = Array.from({ length: 10 }, (_, seed) => seed);

  async function runShuffled(): Promise<Uint32Array[]> {
    const backend = new ReferenceBackend(plan.kernel);
    const snapshots: Uint32Array[] = [];
    for (const seed of seeds) snapshots.push((await runPlan(shuffled(plan, seed), backend)).last);
    return snapshots;
  }

  it.each([
    ['transfer outcomes', 164, 167],
    ['balances', 167, 183],
  ])('comes to other %s in another order, which is why they are ignored', async (name, start, end) => {
    expect(plan.kernel.regions).toContainEqual({
      name,
      area: 'control',
      start,
      count: end - start,
      equivalence: 'ignored',
    });
    const seen = (await runShuffled()).map((snapshot) => String(snapshot.subarray(start, end)));
    expect(new Set(seen).size).toBeGreaterThan(1);
  });

  it('ignores what the last COMPARE_SWAP found, which is stored 160 words after the generation', async () => {
    const region = plan.kernel.regions.find(({ name }) => name === 'generation seen last');
    expect(region).toMatchObject({ start: 162 + 160, count: 1, equivalence: 'ignored' });
    const [last] = await runShuffled();
    // One after the other, all but the first find the next generation.
    expect([last[162], last[162 + 160]]).toEqual([7, 7]);
  });

  it('refuses rings without room for the competitors and a transfer', () => {
    expect(() => findWorkload('bank').plan(bytesOf('x'), { slotCount: 4 })).toThrow(/slotCount is 4, .* from 5 to/);
  });

  it('draws other transfers from another seed', () => {
    const slots = seeds.map((seed) => JSON.stringify([...findWorkload('bank').plan(bytesOf('x'), { seed }).epochs()]));
    expect(new Set(slots).size).toBeGreaterThan(seeds.length / 2);
  });
});

describe('printf', () => {
  it('never prints more in an epoch than the debug log holds', async () => {
    const plan = findWorkload('printf').plan(bytesOf('x\n'.repeat(500)), { slotCount: 1_000 });
    const backend = new ReferenceBackend(plan.kernel);
    const layout = resolveLayout(backend.layout);
    for (const snapshot of (await runPlan(plan, backend)).snapshots) {
      expect(layout.regions.filter((region) => hasOverflowed(region, snapshot))).toEqual([]);
    }
  });
});
