/** Where the packages are that bring a stack. They are optional: whoever wants a GPU installs one. */

import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { BackendFaultError } from '../../src/backend/index.ts';
import { type GpuStack, installPackageFix, STACK_FACTS } from './stacks.ts';

/** What Node imports to have Dawn. @throws BackendFaultError of kind `unavailable` if it is not installed. */
export function webgpuModule(): string {
  return pathToFileURL(resolveFrom(seekers(), 'webgpu') ?? refuse('dawn')).href;
}

/**
 * The program deno. Its package has one by the name of `bin.cjs` that makes a copy first; the copy's original is in a
 * package for this platform, and is there although no script has run.
 *
 * @throws BackendFaultError of kind `unavailable` if it is not installed, or there is none for this platform.
 */
export function denoProgram(): string {
  const manifest = resolveFrom(seekers(), 'deno/package.json') ?? refuse('wgpu');
  const binary = resolveFrom([manifest], `@deno/${denoPlatform()}/package.json`);
  if (binary === undefined) throw unavailable('wgpu', `deno has no program for ${denoPlatform()} that is installed`);
  return path.join(path.dirname(binary), process.platform === 'win32' ? 'deno.exe' : 'deno');
}

export function isInstalled(stack: GpuStack): boolean {
  try {
    if (stack === 'dawn') webgpuModule();
    else denoProgram();
    return true;
  } catch {
    return false;
  }
}

/** A package beside this one, or what the user has installed where he works. */
function seekers(): string[] {
  return [import.meta.url, path.join(process.cwd(), 'package.json')];
}

function resolveFrom(places: readonly string[], name: string): string | undefined {
  for (const place of places) {
    try {
      return createRequire(place).resolve(name);
    } catch {
      // The next one, then.
    }
  }
  return undefined;
}

/** As its packages call it. There is none for musl, and npm does not install the one for glibc there. */
function denoPlatform(): string {
  const { platform, arch } = process;
  return `${platform}-${arch}${platform === 'linux' ? '-glibc' : ''}`;
}

function refuse(stack: GpuStack): never {
  throw unavailable(stack, `the package ${STACK_FACTS[stack].packageName} is not installed`);
}

function unavailable(stack: GpuStack, what: string): BackendFaultError {
  return new BackendFaultError(stack, 'unavailable', what, installPackageFix(stack));
}
