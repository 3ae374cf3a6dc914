/** The shader of what replay is held against. */

import { type Kernel, lowerToWgsl } from '../../src/kernel/index.ts';
import { SLOT_WORDS, SlotStatus, SlotWord } from '../../src/protocol/index.ts';

/** Lanes of a workgroup that works for one replica, as `GpuBackend` has it. */
export const RESIDENT_LANES = 64;
/** Lanes of a workgroup that only serves, as in a replay without stress. */
export const SERVE_LANES = 16;

/** GPUShaderStage.COMPUTE, which is not there before a GPU is. */
const visibility = 4;

export const PEER_BINDINGS: readonly GPUBindGroupLayoutEntry[] = [
  { binding: 0, visibility, buffer: { type: 'storage' } },
  { binding: 2, visibility, buffer: { type: 'uniform' } },
];

/** Entry points `bareResident`, `barePublish` with `bareServe`, and `naive`. */
export function peerShader(kernel: Kernel): string {
  return `${lowerToWgsl(kernel)}
const slotCount = ${kernel.slotCount}u;
/// How many replicas there are, and how many epochs each runs.
@group(0) @binding(2) var<uniform> size: vec4u;

fn publish(slotIndex: u32) {
  atomicStore(&memory[instanceStart + ringStart + slotIndex * ${SLOT_WORDS}u + ${SlotWord.STATUS}u], ${SlotStatus.PUBLISHED}u);
}
@compute @workgroup_size(${RESIDENT_LANES})
fn bareResident(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32
) {
  let instance = group.y * groups.x + group.x;
  if (instance >= size.x) { return; }
  instanceStart = instance * instanceWords;
  for (var epoch = 0u; epoch < size.y; epoch++) {
    for (var slot = lane; slot < slotCount; slot += ${RESIDENT_LANES}u) { publish(slot); }
    storageBarrier();
    for (var slot = lane; slot < slotCount; slot += ${RESIDENT_LANES}u) { _ = turn(slot); }
    storageBarrier();
  }
}
/// The slot that falls to a lane, counted over all replicas; moves to its replica's memory.
fn enterSlot(group: vec3u, groups: vec3u, lanes: u32, lane: u32) -> u32 {
  let item = (group.y * groups.x + group.x) * lanes + lane;
  instanceStart = (item / slotCount) * instanceWords;
  return item;
}
@compute @workgroup_size(${RESIDENT_LANES})
fn barePublish(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32
) {
  let item = enterSlot(group, groups, ${RESIDENT_LANES}u, lane);
  if (item < size.x * slotCount) { publish(item % slotCount); }
}
@compute @workgroup_size(${SERVE_LANES})
fn bareServe(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32
) {
  let item = enterSlot(group, groups, ${SERVE_LANES}u, lane);
  if (item < size.x * slotCount) { _ = turn(item % slotCount); }
}
@compute @workgroup_size(${RESIDENT_LANES})
fn naive(@builtin(global_invocation_id) lane: vec3u) {
  instanceStart = 0u;
  if (lane.x < slotCount) { _ = turn(lane.x); }
}
`;
}
