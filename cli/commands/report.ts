/** `vrrl report`: what is known about a replay, in one file that people read, and as JSON. */

import fs from 'node:fs';
import os from 'node:os';
import { Option } from '@commander-js/extra-typings';
import type { RecordingFiles } from '../../node/recording-files.ts';
import { VERSION } from '../../node/version.ts';
import { InputError } from '../../src/base/errors.ts';
import { RECORDING } from '../../src/diff/index.ts';
import {
  type Command,
  type Found,
  makeReport,
  type Report,
  readReduction,
  renderHtml,
  renderText,
} from '../../src/report/index.ts';
import type { AddCommand } from '../context.ts';
import { exitCodeOfJudgement } from '../exit.ts';
import type { Io } from '../io.ts';
import { type JudgedReplay, type ReplayFlags, replayRecording } from '../judged-replay.ts';
import { openRecordingSource, STANDARD_INPUT } from '../log-source.ts';
import { integer, list } from '../options.ts';
import { widthOf } from '../render/explore-finding.ts';
import { tidyJson } from '../render/json.ts';
import { printable } from '../render/text.ts';
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
import { refuseOverwritingReport, STANDARD_OUTPUT } from '../report-file.ts';

const AFTER_HELP = `
The log is replayed as vrrl replay does it, and the first epoch is explained that diverges as no order of its slots
explains, or else the first that diverges at all. The HTML file has everything in it and asks no network for anything;
what is printed says the same in text.

Examples:
  $ vrrl report run.vrrl -o report.html
  $ vrrl report run.vrrl --backend reference,threads --replicas 100 --epoch 17
  $ vrrl report run.vrrl --ledger reduced.json --json > report.json`;

interface ReportFlags extends ReplayFlags {
  readonly epoch?: number | undefined;
  readonly ledger?: string | undefined;
  readonly output?: string | undefined;
  readonly maxNodes?: number | undefined;
  readonly force?: true | undefined;
}

export const addReport: AddCommand = (program, context) => {
  program
    .command('report')
    .description(
      'replay a log and write what is known about it: verdict, argument, lanes, rates, and how to see it again',
    )
    .argument('<log>', 'log file, or - for standard input')
    .option('-o, --output <file>', 'write one HTML file here, or to standard output for -')
    .option(
      '--epoch <n>',
      'the epoch to look at; default: the first that is wrong, or else diverges',
      integer(0, 0xffff_ffff),
    )
    .option('--backend <list>', 'backends, as replay takes them', list, ['reference', 'threads'])
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
    .option('--ledger <file>', 'what vrrl reduce --json printed about the same failure')
    .option('--max-nodes <n>', 'states that explaining an outcome may look at', integer(1, 1_000_000_000))
    .option(...SEED)
    .option(...WORKERS)
    .option(...STRESS)
    .option(...DEADLINE)
    .option('--force', 'replace a file that is no report')
    .option('--json', 'print one JSON object (spec/report.schema.json)')
    .option('-q, --quiet', 'no progress')
    .addHelpText('after', AFTER_HELP)
    .action(async (logPath, options) => {
      const { io } = context;
      refuseOverwritingReport(options);
      const reduction = options.ledger === undefined ? undefined : readReduction(readJson(options.ledger));
      const recording = await openRecordingSource(io, logPath);
      try {
        const judged = await replayRecording(io, recording, options);
        refuseMissingEpoch(judged, options.epoch);
        await writeReport(io, reportOf(judged, options, recording, reduction), options);
        context.exitCode = exitCodeOfJudgement(judged.judgement, judged.lost);
      } finally {
        recording.close();
      }
    });
};

function readJson(path: string): unknown {
  const text = fs.readFileSync(path, 'utf8');
  try {
    return JSON.parse(text);
  } catch (cause) {
    const what = `${path} is no JSON`;
    throw new InputError(what, 'name a file with what vrrl reduce --json printed.', { cause });
  }
}

function refuseMissingEpoch({ plan: { epochs } }: JudgedReplay, wanted: number | undefined): void {
  if (wanted === undefined || epochs.some(({ ordinal }) => ordinal === wanted)) return;
  if (epochs.length === 0) throw new InputError('the log has no epochs', 'name a log with records.');
  const range = `${epochs[0].ordinal} to ${epochs[epochs.length - 1].ordinal}`;
  throw new InputError(`the log has no epoch ${wanted}`, `use one of ${range}.`);
}

function reportOf(
  judged: JudgedReplay,
  flags: ReportFlags,
  recording: RecordingFiles,
  reduction: Report['reduction'],
): Report {
  const { logPath, choice, plan, lost, judgement, replays, devices, notes } = judged;
  return makeReport({
    tool: `vrrl ${VERSION}`,
    log: logPath,
    plan,
    replays,
    judgement,
    kernel: choice.kernel,
    kernelSource: choice.source,
    lost,
    notes,
    ...(flags.epoch === undefined ? {} : { epoch: flags.epoch }),
    devices,
    seeAgain: { seed: flags.seed, versions: versions() },
    commands: (found) => commandsOf(recording.logPath, flags, found),
    ...(reduction === undefined ? {} : { reduction }),
    ...(flags.maxNodes === undefined ? {} : { explain: { maxNodes: flags.maxNodes } }),
  });
}

function versions(): Record<string, string> {
  return { vrrl: VERSION, node: process.versions.node, system: `${os.type()} ${os.release()} ${os.arch()}` };
}

/** Lines for a shell that show it again; none for what came through a pipe. */
function commandsOf(logPath: string, flags: ReportFlags, { epoch, source, token }: Found): Command[] {
  if (logPath === STANDARD_INPUT) return [];
  const kernel = optionOf('--kernel', flags.kernel);
  const sizes = [...optionOf('--slot-count', flags.slotCount), ...optionOf('--control-words', flags.controlWords)];
  const asked = [
    ...['--backend', flags.backend.join(','), '--replicas', String(flags.replicas), '--mode', flags.mode],
    ...optionOf('--adapter', flags.adapter),
    ...[...kernel, ...sizes],
    ...optionOf('--seed', flags.seed),
    ...optionOf('--workers', flags.workers),
    ...(flags.stress === undefined ? [] : ['--stress', ...(flags.stress === true ? [] : [String(flags.stress)])]),
  ];
  const commands = [{ what: 'replay', line: shellLine('replay', logPath, ...asked) }];
  if (epoch === undefined) return commands;
  const on = source === undefined || source === RECORDING ? [] : ['--backend', source];
  const about = [logPath, '--epoch', String(epoch)];
  if (sizes.length === 0) {
    commands.push({ what: 'explain', line: shellLine('explain', ...about, ...kernel, ...on) });
  }
  if (token === undefined) return commands;
  const schedule = shellLine('explore', ...about, ...kernel, ...sizes, '--token', token);
  return [...commands, { what: 'run its schedule', line: schedule }];
}

function shellLine(...words: readonly string[]): string {
  return ['vrrl', ...words].map(shellWord).join(' ');
}

function optionOf(name: string, value: string | number | undefined): string[] {
  return value === undefined ? [] : [name, String(value)];
}

function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

async function writeReport(io: Io, report: Report, { output, json }: ReportFlags): Promise<void> {
  if (output === STANDARD_OUTPUT) return io.write(renderHtml(report));
  if (output !== undefined) fs.writeFileSync(output, renderHtml(report));
  if (json) return io.write(`${tidyJson(report)}\n`);
  const where = output === undefined ? '' : `\n${printable(output)} has the same to look at.\n`;
  await io.write(`${renderText(report, widthOf(io))}${where}`);
}
