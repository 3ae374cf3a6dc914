/**
 * What replay on a GPU is held against. *Bare*: the same kernel in the same shape with nothing around it, its slots
 * published by their status alone: no log, no digest, no comparison. *Naive*: what one writes first, an epoch at a time:
 * write the ring, dispatch, copy, read back.
 */

import { type Kernel, lowerToWgsl, planMemory } from '../../src/kernel/index.ts';
import { ControlWord, Opcode, SLOT_WORDS, SlotStatus, SlotWord, TENANT_ALLOWED } from '../../src/protocol/index.ts';

const WORD_BYTES = 4;
const LANES = 64;

function storageBuffer(device: GPUDevice, bytes: number): GPUBuffer {
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
  return device.createBuffer({ size: bytes, usage });
}

/** A ring whose slots all add 1 to a word of their own, as a fresh kernel finds it. */
function ringImage(kernel: Kernel): Uint32Array<ArrayBuffer> {
  const plan = planMemory(kernel);
  const words = new Uint32Array(plan.totalBytes / WORD_BYTES);
  const control = plan.controlByteOffset / WORD_BYTES;
  words[control + ControlWord.TENANT_BASE] = ControlWord.TENANT_MASKS;
  words[control + ControlWord.TENANT_MASKS] = TENANT_ALLOWED;
  for (let slot = 0; slot < kernel.slotCount; slot += 1) {
    const base = slot * SLOT_WORDS;
    words[base + SlotWord.STATUS] = SlotStatus.PUBLISHED;
    words[base + SlotWord.OPCODE] = Opcode.ATOMIC_ADD;
    words[base + SlotWord.ARGUMENTS] = 1;
    words[base + SlotWord.ARGUMENTS + 1] = ControlWord.OBSERVABLE_BASE + 1 + (slot % 16);
  }
  return words;
}

async function pipelineFor(device: GPUDevice, code: string, entries: GPUBindGroupLayoutEntry[]) {
  const layout = device.createBindGroupLayout({ entries });
  const pipeline = await device.createComputePipelineAsync({
    layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
    compute: { module: device.createShaderModule({ code }), entryPoint: 'main' },
  });
  return { layout, pipeline };
}

/** Milliseconds that the bare kernel takes for so many epochs of so many replicas, a workgroup each. */
export async function bareKernel(
  device: GPUDevice,
  kernel: Kernel,
): Promise<(replicas: number, epochs: number) => Promise<number>> {
  const code = `${lowerToWgsl(kernel)}
@group(0) @binding(2) var<uniform> epochs: vec4u;
@compute @workgroup_size(${LANES})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  instanceStart = group.x * instanceWords;
  for (var epoch = 0u; epoch < epochs.x; epoch++) {
    for (var slot = lane; slot < ${kernel.slotCount}u; slot += ${LANES}u) {
      atomicStore(&memory[instanceStart + slot * ${SLOT_WORDS}u], ${SlotStatus.PUBLISHED}u);
    }
    storageBarrier();
    for (var slot = lane; slot < ${kernel.slotCount}u; slot += ${LANES}u) { _ = turn(slot); }
    storageBarrier();
  }
}`;
  const { layout, pipeline } = await pipelineFor(device, code, [
    { binding: 0, visibility: 4, buffer: { type: 'storage' } },
    { binding: 2, visibility: 4, buffer: { type: 'uniform' } },
  ]);
  const image = ringImage(kernel);
  return async (replicas, epochs) => {
    const memory = storageBuffer(device, image.byteLength * replicas);
    for (let replica = 0; replica < replicas; replica += 1)
      device.queue.writeBuffer(memory, replica * image.byteLength, image);
    const count = device.createBuffer({ size: 16, usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST });
    device.queue.writeBuffer(count, 0, Uint32Array.of(epochs, 0, 0, 0));
    const entries = [
      { binding: 0, resource: { buffer: memory } },
      { binding: 2, resource: { buffer: count } },
    ];
    const group = device.createBindGroup({ layout, entries });
    await device.queue.onSubmittedWorkDone();
    const begin = performance.now();
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(replicas);
    pass.end();
    device.queue.submit([encoder.finish()]);
    await device.queue.onSubmittedWorkDone();
    const elapsed = performance.now() - begin;
    memory.destroy();
    count.destroy();
    return elapsed;
  };
}

/** Milliseconds that the naive loop takes for so many epochs of one replica. */
export async function naiveLoop(device: GPUDevice, kernel: Kernel): Promise<(epochs: number) => Promise<number>> {
  const code = `${lowerToWgsl(kernel)}
@compute @workgroup_size(${LANES})
fn main(@builtin(global_invocation_id) lane: vec3u) {
  instanceStart = 0u;
  if (lane.x < ${kernel.slotCount}u) { _ = turn(lane.x); }
}`;
  const entries: GPUBindGroupLayoutEntry[] = [{ binding: 0, visibility: 4, buffer: { type: 'storage' } }];
  const { layout, pipeline } = await pipelineFor(device, code, entries);
  const image = ringImage(kernel);
  const { controlByteOffset } = planMemory(kernel);
  const ring = image.subarray(0, kernel.slotCount * SLOT_WORDS);
  const controlBytes = kernel.controlWords * WORD_BYTES;
  return async (epochs) => {
    const memory = storageBuffer(device, image.byteLength);
    const usage = GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ;
    const readable = device.createBuffer({ size: controlBytes, usage });
    const group = device.createBindGroup({ layout, entries: [{ binding: 0, resource: { buffer: memory } }] });
    device.queue.writeBuffer(memory, 0, image);
    const begin = performance.now();
    for (let epoch = 0; epoch < epochs; epoch += 1) {
      device.queue.writeBuffer(memory, 0, ring);
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(Math.ceil(kernel.slotCount / LANES));
      pass.end();
      encoder.copyBufferToBuffer(memory, controlByteOffset, readable, 0, controlBytes);
      device.queue.submit([encoder.finish()]);
      await readable.mapAsync(GPUMapMode.READ);
      new Uint32Array(readable.getMappedRange())[0] ||= 0;
      readable.unmap();
    }
    const elapsed = performance.now() - begin;
    memory.destroy();
    readable.destroy();
    return elapsed;
  };
}
