/** `vrrl record`: run slots on a backend, and keep a log of them and of what was seen. */

import { Option } from '@commander-js/extra-typings';
import { refuseOverwriting } from '../../node/recording-files.ts';
import { InputError } from '../../src/base/errors.ts';
import { MAX_CAPACITY } from '../../src/log/index.ts';
import { MAX_JOURNAL_BYTES } from '../../src/log-v2/index.ts';
import { MAX_SLOT_COUNT } from '../../src/protocol/index.ts';
import type { RecordedEpoch, RecordingSession } from '../../src/record/index.ts';
import { workloads } from '../../src/workloads/index.ts';
import { ADAPTER_HELP, backendFactory, isBackendModule } from '../backends.ts';
import type { AddCommand } from '../context.ts';
import { ExitCode } from '../exit.ts';
import type { Io } from '../io.ts';
import { STANDARD_INPUT } from '../log-source.ts';
import { integer, list } from '../options.ts';
import { startCounter } from '../progress.ts';
import { LOG_FORMATS, type LogFormat, Recorder } from '../recorder.ts';
import { count, plural, printable, wrap } from '../render/text.ts';
import { beginPieces, type SlotPiece, type SlotSource, type SourceOptions, sourceOf } from '../slot-source.ts';

const WORKLOAD_LINES = workloads.flatMap(({ name, summary, orderNote }) => [
  `  ${name.padEnd(12)} ${summary}`,
  ...wrap(orderNote, 15),
]);

const AFTER_HELP = `
Workloads:
${WORKLOAD_LINES.join('\n')}

Slots as JSON lines (--slots), from any program:
  {"opcode":"ATOMIC_ADD","tenant":0,"args":[1,170]}     opcode by name or number; tenant, priority, args optional
  {"end":"batch","tag":7}                               ends the epoch: fence, drain, observe

Examples:
  $ vrrl record run.vrrl --workload histogram --input README.md
  $ my-program | vrrl record run.vrrl --slots - --kernel my-kernel.mjs
  $ vrrl record run.vrrl --slots jobs.jsonl --backend ./my-backend.mjs
  $ my-service | vrrl record run.vrrl --slots - --rotate 100000 --keep 10`;

export const addRecord: AddCommand = (program, context) => {
  program
    .command('record')
    .description('publish slots on a backend and record them, with what is seen after each epoch')
    .argument('<log>', 'log file to make; of a v1 log the observations go to <log>.obs')
    .option('--workload <name>', 'publish what a built-in workload makes of --input')
    .option('--input <file>', 'the file that the workload works on, or - for standard input')
    .option('--slots <file>', 'publish slots read as JSON lines from a file, or from standard input with -')
    .option(
      '--backend <name>',
      'reference, threads, dawn, wgpu, or the path of a module with a backend of your own',
      'threads',
    )
    .option('--adapter <name>', ADAPTER_HELP)
    .option('--kernel <file>', 'a module whose default export is a kernel, or one in JSON (with --slots)')
    .option('--slot-count <n>', 'slots of the ring', integer(1, MAX_SLOT_COUNT))
    .option('--control-words <n>', 'words of control memory (with --slots)', integer(160, 1 << 24))
    .option('--capacity <n>', 'records that the log keeps before it wraps', integer(1, MAX_CAPACITY), 65_536)
    .addOption(
      new Option('--rotate <n>', 'make a set of logs of n records each in place of one log that wraps')
        .argParser(integer(1, MAX_CAPACITY))
        .conflicts('capacity'),
    )
    .option('--keep <m>', 'of such a set, keep the newest m logs', integer(1, Number.MAX_SAFE_INTEGER))
    .addOption(
      new Option('--format <version>', 'v2: all in one file, every record proven; v1: what the reference writes')
        .choices(LOG_FORMATS)
        .default('v2'),
    )
    .option(
      '--journal-bytes <n>',
      'room for observations in a v2 log; default: as much as for its records',
      integer(0, MAX_JOURNAL_BYTES),
    )
    .option('--patterns <list>', 'words to search for, separated by commas (workload dfa)', list)
    .option('--max-epochs <n>', 'stop after so many epochs', integer(1, Number.MAX_SAFE_INTEGER))
    .option(
      '--seed <n>',
      "seed of the lanes' shuffling, and of the transfers of workload bank",
      integer(0, 0xffff_ffff),
    )
    .option('--workers <n>', 'worker threads', integer(1, 64))
    .option('--deadline-ms <n>', 'a drain that takes longer counts as hung', integer(1, 86_400_000))
    .option('--force', 'replace a log that is there already')
    .option('-q, --quiet', 'no progress and no summary')
    .addHelpText('after', AFTER_HELP)
    .action(async (logPath, options) => {
      const { io } = context;
      refuseContradictions(options);
      refuseOverwriting(logPath, filesRead(options));
      const source = await sourceOf(io, options);
      try {
        const problem = await recordFrom(io, source, logPath, options);
        if (problem === undefined) return;
        io.note(
          `vrrl: the result is wrong: ${problem}. Fix: look for the slot that did it with vrrl replay ${logPath}.\n`,
        );
        context.exitCode = ExitCode.DIVERGED;
      } finally {
        await source.close();
      }
    });
};

interface RecordOptions extends SourceOptions {
  readonly capacity: number;
  readonly rotate?: number | undefined;
  readonly keep?: number | undefined;
  readonly format: LogFormat;
  readonly journalBytes?: number | undefined;
  readonly workers?: number | undefined;
  readonly deadlineMs?: number | undefined;
  readonly adapter?: string | undefined;
  readonly force?: true | undefined;
  readonly quiet?: true | undefined;
}

function refuseContradictions({ rotate, keep, format }: RecordOptions): void {
  if (rotate !== undefined && format === 'v1') {
    throw new InputError('--rotate makes sets of v2 logs, and --format v1 was given', 'leave out one of them.');
  }
  if (keep !== undefined && rotate === undefined) {
    throw new InputError(
      '--keep is for sets of logs, and this is to be one log',
      'give --rotate too, or leave it out.',
    );
  }
}

/** The files that a recording is made from. */
function filesRead({ input, slots, kernel, backend }: RecordOptions): string[] {
  const module = isBackendModule(backend) ? backend : undefined;
  return [input, slots, kernel, module].flatMap((path) => (path === undefined || path === STANDARD_INPUT ? [] : path));
}

/** Records everything and says what it came to; what is wrong with the result, if that can be told. */
async function recordFrom(
  io: Io,
  source: SlotSource,
  logPath: string,
  options: RecordOptions,
): Promise<string | undefined> {
  const factory = await backendFactory(options.backend, source.kernel, options, io.note);
  const backend = await factory();
  const progress = startCounter(io, 'recording', 'records', options.quiet);
  const note = (text: string) => options.quiet !== true && io.note(text);
  try {
    const pieces = await beginPieces(source);
    const recorder = await Recorder.create(logPath, backend, source.kernel, {
      format: options.format,
      capacity: options.rotate ?? options.capacity,
      rotation: options.rotate === undefined ? undefined : { keep: options.keep },
      journalBytes: options.journalBytes,
      mayReplace: options.force === true,
    });
    const { session } = recorder;
    const watch = new EpochWatch(logPath, options.rotate ?? options.capacity);
    const begin = performance.now();
    try {
      await publishAll(session, pieces, (epoch) => {
        watch.add(epoch);
        progress.update(session.recordCount);
      });
    } catch (error) {
      progress.stop();
      note(`${printable(logPath)}: ${amountOf(session)} were recorded before this happened:\n`);
      throw error;
    } finally {
      progress.stop();
      recorder.close();
    }
    for (const warning of watch.warnings()) io.note(`vrrl: warning: ${warning}\n`);
    const onWhat = `on ${backend.name}, ${count(Math.round(performance.now() - begin))} ms`;
    const head = printable(`${logPath}: ${amountOf(session)} ${onWhat}`);
    note(`${[head, ...remarks(session, options), ...source.describe(session.snapshot)].join('\n')}\n`);
    return source.problem(session.snapshot);
  } finally {
    progress.stop();
    await backend.stop();
  }
}

/** Publishes and ends epochs as the pieces say. */
async function publishAll(
  session: RecordingSession,
  pieces: AsyncIterable<SlotPiece>,
  onEpoch: (epoch: RecordedEpoch) => void,
): Promise<void> {
  for await (const { slots, end } of pieces) {
    await session.publish(slots);
    if (end !== undefined) onEpoch(await session.endEpoch(end));
  }
}

/** Remembers what whoever recorded should hear of, even if all went well: a line each, however often it happened. */
class EpochWatch {
  readonly #logPath: string;
  readonly #capacity: number;
  #faultCount = 0;
  #firstFault = '';
  /** The records of the largest epoch. */
  #mostRecords = 0;

  constructor(logPath: string, capacity: number) {
    this.#logPath = logPath;
    this.#capacity = capacity;
  }

  add({ ordinal, recordCount, faults }: RecordedEpoch): void {
    if (this.#faultCount === 0 && faults.length > 0) {
      const [{ slotIndex, message }] = faults;
      this.#firstFault = `slot ${slotIndex} in epoch ${ordinal}: ${message}`;
    }
    this.#faultCount += faults.length;
    this.#mostRecords = Math.max(this.#mostRecords, recordCount);
  }

  warnings(): string[] {
    const logPath = printable(this.#logPath);
    const faults = `${plural(this.#faultCount, 'slot')} faulted, first ${printable(this.#firstFault)}`;
    const tooLong = `an epoch of ${plural(this.#mostRecords, 'record')} is more than the log keeps (${count(this.#capacity)}), and cannot be replayed`;
    return [
      ...(this.#faultCount > 0 ? [`${faults}. Fix: vrrl replay ${logPath} lists them by epoch.`] : []),
      ...(this.#mostRecords > this.#capacity ? [`${tooLong}. Fix: ${this.#capacityFix()}`] : []),
    ];
  }

  #capacityFix(): string {
    if (this.#mostRecords > MAX_CAPACITY) return 'end the epochs sooner; no log keeps so many records.';
    return `record again with --capacity ${this.#mostRecords} or more.`;
  }
}

function amountOf({ recordCount, epochCount }: RecordingSession): string {
  return `${plural(recordCount, 'record')} in ${plural(epochCount, 'epoch')}`;
}

function remarks({ recordCount }: RecordingSession, { capacity, rotate, keep }: RecordOptions): string[] {
  if (rotate !== undefined) return keep === undefined ? [] : [`the newest ${plural(keep, 'log')} are kept (--keep)`];
  return recordCount > capacity ? [`the log keeps the last ${plural(capacity, 'record')} (--capacity)`] : [];
}
