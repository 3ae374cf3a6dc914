import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loadBackendFactory, loadKernel } from '../../node/modules.ts';
import { ThreadsBackend } from '../../node/threads-backend.ts';
import { type Backend, type BackendFactory, ReferenceBackend } from '../../src/backend/index.ts';
import type { Kernel } from '../../src/kernel/index.ts';
import { RingLog, scanLogBytes } from '../../src/log/index.ts';
import { compareSnapshots, ObservationReader, ObservationWriter, resolveLayout } from '../../src/observe/index.ts';
import { recordedRingLog } from '../../src/reading/index.ts';
import { parseSlotLine, type RecordedEpoch, RecordingSession, SlotLineReader } from '../../src/record/index.ts';
import { planReplay, type ReplayPlan, replayOn } from '../../src/replay/index.ts';
import { MemoryStorage } from '../../src/storage/index.ts';

function example(name: string): string {
  return fileURLToPath(new URL(`../../examples/${name}`, import.meta.url));
}

interface Recorded {
  readonly plan: ReplayPlan;
  readonly epochs: readonly RecordedEpoch[];
  readonly last: Uint32Array;
}

/** Records a slots file as `vrrl record` does, in memory. */
async function record(backend: Backend, slotsFile: string, kernel?: Kernel): Promise<Recorded> {
  const [logStorage, streamStorage] = [new MemoryStorage(), new MemoryStorage()];
  const log = RingLog.open(logStorage, 256);
  const observations = (initialWords: Uint32Array) =>
    ObservationWriter.create(
      streamStorage,
      {
        tool: 'test',
        createdAt: '2026-01-01T00:00:00Z',
        kernel: null,
        layout: backend.layout,
        backend: { name: backend.name },
        log: { capacity: 256 },
      },
      initialWords,
    );
  const options = { log, observations, ...(kernel === undefined ? {} : { kernel }) };
  const session = await RecordingSession.start(backend, options);
  const epochs: RecordedEpoch[] = [];
  for await (const line of new SlotLineReader(kernel).read([readFileSync(example(slotsFile))])) {
    if (line.kind === 'slot') await session.publish([line.slot]);
    else epochs.push(await session.endEpoch(line));
  }
  const recorded = recordedRingLog(scanLogBytes(logStorage.toBytes()));
  const reader = ObservationReader.open(streamStorage);
  return { plan: planReplay({ log: recorded, observations: reader }), epochs, last: session.snapshot.slice() };
}

describe('the saturating counter kernel', () => {
  it('stops at its ceiling and keeps maxima, on one thread and on several', async () => {
    const kernel = await loadKernel(example('saturating-counter-kernel.mjs'));
    for (const backend of [new ReferenceBackend(kernel), new ThreadsBackend(kernel, { seed: 1 })]) {
      const { last, epochs } = await record(backend, 'saturating-counter-slots.jsonl', kernel);
      await backend.stop();
      expect(Array.from(last.subarray(160, 164))).toEqual([2, 100, 9, 1]);
      expect(epochs.map(({ done, faults }) => [done, faults.length])).toEqual([
        [5, 0],
        [5, 0],
      ]);
    }
  });
});

describe('the stack machine', () => {
  it('is an implementation of Backend', async () => {
    const backend = await (await loadBackendFactory(example('stack-machine-backend.mjs')))();
    const layout = resolveLayout(backend.layout);
    expect(layout.areas.map(({ name }) => name)).toEqual(['registers', 'journal']);
    await backend.start();
    const run = async (text: string) => {
      const line = parseSlotLine(text, 1);
      if (line?.kind === 'slot') await backend.publish(3, { tenant: 0, priority: 2, args: [], ...line.slot });
      return backend.drain();
    };
    expect(await run('{"opcode":1,"args":[5,6,"0x3000","0x2004"]}')).toEqual({ done: 1, pending: [], faults: [] });
    expect(await run('{"opcode":1,"args":[7,"0x4000"]}')).toMatchObject({ done: 1 });
    const snapshot = new Uint32Array(layout.snapshotWords);
    await backend.observe(snapshot);
    expect([snapshot[4], snapshot[16], snapshot[17]]).toEqual([11, 1, 7]);
    await backend.restore?.(new Uint32Array(layout.snapshotWords).fill(9, 0, 16));
    await backend.observe(snapshot);
    expect([snapshot[4], snapshot[16]]).toEqual([9, 0]);
    for (const [text, message] of [
      ['{"opcode":2}', 'opcode 2 is not RUN'],
      ['{"opcode":1,"args":["0x3000"]}', 'the stack is empty'],
      ['{"opcode":1,"args":["0x5000"]}', '0x5000 is no instruction'],
    ]) {
      expect(await run(text)).toMatchObject({ done: 0, faults: [{ slotIndex: 3, message }] });
    }
    await backend.stop();
    await backend.stop();
  });

  it('agrees with itself, chained and isolated', async () => {
    const { plan, epochs, last } = await recordJobs();
    // Two additions to each of four registers in each of four batches, numbered from 1.
    expect(Array.from(last.subarray(0, 4))).toEqual([
      3 + 19 + 35 + 51,
      7 + 23 + 39 + 55,
      11 + 27 + 43 + 59,
      15 + 31 + 47 + 63,
    ]);
    expect(epochs.map(({ done }) => done)).toEqual([10, 10, 10, 10]);
    for (const mode of ['chained', 'isolated'] as const) {
      const replay = await replayOn(plan, await make('stack-machine-backend.mjs'), { mode, replicas: 5 });
      expect(replay.replicasDiverged).toBe(0);
      expect(replay.epochs.every((epoch) => epoch.unknownReasons.length === 0)).toBe(true);
    }
  });

  it('diverges in some replicas once it is racy, in the same ones each time', async () => {
    const { plan } = await recordJobs();
    const counts: number[] = [];
    for (let turn = 0; turn < 2; turn += 1) {
      const replay = await replayOn(plan, await make('racy-stack-machine-backend.mjs'), { replicas: 100 });
      counts.push(replay.replicasDiverged);
    }
    expect(counts[1]).toBe(counts[0]);
    expect(counts[0]).toBeGreaterThan(10);
    expect(counts[0]).toBeLessThan(90);
  });

  it('differs in registers only: notes in another order are the same notes', async () => {
    const [sound, racy] = [await make('stack-machine-backend.mjs'), await make('racy-stack-machine-backend.mjs')];
    const layout = resolveLayout(sound.layout);
    const snapshots: Uint32Array[] = [];
    for (const backend of [sound, racy]) {
      await backend.start();
      for (let slot = 0; slot < 16; slot += 1) {
        await backend.publish(slot, { opcode: 1, tenant: 0, priority: 2, args: [100 + slot, 0x4000] });
      }
      await backend.drain();
      const snapshot = new Uint32Array(layout.snapshotWords);
      await backend.observe(snapshot);
      snapshots.push(snapshot);
    }
    expect(snapshots[1]).not.toEqual(snapshots[0]);
    expect(compareSnapshots(layout, snapshots[0], snapshots[1]).equal).toBe(true);
  });
});

async function make(name: string): Promise<Backend> {
  const factory: BackendFactory = await loadBackendFactory(example(name));
  return factory();
}

async function recordJobs(): Promise<Recorded> {
  return record(await make('stack-machine-backend.mjs'), 'stack-machine-jobs.jsonl');
}
