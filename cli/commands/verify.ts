/** `vrrl verify`: everything that can be checked without running anything. */

import { existsSync } from 'node:fs';
import { observationPathOf, openRecording } from '../../node/recording-files.ts';
import { VrrlError } from '../../src/base/errors.ts';
import { kernelFromJson, kernelIdentity } from '../../src/kernel/index.ts';
import type { ScanOptions, Severity } from '../../src/log/index.ts';
import { type ReadLog, readLog } from '../../src/reading/index.ts';
import { type PlannedEpoch, planReplay, type Recording } from '../../src/replay/index.ts';
import type { AddCommand } from '../context.ts';
import { ExitCode } from '../exit.ts';
import type { Io } from '../io.ts';
import { openLogSource, STANDARD_INPUT, withAdviceOnPipes } from '../log-source.ts';
import { startProgress } from '../progress.ts';
import { tidyJson } from '../render/json.ts';
import { count, plural, printable } from '../render/text.ts';

/** One thing that is wrong, from whichever file. */
interface Problem {
  readonly file: string;
  readonly kind: string;
  readonly severity: Severity;
  /** Ends in a `Fix:` sentence. */
  readonly message: string;
  /** The first position of the log concerned. */
  readonly position?: number;
  /** How many records, frames or bytes it is about. */
  readonly count?: number;
}

const AFTER_HELP = `
A line for each thing that was found, then a summary by kind. "information" is part of a log's normal life and leaves
the exit code at 0: that it has wrapped, that a v2 log was not closed because its writer is at work or was killed, and
that what was published last was then never observed. Of a v1 log that is a warning: nothing in it tells whether more is
gone.
Exit codes: 0 nothing is wrong, 3 something is (a warning, or damage), 2 no log.

Example:
  $ vrrl verify run.vrrl && echo sound`;

export const addVerify: AddCommand = (program, context) => {
  program
    .command('verify')
    .description('check a log and the observations beside it; exit 0 only if nothing is wrong')
    .argument('<log>', 'log file, or - for standard input')
    .option('--json', 'print one JSON object (spec/verify.schema.json)')
    .option('-q, --quiet', 'no progress')
    .addHelpText('after', AFTER_HELP)
    .action(async (path, options) => {
      const { io } = context;
      const progress = startProgress(io, 'checking', options.quiet);
      try {
        const onProgress = (done: number, total: number) => progress.update(done, total);
        const checked = path === STANDARD_INPUT ? await checkStream(io) : checkFiles(path, { onProgress });
        progress.stop();
        await io.write(options.json ? `${tidyJson(describe(path, checked))}\n` : printProblems(path, checked));
        if (wrongIn(checked).length > 0) context.exitCode = ExitCode.UNKNOWN;
      } finally {
        progress.stop();
      }
    });
};

interface Checked {
  readonly log: Pick<ReadLog, 'format' | 'lost' | 'loss'>;
  readonly records: number;
  readonly problems: readonly Problem[];
}

async function checkStream(io: Io): Promise<Checked> {
  return check(STANDARD_INPUT, readLog(await openLogSource(io, STANDARD_INPUT)), []);
}

function checkFiles(path: string, options: ScanOptions): Checked {
  const recording = withAdviceOnPipes(() => openRecording(path, { ...options, observations: false }));
  try {
    const { log } = recording;
    return check(path, log, log.format === 'v1' ? problemsBeside(path) : []);
  } finally {
    recording.close();
  }
}

function check(file: string, log: ReadLog, beside: readonly Problem[]): Checked {
  const { findings, observations, columns } = log;
  const own = findings.map((finding) => ({ file, ...finding }));
  const observed =
    observations === undefined ? [] : problemsWithObservations({ log, observations }, file, judgingWithin(log));
  const problems = [...own, ...problemsWithKernel(log, file), ...observed, ...beside];
  return { log, records: columns.length, problems };
}

/** How grave it is that a recording has no end, and what the stream's findings are called. */
interface Judging {
  readonly kinds: Readonly<Record<string, string>>;
  /** Undefined: it is known already. */
  readonly noCleanEnd: Severity | undefined;
  readonly lastNotObserved: Severity;
}

/** A stream beside a v1 log: nothing tells whether more of it is gone. */
const BESIDE: Judging = { kinds: {}, noCleanEnd: 'warning', lastNotObserved: 'warning' };

/** Within a log, whose numbers tell what is missing. That its writer is at work, or was killed, it says itself. */
function judgingWithin({ findings }: ReadLog): Judging {
  const isClosed = !findings.some(({ kind }) => kind === 'notClosed');
  if (isClosed) return { kinds: JOURNAL_KINDS, noCleanEnd: 'information', lastNotObserved: 'warning' };
  return { kinds: JOURNAL_KINDS, noCleanEnd: undefined, lastNotObserved: 'information' };
}

/** What the stream's kinds of findings are called in a log, whose records have kinds of the same names. */
const JOURNAL_KINDS: Readonly<Record<string, string>> = {
  damaged: 'journalDamaged',
  torn: 'journalTorn',
  foreign: 'journalForeign',
  stale: 'journalStale',
  missing: 'journalIncomplete',
  malformed: 'journalMalformed',
};

/** Whether the kernel that a v2 log describes is the one that it names. Others than vrrl may describe theirs as they like. */
function problemsWithKernel({ metadata }: ReadLog, file: string): Problem[] {
  if (metadata?.kernel === undefined || metadata.kernelHash === undefined) return [];
  try {
    if (kernelIdentity(kernelFromJson(metadata.kernel)) === metadata.kernelHash) return [];
  } catch (error) {
    if (!(error instanceof VrrlError)) throw error;
    const message = `the kernel in the metadata is none that this vrrl knows: ${error.what}. Fix: ${error.fix}`;
    return [{ file, kind: 'kernelUnreadable', severity: 'warning', message }];
  }
  const message =
    'the kernel in the metadata is not the one whose hash stands beside it. Fix: replay with --kernel, and report it.';
  return [{ file, kind: 'kernelContradiction', severity: 'warning', message }];
}

/** What is wrong with the observations beside a v1 log, if there are any. */
function problemsBeside(logPath: string): Problem[] {
  const file = observationPathOf(logPath);
  if (!existsSync(file)) return [];
  try {
    const recording = openRecording(logPath);
    try {
      return problemsWithObservations(recording, file, BESIDE);
    } finally {
      recording.close();
    }
  } catch (error) {
    if (!(error instanceof VrrlError)) throw error;
    return [{ file, kind: 'observationsUnreadable', severity: 'damage', message: error.message }];
  }
}

/** What the stream itself finds, and epochs whose records are not the ones that the log has. */
function problemsWithObservations(recording: Recording, file: string, judging: Judging): Problem[] {
  const { observations } = recording;
  if (observations === undefined) return [];
  const { findings, cleanEnd } = observations;
  const problems: Problem[] = findings.map(({ kind, message }) => {
    const fix = 'look for a whole copy; vrrl replay judges the epochs that are left.';
    return { file, kind: judging.kinds[kind] ?? kind, severity: 'damage', message: `${message}. Fix: ${fix}` };
  });
  if (!cleanEnd && judging.noCleanEnd !== undefined) {
    const message =
      'it has no end frame: the recording was not closed. Fix: none is needed; what it holds was checked.';
    problems.push({ file, kind: 'noCleanEnd', severity: judging.noCleanEnd, message });
  }
  const { epochs } = planReplay(recording);
  for (const epoch of epochs) {
    if (epoch.observed === undefined) {
      problems.push(...unobserved(epoch, file, epoch === epochs.at(-1) ? judging.lastNotObserved : 'warning'));
    } else if (!epoch.isReplayable) problems.push(...contradicted(epoch, file));
  }
  return problems;
}

function unobserved(epoch: PlannedEpoch, file: string, severity: Severity): Problem[] {
  const fix = 'none is needed; vrrl replay runs it again, with nothing to compare it with.';
  return epoch.unknownReasons.map((reason) => {
    const records = plural(epoch.endRecord - epoch.firstRecord, 'record');
    const message = `epoch ${epoch.ordinal} (${records}): ${reason}. Fix: ${fix}`;
    return { file, kind: 'epochNotObserved', severity, message };
  });
}

function contradicted({ ordinal, unknownReasons }: PlannedEpoch, file: string): Problem[] {
  const fix = 'look for a whole copy of the recording; the other epochs can be replayed.';
  return unknownReasons.map((reason) => {
    return { file, kind: 'epochNotInLog', severity: 'damage', message: `epoch ${ordinal}: ${reason}. Fix: ${fix}` };
  });
}

function wrongIn({ problems }: Checked): Problem[] {
  return problems.filter(({ severity }) => severity !== 'information');
}

/** How much each kind is about. */
function countByKind(problems: readonly Problem[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { kind, count: times = 1 } of problems) counts[kind] = (counts[kind] ?? 0) + Math.max(1, times);
  return counts;
}

/** The object that `verify --json` prints. */
function describe(path: string, checked: Checked) {
  const { log, records, problems } = checked;
  const { format, lost, loss } = log;
  const sound = wrongIn(checked).length === 0;
  return { schemaVersion: 1, path, format, sound, records, lost, loss, byKind: countByKind(problems), problems };
}

function printProblems(path: string, checked: Checked): string {
  const { log, records, problems } = checked;
  const lines = problems.map(({ file, kind, severity, message }) => `${severity}: ${file}: ${kind}: ${message}`);
  const wrong = wrongIn(checked);
  const kinds = Object.entries(countByKind(wrong)).map(([kind, times]) => `${kind} ${count(times)}`);
  const summary = wrong.length === 0 ? 'nothing is wrong' : `${plural(wrong.length, 'problem')}: ${kinds.join(', ')}`;
  const held = `${plural(records, 'record')}${log.lost === 0 ? '' : `, ${count(log.lost)} lost`}`;
  return `${[...lines, `${path}: ${held}, ${summary}`].map(printable).join('\n')}\n`;
}
