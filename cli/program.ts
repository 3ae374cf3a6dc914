/** The commands and what they have in common. */

import { Command, CommanderError } from '@commander-js/extra-typings';
import { VERSION } from '../node/version.ts';
import { COMMANDS } from './commands/index.ts';
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
  try {
    const program = await makeProgram(argv, context, (text) => help.push(text));
    await run(program, argv, io);
    return context.exitCode;
  } catch (error) {
    if (!(error instanceof CommanderError)) return reportError(io, error);
    const usageError = usageErrorOf(error, argv, [...COMMANDS.keys(), COMPLETE]);
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
 * The program with the command that `argv` begins with; with all of them if it begins with anything else.
 *
 * @param printHelp is given what was asked for: help, the version.
 */
async function makeProgram(
  argv: readonly string[],
  context: CommandContext,
  printHelp: (text: string) => void,
): Promise<Command> {
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
  const named = COMMANDS.get(argv[0]);
  const adds = await Promise.all(named === undefined ? [...COMMANDS.values()].map((load) => load()) : [named()]);
  for (const add of adds) add(program, context);
  if (named === undefined) addCompletion(program);
  return program;
}
