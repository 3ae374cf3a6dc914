/** Backends by the names that people give on the command line. */

import { commandWords } from '../node/command-words.ts';
import { ProcessBackend } from '../node/process-backend.ts';
import { ThreadsBackend } from '../node/threads-backend.ts';
import { type BackendFactory, ReferenceBackend } from '../src/backend/index.ts';
import { InputError } from '../src/base/errors.ts';
import type { Kernel } from '../src/kernel/index.ts';
import { backendsFromModule } from './user-modules.ts';

/** Backends that run kernels of ours; anything else is a path to a module, or a command. */
const KERNEL_BACKENDS = ['reference', 'threads'] as const;

/** What comes before the command of a runner: `exec:./my-runner --fast`. */
export const EXEC = 'exec:';

export interface BackendOptions {
  readonly seed?: number | undefined;
  readonly workers?: number | undefined;
  readonly deadlineMs?: number | undefined;
}

/** Whether a name means somebody's own backend, a module or a runner, which needs no kernel of ours. */
export function isBackendModule(name: string): boolean {
  return name.startsWith(EXEC) || /[\\/.]/.test(name);
}

/**
 * What makes the backend of that name.
 *
 * @param warn is told what went wrong with somebody's backend where nothing depends on it any more.
 * @throws InputError if there is none, or it needs a kernel and there is none.
 */
export async function backendFactory(
  name: string,
  kernel: Kernel | undefined,
  options: BackendOptions,
  warn: (line: string) => void,
): Promise<BackendFactory> {
  if (name.startsWith(EXEC)) return runnersFromCommand(name.slice(EXEC.length), kernel, options);
  if (isBackendModule(name)) return backendsFromModule(name, warn, options.deadlineMs);
  if (!(KERNEL_BACKENDS as readonly string[]).includes(name)) {
    const fix = `use ${KERNEL_BACKENDS.join(' or ')}, or the path of a module such as ./my-backend.mjs.`;
    throw new InputError(`there is no backend "${name}"`, fix);
  }
  if (kernel === undefined) {
    throw new InputError(
      `backend ${name} needs a kernel, and the recording has none`,
      'name the backend that recorded it with --backend FILE, or a kernel for its slots with --kernel FILE.',
    );
  }
  const { seed, workers, deadlineMs } = options;
  if (name === 'reference') {
    return () => new ReferenceBackend(kernel, deadlineMs === undefined ? {} : { deadlineMs });
  }
  return () =>
    new ThreadsBackend(kernel, {
      ...(seed === undefined ? {} : { seed }),
      ...(workers === undefined ? {} : { workerCount: workers }),
      ...(deadlineMs === undefined ? {} : { deadlineMs }),
    });
}

/** A runner says in its first answer what it is called and what it observes, so it is started to be made. */
function runnersFromCommand(text: string, kernel: Kernel | undefined, options: BackendOptions): BackendFactory {
  const command = commandWords(text);
  const { seed, workers, deadlineMs } = options;
  return () =>
    ProcessBackend.connect({
      command,
      options: {
        ...(seed === undefined ? {} : { seed: String(seed) }),
        ...(workers === undefined ? {} : { workers: String(workers) }),
      },
      ...(kernel === undefined ? {} : { kernel }),
      ...(deadlineMs === undefined ? {} : { deadlineMs }),
    });
}
