/** `vrrl trim`: a contiguous piece of a log. */

import { InputError } from '../../src/base/errors.ts';
import { type Range, type TrimSelection, trimRecording } from '../../src/derive/index.ts';
import type { AddCommand } from '../context.ts';
import { runDerivation } from '../derived-log.ts';
import { integer } from '../options.ts';
import { LAST_MOMENT, moment, range } from '../ranges.ts';

const AFTER_HELP = `
The piece is a v2 log. Its records keep their numbers. Of epochs that are in it as a whole the observations are kept,
with the state before the first of them, so that it can be replayed from there. Epochs are counted as replay counts
them; where nothing was observed, by EPOCH. Both ends of a range are included.

Examples:
  $ vrrl trim run.vrrl -o piece.vrrl --epochs 100..199
  $ vrrl trim run.vrrl -o tail.vrrl --last 10
  $ vrrl trim run.vrrl -o noon.vrrl --since 2026-01-31T12:00:00Z --until 2026-01-31T12:05:00Z`;

export const addTrim: AddCommand = (program, context) => {
  program
    .command('trim')
    .description('cut a piece out of a log: some epochs, some records, or some time; exit 3 if it has gaps')
    .argument('<log>', 'log file, or - for standard input')
    .requiredOption('-o, --output <file>', 'log file to make, or - for standard output')
    .option('--epochs <range>', 'epochs like 3..9, 3.. or ..9', range)
    .option('--last <n>', 'the last n epochs', integer(1, Number.MAX_SAFE_INTEGER))
    .option('--records <range>', 'records by their numbers, as dump prints them', range)
    .option('--since <time>', 'from the first record of then or later on', moment)
    .option('--until <time>', 'up to the last record of then or earlier', moment)
    .option('--no-observations', 'leave out what was observed')
    .option('--force', 'replace a log that is there already')
    .option('--json', 'print one JSON object about it (spec/derived.schema.json)')
    .option('-q, --quiet', 'no progress and no summary')
    .addHelpText('after', AFTER_HELP)
    .action(async (input, options) => {
      const selection = selectionOf(options);
      await runDerivation(context, 'trim', [input], options, ([source]) => ({
        format: 'v2',
        derivation: trimRecording(source, selection),
      }));
    });
};

interface PieceOptions {
  readonly epochs?: Range | undefined;
  readonly last?: number | undefined;
  readonly records?: Range | undefined;
  readonly since?: bigint | undefined;
  readonly until?: bigint | undefined;
}

/** @throws InputError unless exactly one piece is described. */
function selectionOf({ epochs, last, records, since, until }: PieceOptions): TrimSelection {
  const selections: TrimSelection[] = [];
  if (epochs !== undefined) selections.push({ epochs });
  if (last !== undefined) selections.push({ lastEpochs: last });
  if (records !== undefined) selections.push({ records });
  if (since !== undefined || until !== undefined) {
    selections.push({ times: { fromNs: since ?? 0n, untilNs: until ?? LAST_MOMENT } });
  }
  const [selection] = selections;
  if (selections.length === 1) return selection;
  const what = selection === undefined ? 'no piece was named' : 'more than one piece was named';
  throw new InputError(what, 'give one of --epochs, --last, --records, or --since and --until; see vrrl trim --help.');
}
