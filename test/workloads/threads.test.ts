import { describe, expect, it } from 'vitest';
import { ThreadsBackend } from '../../node/threads-backend.ts';
import { ReferenceBackend } from '../../src/backend/index.ts';
import { compareSnapshots, type ResolvedLayout, resolveLayout } from '../../src/observe/index.ts';
import { findWorkload, type WorkloadPlan, workloads } from '../../src/workloads/index.ts';
import { bytesOf } from './inputs.ts';
import { type PlanRun, runPlan } from './run-plan.ts';

const SEEDS = [1, 2, 3, 4, 5];
const text = bytesOf('There the other heard her: the hen and the heron,\nin and out.\n\n'.repeat(60));

async function runOnThreads(plan: WorkloadPlan, seed: number): Promise<PlanRun> {
  const backend = new ThreadsBackend(plan.kernel, { seed });
  try {
    return await runPlan(plan, backend);
  } finally {
    await backend.stop();
  }
}

/** Epochs that differ under the layout's equivalences. */
function differingEpochs(layout: ResolvedLayout, expected: PlanRun, seen: PlanRun): number[] {
  const epochs = expected.snapshots.map((snapshot, epoch) => ({ epoch, snapshot }));
  return epochs
    .filter(({ epoch, snapshot }) => !compareSnapshots(layout, snapshot, seen.snapshots[epoch]).equal)
    .map(({ epoch }) => epoch);
}

describe('on worker threads', () => {
  const sound = workloads.filter(({ name }) => name !== 'lost-update');

  it.each(sound.map((workload) => [workload.name, workload] as const))(
    '%s shows what the reference shows, whatever the schedule',
    async (_name, workload) => {
      const plan = workload.plan(text, { slotCount: 32 });
      const reference = new ReferenceBackend(plan.kernel);
      const layout = resolveLayout(reference.layout);
      const expected = await runPlan(plan, reference);
      for (const seed of SEEDS) {
        const seen = await runOnThreads(plan, seed);
        expect(differingEpochs(layout, expected, seen), `seed ${seed}`).toEqual([]);
        expect(plan.check?.(seen.last), `seed ${seed}`).toBeUndefined();
        expect(seen.faultCount).toBe(0);
      }
    },
  );

  it('bank comes to other balances than the reference, which is why they are ignored', async () => {
    const plan = findWorkload('bank').plan(bytesOf(Array.from({ length: 900 }, (_, line) => `${line}\n`).join('')));
    const expected = await runPlan(plan, new ReferenceBackend(plan.kernel));
    const balances = await Promise.all(
      // Lanes are shuffled by the seed, so that even a machine with one core takes another order.
      SEEDS.map(async (seed) => String((await runOnThreads(plan, seed)).last.subarray(167, 183))),
    );
    expect(new Set([...balances, String(expected.last.subarray(167, 183))]).size).toBeGreaterThan(1);
  });

  it('lost-update loses updates in many epochs', async () => {
    const plan = findWorkload('lost-update').plan(new Uint8Array(20_000).map((_, index) => (index * 7_919) >> 3));
    const reference = new ReferenceBackend(plan.kernel);
    const layout = resolveLayout(reference.layout);
    const expected = await runPlan(plan, reference);
    expect(plan.describe(expected.last)).toEqual(['0 of 20,000 updates lost']);
    // Two cores of its own lose in four epochs of five. On a busy machine workers take turns, so this may take a while.
    const deadline = performance.now() + 45_000;
    let lossyEpochs = 0;
    for (let seed = 1; lossyEpochs < 20 && performance.now() < deadline; seed += 1) {
      const { snapshots, last } = await runOnThreads(plan, seed);
      const totals = snapshots.map((snapshot) => snapshot.subarray(161, 169).reduce((sum, count) => sum + count, 0));
      // The last batch is not a full one and never adds 63.
      lossyEpochs += totals.filter((total, epoch) => total - (totals[epoch - 1] ?? 0) < 63).length - 1;
      expect(totals.at(-1)).toBeLessThanOrEqual(20_000);
      expect(differingEpochs(layout, expected, { ...expected, snapshots, last }).length === 0).toBe(
        totals.at(-1) === 20_000,
      );
    }
    expect(lossyEpochs).toBeGreaterThanOrEqual(20);
  });
});
