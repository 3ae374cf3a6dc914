/**
 * Runs kernels lowered to WGSL on whatever adapter Dawn finds, beside the reference, and prints what differs as JSON.
 *
 * A program of its own, because a driver that crashes must not take the tests with it.
 *
 *   node scripts/run-typescript.js test/gpu/compare/main.ts <seed> <random kernels>
 */

import fc from 'fast-check';
import { type Kernel, lowerToWgsl, planMemory } from '../../../src/kernel/index.ts';
import { anyKernelCase, type KernelCase } from '../../kernel/random-kernel.ts';
import { prepare, runCase } from '../../kernel/run-three-ways.ts';
import { TestGpu } from './test-gpu.ts';
import { compareWorkloads } from './workloads.ts';

/** All lanes one after the other in one invocation: what comes out does not depend on a schedule. */
function serialEntry(slotCount: number): string {
  return `@compute @workgroup_size(1) fn main() {
  instanceStart = 0u;
  for (var slotIndex = 0u; slotIndex < ${slotCount}u; slotIndex++) { _ = turn(slotIndex); }
}`;
}

async function runOnGpu(gpu: TestGpu, made: KernelCase): Promise<Uint32Array> {
  const { kernel, slots } = made;
  const memory = new ArrayBuffer(planMemory(kernel).totalBytes);
  prepare(made, memory);
  const program = await gpu.compile(kernel, lowerToWgsl(kernel) + serialEntry(slots.length));
  return program.run(new Uint32Array(memory), 1);
}

/** The first word that differs, in words, or undefined. */
async function compareCase(gpu: TestGpu, made: KernelCase): Promise<string | undefined> {
  const expected = runCase('serial', made);
  const words = [...expected.ring, ...expected.control, ...expected.debug, ...expected.faults];
  const seen = await runOnGpu(gpu, made);
  const at = words.findIndex((word, index) => word !== seen[index]);
  return at < 0 ? undefined : `word ${at}: expected ${words[at]}, seen ${seen[at]}\n${fc.stringify(made)}`;
}

async function compareRandomKernels(gpu: TestGpu, seed: number, count: number): Promise<string[]> {
  const problems: string[] = [];
  for (const [index, made] of fc.sample(anyKernelCase, { seed, numRuns: count }).entries()) {
    const problem = await compareCase(gpu, made).catch(
      (error: unknown) => `${error}\n${lowerToWgsl(made.kernel as Kernel)}`,
    );
    if (problem !== undefined) problems.push(`seed ${seed}, kernel ${index} of ${count}: ${problem}`);
  }
  return problems;
}

const [seed = '1', count = '60'] = process.argv.slice(2);
const gpu = await TestGpu.open();
const problems = [...(await compareRandomKernels(gpu, Number(seed), Number(count))), ...(await compareWorkloads(gpu))];
process.stdout.write(`${JSON.stringify({ adapter: gpu.adapterName, kernels: Number(count), problems })}\n`, () => {
  // Not by returning: a driver's own threads may crash while a process winds down, and what was found is printed.
  process.exit(0);
});
