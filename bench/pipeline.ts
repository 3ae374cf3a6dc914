/** Recording and replaying as sessions do them, at 64 slots an epoch, every epoch observed and compared. */

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Recorder } from '../cli/recorder.ts';
import { openRecording } from '../node/recording-files.ts';
import { RingLog } from '../node/ring-log.ts';
import { ThreadsBackend } from '../node/threads-backend.ts';
import { type Backend, ReferenceBackend } from '../src/backend/index.ts';
import { defineKernel, type Kernel } from '../src/kernel/index.ts';
import { Opcode } from '../src/protocol/index.ts';
import { RecordingSession, type SlotRequest } from '../src/record/index.ts';
import { planReplay, type ReplayMode, type ReplayPlan, replayOn } from '../src/replay/index.ts';
import { type Measurement, sampleInTurn, thousandsPerSecond, type WaitingContender } from './measurement.ts';

/** With the fence that ends it. */
const SLOTS_PER_EPOCH = 64;
const EPOCHS = 1_000;
/** More, so that the log wraps and observations are dropped, as in a session that goes on. */
const SESSION_EPOCHS = 4_000;
const THREADS_EPOCHS = 1_200;
const CAPACITY = 65_536;

/** Runs everything, in a temporary folder. About half a minute. */
export async function measurePipeline(rounds: number): Promise<Measurement[]> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'vrrl-bench-'));
  try {
    const plan = await makePlan(path.join(folder, 'run.vrrl'));
    const contenders = [...replayContenders(plan), ...recordContenders(folder)];
    return await sampleInTurn(contenders, rounds);
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

const RECORDING = { format: 'v2', capacity: CAPACITY, mayReplace: true } as const;

/** Every epoch of the 64 slots changes some words, no two the same ones. */
const KERNEL: Kernel = defineKernel({ name: 'bench', slotCount: SLOTS_PER_EPOCH });

const EPOCH: readonly SlotRequest[] = Array.from({ length: SLOTS_PER_EPOCH - 1 }, (_, index) => ({
  opcode: Opcode.ATOMIC_ADD,
  tenant: index % 4,
  args: [index + 1, 170 + (index % 16)],
}));

async function makePlan(logPath: string): Promise<ReplayPlan> {
  const recorder = await Recorder.create(logPath, new ReferenceBackend(KERNEL), KERNEL, RECORDING);
  await runEpochs(recorder.session, EPOCHS);
  recorder.close();
  return planReplay(openRecording(logPath), { kernel: KERNEL });
}

async function runEpochs(session: RecordingSession, epochs: number): Promise<void> {
  for (let tag = 0; tag < epochs; tag += 1) {
    await session.publish(EPOCH);
    await session.endEpoch({ tag });
  }
}

function replayContenders(plan: ReplayPlan): WaitingContender[] {
  return [
    replayContender(plan, 'reference', 'chained', () => new ReferenceBackend(KERNEL), 10),
    replayContender(plan, 'reference', 'isolated', () => new ReferenceBackend(KERNEL), 10),
    replayContender(plan, 'threads', 'chained', () => new ThreadsBackend(KERNEL), 1),
  ];
}

function replayContender(
  plan: ReplayPlan,
  name: string,
  mode: ReplayMode,
  make: () => Backend,
  replicas: number,
): WaitingContender {
  return {
    name: `replay ${mode} on ${name}, every epoch of ${SLOTS_PER_EPOCH} compared`,
    unit: 'k epochs/s',
    sample: async () => {
      const { epochsRun, replicasDiverged, elapsedMs } = await replayOn(plan, make(), { mode, replicas });
      if (epochsRun !== EPOCHS * replicas || replicasDiverged > 0) throw new Error(`${epochsRun} epochs, or diverged`);
      return thousandsPerSecond(epochsRun, elapsedMs);
    },
  };
}

/** The same session three times: with nothing attached, with a log, with a log and observations, both in files. */
function recordContenders(folder: string): WaitingContender[] {
  const backends = [
    { name: 'reference', make: () => new ReferenceBackend(KERNEL), epochs: SESSION_EPOCHS },
    { name: 'threads', make: () => new ThreadsBackend(KERNEL), epochs: THREADS_EPOCHS },
  ] as const;
  return backends.flatMap(({ name, make, epochs }) => {
    const contender = (what: string, run: (backend: Backend) => Promise<void>, peer?: string): WaitingContender => ({
      name: `session on ${name}, epochs of ${SLOTS_PER_EPOCH}${what}`,
      unit: 'k epochs/s',
      ...(peer === undefined ? {} : { peer }),
      sample: async () => {
        const backend = make();
        try {
          await backend.start();
          const begin = performance.now();
          await run(backend);
          return thousandsPerSecond(epochs, performance.now() - begin);
        } finally {
          await backend.stop();
        }
      },
    });
    return [
      contender('', (backend) => runBare(backend, epochs)),
      contender(', with log', (backend) => runLogged(backend, path.join(folder, 'log.vrrl'), epochs)),
      contender(', with log and observations', (backend) =>
        runRecorded(backend, path.join(folder, 'both.vrrl'), epochs),
      ),
    ];
  });
}

async function runBare(backend: Backend, epochs: number): Promise<void> {
  await runEpochs(await RecordingSession.start(backend, { kernel: KERNEL }), epochs);
}

async function runLogged(backend: Backend, logPath: string, epochs: number): Promise<void> {
  fs.rmSync(logPath, { force: true });
  const log = RingLog.open(logPath, CAPACITY);
  await runEpochs(await RecordingSession.start(backend, { kernel: KERNEL, log }), epochs);
  log.close();
}

async function runRecorded(backend: Backend, logPath: string, epochs: number): Promise<void> {
  const recorder = await Recorder.create(logPath, backend, KERNEL, RECORDING);
  await runEpochs(recorder.session, epochs);
  recorder.close();
}
