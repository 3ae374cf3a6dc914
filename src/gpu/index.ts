/** Kernels on a GPU: everything that needs a device and nothing that needs a process. */

export { ShaderError } from './compile.ts';
export { GpuBackend, type GpuOptions } from './gpu-backend.ts';
