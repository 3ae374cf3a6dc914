import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ReferenceBackend } from '../../src/backend/index.ts';
import { InputError } from '../../src/base/errors.ts';
import { kernelFromJson, kernelToJson } from '../../src/kernel/index.ts';
import { ControlWord } from '../../src/protocol/index.ts';
import { findWorkload, type WorkloadOptions, workloads } from '../../src/workloads/index.ts';
import { anyInput, bytesOf, namedInputs } from './inputs.ts';
import { runPlan } from './run-plan.ts';

const cases = workloads.map((workload) => [workload.name, workload] as const);

describe('the list', () => {
  it('has every workload once, each with what people need to know', () => {
    expect(workloads.map(({ name }) => name)).toEqual(['histogram', 'dfa', 'bank', 'packed', 'printf', 'lost-update']);
    for (const { summary, orderNote } of workloads) {
      expect(summary).toMatch(/^[a-z][^\n.]{20,}$/);
      expect(orderNote).toMatch(/^[A-Z].{40,}\.$/);
    }
  });

  it('is searched by name, and says which names there are', () => {
    for (const workload of workloads) expect(findWorkload(workload.name)).toBe(workload);
    expect(() => findWorkload('histogramm')).toThrow(InputError);
    expect(() => findWorkload('histogramm')).toThrow(/"histogramm".*Fix: use one of histogram, dfa, bank/);
  });
});

describe.each(cases)('%s', (_name, workload) => {
  it.each(namedInputs)('is right on %s', async (_inputName, input) => {
    for (const slotCount of [5, 16, 64, 300]) {
      const plan = workload.plan(input, { slotCount });
      const run = await runPlan(plan, new ReferenceBackend(plan.kernel));
      expect(plan.check?.(run.last)).toBeUndefined();
      expect([run.faultCount, run.pendingCount]).toEqual([0, 0]);
      expect(run.last[ControlWord.DONE_COUNT]).toBe(run.recordCount);
      expect(run.last[ControlWord.EPOCH]).toBe(run.snapshots.length);
      for (const line of plan.describe(run.last)) expect(line).toMatch(/^[^\n]+$/);
    }
  });

  it('is right on any input', async () => {
    const property = fc.asyncProperty(
      anyInput,
      fc.integer({ min: 5, max: 80 }),
      fc.nat({ max: 0xffff_ffff }),
      async (input, slotCount, seed) => {
        const plan = workload.plan(input, { slotCount, seed });
        const run = await runPlan(plan, new ReferenceBackend(plan.kernel));
        expect(plan.check?.(run.last)).toBeUndefined();
        expect(run.faultCount).toBe(0);
      },
    );
    await fc.assert(property, { numRuns: 40 });
  });

  it('publishes epochs that fit the ring beside their fence, tagged in order, the same each time', () => {
    for (const [, input] of namedInputs) {
      const plan = workload.plan(input, { slotCount: 9 });
      const epochs = [...plan.epochs()];
      expect(epochs.map(({ tag }) => tag)).toEqual(epochs.map((_, index) => index));
      for (const { slots } of epochs) {
        expect(slots.length).toBeGreaterThan(0);
        expect(slots.length).toBeLessThanOrEqual(8);
      }
      expect([...plan.epochs()]).toEqual(epochs);
    }
  });

  it('stops after maxEpochs, says so, and is right about what it took', async () => {
    const input = bytesOf('the other\n'.repeat(4_000));
    for (const maxEpochs of [1, 4, 5, 7]) {
      const plan = workload.plan(input, { slotCount: 16, maxEpochs });
      const run = await runPlan(plan, new ReferenceBackend(plan.kernel));
      // One epoch of input is always taken, after those that set up and before those that audit.
      expect(run.snapshots.length).toBe(Math.max(maxEpochs, ownEpochs(workload.name) + 1));
      expect(plan.check?.(run.last)).toBeUndefined();
      expect(plan.describe(run.last).join('\n')).toMatch(/cut short: [\d,]+ of [\d,]+ \w+ fit into the epochs allowed/);
    }
    const whole = workload.plan(input, { slotCount: 16, maxEpochs: 100_000 });
    const { last } = await runPlan(whole, new ReferenceBackend(whole.kernel));
    expect(whole.describe(last).join('\n')).not.toMatch(/cut short/);
  });

  it('has a kernel that survives being stored', () => {
    const { kernel } = workload.plan(bytesOf('the other\n'));
    expect(kernelFromJson(JSON.parse(JSON.stringify(kernelToJson(kernel)))).identity).toBe(kernel.identity);
  });

  it.each([
    [{ slotCount: 0 }, /slotCount is 0/],
    [{ slotCount: 1 }, /slotCount is 1/],
    [{ slotCount: 1.5 }, /slotCount is 1.5/],
    [{ slotCount: 1_048_577 }, /slotCount is 1048577/],
    [{ seed: -1 }, /seed is -1/],
    [{ seed: Number.NaN }, /seed is NaN/],
    [{ maxEpochs: 0 }, /maxEpochs is 0/],
    [{ maxEpochs: 2.5 }, /maxEpochs is 2.5/],
  ] satisfies (readonly [WorkloadOptions, RegExp])[])('refuses %j', (options, message) => {
    expect(() => workload.plan(bytesOf('x'), options)).toThrow(InputError);
    expect(() => workload.plan(bytesOf('x'), options)).toThrow(message);
  });
});

/** Epochs besides those of input, in a ring of 16. */
function ownEpochs(name: string): number {
  return { dfa: 1, bank: 3 }[name] ?? 0;
}

describe('checks', () => {
  const sound = workloads.filter(({ name }) => name !== 'lost-update');

  it.each(sound.map((workload) => [workload.name, workload] as const))(
    'of %s see a wrong word',
    async (_, workload) => {
      const plan = workload.plan(bytesOf('the other\n'.repeat(30)), { slotCount: 16 });
      const { last } = await runPlan(plan, new ReferenceBackend(plan.kernel));
      const wordsThatTell: Record<string, readonly number[]> = {
        histogram: [161, 161 + 0x74, 416],
        dfa: [161, 162, 166, 167, 172],
        bank: [161, 162, 163, 164, 165, 166, 167, 182],
        packed: [161, 161 + 0x74, 416, 98],
        printf: [ControlWord.DONE_COUNT, plan.kernel.controlWords, plan.kernel.controlWords + 1],
      };
      for (const word of wordsThatTell[workload.name]) {
        const wrong = last.slice();
        wrong[word] += 1;
        expect(plan.check?.(wrong), `word ${word}`).toMatch(/^.{15,}[^.]$/);
      }
    },
  );

  it('is missing where the outcome depends on the schedule', () => {
    expect('check' in findWorkload('lost-update').plan(bytesOf('x'))).toBe(false);
  });
});
