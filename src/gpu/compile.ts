/** Shader modules, with what a compiler has to say about them. */

import { VrrlError } from '../base/errors.ts';

/** A shader of ours was refused: a defect of the lowering, or of the driver. */
export class ShaderError extends VrrlError {
  readonly code = 'VRRL_SHADER';
}

/** A pipeline for each entry point of a module, over one layout. */
export async function compilePipelines<Name extends string>(
  device: GPUDevice,
  code: string,
  layout: GPUBindGroupLayout,
  entryPoints: readonly Name[],
): Promise<Readonly<Record<Name, GPUComputePipeline>>> {
  const module = device.createShaderModule({ code });
  const { messages } = await module.getCompilationInfo();
  const errors = messages.filter(({ type }) => type === 'error');
  if (errors.length > 0) {
    const first = errors.map(({ lineNum, message }) => `line ${lineNum}: ${message}`).join('; ');
    throw new ShaderError(`the shader is refused: ${first}`, 'report this with the kernel (vrrl kernel --json).');
  }
  const pipelineLayout = device.createPipelineLayout({ bindGroupLayouts: [layout] });
  const pipelines = await Promise.all(
    entryPoints.map(
      async (entryPoint) =>
        [
          entryPoint,
          await device.createComputePipelineAsync({ layout: pipelineLayout, compute: { module, entryPoint } }),
        ] as const,
    ),
  );
  // fromEntries forgets which names there are.
  return Object.fromEntries(pipelines) as Record<Name, GPUComputePipeline>;
}

/**
 * Pipelines over one layout that were asked for before: drivers take long to compile one, and the same kernel is replayed
 * again and again.
 */
export class PipelineCache {
  readonly layout: GPUBindGroupLayout;
  readonly #device: GPUDevice;
  readonly #pipelines = new Map<string, Promise<GPUComputePipeline>>();

  constructor(device: GPUDevice, entries: readonly GPUBindGroupLayoutEntry[]) {
    this.#device = device;
    this.layout = device.createBindGroupLayout({ entries });
  }

  pipeline(code: string, entryPoint: string): Promise<GPUComputePipeline> {
    const key = `${entryPoint}\n${code}`;
    const known = this.#pipelines.get(key);
    if (known !== undefined) return known;
    const made = compilePipelines(this.#device, code, this.layout, [entryPoint]).then((all) => all[entryPoint]);
    this.#pipelines.set(key, made);
    return made;
  }
}
