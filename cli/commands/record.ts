/** `vrrl record`: run slots on a backend, and keep a log of them and of what was seen. */

import { readFileSync } from 'node:fs';
import { loadKernel } from '../../node/modules.ts';
import type { Backend } from '../../src/backend/index.ts';
import { InputError } from '../../src/base/errors.ts';
import { defineKernel, finishKernel, type Kernel } from '../../src/kernel/index.ts';
import { MAX_CAPACITY } from '../../src/log/index.ts';
import { MAX_SLOT_COUNT } from '../../src/protocol/index.ts';
import { SlotLineReader, type SlotRequest } from '../../src/record/index.ts';
import { findWorkload, type WorkloadPlan, workloads } from '../../src/workloads/index.ts';
import { backendFactory, isBackendModule } from '../backends.ts';
import type { AddCommand } from '../context.ts';
import { ExitCode } from '../exit.ts';
import type { Io } from '../io.ts';
import { integer, list } from '../options.ts';
import { type Progress, startProgress } from '../progress.ts';
import { Recorder } from '../recorder.ts';
import { count, plural } from '../render/text.ts';

const WORKLOAD_LINES = workloads.map(
  ({ name, summary, orderNote }) => `  ${name.padEnd(12)} ${summary}\n${' '.repeat(15)}${orderNote}`,
);

const AFTER_HELP = `
Workloads:
${WORKLOAD_LINES.join('\n')}

Slots as JSON lines (--slots), from any program:
  {"opcode":"ATOMIC_ADD","tenant":0,"args":[1,170]}     opcode by name or number; tenant, priority, args optional
  {"end":"batch","tag":7}                               ends the epoch: fence, drain, observe

Examples:
  $ vrrl record run.vrrl --workload histogram --input README.md
  $ my-program | vrrl record run.vrrl --slots - --kernel my-kernel.mjs
  $ vrrl record run.vrrl --slots jobs.jsonl --backend ./my-backend.mjs`;

export const addRecord: AddCommand = (program, context) => {
  program
    .command('record')
    .description('publish slots on a backend and record them, with what is seen after each epoch')
    .argument('<log>', 'log file to make; observations go to <log>.obs')
    .option('--workload <name>', 'publish what a built-in workload makes of --input')
    .option('--input <file>', 'the file that the workload works on')
    .option('--slots <file>', 'publish slots read as JSON lines from a file, or from standard input with -')
    .option('--backend <name>', 'reference, threads, or the path of a module with a backend of your own', 'threads')
    .option('--kernel <file>', 'a module whose default export is a kernel (with --slots)')
    .option('--slot-count <n>', 'slots of the ring', integer(1, MAX_SLOT_COUNT))
    .option('--control-words <n>', 'words of control memory (with --slots)', integer(160, 1 << 24))
    .option('--capacity <n>', 'records that the log keeps before it wraps', integer(1, MAX_CAPACITY), 65_536)
    .option('--patterns <list>', 'words to search for, separated by commas (workload dfa)', list)
    .option('--max-epochs <n>', 'stop after so many epochs', integer(1, Number.MAX_SAFE_INTEGER))
    .option('--seed <n>', "seed of the lanes' shuffling", integer(0, 0xffff_ffff))
    .option('--workers <n>', 'worker threads', integer(1, 64))
    .option('--deadline-ms <n>', 'a drain that takes longer counts as hung', integer(1, 86_400_000))
    .option('--force', 'replace a log that is there already')
    .option('-q, --quiet', 'no progress and no summary')
    .addHelpText('after', AFTER_HELP)
    .action(async (logPath, options) => {
      const { io } = context;
      if ((options.workload === undefined) === (options.slots === undefined)) {
        throw new InputError(
          'one of --workload and --slots is needed, and not both',
          'name where the slots come from.',
        );
      }
      const source =
        options.workload === undefined ? await slotSource(io, options) : workloadSource(options.workload, options);
      const factory = await backendFactory(options.backend, source.kernel, options);
      const backend = await factory();
      const progress = startProgress(io, 'recording', options.quiet);
      try {
        const summary = await recordTo(logPath, backend, source, options, progress);
        progress.stop();
        if (options.quiet !== true) io.note(summary);
        if (source.problem() !== undefined) {
          io.note(`vrrl: the result is wrong: ${source.problem()}\n`);
          context.exitCode = ExitCode.DIVERGED;
        }
      } finally {
        progress.stop();
        await backend.stop();
      }
    });
};

/** Where slots come from, an epoch at a time. */
interface SlotSource {
  readonly kernel: Kernel | undefined;
  epochs(): AsyncIterable<SourceEpoch> | Iterable<SourceEpoch>;
  /** Lines about the result, once everything has run. */
  describe(snapshot: Uint32Array): readonly string[];
  /** What is wrong with the result, if that can be told. */
  problem(): string | undefined;
}

interface SourceEpoch {
  readonly slots: readonly SlotRequest[];
  readonly tag: number;
  readonly fence?: boolean;
  /** Share of the source that is through, where that is known. */
  readonly done?: number;
}

interface SourceOptions {
  readonly input?: string | undefined;
  readonly slots?: string | undefined;
  readonly backend: string;
  readonly kernel?: string | undefined;
  readonly slotCount?: number | undefined;
  readonly controlWords?: number | undefined;
  readonly patterns?: readonly string[] | undefined;
  readonly maxEpochs?: number | undefined;
  readonly seed?: number | undefined;
}

function workloadSource(name: string, options: SourceOptions): SlotSource {
  const workload = findWorkload(name);
  if (options.input === undefined) {
    throw new InputError(`workload ${name} needs a file to work on`, 'name one with --input FILE.');
  }
  if (options.kernel !== undefined || options.controlWords !== undefined) {
    throw new InputError(`workload ${name} brings its own kernel`, 'leave --kernel and --control-words out.');
  }
  const { slotCount, seed, patterns, maxEpochs } = options;
  const plan: WorkloadPlan = workload.plan(readInput(options.input), {
    ...(slotCount === undefined ? {} : { slotCount }),
    ...(seed === undefined ? {} : { seed }),
    ...(patterns === undefined ? {} : { patterns }),
    ...(maxEpochs === undefined ? {} : { maxEpochs }),
  });
  let problem: string | undefined;
  return {
    kernel: plan.kernel,
    epochs: () => plan.epochs(),
    describe(snapshot) {
      problem = plan.check?.(snapshot);
      return plan.describe(snapshot);
    },
    problem: () => problem,
  };
}

function readInput(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new InputError(`the input cannot be read: ${reason}`, 'check the path given with --input.', { cause });
  }
}

async function slotSource(io: Io, options: SourceOptions): Promise<SlotSource> {
  const kernel =
    isBackendModule(options.backend) && options.kernel === undefined ? undefined : await slotKernel(options);
  return {
    kernel,
    epochs: () => readEpochs(io, options.slots ?? '-', kernel, options.maxEpochs ?? Number.POSITIVE_INFINITY),
    describe: () => [],
    problem: () => undefined,
  };
}

/** The kernel given or the built-in one, with the sizes asked for. */
async function slotKernel(options: SourceOptions): Promise<Kernel> {
  const kernel = options.kernel === undefined ? defineKernel({ name: 'built-in' }) : await loadKernel(options.kernel);
  const { slotCount = kernel.slotCount, controlWords = kernel.controlWords } = options;
  return finishKernel({ ...kernel, slotCount, controlWords });
}

/** Slots are gathered until a line ends their batch; what is left at the end of the input is a batch too. */
async function* readEpochs(
  io: Io,
  path: string,
  kernel: Kernel | undefined,
  maxEpochs: number,
): AsyncGenerator<SourceEpoch> {
  const { createReadStream } = await import('node:fs');
  const chunks: AsyncIterable<Uint8Array> = path === '-' ? io.input : createReadStream(path);
  const reader = new SlotLineReader(kernel);
  let slots: SlotRequest[] = [];
  let epochs = 0;
  for await (const line of reader.read(chunks)) {
    if (line.kind === 'slot') {
      slots.push(line.slot);
      continue;
    }
    yield { slots, tag: line.tag, ...(line.fence ? {} : { fence: false }) };
    slots = [];
    epochs += 1;
    if (epochs >= maxEpochs) return;
  }
  if (slots.length > 0) yield { slots, tag: 0 };
}

interface RecordOptions extends SourceOptions {
  readonly capacity: number;
  readonly force?: true | undefined;
}

async function recordTo(
  logPath: string,
  backend: Backend,
  source: SlotSource,
  options: RecordOptions,
  progress: Progress,
): Promise<string> {
  const recorder = await Recorder.create(logPath, backend, source.kernel, options.capacity, options.force === true);
  const begin = performance.now();
  let faults = 0;
  try {
    for await (const epoch of source.epochs()) {
      await recorder.session.publish(epoch.slots);
      const recorded = await recorder.session.endEpoch({
        tag: epoch.tag,
        ...(epoch.fence === undefined ? {} : { fence: epoch.fence }),
      });
      faults += recorded.faults.length;
      if (epoch.done !== undefined) progress.update(Math.round(epoch.done * 100), 100);
    }
  } finally {
    recorder.close();
  }
  const { session } = recorder;
  const ms = Math.round(performance.now() - begin);
  const lines = [
    `${logPath}: ${plural(session.recordCount, 'record')} in ${plural(session.epochCount, 'epoch')} on ${backend.name}, ${count(ms)} ms`,
    ...(session.recordCount > options.capacity
      ? [`the log keeps the last ${count(options.capacity)} records (--capacity)`]
      : []),
    ...(faults > 0 ? [`${plural(faults, 'slot')} faulted; vrrl replay says which`] : []),
    ...source.describe(session.snapshot),
  ];
  return `${lines.join('\n')}\n`;
}
