/** Buffers of a GPU, filled and read. */

import { type Kernel, planTables } from '../kernel/index.ts';

const WORD_BYTES = 4;

/** A buffer for shaders with these words in it. */
export function uploadWords(device: GPUDevice, words: Uint32Array, usage: number = GPUBufferUsage.STORAGE): GPUBuffer {
  // A binding of no bytes is refused.
  const size = Math.max(words.byteLength, 4 * WORD_BYTES);
  const buffer = device.createBuffer({ size, usage: usage | GPUBufferUsage.COPY_DST });
  // Never shared memory here; the type leaves that open. Deno ends the whole process over an empty array.
  if (words.length > 0) device.queue.writeBuffer(buffer, 0, words as Uint32Array<ArrayBuffer>);
  return buffer;
}

/** A buffer of zeros for shaders. */
export function zeroWords(device: GPUDevice, words: number): GPUBuffer {
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  return device.createBuffer({ size: Math.max(words, 4) * WORD_BYTES, usage });
}

/** Words of a buffer, once everything submitted before is done. */
export async function downloadWords(
  device: GPUDevice,
  buffer: GPUBuffer,
  firstWord: number,
  words: number,
): Promise<Uint32Array> {
  if (words === 0) return new Uint32Array(0);
  const size = words * WORD_BYTES;
  const readable = device.createBuffer({ size, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ });
  try {
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(buffer, firstWord * WORD_BYTES, readable, 0, size);
    device.queue.submit([encoder.finish()]);
    await readable.mapAsync(GPUMapMode.READ);
    return new Uint32Array(readable.getMappedRange().slice(0));
  } finally {
    readable.destroy();
  }
}

/** The tables of a kernel, end to end as the shader expects them. */
export function uploadTables(device: GPUDevice, kernel: Kernel): GPUBuffer {
  const { starts, words } = planTables(kernel);
  const all = new Uint32Array(words);
  for (const table of kernel.tables) all.set(table.words, starts.get(table.name) ?? 0);
  return uploadWords(device, all);
}
