/** `vrrl replay`: run a log again, as often as asked, and judge what comes out. */

import { Option } from '@commander-js/extra-typings';
import type { RecordingFiles } from '../../node/recording-files.ts';
import { VERSION } from '../../node/version.ts';
import { ObservationFormatError } from '../../src/observe/index.ts';
import type { AddCommand } from '../context.ts';
import { exitCodeOfJudgement, withAdvice } from '../exit.ts';
import type { Io } from '../io.ts';
import { type JudgedReplay, replayRecording } from '../judged-replay.ts';
import { openRecordingSource } from '../log-source.ts';
import { list } from '../options.ts';
import { tidyJson } from '../render/json.ts';
import { renderJudgement } from '../render/judgement.ts';
import {
  ADAPTER,
  CONTROL_WORDS,
  DEADLINE,
  KERNEL,
  REPLICAS,
  SEED,
  SLOT_COUNT,
  STRESS,
  WORKERS,
} from '../replay-options.ts';
import { stressSettings } from '../stress-options.ts';

const AFTER_HELP = `
Chained (the default) carries memory from epoch to epoch and ends a replica at its first divergence.
Isolated starts every epoch from its recorded state, so that one divergence does not spoil the epochs after it.
On a GPU (dawn, wgpu) the log is replayed on the device. Wide spreads an epoch over many workgroups, as the original
ran; resident gives each replica one workgroup: much faster, but races between workgroups cannot show.
Without recorded observations (a log from another runtime) replays are compared with each other.

Examples:
  $ vrrl replay run.vrrl --replicas 100
  $ vrrl replay run.vrrl --backend threads --mode isolated --replicas 1000 --json
  $ vrrl replay from-rust.vrrl --kernel my-kernel.mjs --slot-count 1024
  $ vrrl replay run.vrrl --backend dawn --replicas 4096 --stress
  $ vrrl replay run.vrrl --backend ./my-backend.mjs`;

export const addReplay: AddCommand = (program, context) => {
  program
    .command('replay')
    .description('replay a log on fresh backends and compare every epoch with what was recorded')
    .argument('<log>', 'log file, or - for standard input')
    .option(
      '--backend <list>',
      'backends: reference, threads, dawn, wgpu, or paths of modules with backends of your own',
      list,
      ['reference', 'threads'],
    )
    .option(...ADAPTER)
    .option(...REPLICAS)
    .addOption(
      new Option('--mode <mode>', 'where epochs start from')
        .choices(['chained', 'isolated'] as const)
        .default('chained'),
    )
    .option(...KERNEL)
    .option(...SLOT_COUNT)
    .option(...CONTROL_WORDS)
    .option('--observations <file>', 'read observations from here instead of <log>.obs')
    .option('--no-observations', 'leave observations aside and compare replays with each other')
    .option('--assume-fresh', "take the log's first record for the first ever published")
    .option(...SEED)
    .option(...WORKERS)
    .addOption(
      new Option('--shape <shape>', 'how a GPU lays epochs out; default: wide').choices(['wide', 'resident'] as const),
    )
    .option(...STRESS)
    .option(
      '--stress-settings <list>',
      'push it with these settings throughout: lanes=4,shuffleLanes=1',
      stressSettings,
    )
    .option(...DEADLINE)
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

/** `--observations FILE` gives a path, `--no-observations` false, neither true or nothing. */
function observationsOption(value: string | boolean | undefined): string | false | undefined {
  return value === true ? undefined : value;
}

/** The object that `replay --json` prints. */
function replayJson({ logPath, choice, plan, lost, replicas, judgement, notes }: JudgedReplay): unknown {
  const { kernel, source } = choice;
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
    notes,
  };
}
