/** The process around the command line. */

import { ExitCode } from './exit.ts';
import { processIo } from './io.ts';
import { runCli } from './program.ts';
import { printableLines } from './render/text.ts';

// No handler for SIGINT: with one, a kernel that loops for ever in this thread could not be interrupted. Without one the
// process ends at once, shells say 130, and whatever was confirmed is in its file.

let isFinished = false;

/** Errors that no call of ours waits for come from a module that was brought along: its late promises, its timers. */
function endWithStrayError(error: unknown): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(
    `vrrl: a module failed behind our back. Fix: see the error, and wait for it in the module.\n${printableLines(text)}\n`,
  );
  isFinished = true;
  process.exit(ExitCode.BACKEND_FAULT);
}

process.on('uncaughtException', endWithStrayError);
process.on('unhandledRejection', endWithStrayError);

process.on('exit', () => {
  if (isFinished) return;
  process.stderr.write('vrrl: a module never answered, and nothing is left to wait for. Fix: settle its promise.\n');
  process.exitCode = ExitCode.BACKEND_FAULT;
});

void runCli(process.argv.slice(2), processIo()).then((exitCode) => {
  isFinished = true;
  // Set, not exited with: what is still on its way to a pipe has to get there.
  process.exitCode = exitCode;
});
