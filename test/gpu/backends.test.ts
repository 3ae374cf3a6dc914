/** Dawn and wgpu as backends: whatever no schedule decides is as on the reference. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ProcessBackend } from '../../node/process-backend.ts';
import { type Backend, type DrainReport, ReferenceBackend, type Slot } from '../../src/backend/index.ts';
import { defineKernel, type Kernel, kernelToJson, opcode } from '../../src/kernel/index.ts';
import { compareSnapshots, resolveLayout } from '../../src/observe/index.ts';
import { Opcode, TENANT_ALLOWED } from '../../src/protocol/index.ts';
import { workloads } from '../../src/workloads/index.ts';
import { vrrl, vrrlJson } from '../cli/fake-io.ts';
import { temporaryFolder } from '../cli/files.ts';
import { makeRecording, soundEpochs } from '../cli/recordings.ts';
import { anyKernelCase, type KernelCase } from '../kernel/random-kernel.ts';
import { bytesOf } from '../workloads/inputs.ts';
import { runPlan } from '../workloads/run-plan.ts';
import { SOFTWARE, smallKernel, withGpu } from './software.ts';

const folder = temporaryFolder();
const text = bytesOf('There the other heard her: the hen and the heron,\nin and out.\n\n'.repeat(6));
/** How many random ones. Each takes a process, and a driver that compiles it. */
const KERNELS = { dawn: 6, wgpu: 8 } as const;

for (const software of SOFTWARE) {
  const { stack, adapter, manifest } = software;
  const sound = workloads.filter(({ name }) => name !== 'lost-update');

  describe.skipIf(manifest === undefined)(`${stack} on ${adapter}`, () => {
    it.each(sound.map((workload) => [workload.name, workload] as const))(
      '%s shows what it shows on the reference',
      async (_name, workload) => {
        const plan = workload.plan(text, { slotCount: 40 });
        const layout = resolveLayout(new ReferenceBackend(plan.kernel).layout);
        const expected = await runPlan(plan, new ReferenceBackend(plan.kernel));
        const seen = await withGpu(software, plan.kernel, (backend) => runPlan(plan, backend));
        const differing = expected.snapshots.flatMap((snapshot, epoch) => {
          const { differences } = compareSnapshots(layout, snapshot, seen.snapshots[epoch]);
          return differences.length === 0 ? [] : [{ epoch, difference: differences[0] }];
        });
        expect(differing).toEqual([]);
        expect(plan.check?.(seen.last)).toBeUndefined();
        expect(seen).toMatchObject({ faultCount: 0, pendingCount: expected.pendingCount });
      },
    );

    it('runs random kernels as the reference does, a slot at a time', async () => {
      const seed = Math.floor(Math.random() * 2 ** 31);
      const cases = fc.sample(anyKernelCase, { seed, numRuns: KERNELS[stack] });
      for (const [index, made] of cases.entries()) {
        const where = `seed ${seed}, kernel ${index} of ${cases.length}\n${fc.stringify(made)}`;
        const expected = await runAlone(new ReferenceBackend(made.kernel), made);
        const seen = await withGpu(software, made.kernel, (backend) => runAlone(backend, made)).catch(
          (error: unknown) => String(error),
        );
        expect(seen, where).toEqual(expected);
      }
    });

    it('reports what became of slots as the reference does', async () => {
      const kernel = faultyKernel();
      const expected = await drainFaults(new ReferenceBackend(kernel));
      expect(expected.faults.map(({ reason }) => reason)).toEqual(['OUT_OF_RANGE', 'RAISED', 'NO_HANDLER']);
      expect(expected.pending).toEqual([3]);
      expect(await withGpu(software, kernel, drainFaults)).toEqual(expected);
    });

    it('passes backend-check', async () => {
      const kernel = folder.write('small.json', JSON.stringify(kernelToJson(smallKernel())));
      const argv = [
        'backend-check',
        stack,
        '--adapter',
        adapter,
        '--kernel',
        kernel,
        '--deadline-ms',
        '30000',
        '--json',
      ];
      const { exitCode, json } = await vrrlJson(argv);
      expect({ exitCode, json }).toMatchObject({ exitCode: 0, json: { conforms: true } });
    });

    it('records what the reference replays, and replays what the reference recorded', async () => {
      const gpu = ['--backend', stack, '--adapter', adapter];
      const log = folder.at(`${stack}.vrrl`);
      const input = folder.write('input.txt', 'There the other heard her.');
      const options = ['--quiet', '--workload', 'histogram', '--input', input, '--slot-count', '16'];
      expect(await vrrl(['record', log, ...options, ...gpu])).toMatchObject({ exitCode: 0 });
      const replayed = await vrrlJson(['replay', log, '--backend', 'reference', '--json']);
      expect(replayed).toMatchObject({ exitCode: 0, json: { verdict: 'agree' } });
      const other = await makeRecording(folder.at(`${stack}-other.vrrl`), smallKernel(), soundEpochs(8));
      for (const mode of ['chained', 'isolated']) {
        const { exitCode, json } = await vrrlJson(['replay', other, ...gpu, '--mode', mode, '--json']);
        expect({ exitCode, json }).toMatchObject({ exitCode: 0, json: { verdict: 'agree' } });
      }
    });

    it('says what it runs on', async () => {
      await withGpu(software, smallKernel(), async ({ name, ready }) => {
        expect({ name, device: ready.device }).toMatchObject({
          name: stack,
          device: { api: 'vulkan', type: 'software' },
        });
      });
    });
  });
}

/** What a slot does if it is the only one there has ever been, for each slot: nothing depends on a schedule. */
async function runAlone(
  backend: Backend | ProcessBackend,
  { kernel, firstWords, slots }: KernelCase,
): Promise<unknown> {
  const { snapshotWords } = resolveLayout(backend.layout);
  const outcomes: unknown[] = [];
  for (const [slotIndex, slot] of slots.entries()) {
    await backend.start();
    const snapshot = new Uint32Array(snapshotWords);
    await backend.observe(snapshot);
    snapshot.set(firstWords.slice(0, kernel.controlWords - 160), 160);
    await backend.restore?.(snapshot);
    await backend.publish(slotIndex, slot);
    // Again: what waits gets another turn.
    const reports = [await backend.drain(), await backend.drain()];
    await backend.observe(snapshot);
    outcomes.push({ reports, words: Array.from(snapshot) });
  }
  return outcomes;
}

const REACH = 0x4000_0001;
const GIVE_UP = 0x4000_0002;

function faultyKernel(): Kernel {
  const reach = opcode('REACH', REACH, ['word'], ($, word) => $.store('control', word, 1));
  const giveUp = opcode('GIVE_UP', GIVE_UP, ['code'], ($, code) => $.fault(code));
  return defineKernel({ name: 'faulty', slotCount: 16, opcodes: [reach, giveUp] });
}

/** A slot of each kind that ends otherwise than done, and one that is done. */
async function drainFaults(backend: Backend): Promise<DrainReport> {
  await backend.start();
  const slotOf = (code: number, ...args: number[]): Slot => ({ opcode: code, tenant: 0, priority: 2, args });
  const slots = [
    slotOf(REACH, 0xffff_ffff),
    slotOf(GIVE_UP, 77),
    slotOf(0x4fff_ffff),
    { ...slotOf(Opcode.NOP), tenant: 5 },
    slotOf(REACH, 170),
  ];
  await disable(backend, 5);
  for (const [slotIndex, slot] of slots.entries()) await backend.publish(slotIndex, slot);
  return await backend.drain();
}

/** Has a tenant's slots wait. */
async function disable(backend: Backend, tenant: number): Promise<void> {
  const snapshot = new Uint32Array(resolveLayout(backend.layout).snapshotWords);
  await backend.observe(snapshot);
  const masks = snapshot.indexOf(TENANT_ALLOWED);
  snapshot[masks + tenant] = 0;
  await backend.restore?.(snapshot);
}
