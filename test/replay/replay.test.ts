import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { ThreadsBackend } from '../../node/threads-backend.ts';
import { type Backend, BackendFaultError, PublishError, ReferenceBackend } from '../../src/backend/index.ts';
import { InputError } from '../../src/base/errors.ts';
import { type Judgement, judge } from '../../src/diff/index.ts';
import { defineKernel } from '../../src/kernel/index.ts';
import { FrameKind } from '../../src/observe/stream-format.ts';
import { Opcode } from '../../src/protocol/index.ts';
import { planReplay, type ReplayMode, type ReplayPlan, replayOn } from '../../src/replay/index.ts';
import { anySoundProgram, soundKernel } from './programs.ts';
import {
  AddingBackend,
  answeringLater,
  type Disturbance,
  DisturbedBackend,
  framesOf,
  keptRunning,
  logOnly,
  type Program,
  recordingOf,
  recordRun,
  replayOnAll,
  withoutRestore,
} from './recordings.ts';

const kernel = soundKernel;
const running = new ThreadsBackend(kernel, { workerCount: 2, seed: 1 });
const threads = keptRunning(running);
afterAll(() => running.stop());

function reference(): ReferenceBackend {
  return new ReferenceBackend(kernel);
}

function add(amount: number, word: number): { opcode: number; args: number[] } {
  return { opcode: Opcode.ATOMIC_ADD, args: [amount, word] };
}

describe('a program whose outcome does not depend on the order', () => {
  it('agrees on reference and threads, recorded on either, chained and isolated', async () => {
    const property = fc.asyncProperty(
      anySoundProgram,
      fc.constantFrom<ReplayMode>('chained', 'isolated'),
      fc.integer({ min: 1, max: 3 }),
      fc.boolean(),
      async (program, mode, replicas, onThreads) => {
        const run = await recordRun(program, onThreads ? threads : reference(), { kernel });
        const plan = planReplay(recordingOf(run), { kernel });
        expect(plan.epochs).toHaveLength(program.length);
        const replays = await replayOnAll(plan, [reference(), threads], { mode, replicas });
        expect(judge(plan, replays, kernel)).toMatchObject({
          verdict: 'agree',
          epochs: { total: program.length, agreeing: program.length },
          firstDivergence: undefined,
          unknownEpochs: [],
        });
        for (const replay of replays) {
          expect(replay).toMatchObject({ replicasRun: replicas, replicasDiverged: 0, fault: undefined });
          expect(replay.epochsRun).toBe(replicas * program.length);
        }
      },
    );
    await fc.assert(property, { numRuns: 200 });
  });

  it('agrees with itself from its log alone', async () => {
    const property = fc.asyncProperty(anySoundProgram, async (program) => {
      const v1Slots = program.map((slots) => slots.filter(({ opcode }) => opcode !== Opcode.PACKED_SLOT));
      const run = await recordRun(v1Slots, threads, { kernel });
      const plan = planReplay(logOnly(run), { kernel });
      const judgement = judge(plan, await replayOnAll(plan, [reference(), threads], { replicas: 2 }), kernel);
      expect(judgement).toMatchObject({ verdict: 'agree', comparedWith: 'replays' });
    });
    await fc.assert(property, { numRuns: 50 });
  });

  it('agrees on backends that answer later', async () => {
    const property = fc.asyncProperty(anySoundProgram, async (program) => {
      const run = await recordRun(program, reference(), { kernel });
      const plan = planReplay(recordingOf(run), { kernel });
      const replays = await replayOnAll(plan, [answeringLater(reference()), reference()], { mode: 'isolated' });
      expect(judge(plan, replays, kernel).verdict).toBe('agree');
    });
    await fc.assert(property, { numRuns: 20 });
  });
});

describe('a backend that is wrong', () => {
  const program: Program = [[add(1, 170), add(2, 171)], [add(3, 172)], [add(4, 170), add(5, 173)], [add(6, 171)]];

  async function judgeWrong(disturbance: Disturbance, mode: ReplayMode, replicas = 5): Promise<Judgement> {
    const plan = planReplay(recordingOf(await recordRun(program, reference(), { kernel })), { kernel });
    const wrong = new DisturbedBackend(reference(), disturbance);
    return judge(plan, await replayOnAll(plan, [reference(), wrong], { mode, replicas }), kernel);
  }

  const modes: ReplayMode[] = ['chained', 'isolated'];

  it.each(modes)('by one in one word of one epoch is found there (%s)', async (mode) => {
    const judgement = await judgeWrong(
      {
        observe({ epoch }, snapshot) {
          if (epoch === 2) snapshot[173] += 1;
        },
      },
      mode,
    );
    expect(judgement.firstDivergence).toMatchObject({
      epoch: 2,
      deviceEpoch: 2,
      backend: 'disturbed',
      replica: 0,
      comparedWith: 'recording',
      kind: 'word',
      where: 'control[173]',
      expected: '5',
      seen: '6',
      differenceCount: 1,
    });
    expect(judgement.oddOneOut).toEqual({ source: 'disturbed', epoch: 2, others: ['recording', 'reference'] });
    const rest =
      mode === 'chained' ? { unknown: 1, notReached: 1, agreeing: 2 } : { unknown: 0, notReached: 0, agreeing: 3 };
    expect(judgement).toMatchObject({ verdict: 'diverge', epochs: { total: 4, diverging: 1, ...rest } });
    expect(judgement.backends.map(({ verdict }) => verdict)).toEqual(['agree', 'diverge']);
    expect(judgement.backends[1].divergedReplicas).toMatchObject({ count: 5, total: 5, high: 1 });
  });

  it.each(modes)('in one replica only is found in that replica (%s)', async (mode) => {
    const judgement = await judgeWrong(
      {
        observe({ epoch, replica }, snapshot) {
          if (epoch === 1 && replica === 3) snapshot[172] = 77;
        },
      },
      mode,
    );
    expect(judgement.firstDivergence).toMatchObject({
      epoch: 1,
      replica: 3,
      where: 'control[172]',
      expected: '3',
      seen: '77',
    });
    expect(judgement.backends[1]).toMatchObject({
      divergedReplicas: { count: 1, total: 5 },
      differsFromItself: true,
      mostOutcomes: 2,
    });
    expect(judgement.oddOneOut).toBeUndefined();
    // The other replicas reached every epoch.
    expect(judgement.epochs).toMatchObject({ agreeing: 3, diverging: 1, unknown: 0 });
  });

  it.each(modes)('because it drops a slot is found where the slot was (%s)', async (mode) => {
    const judgement = await judgeWrong(
      { publish: ({ epoch }, slotIndex) => (epoch === 2 && slotIndex === 1 ? 'drop' : undefined) },
      mode,
    );
    // DONE_COUNT is the first word that misses it.
    expect(judgement.firstDivergence).toMatchObject({ epoch: 2, where: 'control[1]', expected: '8', seen: '7' });
    expect(judgement.verdict).toBe('diverge');
  });

  it.each(modes)('because a slot faults is found (%s)', async (mode) => {
    const fault = { slotIndex: 0, opcode: 2, reason: 'RAISED', message: 'on purpose', words: [3, 9] } as const;
    const judgement = await judgeWrong(
      { drain: ({ epoch }, report) => (epoch === 1 ? { ...report, done: report.done - 1, faults: [fault] } : report) },
      mode,
    );
    expect(judgement).toMatchObject({ verdict: 'diverge', epochs: { diverging: 1 } });
    expect(judgement.firstDivergence).toMatchObject({
      epoch: 1,
      kind: 'slots',
      expected: '2 done, 0 faulted, 0 waiting',
      seen: '1 done, 1 faulted (slot 0: on purpose), 0 waiting',
    });
  });

  it('because it leaves a slot waiting is found', async () => {
    const judgement = await judgeWrong(
      { drain: ({ epoch }, report) => (epoch === 3 ? { ...report, done: report.done - 1, pending: [0] } : report) },
      'chained',
    );
    expect(judgement.firstDivergence).toMatchObject({ epoch: 3, kind: 'slots', seen: '1 done, 0 faulted, 1 waiting' });
  });

  it('has its first divergence found at a random place, in a random replica', async () => {
    const run = await recordRun(program, reference(), { kernel });
    const plan = planReplay(recordingOf(run), { kernel });
    const property = fc.asyncProperty(
      fc.nat(3),
      fc.integer({ min: 0, max: kernel.controlWords - 1 }),
      fc.integer({ min: 1, max: 2 ** 32 - 1 }),
      fc.nat(2),
      fc.constantFrom(...modes),
      async (wrongEpoch, word, change, wrongReplica, mode) => {
        const wrong = new DisturbedBackend(reference(), {
          observe({ epoch, replica }, snapshot) {
            if (epoch === wrongEpoch && replica === wrongReplica) snapshot[word] += change;
          },
        });
        const { firstDivergence, epochs, verdict } = judge(
          plan,
          [await replayOn(plan, wrong, { mode, replicas: 3 })],
          kernel,
        );
        expect({ verdict, diverging: epochs.diverging }).toEqual({ verdict: 'diverge', diverging: 1 });
        const expected = run.epochs[wrongEpoch].snapshot[word];
        expect(firstDivergence).toMatchObject({
          epoch: wrongEpoch,
          replica: wrongReplica,
          where: `control[${word}]`,
          expected: String(expected),
          seen: String((expected + change) % 2 ** 32),
        });
      },
    );
    await fc.assert(property, { numRuns: 100 });
  });

  it('ends a chained replica at its first divergence, and goes on isolated', async () => {
    const plan = planReplay(recordingOf(await recordRun(program, reference(), { kernel })), { kernel });
    for (const [mode, epochsRun, observed] of [
      ['chained', 2 + 4, [2, 4]],
      ['isolated', 4 + 4, [4, 4]],
    ] as const) {
      const seen = [0, 0];
      const wrong = new DisturbedBackend(reference(), {
        observe({ replica, epoch }, snapshot) {
          seen[replica] += 1;
          if (replica === 0 && epoch === 1) snapshot[172] += 1;
        },
      });
      const replay = await replayOn(plan, wrong, { mode, replicas: 2 });
      expect(replay).toMatchObject({ epochsRun, replicasDiverged: 1, replicasRun: 2 });
      expect(seen).toEqual(observed);
      expect(replay.epochs.map(({ replicas }) => replicas)).toEqual(mode === 'chained' ? [2, 2, 1, 1] : [2, 2, 2, 2]);
    }
  });

  it('has no more outcomes listed than anybody reads', async () => {
    const plan = planReplay(recordingOf(await recordRun(program, reference(), { kernel })), { kernel });
    const wrong = new DisturbedBackend(reference(), {
      observe({ replica }, snapshot) {
        snapshot[170] += replica;
      },
    });
    const replay = await replayOn(plan, wrong, { mode: 'isolated', replicas: 40 });
    expect(replay.epochs[0].outcomes).toHaveLength(16);
    expect(replay.epochs[0].outcomes[0].count).toBe(1);
    expect(replay.epochs[0].unlistedCount).toBe(24);
    expect(judge(plan, [replay]).backends[0]).toMatchObject({ mostOutcomes: 17, divergedReplicas: { count: 39 } });
  });

  it.each([0, 5_000])('keeps %i bytes of snapshots, and still tells the region', async (keptSnapshotBytes) => {
    const plan = planReplay(recordingOf(await recordRun(program, reference(), { kernel })), { kernel });
    const wrong = new DisturbedBackend(reference(), {
      observe({ replica, epoch }, snapshot) {
        if (epoch === 1) snapshot[171] += replica;
      },
    });
    const replay = await replayOn(plan, wrong, { mode: 'isolated', replicas: 9, keptSnapshotBytes });
    const snapshots = replay.epochs.flatMap(({ outcomes }) => outcomes.flatMap(({ snapshot }) => snapshot ?? []));
    expect(snapshots).toHaveLength(Math.floor(keptSnapshotBytes / (4 * (kernel.controlWords + 257))));
    const { firstDivergence } = judge(plan, [replay], kernel);
    if (keptSnapshotBytes > 0) expect(firstDivergence).toMatchObject({ kind: 'word', where: 'control[171]' });
    else expect(firstDivergence).toMatchObject({ epoch: 1, kind: 'digest', where: 'control', replica: 1, slots: [] });
  });
});

describe('a backend that fails', () => {
  const program: Program = [[add(1, 170)], [add(2, 170)], [add(3, 170)]];

  async function plan(): Promise<ReplayPlan> {
    return planReplay(recordingOf(await recordRun(program, reference(), { kernel })), { kernel });
  }

  const failures: readonly (readonly [string, Disturbance, number])[] = [
    ['start', { start: ({ replica }) => failWhen(replica === 1) }, 3],
    ['publish', { publish: ({ replica, epoch }) => failWhen(replica === 1 && epoch === 1) }, 4],
    ['drain', { drain: ({ replica, epoch }, report) => failWhen(replica === 1 && epoch === 1) ?? report }, 4],
    ['observe', { observe: ({ replica, epoch }) => failWhen(replica === 1 && epoch === 1) }, 4],
    ['restore', { restore: ({ replica, epoch }) => failWhen(replica === 1 && epoch === 1) }, 4],
  ];

  function failWhen(condition: boolean): undefined {
    if (condition) throw new TypeError('the driver is gone');
  }

  it.each(failures)(
    'in %s has its fault in the result, and what was counted before',
    async (_method, disturbance, epochsRun) => {
      const planned = await plan();
      const failing = new DisturbedBackend(reference(), disturbance);
      const replays = await replayOnAll(planned, [failing, reference()], { mode: 'isolated', replicas: 3 });
      expect(replays[0].fault).toBeInstanceOf(BackendFaultError);
      expect(replays[0].fault).toMatchObject({ kind: 'crash', backend: 'disturbed' });
      expect(replays[0].fault?.message).toMatch(/the driver is gone.*Fix: /);
      expect(replays[0]).toMatchObject({ replicasRun: 1, epochsRun, replicasDiverged: 0 });
      expect(failing.stopCount).toBe(1);
      expect(replays[1]).toMatchObject({ replicasRun: 3, fault: undefined });
      const judgement = judge(planned, replays, kernel);
      expect(judgement).toMatchObject({ verdict: 'unknown', epochs: { diverging: 0 } });
      expect(judgement.backends.map(({ verdict }) => verdict)).toEqual(['unknown', 'agree']);
    },
  );

  it('in stop has that in the result too', async () => {
    const planned = await plan();
    const failing = new DisturbedBackend(reference(), { stop: () => failWhen(true) });
    const replay = await replayOn(planned, failing);
    expect(replay.fault?.message).toContain('the driver is gone');
    expect(judge(planned, [replay])).toMatchObject({ verdict: 'unknown', epochs: { agreeing: 3 } });
  });

  it('keeps the fault that it reports itself', async () => {
    const own = new BackendFaultError('gpu', 'hang', 'no answer within 10 s', 'wait.', { pid: 7 });
    const failing = new DisturbedBackend(reference(), {
      drain() {
        throw own;
      },
    });
    expect((await replayOn(await plan(), failing)).fault).toBe(own);
  });

  it('still has its divergence judged', async () => {
    const planned = await plan();
    const failing = new DisturbedBackend(reference(), {
      observe({ replica, epoch }, snapshot) {
        if (epoch === 1 && replica === 0) snapshot[170] = 0;
        failWhen(replica === 2);
      },
    });
    expect(judge(planned, [await replayOn(planned, failing, { replicas: 5 })])).toMatchObject({
      verdict: 'diverge',
      firstDivergence: { epoch: 1, replica: 0 },
      backends: [{ fault: { kind: 'crash' }, replicasRun: 2, divergedReplicas: { count: 1, total: 2 } }],
    });
  });

  it('because it refuses a slot makes the epoch unknown, not wrong', async () => {
    const planned = await plan();
    let isRefused = false;
    const refusing = new DisturbedBackend(reference(), {
      publish({ epoch }) {
        if (epoch !== 1 || isRefused) return undefined;
        isRefused = true;
        throw new PublishError('slot 0 is busy', 'wait.');
      },
    });
    const judgement = judge(planned, [await replayOn(planned, refusing)]);
    // Chained, it goes on from what was recorded.
    expect(judgement).toMatchObject({ verdict: 'unknown', epochs: { agreeing: 2, unknown: 1 } });
    expect(judgement.unknownEpochs).toEqual([
      { epoch: 1, reasons: [expect.stringMatching(/^record 2 cannot be published: slot 0 is busy/)] },
    ]);
  });
});

describe('what a mode asks for', () => {
  it('is a restore method and recorded states for isolated replay', async () => {
    const run = await recordRun([[add(1, 170)]], reference(), { kernel });
    const backend = new DisturbedBackend(reference(), {});
    const plan = planReplay(recordingOf(run), { kernel });
    await expect(replayOn(plan, withoutRestore(reference()), { mode: 'isolated' })).rejects.toThrow(InputError);
    await expect(replayOn(plan, withoutRestore(reference()), { mode: 'isolated' })).rejects.toThrow('cannot restore');
    const alone = planReplay(logOnly(run), { kernel });
    await expect(replayOn(alone, backend, { mode: 'isolated' })).rejects.toThrow('no recorded states');
    // It was made for this replay, so it is stopped even if that never began.
    expect(backend.stopCount).toBe(1);
  });

  it('is a backend that observes what was recorded', async () => {
    const run = await recordRun([[add(1, 170)]], reference(), { kernel });
    const larger = defineKernel({ name: 'larger', slotCount: 8, observableWords: 81 });
    await expect(replayOn(planReplay(recordingOf(run)), new ReferenceBackend(larger))).rejects.toThrow(
      'observes other words than were recorded',
    );
  });
});

describe('after an epoch that cannot be replayed', () => {
  const program: Program = [[add(1, 170)], [{ opcode: 0x4000_0000, args: [1] }], [add(2, 170)], [add(3, 170)]];

  async function planBroken(hasStream: boolean): Promise<ReplayPlan> {
    const run = await recordRun(program, new AddingBackend());
    // For this kernel the opcode in the middle has no handler.
    return planReplay(hasStream ? recordingOf(run) : logOnly(run), { kernel });
  }

  it('a chained replay goes on from the recorded state', async () => {
    const plan = await planBroken(true);
    const replay = await replayOn(plan, new AddingBackend(), { replicas: 3 });
    expect(replay.epochs.map(({ replicas }) => replicas)).toEqual([3, 0, 3, 3]);
    expect(judge(plan, [replay]).epochs).toMatchObject({ agreeing: 3, unknown: 1 });
  });

  it('everything is unknown if there is no recorded state', async () => {
    const plan = await planBroken(false);
    const judgement = judge(plan, [await replayOn(plan, new AddingBackend(), { replicas: 2 })]);
    expect(judgement.epochs).toMatchObject({ agreeing: 1, unknown: 3, notReached: 0 });
    expect(judgement.unknownEpochs.map(({ reasons }) => reasons)).toEqual([
      ['kernel sound has no handler for opcode 0x40000000'],
      ['the state that it starts from is not known'],
      ['the state that it starts from is not known'],
    ]);
  });

  it('everything is unknown if the backend cannot restore one', async () => {
    const plan = await planBroken(true);
    const judgement = judge(plan, [await replayOn(plan, withoutRestore(new AddingBackend()))]);
    expect(judgement.epochs).toMatchObject({ agreeing: 1, unknown: 3 });
    expect(judgement.unknownEpochs[1].reasons).toEqual(['backend adding cannot restore the state that it starts from']);
  });

  it('a backend that can go on is not judged alone', async () => {
    const plan = await planBroken(true);
    const replays = await replayOnAll(plan, [new AddingBackend(), withoutRestore(new AddingBackend(4, 'other'))]);
    const judgement = judge(plan, replays);
    expect(judgement.epochs).toMatchObject({ agreeing: 1, unknown: 3 });
    expect(judgement.backends.map(({ verdict }) => verdict)).toEqual(['unknown', 'unknown']);
  });
});

describe('the debug log', () => {
  const print = (value: number) => ({ opcode: Opcode.PRINTF, args: [value, 0, 0] });
  const program: Program = [Array.from({ length: 8 }, (_, index) => print(index >> 1)), [print(9)]];

  async function judgeDebug(change: (debug: Uint32Array) => void): Promise<Judgement> {
    const plan = planReplay(recordingOf(await recordRun(program, reference(), { kernel, fence: false })), { kernel });
    const backend = new DisturbedBackend(reference(), {
      observe({ epoch }, snapshot) {
        if (epoch === 0) change(snapshot.subarray(kernel.controlWords));
      },
    });
    return judge(plan, [await replayOn(plan, backend)], kernel);
  }

  it('may have its records in any order', async () => {
    const judgement = await judgeDebug((debug) => {
      const records = Array.from({ length: 8 }, (_, record) =>
        Array.from(debug.subarray(1 + 4 * record, 5 + 4 * record)),
      );
      debug.set(records.reverse().flat(), 1);
    });
    expect(judgement.verdict).toBe('agree');
  });

  it('diverges if a record is missing, and its place in the log is zero', async () => {
    const judgement = await judgeDebug((debug) => {
      debug[0] -= 4;
      debug.fill(0, 29, 33);
    });
    expect(judgement.firstDivergence).toMatchObject({ kind: 'word', where: 'debug[0]', expected: '32', seen: '28' });
  });

  it('diverges if a record is there twice and another is not', async () => {
    const judgement = await judgeDebug((debug) => debug.copyWithin(29, 1, 5));
    expect(judgement.firstDivergence).toMatchObject({
      kind: 'record',
      where: 'printf records',
      expected: '(3, 0, 0, 112) 1 times',
      seen: '(3, 0, 0, 112) 0 times',
      differenceCount: 2,
    });
  });

  it('does not care what is behind its cursor', async () => {
    expect((await judgeDebug((debug) => debug.fill(7, 33))).verdict).toBe('agree');
  });

  it('is unknown where it dropped records, and never diverges', async () => {
    const wide = defineKernel({ name: 'wide', slotCount: 128 });
    const backend = new ThreadsBackend(wide, { workerCount: 2, seed: 3 });
    const kept = keptRunning(backend);
    const slots = Array.from({ length: 90 }, (_, index) => print(index));
    try {
      const run = await recordRun([slots, [add(1, 170)], slots.slice(0, 60)], kept, { kernel: wide });
      const plan = planReplay(recordingOf(run), { kernel: wide });
      const options = { replicas: 30, mode: 'isolated' } as const;
      const replays = await replayOnAll(plan, [kept, new ReferenceBackend(wide)], options);
      const judgement = judge(plan, replays, wide);
      expect(judgement).toMatchObject({ verdict: 'unknown', epochs: { agreeing: 2, unknown: 1, diverging: 0 } });
      expect(judgement.unknownEpochs[0]).toMatchObject({
        epoch: 0,
        reasons: [expect.stringContaining('more records')],
      });
      expect(judgement.backends[0]).toMatchObject({ differsFromItself: false, divergedReplicas: { count: 0 } });
    } finally {
      await backend.stop();
    }
  });

  it('that dropped records does not hide a word that is wrong, however many outcomes there are', async () => {
    const wide = defineKernel({ name: 'wide', slotCount: 128 });
    const slots = Array.from({ length: 90 }, (_, index) => print(index));
    const plan = planReplay(recordingOf(await recordRun([slots], new ReferenceBackend(wide), { kernel: wide })), {
      kernel: wide,
    });
    const backend = new DisturbedBackend(new ReferenceBackend(wide), {
      observe({ replica }, snapshot) {
        // Another record is dropped in every replica.
        snapshot[wide.controlWords + 1] = 1_000 + replica;
        if (replica === 30) snapshot[200] = 1;
      },
    });
    const judgement = judge(plan, [await replayOn(plan, backend, { replicas: 40 })], wide);
    expect(judgement).toMatchObject({
      verdict: 'diverge',
      firstDivergence: { where: 'control[200]', replica: 30, seen: '1' },
      backends: [{ divergedReplicas: { count: 1, total: 40 } }],
    });
  });
});

describe('a log without observations', () => {
  const program: Program = [[add(1, 170)], [add(2, 170)], [add(3, 170)], [add(4, 170)]];

  /** What the replicas of one backend, then of a sound one, come to if some of them go wrong for good in epoch 1. */
  async function replayWrong(wrongReplicas: readonly number[]): Promise<Judgement> {
    const run = await recordRun(program, reference(), { kernel });
    const plan = planReplay(logOnly(run), { kernel });
    let hasFailed = false;
    const wrong = new DisturbedBackend(reference(), {
      start() {
        hasFailed = false;
      },
      observe({ epoch, replica }, snapshot) {
        hasFailed ||= wrongReplicas.includes(replica) && epoch === 1;
        // What went wrong once stays in the memory.
        if (hasFailed) snapshot[170] += 1_000;
      },
    });
    return judge(plan, await replayOnAll(plan, [wrong, reference()], { replicas: 5 }), kernel);
  }

  it('has the divergence of a replica counted once, not its echoes', async () => {
    const judgement = await replayWrong([2]);
    expect(judgement).toMatchObject({
      verdict: 'diverge',
      comparedWith: 'replays',
      epochs: { total: 4, agreeing: 3, diverging: 1 },
      firstDivergence: { epoch: 1, where: 'control[170]', replica: 2, expected: '3', seen: '1003' },
    });
    // The first replica is what the other four are compared with, and the second backend's five too.
    expect(judgement.backends.map(({ divergedReplicas: { count, total } }) => [count, total])).toEqual([
      [1, 4],
      [0, 5],
    ]);
  });

  it('has its rates told against the first replica, even where that is the wrong one', async () => {
    const judgement = await replayWrong([0]);
    expect(judgement).toMatchObject({ verdict: 'diverge', firstDivergence: { epoch: 1, expected: '1003', seen: '3' } });
    expect(judgement.backends.map(({ divergedReplicas: { count, total } }) => [count, total])).toEqual([
      [4, 4],
      [5, 5],
    ]);
    // Nobody but the first replica got farther, so there is nothing to compare the rest with.
    expect(judgement.epochs).toEqual({ total: 4, agreeing: 1, diverging: 1, unknown: 2, notReached: 2 });
  });

  it('has no rate for a single replica', async () => {
    const plan = planReplay(logOnly(await recordRun(program, reference(), { kernel })), { kernel });
    const judgement = judge(plan, await replayOnAll(plan, [reference()]), kernel);
    expect(judgement).toMatchObject({
      verdict: 'unknown',
      backends: [{ divergedReplicas: { count: 0, total: 0, low: 0, high: 1 } }],
    });
  });
});

describe('a backend that contradicts itself', () => {
  it.each([
    [{ epochWord: 1e6 }, /its epochWord is 1000000, and a snapshot of it has \d+ words/],
    [{ epochWord: -1 }, /its epochWord is -1/],
    [{ slotCount: 0 }, /its slotCount is 0/],
    [{ slotCount: Number.NaN }, /its slotCount is NaN/],
  ])('is refused before it runs: %j', async (change, message) => {
    const plan = planReplay(recordingOf(await recordRun([[add(1, 170)]], reference(), { kernel })), { kernel });
    const backend: Backend = Object.assign(answeringLater(reference()), change);
    const refusal = replayOn(plan, backend);
    await expect(refusal).rejects.toThrow(BackendFaultError);
    await expect(refusal).rejects.toMatchObject({ kind: 'protocol', message: expect.stringMatching(message) });
  });

  it('and whose ring is too small is never asked to publish beyond it', async () => {
    const plan = planReplay(logOnly(await recordRun([[add(1, 0), add(1, 1), add(1, 2)]], new AddingBackend(8))));
    const asked: number[] = [];
    const small = new DisturbedBackend(new AddingBackend(2), {
      publish(_moment, slotIndex) {
        asked.push(slotIndex);
        return undefined;
      },
    });
    const judgement = judge(plan, await replayOnAll(plan, [small], { replicas: 2 }));
    expect(asked.every((slotIndex) => slotIndex < 2)).toBe(true);
    expect(judgement.verdict).toBe('unknown');
    expect(judgement.unknownEpochs[0].reasons).toContainEqual(
      expect.stringContaining('slot 2 is beyond the ring, which has 2 slots'),
    );
  });
});

describe('slots that fault', () => {
  const wild = add(1, 5_000);
  const program: Program = [[add(1, 170)], [wild, add(2, 170)], [add(3, 170)]];

  it('make their epoch unknown, and the recorded state is gone on from', async () => {
    const run = await recordRun(program, reference(), { kernel });
    const plan = planReplay(recordingOf(run), { kernel });
    for (const mode of ['chained', 'isolated'] as const) {
      const judgement = judge(plan, await replayOnAll(plan, [reference(), threads], { mode, replicas: 3 }), kernel);
      expect(judgement).toMatchObject({ verdict: 'unknown', epochs: { agreeing: 2, unknown: 1, diverging: 0 } });
      const why = 'slot 0: ATOMIC_ADD reached control[5000], which has 240 words';
      const reasons = [`1 of its slots faulted when it was recorded (${why})`];
      expect(judgement.unknownEpochs).toEqual([{ epoch: 1, reasons }]);
    }
  });

  it('are told with their reasons where nothing was recorded, and nothing after them is known', async () => {
    const plan = planReplay(logOnly(await recordRun(program, reference(), { kernel })), { kernel });
    const judgement = judge(plan, await replayOnAll(plan, [reference(), threads], { replicas: 3 }), kernel);
    expect(judgement).toMatchObject({ verdict: 'unknown', epochs: { agreeing: 1, unknown: 2 } });
    expect(judgement.unknownEpochs).toEqual([
      { epoch: 1, reasons: ['slot 0: ATOMIC_ADD reached control[5000], which has 240 words'] },
      { epoch: 2, reasons: ['the state that it starts from is not known'] },
    ]);
  });

  it('in a replay alone are a divergence', async () => {
    const sound = await recordRun([[add(1, 170)], [add(1, 230)]], reference(), { kernel });
    const layout = reference().layout;
    const small = defineKernel({ name: 'small', slotCount: 8, observableWords: 60 });
    const inner = new ReferenceBackend(small);
    // A backend of the same layout whose memory is smaller than it says.
    const backend: Backend = {
      name: 'small',
      slotCount: 8,
      layout,
      start: () => inner.start(),
      publish: (slotIndex, slot) => inner.publish(slotIndex, slot),
      drain: () => inner.drain(),
      observe(snapshot) {
        const words = new Uint32Array(small.controlWords + 257);
        inner.observe(words);
        snapshot.fill(0);
        snapshot.set(words.subarray(0, small.controlWords));
        snapshot.set(words.subarray(small.controlWords), kernel.controlWords);
      },
      stop: () => {},
    };
    const plan = planReplay(recordingOf(sound), { kernel });
    expect(judge(plan, [await replayOn(plan, backend)], kernel)).toMatchObject({
      verdict: 'diverge',
      firstDivergence: { epoch: 1, where: 'control[1]' },
    });
  });
});

describe('replaying', () => {
  it('tells how far it is, and in the end that it is through', async () => {
    const plan = planReplay(recordingOf(await recordRun([[add(1, 170)]], reference(), { kernel })), { kernel });
    const told: number[][] = [];
    await replayOn(plan, reference(), { replicas: 4, onProgress: (...progress) => void told.push(progress) });
    expect(told.at(-1)).toEqual([4, 4, 4]);
  });

  it('lets the loop have a turn now and then', async () => {
    const program = Array.from({ length: 30 }, () => [add(1, 170)]);
    const plan = planReplay(recordingOf(await recordRun(program, reference(), { kernel })), { kernel });
    let turns = 0;
    const timer = setInterval(() => {
      turns += 1;
    }, 0);
    const slow = new DisturbedBackend(reference(), {
      observe() {
        const end = performance.now() + 10;
        while (performance.now() < end);
      },
    });
    await replayOn(plan, slow);
    clearInterval(timer);
    expect(turns).toBeGreaterThan(1);
  });

  it('nothing at all agrees with nothing', async () => {
    const plan = planReplay(recordingOf(await recordRun([[add(1, 170)]], reference(), { kernel })), { kernel });
    expect(judge(plan, []).verdict).toBe('unknown');
    expect(judge(plan, []).unknownEpochs).toEqual([{ epoch: 0, reasons: ['nothing was run'] }]);
    expect(judge(plan, [await replayOn(plan, reference(), { replicas: 0 })]).verdict).toBe('unknown');
  });
});

describe('the epoch that nobody saw the end of', () => {
  /** The stream of a writer that was killed before its last epoch drained. */
  async function killed(): Promise<ReplayPlan> {
    const run = await recordRun([[{ opcode: 1, args: [1] }], [{ opcode: 1, args: [2] }]], new AddingBackend());
    const last = framesOf(run.stream, FrameKind.EPOCH).at(-1);
    return planReplay(recordingOf({ log: run.log, stream: run.stream.slice(0, last?.start) }));
  }

  it('is run again, and stays unknown', async () => {
    const plan = await killed();
    const replay = await replayOn(plan, new AddingBackend(), { replicas: 3 });
    expect(replay.epochs.map(({ replicas }) => replicas)).toEqual([3, 3]);
    expect(judge(plan, [replay])).toMatchObject({ verdict: 'unknown', epochs: { agreeing: 1, unknown: 1 } });
  });

  it('kills the backend again if it did before', async () => {
    const plan = await killed();
    const deadly = new DisturbedBackend(new AddingBackend(), {
      drain: ({ epoch }, report) => {
        if (epoch === 1) throw new Error('device lost');
        return report;
      },
    });
    const replay = await replayOn(plan, deadly);
    expect(replay.fault?.message).toContain('device lost');
    expect(judge(plan, [replay]).verdict).toBe('unknown');
  });
});
