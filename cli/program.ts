/** The commands and what they have in common. */

import tab from '@bomb.sh/tab/commander';
import { Command } from '@commander-js/extra-typings';
import type { Command as PlainCommand } from 'commander';
import { VERSION } from '../node/version.ts';
import { addDemo } from './commands/demo.ts';
import { addDiff } from './commands/diff.ts';
import { addDoctor } from './commands/doctor.ts';
import { addDump } from './commands/dump.ts';
import { addInfo } from './commands/info.ts';
import { addKernel } from './commands/kernel.ts';
import { addRecord } from './commands/record.ts';
import { addReplay } from './commands/replay.ts';
import { addVerify } from './commands/verify.ts';
import type { CommandContext } from './context.ts';
import { ExitCode, reportError } from './exit.ts';
import type { Io } from './io.ts';

const AFTER_HELP = `
Exit codes: 0 agree or done, 1 diverged, 2 wrong use or bad input, 3 unknown or records lost, 4 a backend failed.

Examples:
  $ vrrl demo
  $ vrrl record run.vrrl --workload histogram --input README.md
  $ vrrl replay run.vrrl --replicas 100
`;

/** Runs one command line (without the interpreter and the script) and returns the exit code. Never throws. */
export async function runCli(argv: readonly string[], io: Io): Promise<number> {
  const context: CommandContext = { io, exitCode: ExitCode.AGREE };
  try {
    await makeProgram(context).parseAsync(argv, { from: 'user' });
    return context.exitCode;
  } catch (error) {
    return reportError(io, error);
  }
}

/** The program with all its commands. */
export function makeProgram(context: CommandContext): Command {
  const { io } = context;
  const program = new Command('vrrl')
    .description('Record, differential replay and explanation for GPU megakernels.')
    .version(VERSION, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .addHelpText('after', AFTER_HELP)
    .showHelpAfterError('(vrrl --help lists the commands)')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void io.write(text).catch(() => {}),
      writeErr: (text) => io.note(text),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });
  // Commands copy these settings when they are made, so they come after them.
  addDemo(program, context);
  addRecord(program, context);
  addInfo(program, context);
  addDump(program, context);
  addVerify(program, context);
  addReplay(program, context);
  addDiff(program, context);
  addKernel(program, context);
  addDoctor(program, context);
  // The same class at run time; the extra typings only narrow its generics.
  tab(program as unknown as PlainCommand);
  return program;
}
