/**
 * Whether v2 logs keep their promises, at length: crash states, killed writers, followers of a live one.
 *
 *     npm run soak:log -- [--crash 1000000] [--kill 10000] [--followers 1000000000] [--seed 1]
 *     npm run soak:log -- --history 17 --depth long [--image 4711]
 *
 * The numbers are different images, kills, and reads. A family is run if its number is given, and all of them if none is.
 * What a failed crash state prints goes on the second line, which checks that history, or that image of it, alone. Progress
 * goes to standard error, the result to standard output as Markdown. Exits with 1 if a promise was broken.
 */

import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { markdownTable } from '../bench/markdown.ts';
import { InputError } from '../src/base/errors.ts';
import type { Counts, Depth } from '../test/log-v2/crash/explore.ts';
import { type CrashSoakResult, runCrashSoak, runHistory } from '../test/log-v2/crash/soak.ts';
import { runFollowerSoak } from '../test/log-v2/followers/soak.ts';
import { runKillSoak } from '../test/log-v2/kill/soak.ts';

/** What came of one family. */
interface Outcome {
  readonly family: string;
  /** What was counted, each with its name. */
  readonly counted: readonly (readonly [count: number, what: string])[];
  readonly broken: string | undefined;
}

type Family = (amount: number, seed: number, progress: Progress) => Promise<Outcome>;
type Progress = (done: number, what?: string) => void;

const AMOUNTS: Readonly<Record<string, number>> = { crash: 1_000_000, kill: 10_000, followers: 1_000_000_000 };
/** A sign of life as often as this. */
const PROGRESS_MS = 5_000;

const FAMILIES: Readonly<Record<string, Family>> = {
  crash: async (images, seed, progress) => crashOutcome(runCrashSoak({ images, seed, progress })),
  kill: async (kills, seed, progress) => {
    const { counts, broken } = await runKillSoak(kills, seed, progress);
    const counted = [
      [counts.kills, 'kills'],
      [counts.inOpening, 'before the log was open'],
      [counts.records, 'records acknowledged'],
      [counts.frames, 'frames'],
      [counts.syncs, 'syncs'],
      [counts.unfinished, 'appends caught in the middle'],
      [counts.untold, 'records whole and not acknowledged'],
    ] as const;
    return { family: 'kill', counted, broken };
  },
  followers: async (reads, seed, progress) => {
    const { counts, records, broken } = await runFollowerSoak({ reads, seed, progress });
    const counted = Object.entries(counts).flatMap(([place, found]) =>
      Object.entries(found).map(([what, count]) => [count, `${what} (${place})`] as const),
    );
    return { family: 'followers', counted: [...counted, [records, 'records appended'] as const], broken };
  },
};

function crashOutcome({ distinct, counts, broken }: CrashSoakResult): Outcome {
  return { family: 'crash', counted: [[distinct, 'different images'], ...countedOf(counts)], broken };
}

function countedOf(counts: Counts): (readonly [number, string])[] {
  const { choices } = counts;
  return [
    [counts.histories, 'histories'],
    [counts.events, 'stores, syncs and returns'],
    [counts.kills, 'kills'],
    [counts.powerLosses, 'losses of power'],
    [counts.nested, 'crashes within a recovery'],
    [counts.deep, 'crashes within the recovery from one of those'],
    [choices.combination, 'of all combinations of sectors'],
    [choices.sample, 'of a choice of combinations'],
    [choices.torn, 'with a torn sector'],
    [choices.partial, 'with a store in part'],
  ];
}

/** Says how far it is, but not more often than anybody reads. */
function progressOf(family: string, amount: number): Progress {
  let last = 0;
  return (done, what) => {
    if (performance.now() - last < PROGRESS_MS) return;
    last = performance.now();
    process.stderr.write(`${family}: ${format(done)} of ${format(amount)}${what === undefined ? '' : `, ${what}`}\n`);
  };
}

async function soak(amounts: Readonly<Record<string, number>>, seed: number): Promise<void> {
  const rows: string[][] = [];
  for (const [name, amount] of Object.entries(amounts)) {
    const begin = performance.now();
    const outcome = await FAMILIES[name](amount, seed, progressOf(name, amount));
    rows.push(rowOf(outcome, seed, performance.now() - begin));
    if (outcome.broken !== undefined) process.exitCode = 1;
  }
  say(rows);
}

function rowOf({ family, counted, broken }: Outcome, seed: number, ms: number): string[] {
  const text = counted.map(([count, what]) => `${format(count)} ${what}`).join(', ');
  return [family, String(seed), text, `${Math.round(ms / 1_000)} s`, broken ?? 'none'];
}

function say(rows: readonly string[][]): void {
  const head = ['family', 'seed', 'gone through', 'time', 'broken promises'];
  process.stdout.write(`${markdownTable(head, rows).join('\n')}\n\n`);
  process.stdout.write(`Node ${process.version}, ${availableParallelism()} cores, ${new Date().toISOString()}\n`);
}

function repeatHistory(history: number, depth: string, image: number | undefined): void {
  const begin = performance.now();
  const part = image === undefined || image < 0 ? {} : { only: image };
  if (!['short', 'kills', 'hunt', 'long'].includes(depth)) {
    throw new InputError(`there is no depth ${depth}`, 'use short, kills, hunt or long.');
  }
  const outcome = crashOutcome(runHistory(history, depth as Depth, part));
  say([rowOf(outcome, history, performance.now() - begin)]);
  if (outcome.broken !== undefined) process.exitCode = 1;
}

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new InputError(`--${name} is ${JSON.stringify(text)}`, 'use a whole number.');
}

function format(count: number): string {
  return count.toLocaleString('en-US');
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      ...Object.fromEntries(Object.keys(FAMILIES).map((name) => [name, { type: 'string' } as const])),
      seed: { type: 'string', default: '1' },
      history: { type: 'string' },
      depth: { type: 'string', default: 'long' },
      image: { type: 'string' },
    },
  });
  const { history, image, seed, depth } = values;
  if (history !== undefined) {
    const only = image === undefined ? undefined : wholeNumber('image', image);
    return repeatHistory(wholeNumber('history', history), depth, only);
  }
  const wanted = Object.keys(FAMILIES).filter((name) => values[name as keyof typeof values] !== undefined);
  const amountOf = (name: string) => wholeNumber(name, values[name as keyof typeof values] ?? '');
  const amounts = wanted.length === 0 ? AMOUNTS : Object.fromEntries(wanted.map((name) => [name, amountOf(name)]));
  await soak(amounts, wholeNumber('seed', seed));
}

try {
  await main();
} catch (error) {
  const isUse = error instanceof InputError || (error instanceof TypeError && 'code' in error);
  if (!isUse) throw error;
  process.stderr.write(`soak-log: ${error.message}\n`);
  process.exitCode = 2;
}
