/** Replaying a recording on all backends asked for, and judging what came of it: what `replay` and `demo` share. */

import { FileStorage } from '../node/file-storage.ts';
import { ProcessBackend } from '../node/process-backend.ts';
import type { RecordingFiles } from '../node/recording-files.ts';
import { VERSION } from '../node/version.ts';
import { type Backend, type BackendFactory, BackendFaultError, type ProgramShape } from '../src/backend/index.ts';
import { type Judgement, judge, RECORDING } from '../src/diff/index.ts';
import { kernelToJson } from '../src/kernel/index.ts';
import {
  type BackendReplay,
  ObservationSaver,
  planReplay,
  type ReplayMode,
  type ReplayPlan,
  replayOn,
  replayThatNeverRan,
} from '../src/replay/index.ts';
import { backendFactory, isBackendModule } from './backends.ts';
import { failureNotes } from './failure-evidence.ts';
import type { Io } from './io.ts';
import { chooseKernel, type KernelChoice } from './kernel-choice.ts';
import { startProgress } from './progress.ts';
import { refuseUselessStress, type StressFlags, stressRequest } from './stress-options.ts';

/** What the command line says about a replay. */
export interface ReplayFlags extends StressFlags {
  readonly backend: readonly string[];
  readonly kernel?: string | undefined;
  readonly slotCount?: number | undefined;
  readonly controlWords?: number | undefined;
  readonly mode: ReplayMode;
  readonly replicas: number;
  /** Fewer for backends that are slow, by their names. */
  readonly replicasOf?: Readonly<Record<string, number>> | undefined;
  readonly seed?: number | undefined;
  readonly workers?: number | undefined;
  readonly deadlineMs?: number | undefined;
  readonly adapter?: string | undefined;
  readonly shape?: ProgramShape | undefined;
  readonly observations?: string | boolean | undefined;
  readonly assumeFresh?: true | undefined;
  readonly save?: string | undefined;
  readonly json?: true | undefined;
  readonly quiet?: true | undefined;
}

/** A judged replay, with what it was made of. */
export interface JudgedReplay {
  readonly logPath: string;
  readonly choice: KernelChoice;
  readonly plan: ReplayPlan;
  /** Records that the log is known to have lost. */
  readonly lost: number;
  readonly replicas: number;
  readonly judgement: Judgement;
  /** What the judgement was made of, under the names that it has for them. */
  readonly replays: readonly BackendReplay[];
  /** What backends say that they run on, by their names, as far as they say it. */
  readonly devices: ReadonlyMap<string, Readonly<Record<string, string>>>;
  /** What was assumed and what is odd, for people; those of the judgement are among them. */
  readonly notes: readonly string[];
}

/** Replays a recording on all backends asked for and judges it. */
export async function replayRecording(io: Io, recording: RecordingFiles, flags: ReplayFlags): Promise<JudgedReplay> {
  refuseUselessStress(flags);
  const needsKernel = flags.backend.some((name) => !isBackendModule(name));
  const choice = await chooseKernel(recording, flags, needsKernel);
  const plan = planReplay(recording, {
    ...(choice.kernel === undefined ? {} : { kernel: choice.kernel }),
    ...(flags.slotCount === undefined ? {} : { slotCount: flags.slotCount }),
    ...(flags.assumeFresh === undefined ? {} : { assumeFresh: true }),
  });
  const devices = new Map<string, Readonly<Record<string, string>>>();
  const replays = withDistinctNames(await replayOnAll({ io, plan, choice, flags, devices }));
  const judgement = judge(plan, replays, choice.kernel);
  return {
    logPath: recording.logPath,
    choice,
    plan,
    lost: recording.log.lost,
    replicas: flags.replicas,
    judgement,
    replays,
    devices,
    notes: [
      ...choice.notes,
      ...freshStartNotes(plan, flags),
      ...failureNotes(plan.columns),
      ...steppedNotes(replays, flags),
      ...judgement.notes,
    ],
  };
}

/** Without observations nothing proves that a log begins with a fresh kernel; whoever reads the verdict has to know. */
function freshStartNotes(plan: ReplayPlan, { assumeFresh }: ReplayFlags): string[] {
  if (plan.observations !== undefined || !plan.startsFresh || plan.epochs.length === 0) return [];
  const why = assumeFresh ? 'as --assume-fresh asks' : 'since the log is not full and begins with EPOCH 0';
  return [`a fresh kernel is assumed before the first record, ${why}`];
}

/** What was asked for and had no effect on any backend. */
function steppedNotes(replays: readonly BackendReplay[], { shape, stress, stressSettings }: ReplayFlags): string[] {
  if (shape === undefined && stress === undefined && stressSettings === undefined) return [];
  if (replays.some(({ onDevice, fault }) => onDevice !== undefined || fault !== undefined)) return [];
  return ['no backend replayed the log on a device: --shape and --stress had no effect'];
}

/** One replay of a plan, on whichever backends. */
interface Run {
  readonly io: Io;
  readonly plan: ReplayPlan;
  readonly choice: KernelChoice;
  readonly flags: ReplayFlags;
  readonly devices: Map<string, Readonly<Record<string, string>>>;
}

/** Backends that could not run come last: what they would have observed is not known, and the others set the tone. */
async function replayOnAll(run: Run): Promise<readonly BackendReplay[]> {
  const { io, plan, choice, flags } = run;
  const replays: BackendReplay[] = [];
  const faults: BackendFaultError[] = [];
  // All of them first: a name that is wrong must not show when the others have run for an hour.
  const asked: { readonly name: string; readonly factory: BackendFactory }[] = [];
  for (const name of flags.backend) {
    asked.push({ name, factory: await backendFactory(name, choice.kernel, flags, io.note) });
  }
  for (const { name, factory } of asked) {
    try {
      const backend = await factory();
      if (asked.length > 1) await refuseUnfit(backend, flags.mode);
      replays.push(await replayOnBackend(run, name, backend, replays.at(-1)));
    } catch (error) {
      if (!(error instanceof BackendFaultError)) throw error;
      faults.push(error);
    }
  }
  if (replays.length === 0) throw faults[0];
  return [...replays, ...faults.map((fault) => replayThatNeverRan(plan, replays[0], fault))];
}

/** One backend that cannot do what all are asked for takes nothing from the others: it failed, and they run. */
async function refuseUnfit(backend: Backend, mode: ReplayMode): Promise<void> {
  if (mode !== 'isolated' || backend.restore !== undefined) return;
  await backend.stop();
  const what = 'it cannot restore the states that isolated replay starts epochs from';
  throw new BackendFaultError(backend.name, 'unavailable', what, 'replay chained, or give it a restore method.');
}

/** Several backends of one name, such as one that is compared with itself: `threads` and `threads#2`. */
function withDistinctNames(replays: readonly BackendReplay[]): BackendReplay[] {
  const uses = new Map<string, number>([[RECORDING, 1]]);
  return replays.map((replay) => {
    const use = (uses.get(replay.backend) ?? 0) + 1;
    uses.set(replay.backend, use);
    return use === 1 ? replay : { ...replay, backend: `${replay.backend}#${use}` };
  });
}

/** Snapshots kept for explaining differences, over all backends of a command. */
const KEPT_SNAPSHOT_BYTES = 48 * 2 ** 20;

async function replayOnBackend(
  { io, plan, choice, flags, devices }: Run,
  name: string,
  backend: Backend,
  previous: BackendReplay | undefined,
): Promise<BackendReplay> {
  const progress = startProgress(io, `replaying on ${name}`, flags.quiet);
  const saving = flags.save !== undefined && previous === undefined ? startSaving(flags.save, choice) : undefined;
  const stress = stressRequest(flags, adapterOf(backend));
  if (backend instanceof ProcessBackend) devices.set(backend.name, backend.ready.device);
  try {
    return await replayOn(plan, backend, {
      mode: flags.mode,
      ...(flags.shape === undefined ? {} : { shape: flags.shape }),
      ...(stress === undefined ? {} : { stress }),
      replicas: flags.replicasOf?.[name] ?? flags.replicas,
      keptSnapshotBytes: Math.floor(KEPT_SNAPSHOT_BYTES / flags.backend.length),
      onProgress: (done, total) => progress.update(done, total),
      ...(saving === undefined ? {} : { saver: saving.saver }),
      ...(previous === undefined ? {} : { baseline: previous.baseline }),
    });
  } finally {
    saving?.close();
    progress.stop();
  }
}

/** What a backend runs on, if it said so. */
export function adapterOf(backend: Backend): string | undefined {
  return backend instanceof ProcessBackend ? backend.ready.device['name'] : undefined;
}

interface Saving {
  readonly saver: ObservationSaver;
  close(): void;
}

/** The file is made when there is something to write, and closed even if it turns out to hold something already. */
function startSaving(path: string, choice: KernelChoice): Saving {
  const kernel = choice.kernel === undefined ? null : kernelToJson(choice.kernel);
  let storage: FileStorage | undefined;
  const open = () => {
    storage = FileStorage.open(path, 'create');
    return storage;
  };
  const saver = new ObservationSaver(open, { tool: `vrrl ${VERSION}`, kernel });
  return {
    saver,
    close() {
      try {
        saver.close();
      } finally {
        storage?.close();
      }
    },
  };
}
