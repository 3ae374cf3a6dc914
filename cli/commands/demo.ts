/** `vrrl demo`: the main job on a real file, once with a sound kernel and once with a broken one. */

import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { chooseAdapter, GPU_STACKS, type GpuStack } from '../../node/gpu/index.ts';
import { openRecording, refuseOverwriting } from '../../node/recording-files.ts';
import { ThreadsBackend } from '../../node/threads-backend.ts';
import { BackendFaultError } from '../../src/backend/index.ts';
import { InputError } from '../../src/base/errors.ts';

import type { Verdict } from '../../src/diff/index.ts';
import { MAX_CAPACITY } from '../../src/log/index.ts';
import { findWorkload } from '../../src/workloads/index.ts';
import { ADAPTER_HELP } from '../backends.ts';
import type { AddCommand } from '../context.ts';
import { ExitCode } from '../exit.ts';
import { coloursOf, type Io } from '../io.ts';
import { type ReplayFlags, replayRecording } from '../judged-replay.ts';
import { integer } from '../options.ts';
import { Recorder } from '../recorder.ts';
import { renderJudgement } from '../render/judgement.ts';
import { plural, printable } from '../render/text.ts';

export const addDemo: AddCommand = (program, context) => {
  program
    .command('demo')
    .description('record, replay and judge a sound and a broken kernel on a text file')
    .argument('[file]', 'a text file to work on; default: the README of vrrl')
    .option('--folder <path>', 'where the recordings go', 'vrrl-demo')
    .option('--replicas <n>', 'how often to replay on each backend', integer(1, 100_000), 50)
    .option('--adapter <name>', ADAPTER_HELP)
    .option('--no-gpu', 'leave GPUs aside')
    .addHelpText('after', '\nExample:\n  $ vrrl demo book.txt --replicas 200')
    .action(async (file, options) => {
      const { io } = context;
      const demo: Demo = {
        io,
        file: file ?? readmePath(),
        folder: options.folder,
        replicas: options.replicas,
        gpu: undefined,
      };
      refuseEmpty(demo.file);
      for (const workload of ['histogram', 'lost-update']) refuseOverwriting(logPathOf(demo, workload), [demo.file]);
      mkdirSync(demo.folder, { recursive: true });
      if (options.gpu) demo.gpu = await findGpu(options.adapter);
      await io.write(`${describeGpu(demo.gpu, options.gpu)}\n\n`);
      const sound = await runPart(demo, {
        title: '1. A sound kernel: every byte of the file is one ATOMIC_ADD into a histogram',
        workload: 'histogram',
        lesson: 'Replays agree with the recording: nothing here depends on the schedule.',
        expected: 'agree',
      });
      const broken = await runPart(demo, {
        title: '2. The same with an opcode that is not atomic: it loads, adds, and stores',
        workload: 'lost-update',
        lesson: 'Two lanes loaded the same value, and one of the two updates is gone. Which one, the schedule decides.',
        expected: 'diverge',
      });
      await io.write(nextSteps(demo));
      if (!sound || !broken) context.exitCode = ExitCode.UNKNOWN;
    });
};

interface Demo {
  readonly io: Io;
  readonly file: string;
  readonly folder: string;
  readonly replicas: number;
  gpu: DemoGpu | undefined;
}

/** The GPU that takes part. */
interface DemoGpu {
  readonly stack: GpuStack;
  readonly adapter: string;
  readonly isSoftware: boolean;
  /** A part of its name, if one was asked for. */
  readonly asked: string | undefined;
}

/** Replicas on a GPU made of software, which takes its time. */
const SOFTWARE_REPLICAS = 5;

/** The first stack that has an adapter. */
async function findGpu(asked: string | undefined): Promise<DemoGpu | undefined> {
  for (const stack of GPU_STACKS) {
    try {
      const { adapter } = await chooseAdapter(stack, asked);
      return { stack, adapter: adapter.description, isSoftware: adapter.isSoftware, asked };
    } catch (error) {
      if (!(error instanceof BackendFaultError)) throw error;
    }
  }
  return undefined;
}

function describeGpu(gpu: DemoGpu | undefined, isWanted: boolean): string {
  if (gpu === undefined) {
    return isWanted
      ? 'No GPU backend here: vrrl doctor says what is missing. The CPU backends do.'
      : 'GPUs are left aside.';
  }
  const what = gpu.isSoftware ? ', a GPU made of software, with few replicas' : '';
  return printable(`Replays also run on ${gpu.stack}: ${gpu.adapter}${what}.`);
}

interface DemoPart {
  readonly title: string;
  readonly workload: string;
  readonly lesson: string;
  readonly expected: Verdict;
}

/** Records and replays one workload; whether it came out as the demo says. */
async function runPart(demo: Demo, part: DemoPart): Promise<boolean> {
  const { io } = demo;
  const colours = coloursOf(io);
  await io.write(`${colours.bold(part.title)}\n\n`);
  const logPath = logPathOf(demo, part.workload);
  await io.write(`${await record(demo.file, part.workload, logPath)}\n`);
  const recording = openRecording(logPath);
  try {
    const judged = await replayRecording(io, recording, flagsOf(demo));
    await io.write(renderJudgement(io, judged));
    const isAsSaid = judged.judgement.verdict === part.expected;
    const surprise = `This time it came out as ${judged.judgement.verdict} instead of ${part.expected}; run it again, or on more cores.`;
    await io.write(`\n${isAsSaid ? part.lesson : surprise}\n\n`);
    return isAsSaid;
  } finally {
    recording.close();
  }
}

function flagsOf({ replicas, gpu }: Demo): ReplayFlags {
  const cpu = ['reference', 'threads'];
  if (gpu === undefined) return { backend: cpu, mode: 'chained', replicas };
  const few = gpu.isSoftware ? Math.min(replicas, SOFTWARE_REPLICAS) : replicas;
  return {
    backend: [...cpu, gpu.stack],
    adapter: gpu.asked,
    mode: 'chained',
    replicas,
    replicasOf: { [gpu.stack]: few },
  };
}

function logPathOf({ folder }: Demo, workload: string): string {
  return path.join(folder, `${workload}.vrrl`);
}

async function record(file: string, workload: string, logPath: string): Promise<string> {
  const input = readFileSync(file);
  const plan = findWorkload(workload).plan(input, { maxEpochs: MAX_EPOCHS });
  const backend = new ThreadsBackend(plan.kernel);
  const recorder = await Recorder.create(logPath, backend, plan.kernel, {
    format: 'v2',
    capacity: capacityFor(input.length),
    mayReplace: true,
  });
  try {
    for (const { slots, tag } of plan.epochs()) {
      await recorder.session.publish(slots);
      await recorder.session.endEpoch({ tag });
    }
  } finally {
    recorder.close();
    await backend.stop();
  }
  const { session } = recorder;
  const head = `recorded ${printable(file)} with workload ${workload} on ${plural(backend.workerCount, 'thread')}: ${plural(session.recordCount, 'slot')} in ${plural(session.epochCount, 'epoch')}`;
  return [head, ...plan.describe(session.snapshot).map((line) => `  ${line}`)].join('\n');
}

/** A demo takes seconds, however long the book is. */
const MAX_EPOCHS = 400;

/** Records of nothing show nothing. */
function refuseEmpty(file: string): void {
  if (readFileSync(file).length > 0) return;
  throw new InputError(`\`${file}\` is empty`, 'name a text file with something in it.');
}

/** Room for a slot a byte and the fences, so that nothing of the demo is overwritten, as far as a log can be. */
function capacityFor(inputBytes: number): number {
  return Math.min(MAX_CAPACITY, 2 ** Math.ceil(Math.log2(inputBytes * 1.1 + 64)));
}

/** From cli/commands/ in a checkout it is two folders up, from dist/cli/commands/ three. */
function readmePath(): string {
  const candidates = ['../../README.md', '../../../README.md'].map((each) =>
    fileURLToPath(new URL(each, import.meta.url)),
  );
  return path.relative(process.cwd(), candidates.find(isReadable) ?? candidates[0]) || candidates[0];
}

function isReadable(file: string): boolean {
  try {
    readFileSync(file);
    return true;
  } catch {
    return false;
  }
}

function nextSteps(demo: Demo): string {
  const [sound, broken] = ['histogram', 'lost-update'].map((workload) => printable(logPathOf(demo, workload)));
  return `The recordings are in ${printable(demo.folder)}. Next:
  npx vrrl info ${sound}
  npx vrrl dump ${sound} --json | head -3
  npx vrrl verify ${sound}
  npx vrrl replay ${broken} --backend threads --mode isolated --replicas 200
  npx vrrl kernel ${broken}
`;
}
