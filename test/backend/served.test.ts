import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { type EpochToReplay, programOfEpochs } from '../../node/conformance/epochs-program.ts';
import { ProcessBackend, type ProcessBackendOptions } from '../../node/process-backend.ts';
import {
  type Backend,
  BackendFaultError,
  EPOCH_TOTAL_WORDS,
  EpochTotal,
  type LoadedProgram,
  ProgramEpochFlag,
  type ProgramResult,
  ReferenceBackend,
  type ReplayProgram,
} from '../../src/backend/index.ts';
import { defineKernel } from '../../src/kernel/index.ts';
import { digestSnapshot, hasOverflowed, resolveLayout } from '../../src/observe/index.ts';
import { ControlWord, Opcode } from '../../src/protocol/index.ts';
import { digestFaults } from '../../src/record/index.ts';
import type { SlotToRun } from '../../src/wire/index.ts';
// @ts-expect-error a script in JavaScript, as runners are
import { withPrograms } from './runners/stepped-programs.mjs';

const KERNEL = defineKernel({ name: 'served', slotCount: 8 });
const BASE = ControlWord.OBSERVABLE_BASE;
const { REPLAYABLE, JUDGED, SAMPLED } = ProgramEpochFlag;

let backend: ProcessBackend | undefined;

afterEach(async () => {
  await backend?.stop();
  backend = undefined;
});

async function started(
  words: readonly string[],
  options: Partial<ProcessBackendOptions> = {},
): Promise<ProcessBackend> {
  const script = fileURLToPath(new URL('./runners/served-runner.mjs', import.meta.url));
  const command = [process.execPath, script, ...words];
  backend = await ProcessBackend.connect({ command, kernel: KERNEL, deadlineMs: 20_000, ...options });
  await backend.start();
  return backend;
}

/** The same program in this process. */
function here(): Backend & { load(program: ReplayProgram): Promise<LoadedProgram> } {
  return withPrograms(new ReferenceBackend(KERNEL), { digestSnapshot, digestFaults, resolveLayout, hasOverflowed });
}

function slot(slotIndex: number, opcode: number, ...args: number[]): SlotToRun {
  return { slotIndex, opcode, tenant: 0, priority: 2, args };
}

const SNAPSHOT_WORDS = resolveLayout(new ReferenceBackend(KERNEL).layout).snapshotWords;
const SIGNATURE_WORDS = resolveLayout(new ReferenceBackend(KERNEL).layout).regions.length * 2 + 5;

async function observe(of: Backend): Promise<Uint32Array> {
  const snapshot = new Uint32Array(SNAPSHOT_WORDS);
  await of.observe(snapshot);
  return snapshot;
}

describe('the reference behind the server, in another process', () => {
  it('gives what it gives in this one', async () => {
    const anySlot = fc.record({
      slotIndex: fc.nat(7),
      opcode: fc.constantFrom(Opcode.NOP, Opcode.ATOMIC_ADD, Opcode.STORE_U32, Opcode.PRINTF, Opcode.BATCH_FENCE, 0x77),
      tenant: fc.constantFrom(0, 1),
      priority: fc.nat(4),
      args: fc.tuple(fc.nat(9), fc.constantFrom(0, BASE, BASE + 3, 0xffff_ffff), fc.nat(0xffff_ffff)),
    });
    const epoch = fc.uniqueArray(anySlot, { selector: ({ slotIndex }) => slotIndex, maxLength: 8 });
    const served = await started(['plain']);
    const reference = new ReferenceBackend(KERNEL);
    await fc.assert(
      fc.asyncProperty(fc.array(epoch, { maxLength: 6 }), async (epochs) => {
        const states: Uint32Array[] = [];
        let pending: readonly number[] = [];
        for (const each of [served, reference]) await each.start();
        for (const slots of epochs) {
          // A slot may disable its own tenant: then those after it wait.
          const free = slots.filter(({ slotIndex }) => !pending.includes(slotIndex));
          for (const each of [served, reference]) for (const one of free) await each.publish(one.slotIndex, one);
          const report = reference.drain();
          expect(await served.drain()).toEqual(report);
          pending = report.pending;
          states.push(await observe(served));
          expect(states.at(-1)).toEqual(await observe(reference));
        }
        for (const state of states) {
          for (const each of [served, reference]) await each.restore?.(state);
          expect(await observe(served)).toEqual(await observe(reference));
        }
      }),
      { numRuns: 30 },
    );
  });

  it('says what it is', async () => {
    const served = await started(['plain']);
    expect(served).toMatchObject({ name: 'reference', slotCount: 8, epochWord: ControlWord.EPOCH });
    expect(served.ready).toMatchObject({ kernel: KERNEL.identity, features: [], device: { name: 'this process' } });
    expect(served.load).toBeUndefined();
  });
});

/** Each epoch adds, prints, and one of them faults; every epoch can start from what the one before left. */
async function someEpochs(flags: number): Promise<EpochToReplay[]> {
  const reference = new ReferenceBackend(KERNEL);
  const epochs: EpochToReplay[] = [];
  let state = await observe(reference);
  for (let index = 0; index < 8; index += 1) {
    const store = slot(2, Opcode.STORE_U32, index, index === 5 ? 0xffff_fff0 : BASE + 1);
    const batches = [[slot(0, Opcode.ATOMIC_ADD, index + 1, BASE), store], [slot(0, Opcode.PRINTF, 1, index, 3)]];
    reference.restore(state);
    const faults = [];
    let done = 0;
    for (const batch of batches) {
      for (const each of batch) reference.publish(each.slotIndex, each);
      const report = reference.drain();
      done += report.done;
      faults.push(...report.faults);
    }
    const after = await observe(reference);
    const signature = new Uint32Array(SIGNATURE_WORDS);
    digestSnapshot(resolveLayout(reference.layout), after, signature);
    signature.set([done, faults.length, 0, ...digestFaults(faults)], SIGNATURE_WORDS - 5);
    epochs.push({ batches, flags, expectation: { overflowed: 0, signature }, state });
    state = after;
  }
  return epochs;
}

function programOf(epochs: readonly EpochToReplay[]): ReplayProgram {
  return programOfEpochs(epochs, { slotWords: 8, signatureWords: SIGNATURE_WORDS });
}

/** Epoch 3 is expected to have one slot more that is done. */
async function oddProgram(flags: number = REPLAYABLE + JUDGED + SAMPLED): Promise<ReplayProgram> {
  const epochs = await someEpochs(flags);
  const { expectation } = epochs[3];
  if (expectation !== undefined) expectation.signature[SIGNATURE_WORDS - 5] += 1;
  return programOf(epochs);
}

async function load(on: Backend, program: ReplayProgram): Promise<LoadedProgram> {
  const loaded = await on.load?.(program);
  if (loaded === undefined) throw new Error('it was not taken up');
  return loaded;
}

async function faultOf(promise: Promise<unknown>): Promise<BackendFaultError> {
  const error = await promise.then(
    () => new Error('nothing was thrown'),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof BackendFaultError)) throw error;
  return error;
}

function totalsOf({ totals }: ProgramResult, total: number): number[] {
  return Array.from({ length: totals.length / EPOCH_TOTAL_WORDS }, (_, epoch) => totals[epoch * 8 + total]);
}

describe('a program in another process', () => {
  it.each(['chained', 'isolated'] as const)('comes to what it comes to in this one, %s', async (mode) => {
    const program = await oddProgram();
    const served = await started(['programs']);
    const [there, own] = [await load(served, program), await load(here(), program)];
    for (const options of [
      { mode, replicas: 5 },
      { mode, replicas: 3, firstReplica: 10, shape: 'resident' as const, expectationsAreReplays: true },
    ]) {
      const result = await there.run(options);
      expect(result).toEqual(await own.run(options));
      expect(totalsOf(result, EpochTotal.DIFFERENT)[3]).toBe(options.replicas);
      expect(result).toMatchObject({ replicasRun: options.replicas, replicasDiverged: options.replicas });
    }
    if (mode === 'isolated') {
      const { captured } = await there.run({ mode, replicas: 1 });
      const [fault] = captured.find(({ epoch }) => epoch === 5)?.faults ?? [];
      expect(fault).toMatchObject({ slotIndex: 2, reason: 'OUT_OF_RANGE' });
      expect(fault.message).toContain('which has');
    }
  });

  it('travels in as many segments as it takes', async () => {
    const slots = Array.from({ length: 8 }, (_, index) => slot(index, Opcode.ATOMIC_ADD, 1, BASE));
    const epoch = { batches: [slots, slots, slots, slots], flags: REPLAYABLE };
    const fresh = await observe(new ReferenceBackend(KERNEL));
    const epochs = Array.from({ length: 1_500 }, (_, index) => (index === 0 ? { ...epoch, state: fresh } : epoch));
    const program = programOf(epochs);
    const asked: number[] = [];
    const spied: ReplayProgram = {
      head: program.head,
      *segments(words) {
        for (const segment of program.segments(words)) {
          asked.push(segment.epochCount);
          yield segment;
        }
      },
    };
    const loaded = await load(await started(['programs']), spied);
    expect(asked.length).toBeGreaterThan(1);
    const result = await loaded.run({ mode: 'chained', replicas: 1 });
    expect(totalsOf(result, EpochTotal.RUN)).toEqual(new Array(1_500).fill(1));
  });

  it('says how far it is, and in the end that it is through', async () => {
    const seen: number[] = [];
    const loaded = await load(await started(['programs']), programOf(await someEpochs(REPLAYABLE)));
    await loaded.run({ mode: 'isolated', replicas: 10, onProgress: (epochs) => seen.push(epochs) });
    expect(seen.at(-1)).toBe(80);
    expect(seen).toEqual([...seen].sort((left, right) => left - right));
    const listening = loaded.run({
      mode: 'isolated',
      replicas: 1,
      onProgress: () => {
        throw new Error('a listener that fails');
      },
    });
    await expect(listening).rejects.toThrow('a listener that fails');
    expect(await loaded.run({ mode: 'isolated', replicas: 1 })).toMatchObject({ replicasRun: 1 });
  });

  it('is replaced by the next one, and gone once it was released', async () => {
    const served = await started(['programs']);
    const [first, second] = [await load(served, await oddProgram()), await load(served, await oddProgram())];
    expect((await faultOf(first.run({ mode: 'chained', replicas: 1 }))).message).toContain('the program was replaced');
    await first.release();
    expect(await second.run({ mode: 'chained', replicas: 1 })).toMatchObject({ replicasRun: 1 });
    await second.release();
    await second.release();
    expect((await faultOf(second.run({ mode: 'chained', replicas: 1 }))).kind).toBe('unavailable');
    expect(served.runner.fault).toBeUndefined();
    await served.start();
    served.publish(0, slot(0, Opcode.NOP));
    expect(await served.drain()).toMatchObject({ done: 1 });
  });

  it('that the runner declines is stepped, and nothing is the matter', async () => {
    const served = await started(['programs', 'declines']);
    expect(await served.load?.(await oddProgram())).toBeUndefined();
    expect(served.runner.fault).toBeUndefined();
    await served.start();
    served.publish(0, slot(0, Opcode.NOP));
    expect(await served.drain()).toMatchObject({ done: 1 });
  });

  it('is declined by a stress setting that there is not, and replayed without it', async () => {
    const loaded = await load(await started(['programs', 'no-stress']), await oddProgram());
    const stressed = loaded.run({ mode: 'chained', replicas: 1, stress: { seed: 3 } });
    expect(await faultOf(stressed)).toMatchObject({ kind: 'unavailable' });
    expect(await loaded.run({ mode: 'chained', replicas: 1 })).toMatchObject({ replicasRun: 1 });
  });
});

describe('a runner that fails in the middle of a program', () => {
  const ALL = { mode: 'isolated', replicas: 2 } as const;

  it('is a crash that says how far it was; it has to be started and loaded again', async () => {
    const served = await started(['programs', 'dies']);
    const program = programOf(await someEpochs(REPLAYABLE));
    const loaded = await load(served, program);
    const { pid } = served.runner;
    const fault = await faultOf(loaded.run(ALL));
    expect(fault).toMatchObject({ kind: 'crash', evidence: { request: 'REPLAY', exitStatus: 3 } });
    expect(fault.evidence['epochsRun']).toBeGreaterThan(0);
    expect(fault.evidence['epochsRun']).toBeLessThanOrEqual(3);
    expect(fault.message).toContain('the device went away');
    expect(await faultOf(loaded.run(ALL))).toBe(fault);
    expect(await faultOf(load(served, program))).toBe(fault);
    await loaded.release();
    await served.start();
    expect(served.runner.pid).not.toBe(pid);
    expect(await faultOf(loaded.run(ALL))).toBeInstanceOf(BackendFaultError);
    expect((await faultOf((await load(served, program)).run(ALL))).evidence['exitStatus']).toBe(3);
  });

  it('is a hang if it says nothing for as long as the deadline', async () => {
    const loaded = await load(
      await started(['programs', 'hangs'], { deadlineMs: 1_000 }),
      programOf(await someEpochs(1)),
    );
    const fault = await faultOf(loaded.run(ALL));
    expect(fault).toMatchObject({ kind: 'hang', evidence: { request: 'REPLAY', deadlineMs: 1_000 } });
    expect(fault.evidence['epochsRun']).toBeGreaterThan(0);
  });

  it('is none if it goes on saying something, however long it takes', async () => {
    const loaded = await load(
      await started(['programs', 'slow'], { deadlineMs: 1_000 }),
      programOf(await someEpochs(1)),
    );
    expect(await loaded.run(ALL)).toMatchObject({ replicasRun: 2 });
  });

  it('is a crash of the load if it is then that it fails', async () => {
    const fault = await faultOf(load(await started(['programs', 'fails-to-load']), await oddProgram()));
    expect(fault).toMatchObject({ kind: 'crash', evidence: { request: 'SEGMENT' } });
    expect(fault.message).toContain('the upload broke');
  });

  it.each([
    ['too-many-replicas', 'replicas of 2'],
    ['foreign-epoch', 'captured epoch 1000'],
    ['takes-back', 'epochs after'],
    ['short-progress', 'PROGRESS: it ends before its words do'],
    ['cut-result', 'REPLAYED: it ends before its'],
  ])('%s: breaks the protocol', async (fault, message) => {
    const loaded = await load(await started(['programs', fault]), await oddProgram());
    const error = await faultOf(loaded.run(ALL));
    expect({ kind: error.kind, message: error.message }).toEqual({
      kind: 'protocol',
      message: expect.stringContaining(message),
    });
  });
});
