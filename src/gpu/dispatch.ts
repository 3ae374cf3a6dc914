/** Bindings and grids, as WebGPU wants them. */

/** GPUShaderStage.COMPUTE, which is not there before a GPU is. */
const visibility = 4;

/** The layout of a group whose bindings are of these types, counted from 0. */
export function bindingsOf(types: readonly GPUBufferBindingType[]): readonly GPUBindGroupLayoutEntry[] {
  return types.map((type, binding) => ({ binding, visibility, buffer: { type } }));
}

/** The bindings' buffers, in the order of their layout. */
export function bindBuffers(
  device: GPUDevice,
  layout: GPUBindGroupLayout,
  buffers: readonly GPUBuffer[],
): GPUBindGroup {
  return device.createBindGroup({
    layout,
    entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
  });
}

/** As many workgroups, in two dimensions where one is too short; those that are too many have to leave by themselves. */
export function gridOf({ limits }: GPUDevice, workgroups: number): [x: number, y: number] {
  const longest = limits.maxComputeWorkgroupsPerDimension;
  return workgroups <= longest ? [workgroups, 1] : [longest, Math.ceil(workgroups / longest)];
}

/** The same, with too few rather than too many, for workgroups that take what others leave. */
export function smallerGridOf({ limits }: GPUDevice, workgroups: number): [x: number, y: number] {
  const longest = limits.maxComputeWorkgroupsPerDimension;
  return workgroups <= longest ? [workgroups, 1] : [longest, Math.floor(workgroups / longest)];
}
