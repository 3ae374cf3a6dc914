/** `vrrl convert`: a log in the other version. */

import { Option } from '@commander-js/extra-typings';
import { InputError } from '../../src/base/errors.ts';
import {
  convertToFlightLog,
  convertToRingLog,
  type DerivationSource,
  mergeRecordings,
} from '../../src/derive/index.ts';
import type { AddCommand } from '../context.ts';
import { type Made, runDerivation } from '../derived-log.ts';
import { LOG_FORMATS, type LogFormat } from '../recorder.ts';

const AFTER_HELP = `
v1 to v2 takes the observations beside the log (<log>.obs) into the new one; v2 to v1 puts them beside the new one
again, and says what version 1 has no place for. A v1 log that is whole comes back the same from v2.

Examples:
  $ vrrl convert old.vrrl -o new.vrrl --to v2
  $ vrrl convert run.vrrl -o for-rust.vrrl --to v1 --json`;

export const addConvert: AddCommand = (program, context) => {
  program
    .command('convert')
    .description('make a v2 log of a v1 log or of a set, or a v1 log of either; exit 3 if something was lost already')
    .argument('<log>', 'log file, or - for standard input')
    .requiredOption('-o, --output <file>', 'log file to make, or - for standard output')
    .addOption(new Option('--to <version>', 'the version to make').choices(LOG_FORMATS).makeOptionMandatory())
    .option('--no-observations', 'leave out what was observed')
    .option('--force', 'replace a log that is there already')
    .option('--json', 'print one JSON object about it (spec/derived.schema.json)')
    .option('-q, --quiet', 'no progress and no summary')
    .addHelpText('after', AFTER_HELP)
    .action(async (input, options) => {
      await runDerivation(context, 'convert', [input], options, ([source]) => convert(source, options.to));
    });
};

/**
 * A set of logs becomes one log, of either version.
 *
 * @throws InputError if the log is of that version already.
 */
function convert(source: DerivationSource, to: LogFormat): Made {
  if (to === 'v2' && source.log.logCount !== undefined) {
    return { format: 'v2', derivation: mergeRecordings([source]) };
  }
  if (source.log.format === to) {
    throw new InputError(`\`${source.label}\` is of version ${to} already`, 'copy it, or name the other version.');
  }
  return to === 'v2'
    ? { format: 'v2', derivation: convertToFlightLog(source) }
    : { format: 'v1', derivation: convertToRingLog(source) };
}
