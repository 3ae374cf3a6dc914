/** `vrrl verify`: everything that can be checked without running anything. */

import { type OpenRecordingOptions, openRecording, type RecordingFiles } from '../../node/recording-files.ts';
import { scanLog } from '../../src/log/index.ts';
import { planReplay } from '../../src/replay/index.ts';
import type { AddCommand } from '../context.ts';
import { ExitCode } from '../exit.ts';
import type { Io } from '../io.ts';
import { openLogSource } from '../log-source.ts';
import { startProgress } from '../progress.ts';
import { tidyJson } from '../render/json.ts';
import { plural } from '../render/text.ts';

/** One thing that is wrong, from whichever file. */
interface Problem {
  readonly file: string;
  readonly kind: string;
  readonly severity: 'information' | 'warning' | 'damage';
  readonly message: string;
}

export const addVerify: AddCommand = (program, context) => {
  program
    .command('verify')
    .description('check a log and the observations beside it; exit 0 only if nothing is wrong')
    .argument('<log>', 'log file, or - for standard input')
    .option('--json', 'print one JSON object')
    .option('-q, --quiet', 'no progress')
    .addHelpText('after', '\nExample:\n  $ vrrl verify run.vrrl && echo sound')
    .action(async (path, options) => {
      const { io } = context;
      const progress = startProgress(io, 'checking', options.quiet);
      try {
        const onProgress = (done: number, total: number) => progress.update(done, total);
        const { problems, records } = path === '-' ? await checkStream(io) : checkFiles(path, { onProgress });
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
  const { findings, columns } = scanLog(await openLogSource(io, '-'));
  return { problems: findings.map((found) => ({ file: '-', ...found })), records: columns.length };
}

function checkFiles(path: string, options: OpenRecordingOptions): Checked {
  const recording = openRecording(path, options);
  try {
    const { findings, columns } = recording.scan;
    const inLog = findings.map(({ kind, severity, message }) => ({ file: path, kind, severity, message }));
    return { problems: [...inLog, ...problemsWithObservations(recording)], records: columns.length };
  } finally {
    recording.close();
  }
}

/** What the stream itself finds, and epochs whose records are not the ones that the log has. */
function problemsWithObservations(recording: RecordingFiles): Problem[] {
  const { observations, observationPath } = recording;
  if (observations === undefined || observationPath === undefined) return [];
  const file = observationPath;
  const problems: Problem[] = observations.findings.map(({ kind, message }) => ({
    file,
    kind,
    severity: 'damage',
    message,
  }));
  if (!observations.cleanEnd) {
    const message = 'it has no end frame: the recording was not closed. Fix: none is needed; what it holds is checked';
    problems.push({ file, kind: 'noCleanEnd', severity: 'warning', message });
  }
  for (const epoch of planReplay(recording).epochs) {
    if (epoch.isReplayable) continue;
    for (const reason of epoch.unknownReasons) {
      problems.push({ file, kind: 'epochNotInLog', severity: 'damage', message: `epoch ${epoch.ordinal}: ${reason}` });
    }
  }
  return problems;
}

function printProblems(path: string, records: number, problems: readonly Problem[]): string {
  const lines = problems.map(({ file, kind, severity, message }) => `${severity}: ${file}: ${kind}: ${message}`);
  const wrong = problems.filter(({ severity }) => severity !== 'information').length;
  const summary = wrong === 0 ? 'nothing is wrong' : plural(wrong, 'problem');
  return `${[...lines, `${path}: ${plural(records, 'record')}, ${summary}`].join('\n')}\n`;
}
