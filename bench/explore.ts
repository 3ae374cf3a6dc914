/**
 * How many schedules a second the explorer takes, and how that grows with lanes and accesses:
 * `node scripts/run-typescript.js bench/explore.ts [--rounds 5] [--svg bench/explore.svg]`.
 *
 * Every lane loads and stores shared words in turn, so that every access is a scheduling point. What is timed is whole
 * runs: back to the beginning, draw, step, outcome looked at. Seconds are of processor time, so that what else runs on the
 * machine matters little.
 */

import fs from 'node:fs';
import { parseArgs } from 'node:util';
import { type MemoryModel, type Sampler, sample } from '../src/explore/index.ts';
import { CONTENDED_WORD, contendingLanes } from './contending.ts';
import { machineFacts } from './machine.ts';

const LANES = [2, 4, 8, 16, 32];
const ACCESSES = [5, 10, 20, 40];
const TARGET_MS = 150;

interface Row {
  readonly lanes: number;
  readonly accesses: number;
  readonly sampler: Sampler;
  readonly memory: MemoryModel;
  /** Median over the rounds, and the slowest and fastest. */
  readonly schedulesPerSecond: number;
  readonly slowest: number;
  readonly fastest: number;
}

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' }, svg: { type: 'string' } } });
const rounds = Number(values.rounds);
const rows: Row[] = [];
for (const lanes of LANES)
  for (const accesses of ACCESSES) rows.push(measure(lanes, accesses, 'uniform', 'sequential'));
for (const sampler of ['pct', 'pos', 'urw'] as const) rows.push(measure(4, 10, sampler, 'sequential'));
rows.push(measure(4, 10, 'uniform', 'relaxed'));
print(rows);
if (values.svg !== undefined) fs.writeFileSync(values.svg, plot(rows));

function measure(lanes: number, accesses: number, sampler: Sampler, memory: MemoryModel): Row {
  const scenario = contendingLanes(lanes, accesses);
  let seed = 1;
  const time = (runs: number) => {
    let seen = 0;
    seed += 1;
    const start = process.cpuUsage();
    sample(scenario, { sampler, memory, runs, seed }, ({ outcome }) => {
      seen += outcome.words[CONTENDED_WORD];
    });
    const { user, system } = process.cpuUsage(start);
    if (seen < 0) throw new Error('a word is negative');
    return runs / ((user + system) / 1e6);
  };
  const warm = time(2_000);
  const runs = Math.max(100, Math.round((warm * TARGET_MS) / 1_000));
  const speeds = Array.from({ length: rounds }, () => time(runs)).sort((left, right) => left - right);
  return {
    lanes,
    accesses,
    sampler,
    memory,
    schedulesPerSecond: speeds[speeds.length >> 1],
    slowest: speeds[0],
    fastest: speeds[speeds.length - 1],
  };
}

function print(measured: readonly Row[]): void {
  const { processor, cores } = machineFacts();
  const number = (value: number) => Math.round(value).toLocaleString('en-US');
  console.log(`${cores} cores of ${processor}, Node ${process.version}, ${new Date().toISOString().slice(0, 10)}`);
  console.log('| lanes | accesses a lane | sampler | memory | schedules/s | slowest … fastest | ns an access |');
  console.log('|---|---|---|---|---|---|---|');
  for (const row of measured) {
    const { lanes, accesses, sampler, memory, schedulesPerSecond } = row;
    const nanoseconds = 1e9 / (schedulesPerSecond * lanes * accesses);
    const spread = `${number(row.slowest)} … ${number(row.fastest)}`;
    console.log(
      `| ${lanes} | ${accesses} | ${sampler} | ${memory} | ${number(schedulesPerSecond)} | ${spread} | ${nanoseconds.toFixed(1)} |`,
    );
  }
}

/** Schedules a second over lanes, a line for every number of accesses, both axes logarithmic. */
function plot(measured: readonly Row[]): string {
  const width = 640;
  const height = 400;
  const left = 80;
  const bottom = 340;
  const x = (lanes: number) => left + (Math.log2(lanes) - 1) * 130;
  const y = (speed: number) => bottom - (Math.log10(speed) - 3) * 80;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" font-family="system-ui, sans-serif" font-size="13" fill="#222">`,
    '<title>Schedules a second over lanes</title>',
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    `<text x="${left}" y="24" font-size="15">Schedules a second on one core, uniform sampler, sequential memory</text>`,
  ];
  for (const power of [3, 4, 5, 6]) {
    const at = y(10 ** power);
    parts.push(`<line x1="${left}" x2="${x(32)}" y1="${at}" y2="${at}" stroke="#ddd"/>`);
    parts.push(`<text x="${left - 8}" y="${at + 4}" text-anchor="end">${(10 ** power).toLocaleString('en-US')}</text>`);
  }
  for (const lanes of LANES)
    parts.push(`<text x="${x(lanes)}" y="${bottom + 20}" text-anchor="middle">${lanes}</text>`);
  parts.push(`<text x="${x(8)}" y="${bottom + 42}" text-anchor="middle">lanes</text>`);
  for (const [index, accesses] of ACCESSES.entries()) {
    const colour = ['#1b6ca8', '#c4472b', '#3a7d44', '#7a4d9f'][index];
    const points = measured
      .filter((row) => row.accesses === accesses && row.sampler === 'uniform' && row.memory === 'sequential')
      .map((row) => ({ at: x(row.lanes), height: y(row.schedulesPerSecond) }));
    const line = points.map(({ at, height: value }) => `${at},${value.toFixed(1)}`).join(' ');
    parts.push(`<polyline points="${line}" fill="none" stroke="${colour}" stroke-width="2"/>`);
    const last = points[points.length - 1];
    parts.push(`<text x="${last.at + 6}" y="${last.height + 4}" fill="${colour}">${accesses}</text>`);
  }
  parts.push(`<text x="${x(32) - 20}" y="52" text-anchor="middle">accesses a lane</text>`, '</svg>');
  return `${parts.join('\n')}\n`;
}
