/**
 * Replays whole programs on whatever adapter Dawn finds, beside stepping on the reference, and prints what differs as JSON.
 *
 * A program of its own, because a driver that crashes must not take the tests with it.
 *
 *   node scripts/run-typescript.js test/gpu/programs/main.ts <seed> <random programs> <random kernels>
 */

import { TestGpu } from '../compare/test-gpu.ts';
import { runSections } from './sections.ts';

const [seed, programs, kernels] = [1, 6, 3].map((value, index) => Number(process.argv[2 + index] ?? value));
const gpu = await TestGpu.open();
const errors: string[] = [];
gpu.device.addEventListener('uncapturederror', ({ error }) => errors.push(error.message));
const report = await runSections(gpu.device, { seed, programs, kernels }, (name, elapsedMs) => {
  const { user, system } = process.cpuUsage();
  process.stderr.write(
    `${name}: ${Math.round(elapsedMs)} ms, ${Math.round((user + system) / 1_000)} ms of CPU so far\n`,
  );
});
process.stdout.write(`${JSON.stringify({ adapter: gpu.adapterName, errors, ...report })}\n`, () => {
  // Not by returning: a driver's own threads may crash while a process winds down, and what was found is printed.
  process.exit(0);
});
