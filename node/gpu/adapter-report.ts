/** What a stack says about the adapter that it was given, as words and numbers that can travel. */

export interface AdapterReport {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  /** What people call it. */
  readonly description: string;
  /** The programming interface below: `vulkan`, `metal`, `d3d12`. */
  readonly api: string;
  /** Whether a CPU plays the GPU. */
  readonly isSoftware: boolean;
  readonly limits: Readonly<Record<LimitName, number>>;
  /** After how many turns its driver has a lane leave all loops, which is a defect; null if it was not seen to. */
  readonly loopLimit: number | null;
  /** The optional features that it has, whether vrrl uses them or not. */
  readonly features: readonly string[];
}

/** The limits that decide what a kernel may be, and how much of a log fits the device. A device is asked for all of each. */
export const LIMIT_NAMES = [
  'maxStorageBufferBindingSize',
  'maxBufferSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupsPerDimension',
  'maxComputeWorkgroupStorageSize',
] as const;
export type LimitName = (typeof LIMIT_NAMES)[number];

/** Not every stack says of every software driver that it is a fallback. */
const SOFTWARE = /swiftshader|llvmpipe|lavapipe|softpipe|basic render|\bwarp\b/i;

export function reportOf({ info, limits, features }: GPUAdapter, loopLimit: number | undefined): AdapterReport {
  const { vendor, architecture, device } = info;
  return {
    ...{ vendor, architecture, device },
    description: nameOf(info),
    api: nativeApi(),
    isSoftware: info.isFallbackAdapter || SOFTWARE.test(`${architecture} ${device} ${nameOf(info)}`),
    limits: limitsOf(limits),
    loopLimit: loopLimit ?? null,
    features: [...features].sort(),
  };
}

/** What people call an adapter. */
export function nameOf({ description, vendor, architecture, device }: GPUAdapterInfo): string {
  return description === '' ? `${vendor} ${architecture} ${device}`.trim() : description;
}

export function limitsOf(limits: GPUSupportedLimits): Record<LimitName, number> {
  // fromEntries forgets which names there are.
  return Object.fromEntries(LIMIT_NAMES.map((name) => [name, limits[name]])) as Record<LimitName, number>;
}

function nativeApi(): string {
  if (process.platform === 'win32') return 'd3d12';
  return process.platform === 'darwin' ? 'metal' : 'vulkan';
}

/** What people call an adapter. */
export function adapterName({ description }: AdapterReport): string {
  return description;
}
