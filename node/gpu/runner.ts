/**
 * A GPU behind the backend protocol: Dawn where Node runs this, wgpu where Deno does.
 *
 *   node runner.js [--webgpu URL] [--frames 3] [--probe]
 *   deno run -A --unstable-webgpu runner.js [--frames 3] [--probe]
 *
 * Asked to probe it prints one line of JSON about the adapter that it would use, and ends.
 */

import { Console } from 'node:console';
import { parseArgs } from 'node:util';
import { BackendFaultError } from '../../src/backend/index.ts';
import { GpuBackend } from '../../src/gpu/index.ts';
import { type Kernel, planMemory } from '../../src/kernel/index.ts';
import { serveBackend } from '../../src/serve/index.ts';
import { adapterName } from './adapter-report.ts';
import { DeviceWatch } from './device-watch.ts';
import { endWithHost, frameOutput, writeAll } from './frame-pipes.ts';
import { type OpenGpu, openGpu, RUNNING_STACK } from './open-gpu.ts';
import { type ProbeAnswer, problemOf } from './probe-answer.ts';
import { WatchedBackend } from './watched-backend.ts';

const { values } = parseArgs({
  options: {
    webgpu: { type: 'string', default: 'webgpu' },
    frames: { type: 'string', default: '1' },
    probe: { type: 'boolean', default: false },
  },
});
const output = frameOutput(Number(values.frames));
// Standard output may be where frames go; and what anybody prints is meant for people.
globalThis.console = new Console(process.stderr, process.stderr);

async function probe(): Promise<void> {
  const answer = await openGpu(values.webgpu).then(
    ({ adapter }): ProbeAnswer => ({ adapter }),
    (error: unknown): ProbeAnswer => ({ problem: problemOf(error) }),
  );
  await writeAll(output, [new TextEncoder().encode(`${JSON.stringify(answer)}\n`)]);
}

async function serve(): Promise<void> {
  let open: OpenGpu | undefined;
  endWithHost();
  await serveBackend(process.stdin, (...pieces) => writeAll(output, pieces), {
    async makeBackend(_hello, kernel) {
      if (kernel === undefined) throw noKernel();
      open = await openGpu(values.webgpu);
      refuseTooLarge(kernel, open);
      const watch = new DeviceWatch(open.device, RUNNING_STACK);
      const backend = new GpuBackend(open.device, kernel, { name: RUNNING_STACK, ...memoryOf(open) });
      return new WatchedBackend(backend, watch, open.adapter);
    },
    device: () => deviceTexts(open),
  });
}

/** What a device made of software takes is this machine's own memory. */
function memoryOf({ adapter }: OpenGpu): { memoryBytes?: number } {
  return adapter.isSoftware ? { memoryBytes: SOFTWARE_MEMORY_BYTES } : {};
}

const SOFTWARE_MEMORY_BYTES = 64 * 2 ** 20;

function deviceTexts(open: OpenGpu | undefined): Record<string, string> {
  if (open === undefined) return {};
  const { vendor, architecture, device, description, api, isSoftware, loopLimit } = open.adapter;
  const type = isSoftware ? 'software' : 'hardware';
  const defect = loopLimit === null ? {} : { defect: `has a lane leave its loops after ${loopLimit} turns` };
  return { name: adapterName(open.adapter), vendor, architecture, device, description, api, type, ...defect };
}

function noKernel(): BackendFaultError {
  const what = 'it runs kernels of vrrl, and none was offered';
  return new BackendFaultError(RUNNING_STACK, 'unavailable', what, 'give it one with --kernel FILE.');
}

/** Known before anything is made, and told in bytes instead of in a driver's words. */
function refuseTooLarge(kernel: Kernel, { adapter }: OpenGpu): void {
  const bytes = planMemory(kernel).totalBytes;
  const most = Math.min(adapter.limits.maxStorageBufferBindingSize, adapter.limits.maxBufferSize);
  if (bytes <= most) return;
  const what = `the kernel's memory has ${bytes} bytes, and ${adapterName(adapter)} binds ${most} at most`;
  const fix = 'use a smaller ring (--slot-count) or less control memory, or name another adapter with --adapter.';
  throw new BackendFaultError(RUNNING_STACK, 'unavailable', what, fix, { bytes, most });
}

try {
  await (values.probe ? probe() : serve());
  // Not by returning: a driver's own threads may crash while a process winds down, and everything has been written.
  process.exit(0);
} catch (error) {
  process.stderr.write(`${RUNNING_STACK}: ${error instanceof Error ? error.message : String(error)}\n`, () =>
    process.exit(1),
  );
}
