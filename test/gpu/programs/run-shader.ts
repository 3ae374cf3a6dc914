/** Runs a small shader once, for tests of functions that are only in shaders. */

import { downloadWords, uploadWords, zeroWords } from '../../../src/gpu/buffers.ts';

/**
 * The code has an entry point `main`, read-write storage at binding 0 and what it answers at binding 1.
 *
 * @returns the words at binding 1.
 */
export async function runShader(
  device: GPUDevice,
  code: string,
  given: Uint32Array,
  answerWords: number,
  workgroups: number,
): Promise<Uint32Array> {
  const module = device.createShaderModule({ code });
  const pipeline = await device.createComputePipelineAsync({
    layout: 'auto',
    compute: { module, entryPoint: 'main' },
  });
  const buffers = [uploadWords(device, given), zeroWords(device, answerWords)];
  const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
  pass.dispatchWorkgroups(workgroups);
  pass.end();
  device.queue.submit([encoder.finish()]);
  const answer = await downloadWords(device, buffers[1], 0, answerWords);
  for (const buffer of buffers) buffer.destroy();
  return answer;
}
