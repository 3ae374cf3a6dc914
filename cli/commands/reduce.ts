/** `vrrl reduce`: the smallest log that still fails. */

import fs from 'node:fs';
import { InvalidArgumentError, Option } from '@commander-js/extra-typings';
import { refuseOccupied, refuseOverwriting } from '../../node/recording-files.ts';
import { VERSION } from '../../node/version.ts';
import { InputError } from '../../src/base/errors.ts';
import { DEFAULT_ALPHA, DEFAULT_MAX_RUNS, ORACLES, type Reduction } from '../../src/reduce/index.ts';
import type { AddCommand } from '../context.ts';
import { ExitCode } from '../exit.ts';
import { openRecordingSource } from '../log-source.ts';
import { integer } from '../options.ts';
import { type ReducedRecording, reduceRecording } from '../reduction.ts';
import { tidyJson } from '../render/json.ts';
import { renderReduction, type WrittenFiles } from '../render/reduce.ts';
import { reductionJson } from '../render/reduce-json.ts';
import { renderTestFile, testPathOf } from '../render/reduce-test-file.ts';
import { count, plural, printable } from '../render/text.ts';
import { ADAPTER, CONTROL_WORDS, DEADLINE, KERNEL, SEED, SLOT_COUNT, STRESS, WORKERS } from '../replay-options.ts';
import { stressSettings } from '../stress-options.ts';

const AFTER_HELP = `
An epoch that fails is looked for, each of them started from its recorded state; then epochs, slots, state, lanes, ring,
arguments and stress are made smaller as long as it fails in the same way. Nothing is compared with what was recorded,
since fewer slots leave something else: a candidate fails if what it shows is not what its own slots do in some order,
or nobody can tell. If all that differs from the order of publishing is legal so, reduce says that and makes nothing;
--any-difference reduces it all the same. Without a kernel a backend is compared with what it mostly does.
A command is given the path of a candidate for {} and ends as for git bisect run: 0 it is good, 125 cannot tell,
any other up to 127 it is bad. It is run by the shell, in this folder.
Where the kernel is known, the CPU model is tried first for a few seconds: what it shows is reduced there, with its
schedule, and counts if the backend confirms it. A GPU gets candidates as programs, and runs them many times at once.
One failing run is enough to take a candidate; as many clean ones as its rate asks for are needed to reject it.

The reproducer is a log that replays by itself, and beside it is a test for node --test (small.test.mjs).
Exit codes: 0 a reproducer was written, or all that differs is legal; 2 wrong use or bad input,
3 nothing failed, 4 a backend failed to start.

Examples:
  $ vrrl reduce run.vrrl -o small.vrrl
  $ vrrl reduce run.vrrl -o small.vrrl --backend ./my-backend.mjs --epoch 17
  $ vrrl reduce run.vrrl -o small.vrrl --test 'vrrl replay {} --backend ./my-backend.mjs --replicas 100' --rate 1
  $ vrrl reduce run.vrrl -o small.vrrl --backend dawn --no-explorer --stress
  $ vrrl reduce run.vrrl -o small.vrrl --backend dawn --alpha 0.01 --max-runs 100000 --json`;

export const addReduce: AddCommand = (program, context) => {
  program
    .command('reduce')
    .description('make a log that fails as small as it gets, with a test that shows it; exit 3 if nothing fails')
    .argument('<log>', 'log file, or - for standard input')
    .requiredOption('-o, --output <file>', 'log file to make')
    .option('--epoch <n>', 'the epoch to reduce; default: the first that fails', integer(0, 0xffff_ffff))
    .option(
      '--backend <name>',
      'what runs candidates: reference, threads, dawn, wgpu, a module, exec:COMMAND',
      'threads',
    )
    .option('--explorer', 'run candidates on the CPU model; a --backend given too has to confirm what is left')
    .option('--no-explorer', 'leave the CPU model out, which is tried first for a few seconds')
    .addOption(
      new Option('--memory <model>', 'the memory of the CPU model').choices(['sequential', 'relaxed'] as const),
    )
    .option('--token <token>', 'a schedule that vrrl explore found in the epoch: keep what it shows (with --explorer)')
    .option('--test <command>', 'judge candidates by a command instead, with {} where the path of a log belongs')
    .addOption(
      new Option(
        '--oracle <name>',
        'what a failure is; default: unexplained, without a kernel differs-from-itself',
      ).choices(ORACLES),
    )
    .addOption(
      new Option('--any-difference', 'reduce what differs from the order of publishing, even if it is legal').conflicts(
        ['oracle', 'test'],
      ),
    )
    .option('--alpha <share>', `how likely a decision may reject a candidate wrongly; default ${DEFAULT_ALPHA}`, share)
    .option('--rate <share>', 'how often it fails; 1: every time, one run decides; default: measured', share)
    .option('--max-runs <n>', `runs in all; default ${count(DEFAULT_MAX_RUNS)}`, integer(1, Number.MAX_SAFE_INTEGER))
    .option(...SEED)
    .option(...KERNEL)
    .option(...SLOT_COUNT)
    .option(...CONTROL_WORDS)
    .option(...STRESS)
    .option(
      '--stress-settings <list>',
      'push it with these settings to begin with: lanes=4,shuffleLanes=1',
      stressSettings,
    )
    .option(...ADAPTER)
    .option(...WORKERS)
    .option(...DEADLINE)
    .option('--no-test-file', 'make no test beside the log')
    .option('--force', 'replace files that are there already')
    .option('--json', 'print one JSON object (spec/reduction.schema.json)')
    .option('-q, --quiet', 'no progress')
    .addHelpText('after', AFTER_HELP)
    .action(async (logPath, options) => {
      const { io } = context;
      const files: WrittenFiles = {
        output: options.output,
        testFile: options.testFile ? testPathOf(options.output) : undefined,
      };
      refuseFiles(files, options.force === true);
      if (options.alpha === 1) throw new InputError('alpha is 1', 'use a number between 0 and 1.');
      const recording = await openRecordingSource(io, logPath);
      try {
        refuseOverwriting(options.output, recording.files);
        const reduced = await reduceRecording(io, recording, options);
        const { reduction } = reduced;
        if (reduction !== undefined) writeTest(files, reduced, reduction, options.force === true);
        else if (!reduced.isOnlyLegal) context.exitCode = ExitCode.UNKNOWN;
        if (options.json) await io.write(`${tidyJson(reductionJson(reduced, files, `vrrl ${VERSION}`))}\n`);
        else if (reduction !== undefined) await io.write(renderReduction(io, reduced, reduction, files));
        else if (reduced.isOnlyLegal) await io.write(onlyLegal(reduced));
        if (reduction === undefined && !reduced.isOnlyLegal) io.note(nothingFailed(reduced));
      } finally {
        recording.close();
      }
    });
};

/** A number above 0 and up to 1. */
function share(text: string): number {
  const value = Number(text);
  if (/^[\d.]+(e-?\d+)?$/i.test(text) && value > 0 && value <= 1) return value;
  throw new InvalidArgumentError('Expected a number above 0 and up to 1.');
}

/** Before anything is run. */
function refuseFiles({ output, testFile }: WrittenFiles, mayReplace: boolean): void {
  if (output === '-') throw new InputError('a reproducer is a file, with a test beside it', 'name one with -o.');
  refuseOccupied(output, mayReplace);
  if (testFile === undefined || mayReplace || !fs.existsSync(testFile)) return;
  throw new InputError(`\`${testFile}\` is there already`, 'name another log, or pass --force or --no-test-file.');
}

function writeTest(
  { output, testFile }: WrittenFiles,
  reduced: ReducedRecording,
  reduction: Reduction,
  mayReplace: boolean,
): void {
  if (testFile === undefined) return;
  fs.writeFileSync(testFile, renderTestFile(reduced, reduction, output), { flag: mayReplace ? 'w' : 'wx' });
}

/** All that differs is what it may be. */
function onlyLegal({ judge, logPath, searchRuns, rate, legalRuns, notes }: ReducedRecording): string {
  const runs = plural(searchRuns + rate.total, 'run');
  return [
    ...notes.map((note) => `note: ${printable(note)}`),
    `nothing to reduce: of ${runs} of ${printable(logPath)} on ${printable(judge.asked)}, ${count(legalRuns)} differed from the order of publishing,`,
    'and each of them is what its slots do in some order: legal reorderings (vrrl explain --backend says which).',
    '--any-difference makes a reproducer of one all the same.',
    '',
  ].join('\n');
}

/** What was done in vain, and what can be tried. */
function nothingFailed({ judge, logPath, searchRuns, rate, notes }: ReducedRecording): string {
  const runs = `${count(searchRuns + rate.total)} runs`;
  const what =
    judge.kind === 'command'
      ? `the command is content with ${printable(logPath)} in ${runs}`
      : `nothing failed in ${runs} of ${printable(logPath)} on ${printable(judge.asked)}`;
  const fix =
    judge.kind === 'command'
      ? 'check the command by hand, or give --max-runs more.'
      : 'name the backend that failed with --backend, an epoch with --epoch, or give --max-runs more.';
  const before = notes.map((note) => `note: ${printable(note)}\n`).join('');
  return `${before}vrrl: ${what}. Fix: ${fix}\n`;
}
