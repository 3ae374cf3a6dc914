/**
 * The fuzzer: `npm run fuzz -- --inputs 1000000 --target log-reader --seed 7`.
 *
 * Every input has a generator of its own, made from the seed and its number, so that any of them can be run alone.
 */

import fs from 'node:fs';
import { parseArgs } from 'node:util';
import v8 from 'node:v8';
import vm from 'node:vm';
import { InputError } from '../src/base/errors.ts';
import { RandomWords } from '../src/base/random.ts';
import type { FuzzTarget } from './fuzz-target.ts';

const DEFAULT_INPUTS = 1_000_000;
/** What may be alive more at the end of a target than after its first quarter. */
const MAX_GROWTH_BYTES = 32 * 2 ** 20;
/** No target has a reason to need more at any moment. */
const MAX_RESIDENT_BYTES = 2 ** 30;
const MAX_GROWTH_FILES = 4;

interface Plan {
  readonly inputs: number;
  readonly first: number;
  readonly seed: number;
  readonly targets: readonly FuzzTarget[];
}

try {
  await main();
} catch (error) {
  if (!(error instanceof InputError)) throw error;
  console.error(`fuzz: ${error.message}`);
  process.exitCode = 2;
}

async function main(): Promise<void> {
  const plan = await readPlan();
  const share = Math.ceil(plan.inputs / plan.targets.length);
  console.log(`fuzz: ${plan.targets.length} targets, ${share.toLocaleString('en-US')} inputs each, seed ${plan.seed}`);
  for (const target of plan.targets) {
    const isSound = await fuzz(target, share, plan);
    if (!isSound) process.exitCode = 1;
  }
}

async function readPlan(): Promise<Plan> {
  const { values } = parseArgs({
    options: {
      inputs: { type: 'string', default: String(DEFAULT_INPUTS) },
      first: { type: 'string', default: '0' },
      seed: { type: 'string', default: String(Date.now() % 2 ** 32) },
      target: { type: 'string' },
    },
  });
  const all = await findTargets();
  const targets = all.filter(({ name }) => values.target === undefined || name === values.target);
  if (targets.length === 0) {
    const names = all.map(({ name }) => name).join(', ');
    throw new InputError(`there is no target ${JSON.stringify(values.target)}`, `use one of ${names}.`);
  }
  return { inputs: count(values.inputs), first: count(values.first), seed: count(values.seed), targets };
}

function count(text: string): number {
  const value = Number(text.replaceAll('_', ''));
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new InputError(`"${text}" is no count`, 'give a whole number.');
}

/** Every module of this folder that exports a target. */
async function findTargets(): Promise<FuzzTarget[]> {
  const own = new URL('.', import.meta.url);
  const names = fs.readdirSync(own).filter((name) => name.endsWith('.js') && name !== 'main.js');
  const targets: FuzzTarget[] = [];
  for (const name of names.sort()) {
    const { target }: { target?: FuzzTarget } = await import(new URL(name, own).href);
    if (target !== undefined) targets.push(target);
  }
  return targets;
}

/** Feeds one target; whether nothing was found. The first finding ends it: those after it are mostly the same. */
async function fuzz(target: FuzzTarget, inputs: number, { first, seed }: Plan): Promise<boolean> {
  const begin = performance.now();
  const atQuarter = first + Math.floor(inputs / 4);
  let baseline = await takeStock();
  let peakBytes = 0;
  for (let number = first; number < first + inputs; number += 1) {
    const random = randomOf(seed, number);
    try {
      const running = target.once(() => random.next());
      if (running instanceof Promise) await running;
    } catch (error) {
      reportFinding(target, seed, number, error);
      return false;
    }
    // What is loaded, compiled and cached on the way is not growth.
    if (number === atQuarter) baseline = await takeStock();
    if (number % 256 === 0) {
      peakBytes = Math.max(peakBytes, process.memoryUsage.rss());
      // A long run of synchronous inputs would otherwise never let finalisers and timers run.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  const problem = inputs < 1_000 ? undefined : findGrowth(baseline, await takeStock(), peakBytes);
  const microseconds = ((performance.now() - begin) * 1_000) / inputs;
  const outcome = problem ?? 'nothing found';
  const rate = `${microseconds.toFixed(1)} µs each, peak ${mebibytes(peakBytes)}`;
  console.log(`${target.name.padEnd(20)} ${inputs.toLocaleString('en-US').padStart(9)} inputs, ${rate}: ${outcome}`);
  return problem === undefined;
}

/** Neighbouring numbers get unrelated generators. */
function randomOf(seed: number, number: number): RandomWords {
  const ofSeed = new RandomWords(seed).next();
  return new RandomWords(new RandomWords(ofSeed ^ number).next());
}

function reportFinding(target: FuzzTarget, seed: number, number: number, error: unknown): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  console.log(`${target.name}: input ${number} of seed ${seed}:\n${text}`);
  console.log(`again: npm run fuzz -- --target ${target.name} --seed ${seed} --first ${number} --inputs 1`);
}

interface Stock {
  readonly liveBytes: number;
  readonly openFiles: number;
}

/** What is alive after a collection, and which files are open. */
async function takeStock(): Promise<Stock> {
  // Array buffers are given back in a second step, after finalisers had a turn.
  for (let round = 0; round < 2; round += 1) {
    collectGarbage();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { heapUsed, external } = process.memoryUsage();
  return { liveBytes: heapUsed + external, openFiles: countOpenFiles() };
}

function collectGarbage(): void {
  v8.setFlagsFromString('--expose-gc');
  vm.runInNewContext('gc')();
}

function countOpenFiles(): number {
  try {
    return fs.readdirSync('/proc/self/fd').length;
  } catch {
    return 0;
  }
}

function findGrowth(before: Stock, after: Stock, peakBytes: number): string | undefined {
  const grown = after.liveBytes - before.liveBytes;
  if (grown > MAX_GROWTH_BYTES) return `FOUND: ${mebibytes(grown)} more are alive than after a quarter of the inputs`;
  if (peakBytes > MAX_RESIDENT_BYTES) return `FOUND: it took ${mebibytes(peakBytes)} at its peak`;
  const files = after.openFiles - before.openFiles;
  if (files > MAX_GROWTH_FILES) return `FOUND: ${files} files are left open`;
  return undefined;
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}
