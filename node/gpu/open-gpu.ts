/** The GPU of the runtime that this is: Dawn's in Node, wgpu's in Deno. */

import { BackendFaultError } from '../../src/backend/index.ts';
import { type AdapterReport, adapterName, limitsOf, reportOf } from './adapter-report.ts';
import { mapWithoutDelay } from './deno-mapping.ts';
import { loopLimit } from './loop-limit.ts';
import type { GpuStack } from './stacks.ts';
import { adapterHook, deviceHook } from './test-hooks.ts';

/** What is on hand while this process lives. */
export interface OpenGpu {
  readonly device: GPUDevice;
  readonly adapter: AdapterReport;
}

/** What must not be collected while the GPU is used: Dawn aborts the process without it. */
const keptAlive: unknown[] = [];

export const RUNNING_STACK: GpuStack = 'Deno' in globalThis ? 'wgpu' : 'dawn';

/**
 * The adapter that the system puts first, and a device of it that may do all that the adapter can.
 *
 * @param webgpuModule what Node imports to have WebGPU.
 * @throws BackendFaultError of kind `unavailable` if there is no adapter; of kind `crash` if it gives no device.
 */
export async function openGpu(webgpuModule: string): Promise<OpenGpu> {
  const gpu = RUNNING_STACK === 'wgpu' ? navigatorGpu() : await dawnGpu(webgpuModule);
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (adapter === null) throw noAdapter();
  keptAlive.push(gpu, adapter);
  adapterHook();
  const device = await requestDevice(adapter);
  keptAlive.push(device);
  const report = reportOf(adapter, await loopLimit(device));
  deviceHook(device);
  return { device, adapter: report };
}

async function dawnGpu(webgpuModule: string): Promise<GPU> {
  const { create, globals } = await importWebgpu(webgpuModule);
  Object.assign(globalThis, globals);
  // Elsewhere its own choice is the native interface; here it would also try OpenGL, which kernels cannot run on.
  return create(process.platform === 'linux' ? ['backend=vulkan'] : []);
}

async function importWebgpu(module: string): Promise<typeof import('webgpu')> {
  try {
    return await import(module);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const fix = 'install it for this machine (npm install webgpu), or use another backend.';
    throw new BackendFaultError(RUNNING_STACK, 'unavailable', `it cannot load webgpu: ${reason}`, fix, {}, { cause });
  }
}

function navigatorGpu(): GPU {
  const gpu = (globalThis as { navigator?: Partial<NavigatorGPU> }).navigator?.gpu;
  if (gpu === undefined) throw noWebgpu();
  mapWithoutDelay();
  return gpu;
}

function noWebgpu(): BackendFaultError {
  return new BackendFaultError(
    RUNNING_STACK,
    'unavailable',
    'this runtime has no WebGPU',
    'run it with --unstable-webgpu.',
  );
}

async function requestDevice(adapter: GPUAdapter): Promise<GPUDevice> {
  const requiredLimits = limitsOf(adapter.limits);
  const requiredFeatures: GPUFeatureName[] = adapter.features.has('timestamp-query') ? ['timestamp-query'] : [];
  try {
    return await adapter.requestDevice({ requiredLimits, requiredFeatures });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const what = `${adapterName(adapter.info)} gives no device: ${reason}`;
    const fix = 'name another one with --adapter, or mend its driver; vrrl doctor lists them.';
    throw new BackendFaultError(RUNNING_STACK, 'crash', what, fix, {}, { cause });
  }
}

function noAdapter(): BackendFaultError {
  const what = 'there is no adapter that it can use';
  return new BackendFaultError(RUNNING_STACK, 'unavailable', what, 'install a Vulkan driver; vrrl doctor says which.');
}
