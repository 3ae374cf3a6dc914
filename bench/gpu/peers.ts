/**
 * What replay on a GPU is held against.
 *
 * *Bare*: the same kernel in the same shape over the same slots with nothing around it. The slots lie in the ring already
 * and are published by their status alone: no log, no digest, no comparison. *Naive*: what one writes first, an epoch at a
 * time: write the ring, dispatch, copy, read back.
 *
 * Both have to leave the very words that were recorded, or they did something else.
 */

import { downloadWords, zeroWords } from '../../src/gpu/buffers.ts';
import { PipelineCache } from '../../src/gpu/compile.ts';
import { DeviceClock } from '../../src/gpu/device-clock.ts';
import { type Kernel, observationLayoutOf, planMemory } from '../../src/kernel/index.ts';
import { compareSnapshots, resolveLayout } from '../../src/observe/index.ts';
import { SLOT_WORDS } from '../../src/protocol/index.ts';
import { type BenchLog, firstEpochImage, lastWords } from './logs.ts';
import { PEER_BINDINGS, peerShader, RESIDENT_LANES, SERVE_LANES } from './peers-wgsl.ts';
import type { RowPlan } from './rows.ts';
import type { Contender, Sample } from './sampling.ts';

const WORD_BYTES = 4;

type EntryPoint = 'bareResident' | 'barePublish' | 'bareServe' | 'naive';

/** The peers on one device. Their pipelines are compiled once. */
export class Peers {
  readonly #device: GPUDevice;
  readonly #pipelines: PipelineCache;

  constructor(device: GPUDevice) {
    this.#device = device;
    this.#pipelines = new PipelineCache(device, PEER_BINDINGS);
  }

  async bareKernel({ shape, replicas, epochs }: RowPlan, log: BenchLog): Promise<Contender> {
    const bare = new BareKernel(this.#device, this.#pipelines.layout, log, replicas, epochs);
    if (shape === 'resident') {
      const pipeline = await this.#pipeline(log.kernel, 'bareResident');
      return { sample: () => bare.sample((pass) => bare.runResident(pass, pipeline)), release: () => bare.release() };
    }
    const publish = await this.#pipeline(log.kernel, 'barePublish');
    const serve = await this.#pipeline(log.kernel, 'bareServe');
    return { sample: () => bare.sample((pass) => bare.runWide(pass, publish, serve)), release: () => bare.release() };
  }

  async naiveLoop({ epochs }: RowPlan, log: BenchLog): Promise<Contender> {
    const pipeline = await this.#pipeline(log.kernel, 'naive');
    const loop = new NaiveLoop(this.#device, this.#pipelines.layout, log, epochs);
    return { sample: () => loop.sample(pipeline), release: () => loop.release() };
  }

  #pipeline(kernel: Kernel, entryPoint: EntryPoint): Promise<GPUComputePipeline> {
    return this.#pipelines.pipeline(peerShader(kernel), entryPoint);
  }
}

/** Memories of replicas end to end, and what the shaders have to know of them. */
class Memories {
  readonly memory: GPUBuffer;
  readonly group: GPUBindGroup;
  readonly #device: GPUDevice;
  readonly #log: BenchLog;
  readonly #replicas: number;
  readonly #image: GPUBuffer;
  readonly #size: GPUBuffer;

  constructor(device: GPUDevice, layout: GPUBindGroupLayout, log: BenchLog, replicas: number, epochs: number) {
    const image = firstEpochImage(log);
    this.#device = device;
    this.#log = log;
    this.#replicas = replicas;
    expectBindable(device, image.byteLength * replicas);
    this.#image = zeroWords(device, image.length);
    this.memory = zeroWords(device, image.length * replicas);
    this.#size = device.createBuffer({ size: 16, usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST });
    device.queue.writeBuffer(this.#image, 0, image);
    device.queue.writeBuffer(this.#size, 0, Uint32Array.of(replicas, epochs, 0, 0));
    const entries = [
      { binding: 0, resource: { buffer: this.memory } },
      { binding: 2, resource: { buffer: this.#size } },
    ];
    this.group = device.createBindGroup({ layout, entries });
  }

  /** As a fresh kernel has them. */
  async reset(): Promise<void> {
    const encoder = this.#device.createCommandEncoder();
    for (let replica = 0; replica < this.#replicas; replica += 1) {
      encoder.copyBufferToBuffer(this.#image, 0, this.memory, replica * this.#image.size, this.#image.size);
    }
    this.#device.queue.submit([encoder.finish()]);
    await this.#device.queue.onSubmittedWorkDone();
  }

  /** @throws Error unless the first and the last replica have the words that were recorded at the log's end. */
  async check(): Promise<void> {
    const { kernel } = this.#log;
    const layout = resolveLayout(observationLayoutOf(kernel));
    const { totalBytes, controlByteOffset } = planMemory(kernel);
    for (const replica of new Set([0, this.#replicas - 1])) {
      const at = (replica * totalBytes + controlByteOffset) / WORD_BYTES;
      const seen = await downloadWords(this.#device, this.memory, at, layout.snapshotWords);
      const [difference] = compareSnapshots(layout, lastWords(this.#log), seen).differences;
      if (difference === undefined) continue;
      throw new Error(`replica ${replica} has other words than the recording, in ${difference.region.name}`);
    }
  }

  release(): void {
    for (const buffer of [this.memory, this.#image, this.#size]) buffer.destroy();
  }
}

/** Replay would go through replicas in waves; here they are all there at once. */
function expectBindable({ limits }: GPUDevice, bytes: number): void {
  const most = Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize);
  if (bytes > most) throw new Error(`memories of ${bytes} bytes, and the device binds ${most} at most`);
}

class BareKernel {
  readonly #device: GPUDevice;
  readonly #memories: Memories;
  readonly #clock: DeviceClock;
  readonly #slotCount: number;
  readonly #replicas: number;
  readonly #epochs: number;

  constructor(device: GPUDevice, layout: GPUBindGroupLayout, log: BenchLog, replicas: number, epochs: number) {
    this.#device = device;
    this.#memories = new Memories(device, layout, log, replicas, epochs);
    this.#clock = new DeviceClock(device);
    this.#slotCount = log.kernel.slotCount;
    this.#replicas = replicas;
    this.#epochs = epochs;
  }

  async sample(encode: (pass: GPUComputePassEncoder) => void): Promise<Sample> {
    await this.#memories.reset();
    this.#clock.reset();
    const begin = performance.now();
    const encoder = this.#device.createCommandEncoder();
    const pass = encoder.beginComputePass(this.#clock.passDescriptor());
    pass.setBindGroup(0, this.#memories.group);
    encode(pass);
    pass.end();
    this.#clock.resolve(encoder);
    this.#device.queue.submit([encoder.finish()]);
    await this.#clock.finish();
    const ms = performance.now() - begin;
    await this.#memories.check();
    const { elapsedMs: deviceMs } = this.#clock;
    return { ms, deviceMs, epochReplays: this.#replicas * this.#epochs, differing: 0 };
  }

  /** Every replica has a workgroup, which goes through all epochs. */
  runResident(pass: GPUComputePassEncoder, pipeline: GPUComputePipeline): void {
    pass.setPipeline(pipeline);
    this.#dispatch(pass, this.#replicas);
  }

  /** Every slot has a lane, in one dispatch that publishes and one that serves for each epoch. */
  runWide(pass: GPUComputePassEncoder, publish: GPUComputePipeline, serve: GPUComputePipeline): void {
    const slots = this.#replicas * this.#slotCount;
    for (let epoch = 0; epoch < this.#epochs; epoch += 1) {
      pass.setPipeline(publish);
      this.#dispatch(pass, Math.ceil(slots / RESIDENT_LANES));
      pass.setPipeline(serve);
      this.#dispatch(pass, Math.ceil(slots / SERVE_LANES));
    }
  }

  release(): void {
    this.#memories.release();
    this.#clock.destroy();
  }

  #dispatch(pass: GPUComputePassEncoder, workgroups: number): void {
    const longest = this.#device.limits.maxComputeWorkgroupsPerDimension;
    if (workgroups > longest) pass.dispatchWorkgroups(longest, Math.ceil(workgroups / longest));
    else pass.dispatchWorkgroups(workgroups);
  }
}

class NaiveLoop {
  readonly #device: GPUDevice;
  readonly #memories: Memories;
  readonly #kernel: Kernel;
  readonly #ring: Uint32Array<ArrayBuffer>;
  readonly #epochs: number;
  readonly #readable: GPUBuffer;

  constructor(device: GPUDevice, layout: GPUBindGroupLayout, log: BenchLog, epochs: number) {
    this.#device = device;
    this.#memories = new Memories(device, layout, log, 1, epochs);
    this.#kernel = log.kernel;
    this.#ring = firstEpochImage(log).subarray(0, log.kernel.slotCount * SLOT_WORDS);
    this.#epochs = epochs;
    const usage = GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ;
    this.#readable = device.createBuffer({ size: log.kernel.controlWords * WORD_BYTES, usage });
  }

  async sample(pipeline: GPUComputePipeline): Promise<Sample> {
    await this.#memories.reset();
    const begin = performance.now();
    for (let epoch = 0; epoch < this.#epochs; epoch += 1) await this.#runEpoch(pipeline);
    const ms = performance.now() - begin;
    await this.#memories.check();
    return { ms, epochReplays: this.#epochs, differing: 0 };
  }

  async #runEpoch(pipeline: GPUComputePipeline): Promise<void> {
    const { memory, group } = this.#memories;
    const { controlByteOffset } = planMemory(this.#kernel);
    this.#device.queue.writeBuffer(memory, 0, this.#ring);
    const encoder = this.#device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(Math.ceil(this.#kernel.slotCount / RESIDENT_LANES));
    pass.end();
    encoder.copyBufferToBuffer(memory, controlByteOffset, this.#readable, 0, this.#readable.size);
    this.#device.queue.submit([encoder.finish()]);
    await this.#readable.mapAsync(GPUMapMode.READ);
    // What was read has to be somewhere on the host, as whoever compares it would have it.
    new Uint32Array(this.#readable.getMappedRange()).slice();
    this.#readable.unmap();
  }

  release(): void {
    this.#memories.release();
    this.#readable.destroy();
  }
}
