/** `vrrl replay`: run a log again, as often as asked, and judge what comes out. */

import { Option } from '@commander-js/extra-typings';
import { FileStorage } from '../../node/file-storage.ts';
import type { RecordingFiles } from '../../node/recording-files.ts';
import { VERSION } from '../../node/version.ts';
import { type Backend, type BackendFactory, BackendFaultError } from '../../src/backend/index.ts';
import { type Judgement, judge } from '../../src/diff/index.ts';
import { kernelToJson } from '../../src/kernel/index.ts';
import { ObservationFormatError } from '../../src/observe/index.ts';
import { MAX_SLOT_COUNT } from '../../src/protocol/index.ts';
import {
  type BackendReplay,
  ObservationSaver,
  planReplay,
  type ReplayMode,
  type ReplayPlan,
  replayOn,
  replayThatNeverRan,
} from '../../src/replay/index.ts';
import { backendFactory, isBackendModule } from '../backends.ts';
import type { AddCommand } from '../context.ts';
import { exitCodeOfJudgement, withAdvice } from '../exit.ts';
import type { Io } from '../io.ts';
import { chooseKernel, type KernelChoice } from '../kernel-choice.ts';
import { openRecordingSource } from '../log-source.ts';
import { integer, list } from '../options.ts';
import { startProgress } from '../progress.ts';
import { tidyJson } from '../render/json.ts';
import { renderJudgement } from '../render/judgement.ts';

const AFTER_HELP = `
Chained (the default) carries memory from epoch to epoch and ends a replica at its first divergence.
Isolated starts every epoch from its recorded state, so that one divergence does not spoil the epochs after it.
Without recorded observations (a log from another runtime) replays are compared with each other.

Examples:
  $ vrrl replay run.vrrl --replicas 100
  $ vrrl replay run.vrrl --backend threads --mode isolated --replicas 1000 --json
  $ vrrl replay from-rust.vrrl --kernel my-kernel.mjs --slot-count 1024
  $ vrrl replay run.vrrl --backend ./my-backend.mjs`;

export interface ReplayFlags {
  readonly backend: readonly string[];
  readonly kernel?: string | undefined;
  readonly slotCount?: number | undefined;
  readonly controlWords?: number | undefined;
  readonly mode: ReplayMode;
  readonly replicas: number;
  readonly seed?: number | undefined;
  readonly workers?: number | undefined;
  readonly deadlineMs?: number | undefined;
  readonly observations?: string | boolean | undefined;
  readonly assumeFresh?: true | undefined;
  readonly save?: string | undefined;
  readonly json?: true | undefined;
  readonly quiet?: true | undefined;
}

export const addReplay: AddCommand = (program, context) => {
  program
    .command('replay')
    .description('replay a log on fresh backends and compare every epoch with what was recorded')
    .argument('<log>', 'log file, or - for standard input')
    .option('--backend <list>', 'backends: reference, threads, or paths of modules with backends of your own', list, [
      'reference',
      'threads',
    ])
    .option('--replicas <n>', 'how often to replay on each backend', integer(1, 10_000_000), 10)
    .addOption(
      new Option('--mode <mode>', 'where epochs start from')
        .choices(['chained', 'isolated'] as const)
        .default('chained'),
    )
    .option('--kernel <file>', 'a module whose default export is a kernel, or one in JSON; default: the recorded one')
    .option('--slot-count <n>', 'slots of the ring; default: recorded or inferred', integer(1, MAX_SLOT_COUNT))
    .option('--control-words <n>', 'words of control memory; default: recorded or inferred', integer(160, 1 << 24))
    .option('--observations <file>', 'read observations from here instead of <log>.obs')
    .option('--no-observations', 'leave observations aside and compare replays with each other')
    .option('--assume-fresh', "take the log's first record for the first ever published")
    .option('--seed <n>', "seed of the lanes' shuffling", integer(0, 0xffff_ffff))
    .option('--workers <n>', 'worker threads', integer(1, 64))
    .option('--deadline-ms <n>', 'a drain that takes longer counts as hung', integer(1, 86_400_000))
    .option('--save <file>', "write what the first backend's first replica showed, for vrrl diff")
    .option('--json', 'print one JSON object (spec/judgement.schema.json)')
    .option('-q, --quiet', 'no progress')
    .addHelpText('after', AFTER_HELP)
    .action(async (logPath, options) => {
      const { io } = context;
      const observations = observationsOption(options.observations);
      const recording = await openForReplay(io, logPath, observations);
      try {
        const judged = await replayRecording(io, recording, options);
        await io.write(options.json ? `${tidyJson(replayJson(judged))}\n` : renderJudgement(io, judged));
        context.exitCode = exitCodeOfJudgement(judged.judgement, judged.lost);
      } finally {
        recording.close();
      }
    });
};

async function openForReplay(
  io: Io,
  logPath: string,
  observations: string | false | undefined,
): Promise<RecordingFiles> {
  try {
    return await openRecordingSource(io, logPath, { observations });
  } catch (error) {
    if (!(error instanceof ObservationFormatError)) throw error;
    throw withAdvice(error, 'pass --no-observations to replay without them, or --observations FILE to name others.');
  }
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
}

/** Replays a recording on all backends asked for and judges it. */
export async function replayRecording(io: Io, recording: RecordingFiles, flags: ReplayFlags): Promise<JudgedReplay> {
  const needsKernel = flags.backend.some((name) => !isBackendModule(name));
  const choice = await chooseKernel(recording, flags, needsKernel);
  const plan = planReplay(recording, {
    ...(choice.kernel === undefined ? {} : { kernel: choice.kernel }),
    ...(flags.slotCount === undefined ? {} : { slotCount: flags.slotCount }),
    ...(flags.assumeFresh === undefined ? {} : { assumeFresh: true }),
  });
  const replays = await replayOnAll(io, plan, choice, flags);
  return {
    logPath: recording.logPath,
    choice,
    plan,
    lost: recording.scan.loss.lost,
    replicas: flags.replicas,
    judgement: judge(plan, replays, choice.kernel),
  };
}

/** Backends that could not be made come last: what they would have observed is not known, and the others set the tone. */
async function replayOnAll(
  io: Io,
  plan: ReplayPlan,
  choice: KernelChoice,
  flags: ReplayFlags,
): Promise<readonly BackendReplay[]> {
  const replays: BackendReplay[] = [];
  const faults: BackendFaultError[] = [];
  // All of them first: a name that is wrong must not show when the others have run for an hour.
  const factories = new Map<string, BackendFactory>();
  for (const name of flags.backend) {
    factories.set(name, await backendFactory(name, choice.kernel, flags, io.note));
  }
  for (const [name, factory] of factories) {
    const made = await makeOrFault(factory);
    if (made instanceof BackendFaultError) faults.push(made);
    else replays.push(await replayOnBackend(io, plan, name, made, choice, flags, replays.at(-1)));
  }
  if (replays.length === 0) throw faults[0];
  return [...replays, ...faults.map((fault) => replayThatNeverRan(plan, replays[0], fault))];
}

async function makeOrFault(factory: BackendFactory): Promise<Backend | BackendFaultError> {
  try {
    return await factory();
  } catch (error) {
    if (error instanceof BackendFaultError) return error;
    throw error;
  }
}

/** `--observations FILE` gives a path, `--no-observations` false, neither true or nothing. */
function observationsOption(value: string | boolean | undefined): string | false | undefined {
  return value === true ? undefined : value;
}

/** Snapshots kept for explaining differences, over all backends of a command. */
const KEPT_SNAPSHOT_BYTES = 48 * 2 ** 20;

async function replayOnBackend(
  io: Io,
  plan: ReplayPlan,
  name: string,
  backend: Backend,
  choice: KernelChoice,
  flags: ReplayFlags,
  previous: BackendReplay | undefined,
): Promise<BackendReplay> {
  const progress = startProgress(io, `replaying on ${name}`, flags.quiet);
  const saving = flags.save !== undefined && previous === undefined ? startSaving(flags.save, choice) : undefined;
  try {
    return await replayOn(plan, backend, {
      mode: flags.mode,
      replicas: flags.replicas,
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

/** The object that `replay --json` prints. */
function replayJson({ logPath, choice, plan, lost, replicas, judgement }: JudgedReplay): unknown {
  const { kernel, source, notes } = choice;
  return {
    schemaVersion: 1,
    tool: `vrrl ${VERSION}`,
    log: logPath,
    records: plan.columns.length,
    lost,
    kernel: {
      source,
      ...(kernel === undefined
        ? {}
        : {
            name: kernel.name,
            identity: kernel.identity,
            slotCount: kernel.slotCount,
            controlWords: kernel.controlWords,
          }),
    },
    replicas,
    ...judgement,
    notes: [...notes, ...judgement.notes],
  };
}
