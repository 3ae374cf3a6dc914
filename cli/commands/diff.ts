/** `vrrl diff`: two runs of the same slots, compared by what was seen. */

import { FileStorage } from '../../node/file-storage.ts';
import { openRecording } from '../../node/recording-files.ts';
import { InputError } from '../../src/base/errors.ts';
import { type ComparedSide, compareStreams, type StreamComparison } from '../../src/diff/index.ts';
import { type Kernel, kernelFromJson } from '../../src/kernel/index.ts';
import { LOG_MAGIC } from '../../src/log/index.ts';
import { ObservationReader } from '../../src/observe/index.ts';
import { planReplay } from '../../src/replay/index.ts';
import type { AddCommand } from '../context.ts';
import { exitCodeOf } from '../exit.ts';
import { coloursFor, type Io } from '../io.ts';
import { tidyJson } from '../render/json.ts';
import { renderDivergence } from '../render/judgement.ts';
import { count } from '../render/text.ts';

const AFTER_HELP = `
Each side is a log with observations beside it (<log>.obs), or an observation stream written by vrrl replay --save.

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
    .option('--no-color', 'no colours')
    .addHelpText('after', AFTER_HELP)
    .action(async (leftPath, rightPath, options) => {
      const { io } = context;
      const left = openSide(leftPath);
      try {
        const right = openSide(rightPath);
        try {
          const kernel = kernelOf(left.observations) ?? kernelOf(right.observations);
          const comparison = compareStreams(left, right, kernel);
          const json = () => `${tidyJson({ schemaVersion: 1, left: leftPath, right: rightPath, ...comparison })}\n`;
          await io.write(options.json ? json() : renderComparison(io, left, right, comparison, options.color));
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
  close(): void;
}

function openSide(path: string): OpenSide {
  if (!isLog(path)) {
    const storage = FileStorage.open(path, 'read');
    try {
      const observations = ObservationReader.open(storage);
      return { name: path, observations, plan: undefined, close: () => storage.close() };
    } catch (error) {
      storage.close();
      throw error;
    }
  }
  const recording = openRecording(path);
  const { observations } = recording;
  if (observations === undefined) {
    throw new InputError(
      `there are no observations beside \`${path}\``,
      `replay it instead (vrrl replay ${path}), or put its observations at ${path}.obs.`,
    );
  }
  return { name: path, observations, plan: planReplay(recording), close: () => recording.close() };
}

function isLog(path: string): boolean {
  const storage = FileStorage.open(path, 'read');
  try {
    const start = new Uint8Array(LOG_MAGIC.length);
    storage.readAt(start, 0);
    return new TextDecoder('latin1').decode(start).startsWith(LOG_MAGIC.slice(0, 4));
  } finally {
    storage.close();
  }
}

/** Without a kernel the slots that can have written a word are not named; nothing else needs it. */
function kernelOf(observations: ObservationReader): Kernel | undefined {
  const { kernel } = observations.header;
  return kernel === null || kernel === undefined ? undefined : kernelFromJson(kernel);
}

function renderComparison(
  io: Io,
  left: ComparedSide,
  right: ComparedSide,
  comparison: StreamComparison,
  wantsColour: boolean,
): string {
  const colours = coloursFor(io, io.writesToTerminal, wantsColour);
  const { verdict, epochs, firstDivergence, unknownEpochs } = comparison;
  const paint = { agree: colours.green, diverge: colours.red, unknown: colours.yellow }[verdict];
  const parts = [
    `${count(epochs.agreeing)} of ${count(epochs.total)} epochs agree`,
    ...(epochs.diverging > 0 ? [`${count(epochs.diverging)} diverge`] : []),
    ...(epochs.unknown > 0 ? [`${count(epochs.unknown)} unknown`] : []),
  ];
  const lines = [
    `${left.name} (${left.observations.header.backend.name}) against ${right.name} (${right.observations.header.backend.name})`,
    '',
    `${colours.bold(paint(verdict))}: ${parts.join(', ')}`,
    ...(firstDivergence === undefined ? [] : ['', ...renderDivergence(firstDivergence, colours)]),
    ...(unknownEpochs.length === 0 ? [] : ['', 'not known:']),
    ...unknownEpochs.map(({ epoch, reasons }) => `  epoch ${epoch}: ${reasons.join('; ')}`),
  ];
  return `${lines.join('\n')}\n`;
}
