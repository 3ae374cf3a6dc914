/** Backends by the names that people give on the command line. */

import { commandWords } from '../node/command-words.ts';
import { connectGpu, GPU_STACKS, isGpuStack } from '../node/gpu/index.ts';
import { ProcessBackend } from '../node/process-backend.ts';
import { ThreadsBackend } from '../node/threads-backend.ts';
import { type Awaitable, type Backend, type BackendFactory, ReferenceBackend } from '../src/backend/index.ts';
import { InputError } from '../src/base/errors.ts';
import type { Kernel } from '../src/kernel/index.ts';
import { backendsFromModule } from './user-modules.ts';

/** Backends that run kernels of ours; anything else is a path to a module, or a command. */
const KERNEL_BACKENDS: readonly string[] = ['reference', 'threads', ...GPU_STACKS];

/** What comes before the command of a runner: `exec:./my-runner --fast`. */
export const EXEC = 'exec:';

export interface BackendOptions {
  readonly seed?: number | undefined;
  readonly workers?: number | undefined;
  readonly deadlineMs?: number | undefined;
  /** A part of a GPU's name, or of its driver's. */
  readonly adapter?: string | undefined;
}

/** What `--adapter` says about itself, wherever it is. */
export const ADAPTER_HELP = 'the GPU that dawn and wgpu use, by a part of its name or its driver (see vrrl doctor)';

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
  if (!KERNEL_BACKENDS.includes(name)) {
    const fix = `use ${KERNEL_BACKENDS.join(', ')}, or the path of a module such as ./my-backend.mjs.`;
    throw new InputError(`there is no backend "${name}"`, fix);
  }
  if (kernel === undefined) {
    throw new InputError(
      `backend ${name} needs a kernel, and the recording has none`,
      'name the backend that recorded it with --backend FILE, or a kernel for its slots with --kernel FILE.',
    );
  }
  return () => kernelBackend(name, kernel, options);
}

function kernelBackend(
  name: string,
  kernel: Kernel,
  { seed, workers, deadlineMs, adapter }: BackendOptions,
): Awaitable<Backend> {
  const deadline = deadlineMs === undefined ? {} : { deadlineMs };
  if (isGpuStack(name)) return connectGpu(name, kernel, { ...(adapter === undefined ? {} : { adapter }), ...deadline });
  if (name === 'reference') return new ReferenceBackend(kernel, deadline);
  return new ThreadsBackend(kernel, {
    ...(seed === undefined ? {} : { seed }),
    ...(workers === undefined ? {} : { workerCount: workers }),
    ...deadline,
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
