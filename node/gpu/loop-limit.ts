/**
 * Whether a driver has lanes leave their loops early.
 *
 * Mesa's lavapipe gives a lane 65,535 turns of all its loops together, and then goes on behind whichever loop it is in
 * (LP_MAX_TGSI_LOOP_ITERATIONS in gallivm's lp_bld_limits.h). Nothing says so, and what comes out is wrong.
 */

const WORD_BYTES = 4;
const TURNS = 70_000;
/** Two loops, since the turns of all count together. */
const SHADER = `
@group(0) @binding(0) var<storage, read_write> turns: atomic<u32>;

@compute @workgroup_size(1) fn main() {
  for (var turn = 0u; turn < ${TURNS / 2}u; turn++) { atomicAdd(&turns, 1u); }
  for (var turn = 0u; turn < ${TURNS / 2}u; turn++) { atomicAdd(&turns, 1u); }
}`;

/** After how many turns a lane of this device leaves its loops; undefined if it was not seen to. */
export async function loopLimit(device: GPUDevice): Promise<number | undefined> {
  const turns = await countedTurns(device);
  return turns < TURNS ? turns : undefined;
}

async function countedTurns(device: GPUDevice): Promise<number> {
  const { COPY_SRC, COPY_DST, MAP_READ, STORAGE } = GPUBufferUsage;
  const counter = device.createBuffer({ size: WORD_BYTES, usage: STORAGE | COPY_SRC });
  const readable = device.createBuffer({ size: WORD_BYTES, usage: COPY_DST | MAP_READ });
  const module = device.createShaderModule({ code: SHADER });
  const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module, entryPoint: 'main' } });
  const entries = [{ binding: 0, resource: { buffer: counter } }];
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
  pass.dispatchWorkgroups(1);
  pass.end();
  encoder.copyBufferToBuffer(counter, 0, readable, 0, WORD_BYTES);
  device.queue.submit([encoder.finish()]);
  await readable.mapAsync(GPUMapMode.READ);
  const [turns] = new Uint32Array(readable.getMappedRange());
  readable.destroy();
  counter.destroy();
  return turns;
}
