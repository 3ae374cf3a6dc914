/** `vrrl filter`: some records of a log, wherever they are. */

import { InputError } from '../../src/base/errors.ts';
import { type DerivationSource, type FilterSelection, filterRecording, type Range } from '../../src/derive/index.ts';
import { Opcode } from '../../src/protocol/index.ts';
import type { AddCommand } from '../context.ts';
import { runDerivation } from '../derived-log.ts';
import { list } from '../options.ts';
import { LAST_MOMENT, moment, ranges } from '../ranges.ts';

const AFTER_HELP = `
All that is given has to hold. The new log is a v2 log; its records are numbered one after the other, so that what was
left out does not count as lost. Observations are kept of the longest run of epochs that lost no record: of others they
would not be true, or the state that they start from would be missing. Both ends of a range are included.

Examples:
  $ vrrl filter run.vrrl -o tenant-3.vrrl --tenants 3
  $ vrrl filter run.vrrl -o adds.vrrl --opcodes ATOMIC_ADD,0x40000000 --epochs 0..99
  $ vrrl filter run.vrrl -o - --tenants 0..7,12 | vrrl dump -`;

export const addFilter: AddCommand = (program, context) => {
  program
    .command('filter')
    .description('keep the records of some epochs, tenants, opcodes or times; exit 3 if some may be lost')
    .argument('<log>', 'log file, or - for standard input')
    .requiredOption('-o, --output <file>', 'log file to make, or - for standard output')
    .option('--epochs <ranges>', 'epochs like 3, 5..9, as replay counts them; by EPOCH if nothing was observed', ranges)
    .option('--tenants <ranges>', 'tenants like 0..3,7', ranges)
    .option('--opcodes <list>', 'opcodes by name or number, separated by commas', list)
    .option('--since <time>', 'records of then and later', moment)
    .option('--until <time>', 'records of then and earlier', moment)
    .option('--no-observations', 'leave out what was observed')
    .option('--force', 'replace a log that is there already')
    .option('--json', 'print one JSON object about it (spec/derived.schema.json)')
    .option('-q, --quiet', 'no progress and no summary')
    .addHelpText('after', AFTER_HELP)
    .action(async (input, options) => {
      const { epochs, tenants, opcodes, since, until } = options;
      if ([epochs, tenants, opcodes, since, until].every((each) => each === undefined)) {
        throw new InputError(
          'nothing says which records to keep',
          'give --epochs, --tenants, --opcodes, --since or --until.',
        );
      }
      const isTimed = since !== undefined || until !== undefined;
      const times = isTimed ? { fromNs: since ?? 0n, untilNs: until ?? LAST_MOMENT } : undefined;
      await runDerivation(context, 'filter', [input], options, ([source]) => {
        const named = opcodes?.map((name) => opcodeOf(name, source));
        const selection: FilterSelection = { epochs, tenants, opcodes: named, times };
        return { format: 'v2', derivation: filterRecording(source, selection) };
      });
    });
};

/**
 * An opcode by its number, by its name in the kernel that recorded, or by its name in the protocol.
 *
 * @throws InputError if nobody knows the name.
 */
function opcodeOf(text: string, source: DerivationSource): Range {
  const number = /^(0x[0-9a-f]+|\d+)$/i.test(text)
    ? Number(text)
    : (recordedOpcode(text, source) ?? protocolOpcode(text));
  if (number !== undefined && Number.isInteger(number) && number <= 0xffff_ffff) return { from: number, until: number };
  throw new InputError(
    `neither \`${source.label}\` nor the protocol has an opcode ${JSON.stringify(text)}`,
    'name another, or give its number; vrrl info lists those that the log has.',
  );
}

function protocolOpcode(name: string): number | undefined {
  return Object.entries(Opcode).find(([each]) => each === name)?.[1];
}

function recordedOpcode(name: string, { log, observations }: DerivationSource): number | undefined {
  return opcodesOf(observations?.header.kernel ?? log.kernel).find((each) => each.name === name)?.code;
}

/** What a description of a kernel calls its opcodes, if it is one. */
function opcodesOf(kernel: unknown): { readonly name: unknown; readonly code: number }[] {
  if (typeof kernel !== 'object' || kernel === null || !('opcodes' in kernel)) return [];
  const { opcodes } = kernel;
  if (!Array.isArray(opcodes)) return [];
  return opcodes.filter((each) => typeof each === 'object' && each !== null && typeof each.code === 'number');
}
