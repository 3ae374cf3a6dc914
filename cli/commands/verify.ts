/** `vrrl verify`: everything that can be checked without running anything. */

import { existsSync } from 'node:fs';
import { observationPathOf, openRecording } from '../../node/recording-files.ts';
import { VrrlError } from '../../src/base/errors.ts';
import type { ScanOptions, Severity } from '../../src/log/index.ts';
import { type ReadLog, readLog } from '../../src/reading/index.ts';
import { type PlannedEpoch, planReplay, type Recording } from '../../src/replay/index.ts';
import type { AddCommand } from '../context.ts';
import { ExitCode } from '../exit.ts';
import type { Io } from '../io.ts';
import { openLogSource, STANDARD_INPUT, withAdviceOnPipes } from '../log-source.ts';
import { startProgress } from '../progress.ts';
import { tidyJson } from '../render/json.ts';
import { plural, printable } from '../render/text.ts';

/** One thing that is wrong, from whichever file. */
interface Problem {
  readonly file: string;
  readonly kind: string;
  readonly severity: Severity;
  /** Ends in a `Fix:` sentence. */
  readonly message: string;
}

export const addVerify: AddCommand = (program, context) => {
  program
    .command('verify')
    .description('check a log and the observations beside it; exit 0 only if nothing is wrong')
    .argument('<log>', 'log file, or - for standard input')
    .option('--json', 'print one JSON object (spec/verify.schema.json)')
    .option('-q, --quiet', 'no progress')
    .addHelpText('after', '\nExample:\n  $ vrrl verify run.vrrl && echo sound')
    .action(async (path, options) => {
      const { io } = context;
      const progress = startProgress(io, 'checking', options.quiet);
      try {
        const onProgress = (done: number, total: number) => progress.update(done, total);
        const { problems, records } =
          path === STANDARD_INPUT ? await checkStream(io) : checkFiles(path, { onProgress });
        progress.stop();
        const wrong = problems.filter(({ severity }) => severity !== 'information');
        if (options.json)
          await io.write(`${tidyJson({ schemaVersion: 1, path, sound: wrong.length === 0, records, problems })}\n`);
        else await io.write(printProblems(path, records, problems));
        if (wrong.length > 0) context.exitCode = ExitCode.UNKNOWN;
      } finally {
        progress.stop();
      }
    });
};

interface Checked {
  readonly problems: readonly Problem[];
  readonly records: number;
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
  const own = findings.map(({ kind, severity, message }) => ({ file, kind, severity, message }));
  const observed = observations === undefined ? [] : problemsWithObservations({ log, observations }, file);
  return { problems: [...own, ...observed, ...beside], records: columns.length };
}

/** What is wrong with the observations beside a v1 log, if there are any. */
function problemsBeside(logPath: string): Problem[] {
  const file = observationPathOf(logPath);
  if (!existsSync(file)) return [];
  try {
    const recording = openRecording(logPath);
    try {
      return problemsWithObservations(recording, file);
    } finally {
      recording.close();
    }
  } catch (error) {
    if (!(error instanceof VrrlError)) throw error;
    return [{ file, kind: 'observationsUnreadable', severity: 'damage', message: error.message }];
  }
}

/** What the stream itself finds, and epochs whose records are not the ones that the log has. */
function problemsWithObservations(recording: Recording, file: string): Problem[] {
  const { observations } = recording;
  if (observations === undefined) return [];
  const { findings, cleanEnd } = observations;
  const problems: Problem[] = findings.map(({ kind, message }) => {
    const fix = 'look for a whole copy; vrrl replay judges the epochs that are left.';
    return { file, kind, severity: 'damage', message: `${message}. Fix: ${fix}` };
  });
  if (!cleanEnd) {
    const message =
      'it has no end frame: the recording was not closed. Fix: none is needed; what it holds was checked.';
    problems.push({ file, kind: 'noCleanEnd', severity: 'warning', message });
  }
  for (const epoch of planReplay(recording).epochs) {
    if (!epoch.isReplayable || epoch.observed === undefined) problems.push(...problemsOfEpoch(epoch, file));
  }
  return problems;
}

function problemsOfEpoch({ ordinal, observed, unknownReasons }: PlannedEpoch, file: string): Problem[] {
  const [kind, severity, fix] =
    observed === undefined
      ? ([
          'epochNotObserved',
          'warning',
          'none is needed; vrrl replay runs it again, with nothing to compare it with.',
        ] as const)
      : ([
          'epochNotInLog',
          'damage',
          'look for a whole copy of both files; the other epochs can be replayed.',
        ] as const);
  return unknownReasons.map((reason) => ({
    file,
    kind,
    severity,
    message: `epoch ${ordinal}: ${reason}. Fix: ${fix}`,
  }));
}

function printProblems(path: string, records: number, problems: readonly Problem[]): string {
  const lines = problems.map(({ file, kind, severity, message }) => `${severity}: ${file}: ${kind}: ${message}`);
  const wrong = problems.filter(({ severity }) => severity !== 'information').length;
  const summary = wrong === 0 ? 'nothing is wrong' : plural(wrong, 'problem');
  return `${[...lines, `${path}: ${plural(records, 'record')}, ${summary}`].map(printable).join('\n')}\n`;
}
