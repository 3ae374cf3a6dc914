/** `vrrl backend-check`: whether a backend does what vrrl relies on. */

import { commandWords } from '../../node/command-words.ts';
import { type CheckReport, checkBackend, checkRunner } from '../../node/conformance/index.ts';
import { type BackendFactory, BackendFaultError } from '../../src/backend/index.ts';
import { defineKernel, type Kernel } from '../../src/kernel/index.ts';
import { ADAPTER_HELP, type BackendOptions, backendFactory, EXEC, isBackendModule } from '../backends.ts';
import type { AddCommand } from '../context.ts';
import { ExitCode } from '../exit.ts';
import type { Io } from '../io.ts';
import { integer } from '../options.ts';
import { tidyJson } from '../render/json.ts';
import { plural } from '../render/text.ts';
import { kernelFromFile } from '../user-modules.ts';

const AFTER_HELP = `
A runner (exec:) is also checked for what only a process can get wrong, such as frames that come in pieces; it says in
its READY which slots it may be checked with (probes). The protocol is in spec/backend-protocol.md.
Exit codes: 0 all checks pass, 1 one failed, 4 there was nothing that could be checked.

Examples:
  $ vrrl backend-check 'exec:./my-runner --fast'
  $ vrrl backend-check ./my-backend.mjs`;

const DEFAULT_TIMEOUT_MS = 10_000;

export const addBackendCheck: AddCommand = (program, context) => {
  program
    .command('backend-check')
    .description('check that a backend, or a runner in another process, does what vrrl relies on')
    .argument('<backend>', 'exec:COMMAND, the path of a module, reference, threads, dawn or wgpu')
    .option('--kernel <file>', 'the kernel to offer, as a module or in JSON; default: the built-in one')
    .option('--adapter <name>', ADAPTER_HELP)
    .option('--deadline-ms <n>', 'how long an answer may take', integer(1, 86_400_000), DEFAULT_TIMEOUT_MS)
    .option('--json', 'print one JSON object')
    .addHelpText('after', AFTER_HELP)
    .action(async (name, options) => {
      const { io } = context;
      const kernel =
        options.kernel === undefined ? defineKernel({ name: 'built-in' }) : await kernelFromFile(options.kernel);
      const checks = await checkByName(io, name, kernel, options);
      const failed = checks.filter(({ result }) => result === 'fail').length;
      if (options.json) {
        await io.write(`${tidyJson({ schemaVersion: 1, backend: name, conforms: failed === 0, checks })}\n`);
      } else await io.write(printChecks(name, checks, failed));
      if (failed > 0) context.exitCode = ExitCode.DIVERGED;
    });
};

async function checkByName(
  io: Io,
  name: string,
  kernel: Kernel,
  options: BackendOptions & { readonly deadlineMs: number },
): Promise<CheckReport[]> {
  try {
    if (name.startsWith(EXEC)) {
      return await checkRunner(commandWords(name.slice(EXEC.length)), { kernel, timeoutMs: options.deadlineMs });
    }
    const factory = await backendFactory(name, kernel, options, io.note);
    await makeOnce(factory);
    return await checkBackend(factory, { kernel: isBackendModule(name) ? undefined : kernel });
  } catch (error) {
    // What is not there cannot be checked. What is there, and has no handshake, has failed the first check.
    if (!(error instanceof BackendFaultError) || error.kind === 'unavailable') throw error;
    return [{ name: 'handshake', result: 'fail', detail: error.message }];
  }
}

/** One that cannot be made at all is no failed check, but nothing to check. */
async function makeOnce(factory: BackendFactory): Promise<void> {
  const backend = await factory();
  await backend.stop();
}

const MARKS = { pass: 'pass', fail: 'FAIL', skip: 'skip' } as const;

function printChecks(name: string, checks: readonly CheckReport[], failed: number): string {
  const width = Math.max(...checks.map((check) => check.name.length));
  const lines = checks.map((check) => `${MARKS[check.result]}  ${check.name.padEnd(width)}  ${check.detail}`);
  const summary = failed === 0 ? 'conforms' : `does not conform: ${plural(failed, 'check')} failed`;
  return `${[...lines, `${name} ${summary}`].join('\n')}\n`;
}
