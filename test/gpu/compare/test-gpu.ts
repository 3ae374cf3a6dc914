/** Just enough of a GPU to run a lowered kernel once. */

import { create, globals } from 'webgpu';
import { type Kernel, planTables } from '../../../src/kernel/index.ts';

Object.assign(globalThis, globals);

/** What must not be collected while the GPU is used: the process aborts without it. */
const keptAlive: unknown[] = [];

const WORD_BYTES = 4;

export class TestGpu {
  readonly adapterName: string;
  readonly device: GPUDevice;

  private constructor(adapterName: string, device: GPUDevice) {
    this.adapterName = adapterName;
    this.device = device;
  }

  static async open(): Promise<TestGpu> {
    const gpu = create([]);
    const adapter = await gpu.requestAdapter();
    if (adapter === null) throw new Error('Dawn finds no adapter');
    const device = await adapter.requestDevice();
    keptAlive.push(gpu, adapter, device);
    return new TestGpu(`${adapter.info.vendor} ${adapter.info.description}`, device);
  }

  /** Compiles a module whose entry point is `main`. */
  async compile(kernel: Kernel, code: string): Promise<TestProgram> {
    this.device.pushErrorScope('validation');
    const module = this.device.createShaderModule({ code });
    const { messages } = await module.getCompilationInfo();
    const errors = messages
      .filter(({ type }) => type === 'error')
      .map(({ lineNum, message }) => `line ${lineNum}: ${message}`);
    const layout = this.device.createBindGroupLayout({ entries: layoutEntries(kernel) });
    const pipeline = this.device.createComputePipeline({
      layout: this.device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module, entryPoint: 'main' },
    });
    const error = await this.device.popErrorScope();
    if (errors.length > 0 || error !== null)
      throw new Error(`the shader is refused: ${errors.join('; ') || error?.message}`);
    return new TestProgram(this.device, kernel, layout, pipeline);
  }
}

function layoutEntries(kernel: Kernel): GPUBindGroupLayoutEntry[] {
  const entries: GPUBindGroupLayoutEntry[] = [
    { binding: 0, visibility: GPUShaderStage.COMPUTE, buffer: { type: 'storage' } },
  ];
  if (kernel.tables.length > 0) {
    entries.push({ binding: 1, visibility: GPUShaderStage.COMPUTE, buffer: { type: 'read-only-storage' } });
  }
  return entries;
}

export class TestProgram {
  readonly #device: GPUDevice;
  readonly #kernel: Kernel;
  readonly #layout: GPUBindGroupLayout;
  readonly #pipeline: GPUComputePipeline;

  constructor(device: GPUDevice, kernel: Kernel, layout: GPUBindGroupLayout, pipeline: GPUComputePipeline) {
    this.#device = device;
    this.#kernel = kernel;
    this.#layout = layout;
    this.#pipeline = pipeline;
  }

  /** Dispatches once over a copy of `memory` and returns what is in it then. */
  async run(memory: Uint32Array, workgroups: number): Promise<Uint32Array> {
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
    const buffer = this.#device.createBuffer({ size: memory.byteLength, usage });
    const readable = this.#device.createBuffer({
      size: memory.byteLength,
      usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ,
    });
    const tables = this.#uploadTables();
    this.#device.queue.writeBuffer(buffer, 0, memory);
    const entries = [{ binding: 0, resource: { buffer } }];
    if (tables !== undefined) entries.push({ binding: 1, resource: { buffer: tables } });
    const encoder = this.#device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(this.#pipeline);
    pass.setBindGroup(0, this.#device.createBindGroup({ layout: this.#layout, entries }));
    pass.dispatchWorkgroups(workgroups);
    pass.end();
    encoder.copyBufferToBuffer(buffer, 0, readable, 0, memory.byteLength);
    this.#device.queue.submit([encoder.finish()]);
    await readable.mapAsync(GPUMapMode.READ);
    const words = new Uint32Array(readable.getMappedRange().slice(0));
    for (const each of [buffer, readable, tables]) each?.destroy();
    return words;
  }

  #uploadTables(): GPUBuffer | undefined {
    const { starts, words } = planTables(this.#kernel);
    if (words === 0) return undefined;
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST;
    const buffer = this.#device.createBuffer({ size: words * WORD_BYTES, usage });
    for (const table of this.#kernel.tables) {
      // A table of a kernel is never shared memory; the type leaves that open.
      const content = table.words as Uint32Array<ArrayBuffer>;
      this.#device.queue.writeBuffer(buffer, (starts.get(table.name) ?? 0) * WORD_BYTES, content);
    }
    return buffer;
  }
}
