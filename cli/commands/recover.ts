/** `vrrl recover`: what is left of a damaged log, in a new one. */

import type { OpenRecordingOptions, RecordingFiles } from '../../node/recording-files.ts';
import { InputError } from '../../src/base/errors.ts';
import { type DerivationSource, type NotKept, recoverRecording } from '../../src/derive/index.ts';
import { MAX_CAPACITY } from '../../src/log/index.ts';
import { ObservationFormatError } from '../../src/observe/index.ts';
import { salvageLog } from '../../src/reading/index.ts';
import type { AddCommand } from '../context.ts';
import { type Made, runDerivation } from '../derived-log.ts';
import type { Io } from '../io.ts';
import { openRecordingSource, STANDARD_INPUT } from '../log-source.ts';

const AFTER_HELP = `
The new log is of the same version. Every record that proves itself is in it, under the number or at the position that
it had, and everything that was observed and is whole; what is lost stays missing. If both superblocks of a v2 log are
gone, or the header of a v1 log, its records are found by themselves. The old log is only read.
Exit codes: 0 nothing is lost, 3 something is (what, by kind), 2 nothing can be saved.

Examples:
  $ vrrl recover run.vrrl
  $ vrrl recover run.vrrl -o saved.vrrl --json
  $ ssh host cat run.vrrl | vrrl recover - -o saved.vrrl`;

export const addRecover: AddCommand = (program, context) => {
  program
    .command('recover')
    .description('save what can be saved of a damaged log into a new one; exit 3 if something is lost')
    .argument('<log>', 'log file, or - for standard input')
    .option('-o, --output <file>', 'log file to make; default: the name of the old one and .recovered')
    .option('--force', 'replace a log that is there already')
    .option('--json', 'print one JSON object about it (spec/derived.schema.json)')
    .option('-q, --quiet', 'no progress and no summary')
    .addHelpText('after', AFTER_HELP)
    .action(async (input, options) => {
      const output = options.output ?? defaultOutput(input);
      const beside: NotKept[] = [];
      const open = (io: Io, path: string, how: OpenRecordingOptions) => openDamaged(io, path, how, beside);
      const recover = ([source]: readonly DerivationSource[]) => recovered(source, beside);
      await runDerivation(context, 'recover', [input], { ...options, output }, recover, open);
    });
};

function defaultOutput(input: string): string {
  if (input !== STANDARD_INPUT) return `${input}.recovered`;
  throw new InputError('a log from standard input has no name to make another of', 'name a file with -o.');
}

/** Observations beside a v1 log that nobody can read any more are one more thing that is lost. */
async function openDamaged(
  io: Io,
  path: string,
  options: OpenRecordingOptions,
  beside: NotKept[],
): Promise<RecordingFiles> {
  const how = { ...options, read: salvageLog };
  try {
    return await openRecordingSource(io, path, how);
  } catch (error) {
    if (!(error instanceof ObservationFormatError)) throw error;
    beside.push({ kind: 'observationsUnreadable', count: 1, message: `the observations: ${error.what}` });
    return openRecordingSource(io, path, { ...how, observations: false });
  }
}

/** @throws InputError if there is nothing to save, or more than one log has room for. */
function recovered(source: DerivationSource, beside: readonly NotKept[]): Made {
  const { log, label } = source;
  if (log.capacity > MAX_CAPACITY) {
    const what = `\`${label}\` is a set of ${log.capacity} records, and one log has room for ${MAX_CAPACITY}`;
    throw new InputError(what, 'recover the logs of the set one by one.');
  }
  const made = recoverRecording(source, beside);
  const { recordsWritten, epochsWritten, isIncomplete } = made.derivation.report;
  if (isIncomplete && recordsWritten + epochsWritten === 0) {
    throw new InputError(`nothing can be saved of \`${label}\``, 'look for a whole copy of the log.');
  }
  return made;
}
