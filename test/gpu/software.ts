/** The two stacks on drivers that need no GPU: what they do can be tested anywhere. */

import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { connectGpu, type GpuConnectOptions, type GpuStack } from '../../node/gpu/index.ts';
import type { ProcessBackend } from '../../node/process-backend.ts';
// @ts-expect-error a script in JavaScript, checked by tsconfig.javascript.json
import { shownBy } from '../../scripts/install-debian.js';
import { builtinOpcodes, finishKernel, type Kernel, type OpcodeDefinition, plainTurn } from '../../src/kernel/index.ts';
import { Opcode } from '../../src/protocol/index.ts';
import { ROOT } from '../cli/files.ts';

/** The drivers that `node scripts/install-debian.js` installs where that can be done; undefined if they are not there. */
const shown: Record<string, string | undefined> = shownBy();

export interface SoftwareStack {
  readonly stack: GpuStack;
  /** What `--adapter` says to have it, whatever else there is. */
  readonly adapter: string;
  readonly manifest: string | undefined;
}

export const SOFTWARE: readonly SoftwareStack[] = [
  { stack: 'dawn', adapter: 'swiftshader', manifest: shown['chromium'] },
  { stack: 'wgpu', adapter: 'lvp', manifest: shown['mesa-vulkan-drivers'] },
];

/** Makes a backend, lends it, and stops it. */
export async function withGpu<Result>(
  { stack, adapter }: SoftwareStack,
  kernel: Kernel,
  use: (backend: ProcessBackend) => Promise<Result>,
  options: GpuConnectOptions = {},
): Promise<Result> {
  const backend = await connectGpu(stack, kernel, { adapter, ...options });
  try {
    return await use(backend);
  } finally {
    await backend.stop();
  }
}

const FEW = new Set<number>([Opcode.NOP, Opcode.ATOMIC_ADD, Opcode.BATCH_FENCE]);

/** Compiled in a fraction of the time that all built-in opcodes take on a driver without a GPU. */
export function smallKernel(slotCount = 32, own: readonly OpcodeDefinition[] = []): Kernel {
  const opcodes = [...builtinOpcodes().filter(({ code }) => FEW.has(code)), ...own];
  const frame = { name: 'small', slotCount, controlWords: 192, tenantCount: 29, tables: [], regions: [] };
  return finishKernel({ ...frame, opcodes, turn: plainTurn() });
}

export interface ProcessRun {
  readonly exitCode: number | null;
  readonly out: string;
  readonly err: string;
}

/** The command as users run it, since its environment decides what it finds. */
export function runVrrl(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  { bin = path.join(ROOT, 'bin/vrrl.js'), cwd = ROOT }: { readonly bin?: string; readonly cwd?: string } = {},
): ProcessRun {
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, ...args], {
    encoding: 'utf8',
    cwd,
    env: { ...process.env, ...env },
    timeout: 60_000,
  });
  return { exitCode: status, out: stdout, err: stderr };
}
