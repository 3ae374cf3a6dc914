/** A device to measure: Dawn's under Node, wgpu's under Deno, as the backends have it, but for its clock. */

import { createRequire } from 'node:module';
import { type AdapterReport, limitsOf, reportOf } from '../../node/gpu/adapter-report.ts';
import { mapWithoutDelay } from '../../node/gpu/deno-mapping.ts';
import { loopLimit } from '../../node/gpu/loop-limit.ts';
import type { GpuStack } from '../../node/gpu/stacks.ts';
import type { GpuReport } from './report.ts';

export interface MeasuredDevice extends Pick<GpuReport, 'stack' | 'runtime' | 'deviceClock'> {
  readonly device: GPUDevice;
  readonly adapter: AdapterReport;
  /** What the driver refused while nobody looked. It grows. */
  readonly errors: readonly string[];
}

/** What must not be collected while the GPU is used: Dawn aborts the process without it. */
const keptAlive: unknown[] = [];

export const RUNNING_STACK: GpuStack = 'Deno' in globalThis ? 'wgpu' : 'dawn';

export async function openDevice(): Promise<MeasuredDevice> {
  const gpu = RUNNING_STACK === 'wgpu' ? denoGpu() : await dawnGpu();
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (adapter === null) throw new Error('there is no adapter. Fix: install a Vulkan driver, or set VK_DRIVER_FILES.');
  const hasClock = adapter.features.has('timestamp-query');
  const device = await adapter.requestDevice({
    requiredLimits: limitsOf(adapter.limits),
    requiredFeatures: hasClock ? ['timestamp-query'] : [],
  });
  keptAlive.push(gpu, adapter, device);
  return {
    device,
    adapter: reportOf(adapter, await loopLimit(device)),
    stack: RUNNING_STACK,
    runtime: runtimeText(),
    deviceClock: hasClock ? 'exact' : 'none',
    errors: collectErrors(device),
  };
}

/** Browsers round timestamps to 2^16 ns, so that nobody learns from them what others do; here that is in the way. */
const EXACT_CLOCK = 'disable-dawn-features=timestamp_quantization';

async function dawnGpu(): Promise<GPU> {
  const { create, globals } = await import('webgpu');
  Object.assign(globalThis, globals);
  return create([...(process.platform === 'linux' ? ['backend=vulkan'] : []), EXACT_CLOCK]);
}

function denoGpu(): GPU {
  const gpu = (globalThis as { navigator?: Partial<NavigatorGPU> }).navigator?.gpu;
  if (gpu === undefined) throw new Error('Deno has no WebGPU. Fix: run it with --unstable-webgpu.');
  mapWithoutDelay();
  return gpu;
}

function collectErrors(device: GPUDevice): readonly string[] {
  const errors: string[] = [];
  device.addEventListener('uncapturederror', (event) => {
    event.preventDefault();
    errors.push(event.error.message);
    process.stderr.write(`bench: the driver refused a call: ${event.error.message}\n`);
  });
  void device.lost.then(({ message }) => errors.push(`the device was lost: ${message}`));
  return errors;
}

function runtimeText(): string {
  const { Deno } = globalThis as { Deno?: { version: { deno: string } } };
  if (Deno !== undefined) return `deno ${Deno.version.deno} (wgpu)`;
  // The type of what require gives is any.
  const { version } = createRequire(import.meta.url)('webgpu/package.json') as { version: string };
  return `node ${process.version}, webgpu ${version} (Dawn)`;
}
