/** The commands and what they have in common. */

import { Command, CommanderError } from '@commander-js/extra-typings';
import { VERSION } from '../node/version.ts';
import { addBackendCheck } from './commands/backend-check.ts';
import { addConvert } from './commands/convert.ts';
import { addDemo } from './commands/demo.ts';
import { addDiff } from './commands/diff.ts';
import { addDoctor } from './commands/doctor.ts';
import { addDump } from './commands/dump.ts';
import { addExplain } from './commands/explain.ts';
import { addExplore } from './commands/explore.ts';
import { addFilter } from './commands/filter.ts';
import { addInfo } from './commands/info.ts';
import { addJudge } from './commands/judge.ts';
import { addKernel } from './commands/kernel.ts';
import { addMerge } from './commands/merge.ts';
import { addMutants } from './commands/mutants.ts';
import { addRecord } from './commands/record.ts';
import { addRecover } from './commands/recover.ts';
import { addReduce } from './commands/reduce.ts';
import { addReplay } from './commands/replay.ts';
import { addReport } from './commands/report.ts';
import { addTail } from './commands/tail.ts';
import { addTrim } from './commands/trim.ts';
import { addTune } from './commands/tune.ts';
import { addVerify } from './commands/verify.ts';
import { addCompletion, COMPLETE, runCompletion } from './completion.ts';
import type { CommandContext } from './context.ts';
import { ExitCode, reportError } from './exit.ts';
import { type Io, withoutColours } from './io.ts';
import { printableLines } from './render/text.ts';
import { usageErrorOf } from './usage.ts';

const AFTER_HELP = `
Exit codes: 0 agree or done, 1 diverged, 2 wrong use or bad input, 3 unknown or records lost, 4 a backend failed.

Examples:
  $ vrrl demo
  $ vrrl record run.vrrl --workload histogram --input README.md
  $ vrrl replay run.vrrl --replicas 100
`;

/** Runs one command line (without the interpreter and the script) and returns the exit code. Never throws. */
export async function runCli(argv: readonly string[], bareIo: Io): Promise<number> {
  const io = withPrintableNotes(bareIo);
  const context: CommandContext = { io, exitCode: ExitCode.AGREE };
  const help: string[] = [];
  const program = makeProgram(context, (text) => help.push(text));
  try {
    await run(program, argv, io);
    return context.exitCode;
  } catch (error) {
    if (!(error instanceof CommanderError)) return reportError(io, error);
    const names = program.commands.map((command) => command.name());
    const usageError = usageErrorOf(error, argv, names);
    return usageError === undefined ? await printHelp(io, help) : reportError(io, usageError);
  }
}

/** Whatever a note quotes from files, modules and arguments, a terminal must not take it for orders. */
function withPrintableNotes(io: Io): Io {
  return { ...io, note: (text) => io.note(printableLines(text, '')) };
}

async function run(program: Command, argv: readonly string[], io: Io): Promise<void> {
  const parse = () => program.parseAsync(argv, { from: 'user' });
  await (argv[0] === COMPLETE ? runCompletion(io, parse) : parse());
}

/** Help and versions that were asked for are data. */
async function printHelp(io: Io, help: readonly string[]): Promise<number> {
  try {
    await io.write(help.join(''));
    return ExitCode.AGREE;
  } catch (error) {
    return reportError(io, error);
  }
}

/**
 * The program with all its commands.
 *
 * @param printHelp is given what was asked for: help, the version.
 */
function makeProgram(context: CommandContext, printHelp: (text: string) => void): Command {
  const program = new Command('vrrl')
    .description('Record, differential replay and explanation for GPU megakernels.')
    .version(VERSION, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [command]', 'print the help of a command')
    .option('--no-color', 'no colours, as with NO_COLOR; FORCE_COLOR wants them off a terminal too')
    .addHelpText('after', AFTER_HELP)
    .configureHelp({ showGlobalOptions: true })
    .exitOverride()
    .configureOutput({
      writeOut: printHelp,
      writeErr: (text) => context.io.note(text),
      // Errors are printed where all errors are.
      outputError: () => {},
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .hook('preAction', (self) => {
      if (self.opts()['color'] === false) context.io = withoutColours(context.io);
    }) as unknown as Command;
  // Commands copy these settings when they are made, so they come after them.
  addDemo(program, context);
  addRecord(program, context);
  addInfo(program, context);
  addDump(program, context);
  addTail(program, context);
  addVerify(program, context);
  addRecover(program, context);
  addConvert(program, context);
  addTrim(program, context);
  addFilter(program, context);
  addMerge(program, context);
  addReplay(program, context);
  addReport(program, context);
  addReduce(program, context);
  addExplain(program, context);
  addExplore(program, context);
  addTune(program, context);
  addMutants(program, context);
  addDiff(program, context);
  addJudge(program, context);
  addKernel(program, context);
  addDoctor(program, context);
  addBackendCheck(program, context);
  addCompletion(program);
  return program;
}
