/** The same program again under Deno, which brings wgpu. */

import { spawn } from 'node:child_process';
import os from 'node:os';
import { text } from 'node:stream/consumers';
import { denoProgram } from '../../node/gpu/packages.ts';

/** Nothing from the network; packages where Node finds them. */
const DENO_ARGUMENTS = [
  ...['run', '-A', '--unstable-webgpu', '--no-lock', '--no-remote', '--no-prompt', '--no-code-cache'],
  '--node-modules-dir=manual',
];

/** What a program prints that runs in Deno with these arguments. @throws Error if it fails. */
export async function outputInDeno(program: string, args: readonly string[]): Promise<string> {
  const env = {
    ...process.env,
    DENO_DIR: os.devNull,
    DENO_NO_UPDATE_CHECK: '1',
    // Or it takes OpenGL where there is no Vulkan.
    ...(process.platform === 'linux' ? { DENO_WEBGPU_BACKEND: 'vulkan' } : {}),
    // Mesa complains without one.
    XDG_RUNTIME_DIR: process.env['XDG_RUNTIME_DIR'] ?? os.tmpdir(),
  };
  const child = spawn(denoProgram(), [...DENO_ARGUMENTS, program, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env,
  });
  const output = text(child.stdout);
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject).on('close', resolve);
  });
  if (exitCode !== 0) throw new Error(`it ended with ${exitCode} in Deno`);
  return output;
}
