import { copyFileSync, existsSync, mkdtempSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { Recorder } from '../../cli/recorder.ts';
import { type OpenRecordingOptions, observationPathOf, openRecording } from '../../node/recording-files.ts';
import { ThreadsBackend } from '../../node/threads-backend.ts';
import { type Backend, ReferenceBackend } from '../../src/backend/index.ts';
import { InputError } from '../../src/base/errors.ts';
import { type Judgement, judge } from '../../src/diff/index.ts';
import { kernelFromJson } from '../../src/kernel/index.ts';
import { HEADER_BYTES, RECORD_BYTES } from '../../src/log/index.ts';
import { Opcode } from '../../src/protocol/index.ts';
import { planReplay, type ReplayOptions } from '../../src/replay/index.ts';
import { soundKernel as kernel, packedAdds } from './programs.ts';
import { AddingBackend, DisturbedBackend, keptRunning, namedEpochs, type Program, replayOnAll } from './recordings.ts';

const root = mkdtempSync(path.join(tmpdir(), 'vrrl-replay-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(root, 'run-'));
});

const program: Program = Array.from({ length: 12 }, (_, epoch) => [
  { opcode: Opcode.ATOMIC_ADD, args: [epoch, 165] },
  { opcode: Opcode.STORE_U32, args: [epoch, 190 + epoch] },
  { opcode: Opcode.PACKED_SLOT, args: packedAdds([[epoch, 166]]), priority: 1 },
  { opcode: Opcode.PRINTF, args: [epoch, 1, 2] },
]);

const isKernelOurs = (backend: Backend) => backend.layout.areas[0].name === 'control';

async function recordTo(logPath: string, backend: Backend, slots = program, capacity = 256): Promise<Recorder> {
  const recorder = await Recorder.create(logPath, backend, isKernelOurs(backend) ? kernel : undefined, {
    format: 'v1',
    capacity,
  });
  try {
    for (const [tag, epoch] of slots.entries()) {
      await recorder.session.publish(epoch);
      await recorder.session.endEpoch({ tag });
    }
  } finally {
    recorder.close();
    await backend.stop();
  }
  return recorder;
}

async function judgeFiles(
  logPath: string,
  backends: readonly Backend[],
  options: OpenRecordingOptions = {},
  replay: ReplayOptions = {},
): Promise<Judgement> {
  const recording = openRecording(logPath, options);
  try {
    const recorded = recording.observations?.header.kernel;
    const known = recorded === undefined || recorded === null ? kernel : kernelFromJson(recorded);
    const plan = planReplay(recording, isKernelOurs(backends[0]) ? { kernel: known } : {});
    return judge(plan, await replayOnAll(plan, backends, replay), known);
  } finally {
    recording.close();
  }
}

describe('a recording in files', () => {
  it('is recorded on threads and replayed on reference and threads, both ways', async () => {
    const logPath = path.join(folder, 'run.vrrl');
    await recordTo(logPath, new ThreadsBackend(kernel, { workerCount: 2 }));
    expect(existsSync(observationPathOf(logPath))).toBe(true);
    const threads = new ThreadsBackend(kernel, { workerCount: 2 });
    try {
      for (const mode of ['chained', 'isolated'] as const) {
        const backends = [new ReferenceBackend(kernel), keptRunning(threads)];
        const judgement = await judgeFiles(logPath, backends, {}, { mode, replicas: 3 });
        expect(judgement).toMatchObject({ verdict: 'agree', comparedWith: 'recording', epochs: { agreeing: 12 } });
      }
    } finally {
      await threads.stop();
    }
  });

  it('that wraps is replayed from where it is whole', async () => {
    const logPath = path.join(folder, 'run.vrrl');
    await recordTo(logPath, new ReferenceBackend(kernel), program, 17);
    const judgement = await judgeFiles(logPath, [new ReferenceBackend(kernel)]);
    expect(judgement).toMatchObject({ verdict: 'agree', epochs: { total: 3, agreeing: 3 } });
    expect(judgement.notes).toHaveLength(1);
  });

  it('copied without its observations is compared with itself, as far as a v1 log can be replayed', async () => {
    const logPath = path.join(folder, 'run.vrrl');
    await recordTo(logPath, new ReferenceBackend(kernel));
    const copyPath = path.join(folder, 'copy.vrrl');
    copyFileSync(logPath, copyPath);
    const alone = await judgeFiles(copyPath, [new ReferenceBackend(kernel)]);
    expect(alone).toMatchObject({ verdict: 'unknown', comparedWith: 'replays', epochs: { agreeing: 0, unknown: 12 } });
    expect(alone.unknownEpochs[0].reasons).toEqual(['PACKED_SLOT has 12 arguments, of which a v1 record keeps 4']);
    const observations = observationPathOf(logPath);
    expect((await judgeFiles(copyPath, [new ReferenceBackend(kernel)], { observations })).verdict).toBe('agree');
    expect((await judgeFiles(logPath, [new ReferenceBackend(kernel)], { observations: false })).verdict).toBe(
      'unknown',
    );
  });

  it('copied without its observations agrees with itself where records keep everything', async () => {
    const logPath = path.join(folder, 'run.vrrl');
    const plain = program.map((slots) => slots.filter(({ opcode }) => opcode !== Opcode.PACKED_SLOT));
    await recordTo(logPath, new ReferenceBackend(kernel), plain);
    rmSync(observationPathOf(logPath));
    const judgement = await judgeFiles(logPath, [new ReferenceBackend(kernel), new ReferenceBackend(kernel)]);
    expect(judgement).toMatchObject({ verdict: 'agree', comparedWith: 'replays', epochs: { agreeing: 12 } });
  });

  it('that was cut short is unknown from there on', async () => {
    const logPath = path.join(folder, 'run.vrrl');
    await recordTo(logPath, new ReferenceBackend(kernel));
    truncateSync(logPath, HEADER_BYTES + 23 * RECORD_BYTES + 5);
    const judgement = await judgeFiles(logPath, [new ReferenceBackend(kernel)]);
    expect(judgement).toMatchObject({
      verdict: 'unknown',
      epochs: { total: 12, agreeing: 4, unknown: 8, diverging: 0 },
    });
  });

  it('of a backend that died holds every slot up to the one that killed it', async () => {
    const logPath = path.join(folder, 'run.vrrl');
    const dying = new DisturbedBackend(new AddingBackend(), {
      publish(_moment, _slotIndex, { args }) {
        if (args[0] === 7) throw new Error('the device is lost');
        return undefined;
      },
    });
    await expect(recordTo(logPath, dying, namedEpochs(12))).rejects.toThrow('the device is lost');
    const recording = openRecording(logPath);
    expect([...recording.log.columns].map(({ args }) => args[0])).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    recording.close();
    const judgement = await judgeFiles(logPath, [new AddingBackend()]);
    expect(judgement).toMatchObject({ verdict: 'unknown', epochs: { total: 8, agreeing: 7, unknown: 1 } });
  });

  it('is not written over', async () => {
    const logPath = path.join(folder, 'run.vrrl');
    await recordTo(logPath, new ReferenceBackend(kernel));
    await expect(recordTo(logPath, new ReferenceBackend(kernel))).rejects.toThrow(InputError);
    rmSync(logPath);
    await expect(recordTo(logPath, new ReferenceBackend(kernel))).rejects.toThrow('is there already');
    expect(existsSync(logPath)).toBe(false);
  });
});
