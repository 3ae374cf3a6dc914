/** Backends by the names that people give on the command line. */

import { ThreadsBackend } from '../node/threads-backend.ts';
import { type BackendFactory, ReferenceBackend } from '../src/backend/index.ts';
import { InputError } from '../src/base/errors.ts';
import type { Kernel } from '../src/kernel/index.ts';
import { backendsFromModule } from './user-modules.ts';

/** Backends that run kernels of ours; anything else is a path to a module. */
const KERNEL_BACKENDS = ['reference', 'threads'] as const;

export interface BackendOptions {
  readonly seed?: number | undefined;
  readonly workers?: number | undefined;
  readonly deadlineMs?: number | undefined;
}

/** Whether a name means a module with somebody's own backend. */
export function isBackendModule(name: string): boolean {
  return /[\\/.]/.test(name);
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
