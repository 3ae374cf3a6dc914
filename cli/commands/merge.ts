/** `vrrl merge`: several logs as one. */

import { mergeRecordings } from '../../src/derive/index.ts';
import type { AddCommand } from '../context.ts';
import { runDerivation } from '../derived-log.ts';

const AFTER_HELP = `
Pieces of one recording, as trim makes them, go together by their numbers, with what was observed. Logs of several
recordings, of one device each for instance, go together by time: at the same time the one that was named first comes
first, and no log's own order is changed. Their records are numbered anew, and what was observed of them is left out.

Examples:
  $ vrrl merge first-half.vrrl second-half.vrrl -o run.vrrl
  $ vrrl merge gpu-*.vrrl -o all.vrrl`;

export const addMerge: AddCommand = (program, context) => {
  program
    .command('merge')
    .description('make one log of several: pieces of one recording, or recordings by time; exit 3 if it has gaps')
    .argument('<logs...>', 'log files; one may be - for standard input')
    .requiredOption('-o, --output <file>', 'log file to make, or - for standard output')
    .option('--no-observations', 'leave out what was observed')
    .option('--force', 'replace a log that is there already')
    .option('--json', 'print one JSON object about it (spec/derived.schema.json)')
    .option('-q, --quiet', 'no progress and no summary')
    .addHelpText('after', AFTER_HELP)
    .action(async (inputs, options) => {
      await runDerivation(context, 'merge', inputs, options, (sources) => ({
        format: 'v2',
        derivation: mergeRecordings(sources),
      }));
    });
};
