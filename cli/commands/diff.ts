/** `vrrl diff`: two runs of the same slots, compared by what was seen. */

import { FileStorage } from '../../node/file-storage.ts';
import { openRecording } from '../../node/recording-files.ts';
import { InputError } from '../../src/base/errors.ts';
import { type ComparedSide, compareStreams, type StreamComparison } from '../../src/diff/index.ts';
import { type Kernel, kernelFromJson } from '../../src/kernel/index.ts';
import { LOG_MAGIC } from '../../src/log/index.ts';
import { ObservationReader, type Observations } from '../../src/observe/index.ts';
import { isFlightLog, isLogSet, type ReadLog } from '../../src/reading/index.ts';
import { planReplay } from '../../src/replay/index.ts';
import type { AddCommand } from '../context.ts';
import { exitCodeOf } from '../exit.ts';
import { coloursOf, type Io } from '../io.ts';
import { tidyJson } from '../render/json.ts';
import { renderDivergence, renderUnknownEpochs } from '../render/judgement.ts';
import { count, plural, printable, printableData } from '../render/text.ts';

const AFTER_HELP = `
Each side is a log with observations (in it; of a v1 log beside it, in <log>.obs),
or an observation stream written by vrrl replay --save.

Examples:
  $ vrrl diff monday.vrrl tuesday.vrrl
  $ vrrl replay run.vrrl --backend threads --replicas 1 --save threads.obs; vrrl diff run.vrrl threads.obs --json`;

export const addDiff: AddCommand = (program, context) => {
  program
    .command('diff')
    .description('compare what was seen in two runs of the same slots, epoch by epoch')
    .argument('<left>', 'log or observation stream')
    .argument('<right>', 'log or observation stream')
    .option('--json', 'print one JSON object (spec/comparison.schema.json)')
    .addHelpText('after', AFTER_HELP)
    .action(async (leftPath, rightPath, options) => {
      const { io } = context;
      const left = openSide(leftPath);
      try {
        const right = openSide(rightPath);
        try {
          const kernel = kernelOf(left.observations) ?? kernelOf(right.observations);
          const comparison = compareStreams(left, right, kernel);
          for (const side of [left, right]) for (const note of damageNotes(side)) io.note(note);
          const json = () => `${tidyJson({ schemaVersion: 1, left: leftPath, right: rightPath, ...comparison })}\n`;
          await io.write(options.json ? json() : renderComparison(io, left, right, comparison));
          context.exitCode = exitCodeOf(comparison.verdict);
        } finally {
          right.close();
        }
      } finally {
        left.close();
      }
    });
};

interface OpenSide extends ComparedSide {
  /** Records that the log is known to have lost. */
  readonly lost: number;
  close(): void;
}

/** What was seen is in the other file, with a digest of the slots: it can be compared without the records. */
function damageNotes({ name, lost, plan }: OpenSide): string[] {
  const strange =
    plan?.epochs.filter(({ observed, isReplayable }) => observed !== undefined && !isReplayable).length ?? 0;
  const found = [
    ...(lost > 0 ? [`${plural(lost, 'record')} lost`] : []),
    ...(strange > 0 ? [`${plural(strange, 'epoch')} not in the log as observed`] : []),
  ];
  if (found.length === 0) return [];
  return [
    `vrrl: warning: ${name}: ${found.join(', ')}; epochs are compared by what was seen. Fix: see vrrl verify ${name}.\n`,
  ];
}

function openSide(path: string): OpenSide {
  return isLog(path) ? openLogSide(path) : openStreamSide(path);
}

function openStreamSide(path: string): OpenSide {
  const storage = FileStorage.open(path, 'read');
  try {
    const observations = ObservationReader.open(storage);
    return { name: path, observations, plan: undefined, lost: 0, close: () => storage.close() };
  } catch (error) {
    storage.close();
    throw error;
  }
}

function openLogSide(path: string): OpenSide {
  const recording = openRecording(path);
  try {
    const { observations, log } = recording;
    if (observations === undefined) throw nothingObserved(path, log.format);
    const plan = planReplay(recording);
    return { name: path, observations, plan, lost: log.lost, close: () => recording.close() };
  } catch (error) {
    recording.close();
    throw error;
  }
}

function nothingObserved(path: string, format: ReadLog['format']): InputError {
  const instead = `replay it instead (vrrl replay ${path})`;
  if (format === 'v2') return new InputError(`there are no observations in \`${path}\``, `${instead}.`);
  const fix = `${instead}, or put its observations at ${path}.obs.`;
  return new InputError(`there are no observations beside \`${path}\``, fix);
}

function isLog(path: string): boolean {
  const storage = FileStorage.open(path, 'read');
  try {
    if (isFlightLog(storage) || isLogSet(storage)) return true;
    const start = new Uint8Array(LOG_MAGIC.length);
    storage.readAt(start, 0);
    return new TextDecoder('latin1').decode(start).startsWith(LOG_MAGIC.slice(0, 4));
  } finally {
    storage.close();
  }
}

/** Without a kernel the slots that can have written a word are not named; nothing else needs it. */
function kernelOf(observations: Observations): Kernel | undefined {
  const { kernel } = observations.header;
  return kernel === null || kernel === undefined ? undefined : kernelFromJson(kernel);
}

function renderComparison(io: Io, left: ComparedSide, right: ComparedSide, comparison: StreamComparison): string {
  const colours = coloursOf(io);
  // Names come from files of others.
  const { verdict, epochs, firstDivergence, unknownEpochs } = printableData(comparison);
  const paint = { agree: colours.green, diverge: colours.red, unknown: colours.yellow }[verdict];
  const parts = [
    `${count(epochs.agreeing)} of ${count(epochs.total)} epochs agree`,
    ...(epochs.diverging > 0 ? [`${count(epochs.diverging)} diverge`] : []),
    ...(epochs.unknown > 0 ? [`${count(epochs.unknown)} unknown`] : []),
  ];
  const [leftTitle, rightTitle] = [left, right].map(({ name, observations }) =>
    printable(`${name} (${observations.header.backend.name})`),
  );
  const lines = [
    `${leftTitle} against ${rightTitle}`,
    '',
    `${colours.bold(paint(verdict))}: ${parts.join(', ')}`,
    ...(firstDivergence === undefined ? [] : ['', ...renderDivergence(firstDivergence, colours)]),
    ...renderUnknownEpochs(unknownEpochs, epochs.unknown),
  ];
  return `${lines.join('\n')}\n`;
}
