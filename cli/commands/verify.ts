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
  const observed = observations === undefined ? [] : problemsWithObservations({ log, observations }, file);
  return { log, records: columns.length, problems: [...own, ...observed, ...beside] };
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
