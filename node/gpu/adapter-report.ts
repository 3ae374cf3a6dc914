/** What a stack says about the adapter that it was given, as words and numbers that can travel. */

export interface AdapterReport {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  /** The name of the adapter on wgpu, its driver's on Dawn. */
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
  const { vendor, architecture, device, description } = info;
  return {
    ...{ vendor, architecture, device, description },
    api: nativeApi(),
    isSoftware: info.isFallbackAdapter || SOFTWARE.test(`${architecture} ${device} ${description}`),
    limits: limitsOf(limits),
    loopLimit: loopLimit ?? null,
    features: [...features].sort(),
  };
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
export function adapterName({ vendor, architecture, device, description }: AdapterNames): string {
  // wgpu has the number of the device here, Dawn its name with dashes for whatever is no letter.
  const model = /^\d*$/.test(device) ? '' : device.replace(/-+$/, '');
  if (model === '') return description === '' ? `${vendor} ${architecture}`.trim() : description;
  return description === '' ? model : `${model} (${description})`;
}

type AdapterNames = Pick<AdapterReport, 'vendor' | 'architecture' | 'device' | 'description'>;
