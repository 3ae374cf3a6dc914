/**
 * Starts GPU backends, uses them and stops them, again and again, and has one of each work for a long time: nothing may be
 * left behind, and nothing may grow.
 *
 *     npm run soak:gpu -- [--rounds 100] [--epochs 20000] [--adapter NAME]
 *
 * Every tenth round is killed in the middle. Exits with 1 if a process or a descriptor is left, memory has grown, or an
 * epoch has counted wrong.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { connectGpu, GPU_STACKS, type GpuStack, isInstalled } from '../node/gpu/index.ts';
import type { ProcessBackend } from '../node/process-backend.ts';
import { BackendFaultError } from '../src/backend/index.ts';
import { defineKernel, type Kernel } from '../src/kernel/index.ts';
import { resolveLayout } from '../src/observe/index.ts';
import { Opcode } from '../src/protocol/index.ts';

const SLOTS = 64;
const WORD = 170;
const EPOCHS_A_ROUND = 5;
/** What a process may gain from here to there: collectors are lazy. */
const MOST_GROWTH_KIB = 32 * 1_024;

const kernel: Kernel = defineKernel({ name: 'soak', slotCount: SLOTS });

/** What a process holds, as the system counts it. */
interface Holdings {
  readonly descriptors: number;
  readonly children: number;
  readonly residentKib: number;
}

function holdings(): Holdings {
  return {
    descriptors: readdirSync('/proc/self/fd').length,
    children: readdirSync('/proc').filter((name) => parentOf(name) === process.pid).length,
    residentKib: residentKib(process.pid),
  };
}

/** In a stat the fields after the name, which may have anything in it, are the state and the parent. */
function parentOf(name: string): number | undefined {
  if (!/^\d+$/.test(name)) return undefined;
  try {
    const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return undefined;
  }
}

function residentKib(pid: number): number {
  const [, kib] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kib);
}

/** How many epochs counted wrong. */
async function count(backend: ProcessBackend, epochs: number): Promise<number> {
  const snapshot = new Uint32Array(resolveLayout(backend.layout).snapshotWords);
  let wrong = 0;
  let sum = 0;
  for (let epoch = 0; epoch < epochs; epoch += 1) {
    for (let slot = 0; slot < SLOTS; slot += 1) {
      backend.publish(slot, { opcode: Opcode.ATOMIC_ADD, tenant: 0, priority: 2, args: [1, WORD] });
    }
    await backend.drainAndObserve(snapshot);
    sum += SLOTS;
    if (snapshot[WORD] !== sum) wrong += 1;
  }
  return wrong;
}

/** One backend from its start to its end; a killed one has to fault. */
async function round(stack: GpuStack, adapter: string | undefined, isKilled: boolean): Promise<number> {
  const backend = await connectGpu(stack, kernel, adapter === undefined ? {} : { adapter });
  try {
    await backend.start();
    if (isKilled) process.kill(backend.runner.pid, 'SIGKILL');
    const wrong = await count(backend, EPOCHS_A_ROUND);
    return isKilled ? EPOCHS_A_ROUND : wrong;
  } catch (error) {
    if (isKilled && error instanceof BackendFaultError && error.kind === 'crash') return 0;
    throw error;
  } finally {
    await backend.stop();
  }
}

async function soakRounds(stack: GpuStack, adapter: string | undefined, rounds: number): Promise<boolean> {
  let wrong = 0;
  // Before anything is measured: what is kept for good is made in the first rounds.
  for (let each = 0; each < 5; each += 1) wrong += await round(stack, adapter, false);
  const before = holdings();
  const begin = performance.now();
  for (let each = 0; each < rounds; each += 1) wrong += await round(stack, adapter, each % 10 === 9);
  const after = holdings();
  const growth = after.residentKib - before.residentKib;
  const isWell =
    wrong === 0 &&
    after.descriptors === before.descriptors &&
    after.children === before.children &&
    growth < MOST_GROWTH_KIB;
  say(
    `${stack} ${rounds} rounds, ${milliseconds((performance.now() - begin) / rounds)} each: ${wrong} epochs wrong, ` +
      `descriptors ${before.descriptors} → ${after.descriptors}, children ${before.children} → ${after.children}, ` +
      `host ${mebibytes(before.residentKib)} → ${mebibytes(after.residentKib)}`,
  );
  return isWell;
}

async function soakEpochs(stack: GpuStack, adapter: string | undefined, epochs: number): Promise<boolean> {
  const backend = await connectGpu(stack, kernel, adapter === undefined ? {} : { adapter });
  try {
    await backend.start();
    const { pid } = backend.runner;
    await count(backend, Math.ceil(epochs / 10));
    await backend.start();
    const before = residentKib(pid);
    const begin = performance.now();
    const wrong = await count(backend, epochs);
    const elapsedMs = performance.now() - begin;
    const after = residentKib(pid);
    say(
      `${stack} ${epochs} epochs of ${SLOTS} slots, ${Math.round((epochs / elapsedMs) * 1_000)} a second on ` +
        `${backend.ready.device['name']}: ${wrong} wrong, runner ${mebibytes(before)} → ${mebibytes(after)}`,
    );
    return wrong === 0 && after - before < MOST_GROWTH_KIB;
  } finally {
    await backend.stop();
  }
}

function milliseconds(value: number): string {
  return `${Math.round(value)} ms`;
}

function mebibytes(kib: number): string {
  return `${(kib / 1_024).toFixed(1)} MiB`;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '100' },
    epochs: { type: 'string', default: '20000' },
    adapter: { type: 'string' },
  },
});
const rounds = Number(values.rounds);
const epochs = Number(values.epochs);
if (![rounds, epochs].every((each) => Number.isInteger(each) && each > 0)) {
  throw new Error('--rounds and --epochs take whole numbers from 1. Fix: leave them out, or give such numbers.');
}

let isWell = true;
for (const stack of GPU_STACKS.filter(isInstalled)) {
  isWell = (await soakRounds(stack, values.adapter, rounds)) && isWell;
  isWell = (await soakEpochs(stack, values.adapter, epochs)) && isWell;
}
say(isWell ? 'passed' : 'FAILED');
if (!isWell) process.exitCode = 1;
