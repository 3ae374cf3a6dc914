/** The process around the command line. */

import { processIo } from './io.ts';
import { runCli } from './program.ts';

// No handler for SIGINT: with one, a kernel that loops for ever in this thread could not be interrupted. Without one the
// process ends at once, shells say 130, and whatever was confirmed is in its file.

const exitCode = await runCli(process.argv.slice(2), processIo());
// Set, not exited with: what is still on its way to a pipe has to get there.
process.exitCode = exitCode;
