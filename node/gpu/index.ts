/** GPUs: Dawn and wgpu, each in a process of its own, and what there is to run them on. */
export { type AdapterReport, adapterName } from './adapter-report.ts';
export { allProbes, chooseAdapter, type FoundAdapter } from './choose.ts';
export { connectGpu, type GpuConnectOptions } from './connect.ts';
export { isInstalled } from './packages.ts';
export { type Probe, probeAfresh } from './probe.ts';
export { GPU_STACKS, type GpuStack, isGpuStack } from './stacks.ts';
