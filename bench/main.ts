/**
 * All benchmarks of the CPU in one run, as a Markdown table: on standard output, or in the section of a file that is theirs,
 * `npm run bench -- --into bench/RESULTS.md`.
 */

import { parseArgs } from 'node:util';
import { measureBackends } from './backends.ts';
import { measureCommands } from './commands.ts';
import { measureLogV1 } from './log-v1.ts';
import { measureLogV2 } from './log-v2/measure.ts';
import { renderLogV2 } from './log-v2/render.ts';
import { loadAverage, machineFacts } from './machine.ts';
import { markdownTable, number, sectionWriter } from './markdown.ts';
import { MAX_SPREAD, type Measurement, type Summary, summarise } from './measurement.ts';
import { measurePipeline } from './pipeline.ts';
import { measureWhy } from './why.ts';

const DEFAULT_ROUNDS = 9;
const COMMAND_ROUNDS = 3;
/** Of the v2 log and its peers, each some seconds. */
const LOG_ROUNDS = 5;

/** What a row is held against: another row of the same run, or a number that we promised. */
interface Yardstick {
  readonly row?: string;
  readonly target?: number;
}

/** By how a row's name begins. */
const YARDSTICKS: readonly (readonly [start: string, yardstick: Yardstick])[] = [
  ['log v1: read', { row: 'log v1: read 1048576 records (seek-and-read-per-record)' }],
  ['log v1: append', { row: 'log v1: append 20000 records (two-writes-per-record)' }],
  ['reference: ', { target: 20 }],
  ['replay chained on threads', { row: 'replay chained on reference, every epoch of 64 compared' }],
  ['replay isolated on reference', { row: 'replay chained on reference, every epoch of 64 compared' }],
  ['session on reference, epochs of 64, with', { row: 'session on reference, epochs of 64' }],
  ['session on threads, epochs of 64, with', { row: 'session on threads, epochs of 64' }],
  ['explore: schedules', { target: 200 }],
  ['explain: an epoch', { target: 10 }],
  ['judge: 102', { target: 300 }],
  ['dump: peak', { target: 300 }],
  ['dump --json: peak', { target: 300 }],
  ['verify: peak', { target: 300 }],
  ['replay on reference: peak', { target: 300 }],
  ['replay on threads: peak', { target: 300 }],
];

await main();

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: String(DEFAULT_ROUNDS) },
      logRounds: { type: 'string', default: String(LOG_ROUNDS) },
      into: { type: 'string' },
    },
  });
  const rounds = Number(values.rounds);
  const write = values.into === undefined ? print : sectionWriter(values.into, 'cpu');
  const loadBefore = loadAverage();
  const measurements = [
    // First: its peak of memory is that of the process.
    ...(await step('log', () => measureLogV1())),
    ...(await step('backends', () => measureBackends(rounds))),
    ...(await step('recording and replaying', () => measurePipeline(rounds))),
    ...(await step('explaining, exploring, judging', () => measureWhy(rounds))),
    ...(await step('commands', () => measureCommands(COMMAND_ROUNDS))),
  ];
  process.stderr.write('bench: log v2 and its peers\n');
  const logV2 = renderLogV2(await measureLogV2(Number(values.logRounds)));
  write([...describeMachine(loadBefore), '', ...renderTable(measurements), '', ...logV2]);
}

function print(lines: readonly string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`);
}

async function step(
  name: string,
  measure: () => Measurement[] | Promise<Measurement[]>,
): Promise<readonly Measurement[]> {
  process.stderr.write(`bench: ${name}\n`);
  return measure();
}

function describeMachine(loadBefore: number): string[] {
  const { processor, cores, memoryGiB, system } = machineFacts();
  const date = new Date().toISOString().slice(0, 10);
  const load = `${loadBefore.toFixed(1)} before, ${loadAverage().toFixed(1)} at the end`;
  return [
    '## CPU',
    '',
    `Measured on ${date} by \`npm run bench -- --into bench/RESULTS.md\`, all of it in one run.`,
    '',
    `- ${processor}, ${cores} cores, ${memoryGiB} GiB`,
    `- Node ${process.version}, ${system}`,
    `- load average (one minute): ${load}; where it is above ${cores}, other work ran on the machine`,
    '',
    'Rows are measured in turns, the first round warms up and is not counted. The spread is (max − min) / median; rows above',
    `${MAX_SPREAD} are marked, for the machine was too busy to believe them. The ratio says how many times better a row is than what`,
    'it is held against: another row, or a target. Peers in parentheses are the algorithms of the v1 reference, in Node.',
  ];
}

function renderTable(measurements: readonly Measurement[]): string[] {
  const summaries = new Map(measurements.map((each) => [rowName(each), summarise(each.samples)]));
  const head = ['what', 'unit', 'median', 'min – max', 'spread', 'held against', 'ratio'];
  return markdownTable(
    head,
    measurements.map((each) => renderRow(each, summaries)),
  );
}

function rowName({ name, peer }: Measurement): string {
  return peer === undefined ? name : `${name} (${peer})`;
}

function renderRow(measurement: Measurement, summaries: ReadonlyMap<string, Summary>): string[] {
  const name = rowName(measurement);
  const { median, min, max, spread } = summarise(measurement.samples);
  const { heldAgainst, ratio } = compare(measurement, median, summaries);
  const busy = spread > MAX_SPREAD && measurement.isVaried !== true ? ' (busy)' : '';
  const range = `${number(min)} – ${number(max)}`;
  return [name, measurement.unit, number(median), range, `${spread.toFixed(2)}${busy}`, heldAgainst, ratio];
}

function compare(
  measurement: Measurement,
  median: number,
  summaries: ReadonlyMap<string, Summary>,
): { heldAgainst: string; ratio: string } {
  const yardstick = YARDSTICKS.find(([start]) => measurement.name.startsWith(start))?.[1];
  const { row, target } = yardstick ?? {};
  const other = target ?? (row === undefined ? undefined : summaries.get(row)?.median);
  if (other === undefined || rowName(measurement) === row) return { heldAgainst: '', ratio: '' };
  const isMoreBetter = measurement.unit.endsWith('/s');
  const ratio = isMoreBetter ? median / other : other / median;
  const heldAgainst = target === undefined ? `${row}` : `target ${number(target)}`;
  return { heldAgainst, ratio: `${number(ratio)}×` };
}
