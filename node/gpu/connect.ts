/** Kernels on a GPU, in a process that the driver may take down. */

import type { Kernel } from '../../src/kernel/index.ts';
import { ProcessBackend } from '../process-backend.ts';
import type { RunnerOptions } from '../runner-process.ts';
import { chooseAdapter } from './choose.ts';
import { launchOf } from './launch.ts';
import type { GpuStack } from './stacks.ts';

export interface GpuConnectOptions extends Pick<RunnerOptions, 'deadlineMs' | 'graceMs'> {
  /** A part of the name of the adapter, of its driver or of its driver's manifest. Default: the best that there is. */
  readonly adapter?: string;
}

/**
 * A backend on Dawn or on wgpu.
 *
 * @throws BackendFaultError of kind `unavailable` if the stack is not installed, or has no adapter, or not this one.
 */
export async function connectGpu(
  stack: GpuStack,
  kernel: Kernel,
  { adapter, ...options }: GpuConnectOptions = {},
): Promise<ProcessBackend> {
  const { manifest } = await chooseAdapter(stack, adapter);
  return await ProcessBackend.connect({ ...launchOf(stack, manifest), name: stack, kernel, ...options });
}
