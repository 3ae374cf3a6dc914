/** The process around the command line. */

import { ExitCode } from './exit.ts';
import { processIo } from './io.ts';
import { runCli } from './program.ts';

process.on('SIGINT', () => process.exit(ExitCode.INTERRUPTED));

const exitCode = await runCli(process.argv.slice(2), processIo());
// Set, not exited with: what is still on its way to a pipe has to get there.
process.exitCode = exitCode;
