/**
 * Replaying by programs, on a model of a device: it steps in plain words what a GPU does in one go. What is asked for, what is
 * believed, and what becomes of the counts.
 */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Backend,
  BackendFaultError,
  type CapturedOutcome,
  type LoadedProgram,
  type ProgramResult,
  type ProgramRunOptions,
  ReferenceBackend,
  type ReplayProgram,
} from '../../src/backend/index.ts';
import { judge } from '../../src/diff/index.ts';
import { DIGEST_WORDS, digestSnapshot, hasOverflowed, resolveLayout } from '../../src/observe/index.ts';
import { digestFaults } from '../../src/record/index.ts';
import { type BackendReplay, planReplay, type ReplayOptions, replayOn } from '../../src/replay/index.ts';
// @ts-expect-error a script in JavaScript, as runners are
import { withPrograms } from '../backend/runners/stepped-programs.mjs';
import { differences } from '../gpu/programs/compare-replays.ts';
import { type PlacedProgram, type PlacedRecording, planPlaced } from '../gpu/programs/placed-slots.ts';
import { anyRecording } from '../gpu/programs/random-programs.ts';
import { scenarioKernel, Word } from '../gpu/programs/scenario-kernel.ts';
import { LOGS, ORDERED, SCENARIOS } from '../gpu/programs/scenarios.ts';
import { DisturbedBackend, namedEpochs, recordingOf, recordRun, ScriptedBackend } from './recordings.ts';

const kernel = scenarioKernel;
const layout = resolveLayout(new ReferenceBackend(kernel).layout);

/** A device that is right. */
function model(inner: Backend = new ReferenceBackend(kernel)): Required<Pick<Backend, 'load' | 'restore'>> & Backend {
  return withPrograms(inner, { digestSnapshot, digestFaults, resolveLayout, hasOverflowed });
}

/** The device, but for what it makes of its results. */
function lying(change: (result: ProgramResult) => ProgramResult, device = model()): Backend {
  return loading(device, (loaded) => ({
    run: async (options) => change(await loaded.run(options)),
    release: () => loaded.release(),
  }));
}

function loading(device: Backend, wrap: (loaded: LoadedProgram) => LoadedProgram | undefined): Backend {
  return {
    ...device,
    load: async (program) => {
      const loaded = await device.load?.(program);
      return loaded && wrap(loaded);
    },
  };
}

/** The device, and what it was asked for. */
function listening(device: Backend = model()): {
  readonly device: Backend;
  readonly programs: ReplayProgram[];
  readonly runs: ProgramRunOptions[];
  readonly released: LoadedProgram[];
} {
  const programs: ReplayProgram[] = [];
  const runs: ProgramRunOptions[] = [];
  const released: LoadedProgram[] = [];
  const heard: Backend = {
    ...device,
    load: async (program) => {
      programs.push(program);
      const loaded = await device.load?.(program);
      if (loaded === undefined) return undefined;
      return {
        run: (options) => {
          runs.push(options);
          return loaded.run(options);
        },
        release: () => {
          released.push(loaded);
          return loaded.release();
        },
      };
    },
  };
  return { device: heard, programs, runs, released };
}

const planOf = (program: PlacedProgram, options: Omit<PlacedRecording, 'kernel'> = {}) =>
  planPlaced(program, { kernel, ...options });
const SOUND: PlacedProgram = SCENARIOS[0].program;

/** What the device is caught with. */
async function faultOf(device: Backend, options: ReplayOptions = {}): Promise<BackendFaultError | undefined> {
  return (await replayOn(await planOf(SOUND), device, { replicas: 2, ...options })).fault;
}

describe('a device that is right', () => {
  it.each([...SCENARIOS, ...LOGS].map((scenario) => [scenario.name, scenario] as const))(
    'replays %s as the host steps it',
    async (_name, { program, options, isLogOnly = false }) => {
      const plan = await planOf(program, { ...options, isLogOnly });
      const modes = isLogOnly ? (['chained'] as const) : (['chained', 'isolated'] as const);
      for (const mode of modes) {
        expect(await differences({ plan, kernel, device: model() }, { mode, shape: 'wide' })).toEqual([]);
      }
    },
  );

  it('replays any program as the host steps it', async () => {
    const property = fc.asyncProperty(anyRecording, async ({ program, ...options }) => {
      const plan = await planOf(program, options);
      for (const mode of options.isLogOnly ? (['chained'] as const) : (['chained', 'isolated'] as const)) {
        expect(await differences({ plan, kernel, device: model(), replicas: 3 }, { mode, shape: 'wide' })).toEqual([]);
      }
    });
    await fc.assert(property, { numRuns: 60 });
  });

  it('that is wrong in one epoch of some replicas is told from the host that is wrong there', async () => {
    // Whatever steps counts replicas from its start, and so does the model.
    const disturbance = {
      observe: ({ replica, epoch }: { replica: number; epoch: number }, snapshot: Uint32Array) => {
        if (replica % 3 === 1 && epoch === 2) snapshot[Word.CELLS] ^= 1;
      },
    };
    const plan = await planOf(SOUND);
    const options = { mode: 'chained', replicas: 7 } as const;
    const stepped = await replayOn(plan, new DisturbedBackend(new ReferenceBackend(kernel), disturbance), options);
    // One start is for the words of a fresh kernel.
    const shifted = {
      observe: (moment: { replica: number; epoch: number }, snapshot: Uint32Array) =>
        disturbance.observe({ ...moment, replica: moment.replica - 1 }, snapshot),
    };
    const device = model(new DisturbedBackend(new ReferenceBackend(kernel), shifted));
    const onDevice = await replayOn(plan, device, options);
    const shown = (replay: BackendReplay) => ({
      ...judge(plan, [replay], kernel),
      backends: undefined,
      each: replay.epochs.map(({ replicas, replicasDiffering }) => [replicas, replicasDiffering]),
      counts: [replay.replicasRun, replay.replicasCompared, replay.replicasDiverged, replay.epochsRun],
    });
    expect(shown(onDevice)).toEqual(shown(stepped));
    expect(onDevice).toMatchObject({ replicasDiverged: 2, onDevice: { replicas: 7 } });
    expect(onDevice.epochsRun).toBe(7 * 6 - 2 * 3);
  });
});

describe('a device that lies', () => {
  const changed = (outcome: CapturedOutcome): CapturedOutcome => {
    const snapshot = outcome.snapshot.slice();
    snapshot[Word.CELLS] += 1;
    return { ...outcome, snapshot };
  };
  const signedAnew = (outcome: CapturedOutcome): CapturedOutcome => {
    const signature = outcome.signature.slice();
    digestSnapshot(layout, outcome.snapshot, signature);
    return { ...outcome, signature };
  };
  const onCaptured = (change: (outcome: CapturedOutcome) => CapturedOutcome) => (result: ProgramResult) => ({
    ...result,
    captured: result.captured.map(change),
  });

  it('about the digest of its words breaks the protocol', async () => {
    const fault = await faultOf(lying(onCaptured(changed)));
    expect(fault).toMatchObject({ kind: 'protocol' });
    expect(fault?.message).toMatch(/its digest of epoch \d+, replica \d+, is not that of its words/);
  });

  it('about the digest in whatever word of it, too', async () => {
    for (let word = 0; word < layout.regions.length * DIGEST_WORDS; word += 1) {
      const device = lying(
        onCaptured(({ signature, ...others }) => ({
          ...others,
          signature: signature.map((value, index) => (index === word ? value ^ 1 : value)),
        })),
      );
      expect(await faultOf(device), `word ${word}`).toMatchObject({ kind: 'protocol' });
    }
  });

  it('about other words than were recorded being the same breaks the protocol', async () => {
    const fault = await faultOf(lying(onCaptured((outcome) => signedAnew(changed(outcome)))));
    expect(fault).toMatchObject({ kind: 'protocol' });
    expect(fault?.message).toMatch(/has the digest of the recording and other words/);
  });

  it('about the words of an outcome that differs breaks the protocol as well', async () => {
    const odd = (result: ProgramResult) => ({
      ...result,
      captured: result.captured.map((outcome) => changed({ ...outcome, relation: 'different' as const })),
    });
    expect(await faultOf(lying(odd))).toMatchObject({ kind: 'protocol' });
  });

  it('leaves nothing behind of the run that it was caught in', async () => {
    const plan = await planOf(SOUND);
    const { device, released } = listening(lying(onCaptured(changed)));
    const replay = await replayOn(plan, device, { replicas: 4 });
    expect(replay).toMatchObject({ fault: { kind: 'protocol' }, replicasRun: 0, replicasDiverged: 0, epochsRun: 0 });
    expect(replay.epochs.map(({ replicas, outcomes }) => [replicas, outcomes.length])).toEqual(
      plan.epochs.map(() => [0, 0]),
    );
    expect(judge(plan, [replay], kernel).verdict).toBe('unknown');
    expect(released).toHaveLength(1);
  });

  it('in words that are not compared is believed', async () => {
    const ignored = (outcome: CapturedOutcome): CapturedOutcome => {
      const snapshot = outcome.snapshot.slice();
      snapshot[Word.IGNORED_ORDER] += 1;
      return { ...outcome, snapshot };
    };
    expect(await faultOf(lying(onCaptured(ignored)))).toBeUndefined();
  });
});

describe('a program', () => {
  it('that the device does not take up is stepped, every replica once', async () => {
    const plan = await planOf(SOUND);
    const replay = await replayOn(plan, { ...model(), load: async () => undefined }, { replicas: 3 });
    expect(replay).toMatchObject({ replicasRun: 3, replicasCompared: 3, onDevice: undefined, epochsRun: 18 });
    expect(judge(plan, [replay], kernel).verdict).toBe('agree');
  });

  it('without epochs is in the shape that was asked for', async () => {
    const plan = await planOf([], { isLogOnly: true });
    const replay = await replayOn(plan, model(), { replicas: 3, shape: 'resident' });
    expect(replay).toMatchObject({ replicasRun: 3, replicasCompared: 0, onDevice: { shape: 'resident' } });
    expect(judge(plan, [replay], kernel).verdict).toBe('unknown');
  });

  it('is given back when its replay fails, and what was counted before stands', async () => {
    const plan = await planOf(SOUND);
    let runs = 0;
    const failing = loading(model(), (loaded) => ({
      run: (options) => {
        runs += 1;
        if (runs === 3) throw new BackendFaultError('model', 'device-lost', 'it is gone', 'look for it.');
        return loaded.run(options);
      },
      release: () => loaded.release(),
    }));
    const { device, released } = listening(failing);
    const replay = await replayOn(plan, device, { replicas: 48, stress: { seed: 1 } });
    expect(replay.fault).toMatchObject({ kind: 'device-lost' });
    expect(replay.epochs.map(({ replicas }) => replicas)).toEqual(plan.epochs.map(() => 4));
    expect(replay.epochsRun).toBe(4 * 6);
    expect(released).toHaveLength(1);
  });

  it('is replayed with the settings that were asked for, and none if none were', async () => {
    const plan = await planOf(SOUND);
    const settings = { seed: 4, meetTurns: 8 };
    for (const [stress, expected] of [[undefined, {}] as const, [{ settings }, settings] as const]) {
      const { device, runs } = listening();
      await replayOn(plan, device, { replicas: 5, shape: 'resident', ...(stress === undefined ? {} : { stress }) });
      expect(runs).toMatchObject([{ mode: 'chained', replicas: 5, firstReplica: 0, shape: 'resident' }]);
      expect(runs[0]).toMatchObject({ stress: expected, expectationsAreReplays: false });
      expect(Object.keys(runs[0].stress ?? {})).toEqual(Object.keys(expected));
    }
  });

  it('is replayed in turns when settings are looked for, each replica once', async () => {
    const plan = await planOf(SOUND);
    const candidates = [{ lanes: 4, shuffleLanes: 1 }];
    const { device, programs, runs } = listening();
    const replay = await replayOn(plan, device, { mode: 'isolated', replicas: 50, stress: { seed: 9, candidates } });
    expect(programs).toHaveLength(1);
    expect(runs.map(({ stress }) => stress).slice(0, 2)).toEqual([{}, candidates[0]]);
    expect(runs.length).toBeGreaterThan(10);
    let next = 0;
    for (const { firstReplica = 0, replicas } of runs) {
      expect(firstReplica).toBe(next);
      next += replicas;
    }
    expect(next).toBe(50);
    expect(replay.onDevice?.stress).toEqual({ tried: runs.length, dropped: runs.length, best: undefined });
    expect(replay).toMatchObject({ replicasRun: 50, replicasCompared: 50, epochsRun: 300 });
    expect(replay.epochs.every(({ replicas, outcomes }) => replicas === 50 && outcomes[0].count === 50)).toBe(true);
  });

  it('of a log without observations is compared with what its first replica showed, or what was shown before', async () => {
    const plan = await planOf(LOGS[0].program, { isLogOnly: true });
    const { device, runs } = listening();
    const replay = await replayOn(plan, device, { replicas: 4 });
    expect(runs).toMatchObject([{ firstReplica: 1, replicas: 3, expectationsAreReplays: true }]);
    expect(replay.epochs.every(({ outcomes, replicas }) => outcomes.length === 1 && replicas === 4)).toBe(true);
    const wrong = new DisturbedBackend(new ReferenceBackend(kernel), {
      name: 'wrong',
      observe: ({ epoch }, snapshot) => {
        if (epoch === 1) snapshot[Word.CELLS] ^= 1;
      },
    });
    const first = await replayOn(plan, wrong, { replicas: 1 });
    const second = await replayOn(plan, model(), { replicas: 4, baseline: first.baseline });
    expect(second.epochs[1]).toMatchObject({ replicas: 4, replicasDiffering: 4 });
    expect(judge(plan, [first, second], kernel)).toMatchObject({
      verdict: 'diverge',
      firstDivergence: { epoch: 1, backend: 'reference', comparedWith: 'wrong', where: `control[${Word.CELLS}]` },
    });
  });

  it('of isolated epochs is handed over in pieces where their states are more than a device should hold', async () => {
    const words = 2 ** 22;
    const large = { areas: [{ name: 'words', words }], regions: [] };
    const shows = (_replica: number, epoch: number) => ({ words: [epoch, 7] });
    const run = await recordRun(namedEpochs(17), new ScriptedBackend('large', large, shows));
    const plan = planReplay(recordingOf(run));
    // Counts without running: what a device makes of an epoch is of no interest here.
    const counting: Backend = {
      ...model(new ScriptedBackend('large', large, shows)),
      load: async ({ head }) => ({
        run: async ({ replicas }) => ({
          totals: Uint32Array.from({ length: head.epochCount * 8 }, (_, at) => (at % 8 < 2 ? replicas : 0)),
          captured: [],
          replicasRun: replicas,
          replicasCompared: replicas,
          replicasDiverged: 0,
          shape: 'wide',
          deviceMs: 1,
        }),
        release: () => {},
      }),
    };
    const { device, programs, released } = listening(counting);
    const replay = await replayOn(plan, device, { mode: 'isolated', replicas: 3 });
    expect(programs.map(({ head }) => head.epochCount)).toEqual([16, 1]);
    expect(released).toHaveLength(2);
    expect(replay).toMatchObject({ replicasRun: 3, replicasCompared: 3, epochsRun: 51, onDevice: { deviceMs: 2 } });
    expect(replay.epochs.every(({ replicas }) => replicas === 3)).toBe(true);
  });
});

describe('outcomes that come back', () => {
  /** Every replica has another order, and so another outcome. */
  const shuffling = () => {
    let turn = 1_000;
    return model(
      new DisturbedBackend(new ReferenceBackend(kernel), {
        observe: (_moment, snapshot) => {
          snapshot[Word.ORDER] = turn++;
        },
      }),
    );
  };

  it('are listed up to a limit, and counted beyond it', async () => {
    const plan = await planOf(ORDERED);
    const replay = await replayOn(plan, shuffling(), { mode: 'isolated', replicas: 40 });
    for (const { outcomes, unlistedCount, replicas, replicasDiffering } of replay.epochs) {
      expect({ replicas, replicasDiffering }).toEqual({ replicas: 40, replicasDiffering: 40 });
      expect(outcomes).toHaveLength(16);
      expect(outcomes.every(({ snapshot, count }) => snapshot !== undefined && count === 1)).toBe(true);
      expect(unlistedCount).toBe(24);
    }
    expect(judge(plan, [replay], kernel)).toMatchObject({ verdict: 'diverge', firstDivergence: { kind: 'word' } });
  });

  it('come without words when there is no room for them, and say that they differ', async () => {
    const plan = await planOf(ORDERED);
    const replay = await replayOn(plan, shuffling(), { mode: 'isolated', replicas: 5, keptSnapshotBytes: 0 });
    expect(replay.epochs.flatMap(({ outcomes }) => outcomes).some(({ snapshot }) => snapshot !== undefined)).toBe(
      false,
    );
    expect(judge(plan, [replay], kernel)).toMatchObject({ verdict: 'diverge', firstDivergence: { kind: 'digest' } });
  });

  it('that nobody kept still diverge', async () => {
    const plan = await planOf(ORDERED);
    const forgetful = lying((result) => ({ ...result, captured: [] }), shuffling());
    const replay = await replayOn(plan, forgetful, { mode: 'isolated', replicas: 5 });
    expect(replay.epochs.map(({ unlistedCount }) => unlistedCount)).toEqual([5, 5, 5]);
    expect(judge(plan, [replay], kernel)).toMatchObject({ verdict: 'diverge', firstDivergence: { kind: 'digest' } });
  });
});
