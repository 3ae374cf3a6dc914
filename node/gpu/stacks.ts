/** The stacks that kernels run on: an implementation of WebGPU, and what it takes to have it. */

import { PEER_VERSIONS } from '../version.ts';

export const GPU_STACKS = ['dawn', 'wgpu'] as const;
export type GpuStack = (typeof GPU_STACKS)[number];

export interface StackFacts {
  /** The npm package that brings it. */
  readonly packageName: 'webgpu' | 'deno';
  /** Drivers without a GPU, by what their manifests are called, the best first. */
  readonly software: readonly string[];
  /** What brings the first of them in Debian. */
  readonly debianPackages: string;
}

const SWIFTSHADER = 'swiftshader';
/** Mesa's lavapipe. */
const LAVAPIPE = 'lvp';

export const STACK_FACTS: Readonly<Record<GpuStack, StackFacts>> = {
  // It refuses lavapipe before Mesa 23.
  dawn: { packageName: 'webgpu', software: [SWIFTSHADER, LAVAPIPE], debianPackages: 'libvulkan1 chromium' },
  wgpu: { packageName: 'deno', software: [LAVAPIPE, SWIFTSHADER], debianPackages: 'libvulkan1 mesa-vulkan-drivers' },
};

export function isGpuStack(name: string): name is GpuStack {
  return (GPU_STACKS as readonly string[]).includes(name);
}

export function installPackageFix(stack: GpuStack): string {
  const { packageName } = STACK_FACTS[stack];
  const version = PEER_VERSIONS[packageName];
  return `npm install ${packageName}${version === undefined ? '' : `@${version}`}, then try again.`;
}

/** What to do about a machine without an adapter. */
export function installDriverFix(stack: GpuStack): string {
  const where = process.platform === 'linux' ? '' : 'on Linux without a GPU, ';
  const { debianPackages } = STACK_FACTS[stack];
  return `install the Vulkan driver of the GPU; ${where}on Debian without one: apt-get install ${debianPackages}.`;
}
