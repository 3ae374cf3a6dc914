/** How a stack's runner is started: which program, which arguments, and what its environment has to say. */

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { ChildOptions } from '../runner-child.ts';
import { denoProgram, webgpuModule } from './packages.ts';
import type { GpuStack } from './stacks.ts';

/** Variables by which a user says which Vulkan drivers there are; without one the loader looks for itself. */
const DRIVER_VARIABLES = [
  'VK_DRIVER_FILES',
  'VK_ICD_FILENAMES',
  'VK_ADD_DRIVER_FILES',
  'VK_LOADER_DRIVERS_SELECT',
  'VK_LOADER_DRIVERS_DISABLE',
] as const;

/** What the user's environment says about Vulkan drivers, as one text; empty if it says nothing. */
export function driversOfUser(): string {
  const said = DRIVER_VARIABLES.filter((name) => (process.env[name] ?? '') !== '');
  return said.map((name) => `${name}=${process.env[name]}`).join(' ');
}

/**
 * The command and the environment of a runner.
 *
 * @param manifest the only Vulkan driver that it shall find; undefined leaves that to the environment.
 * @throws BackendFaultError of kind `unavailable` if the stack is not installed.
 */
export function launchOf(stack: GpuStack, manifest: string | undefined, args: readonly string[] = []): ChildOptions {
  const command = stack === 'dawn' ? nodeCommand() : denoCommand();
  const env = { ...process.env, ...quietEnvironment(), ...denoEnvironment(stack), ...driverEnvironment(manifest) };
  return { command: withFramesAside(stack, [...command, ...args]), env };
}

function nodeCommand(): string[] {
  return [process.execPath, runnerPath(), '--webgpu', webgpuModule()];
}

/** Nothing from the network, nothing from the user's configuration: what it runs is all here. */
function denoCommand(): string[] {
  const closed = ['--no-config', '--no-lock', '--no-remote', '--no-npm', '--no-prompt', '--no-code-cache'];
  return [denoProgram(), 'run', '-A', '--unstable-webgpu', ...closed, `--import-map=${importMap()}`, runnerPath()];
}

/** Beside this file once it is built; whoever runs the sources has a build, too. */
function runnerPath(): string {
  const places = ['runner.js', '../../dist/node/gpu/runner.js'].map((place) => new URL(place, import.meta.url));
  return fileURLToPath(places.find((place) => existsSync(place)) ?? places[0]);
}

/** The one package that kernels need, by the place where Node finds it: Deno need not know how it was installed. */
function importMap(): string {
  const folder = path.dirname(createRequire(import.meta.url).resolve('@noble/hashes/utils.js'));
  const imports = { '@noble/hashes/': `${pathToFileURL(folder)}/` };
  return `data:application/json,${encodeURIComponent(JSON.stringify({ imports }))}`;
}

/**
 * Has the frames go through a descriptor of their own, and whatever drivers print on standard output to standard error.
 * Only a shell can move descriptors before a program starts.
 */
function withFramesAside(stack: GpuStack, command: readonly string[]): readonly string[] {
  if (process.platform === 'win32') return command;
  return ['/bin/sh', '-c', 'exec "$@" 3>&1 1>&2', `vrrl-${stack}`, ...command, '--frames', '3'];
}

/** What is printed shows up as the last words of a fault: no colours, and no complaint of Mesa's about a folder. */
function quietEnvironment(): NodeJS.ProcessEnv {
  const { XDG_RUNTIME_DIR = os.tmpdir() } = process.env;
  return { NO_COLOR: '1', FORCE_COLOR: undefined, XDG_RUNTIME_DIR };
}

function denoEnvironment(stack: GpuStack): NodeJS.ProcessEnv {
  if (stack === 'dawn') return {};
  return {
    DENO_NO_UPDATE_CHECK: '1',
    // Where nothing can be kept it keeps its caches in memory, and the user's folder as it is.
    ...(process.platform === 'win32' ? {} : { DENO_DIR: os.devNull }),
    // Or it takes OpenGL where there is no Vulkan, which is another driver than was asked for.
    ...(process.platform === 'linux' ? { DENO_WEBGPU_BACKEND: 'vulkan' } : {}),
  };
}

/** The older name is for loaders before 1.3.207. */
function driverEnvironment(manifest: string | undefined): NodeJS.ProcessEnv {
  if (manifest === undefined) return {};
  const others = Object.fromEntries(DRIVER_VARIABLES.map((name) => [name, undefined]));
  return { ...others, VK_DRIVER_FILES: manifest, VK_ICD_FILENAMES: manifest };
}
