/** The section on GPUs of bench/RESULTS.md, made of reports. */

import { markdownTable, number } from '../markdown.ts';
import { MAX_SPREAD } from '../measurement.ts';
import { figuresOf, pairsOf, sharesOf } from './figures.ts';
import type { GpuReport, GpuRow, MemoryRow, SoundnessRow } from './report.ts';
import { TARGETS, verdictOf } from './targets.ts';

/** A report, and what its adapter is called in tables and pictures. */
export interface NamedReport {
  readonly name: string;
  readonly report: GpuReport;
}

export interface Picture {
  readonly file: string;
  readonly title: string;
}

export function gpuSection(reports: readonly NamedReport[], pictures: readonly Picture[]): string[] {
  return [
    '## GPUs',
    '',
    ...INTRODUCTION,
    '',
    '### What was promised',
    '',
    ...targetTable(reports),
    '',
    ...pictures.map(({ file, title }) => `![${title}](${file})`),
    ...reports.flatMap(reportSection),
  ];
}

const INTRODUCTION = [
  'Measured by `npm run -s bench:gpu > FILE`, and put here by `npm run bench:gpu-render -- FILES`; the files are in',
  '`bench/results/`. Times are from the call to the counted outcomes on the host, with the log on the device already; how',
  'long it took to lay it down there is *upload*, and *device* is how long the device was busy by its own clock. A *whole*',
  'replay is all of that together. Rows that are compared are measured in turns, after a quarter of a second of work that is',
  `not counted. The spread is (max − min) / median; rows above ${MAX_SPREAD} are marked. *Differ* counts epoch-replays.`,
  '',
  'The *bare kernel* is the same kernel in the same shape over the same slots with nothing around it: they lie in the ring',
  'already and are published by their status alone, no log, no digest, no comparison. Only where all epochs have the same',
  '(*repeated*) slots can that be done. The *naive loop* is what one writes first: an epoch at a time, write the ring,',
  'dispatch, copy, read back. Both have to leave the very words that were recorded. *Resident* gives a replica one',
  'workgroup; *wide* spreads each epoch over many, in two dispatches an epoch, with or without replay around them.',
];

function targetTable(reports: readonly NamedReport[]): string[] {
  const head = ['what', 'promised', ...reports.map(({ name }) => name)];
  const rows = TARGETS.map((each) => [each.what, each.target, ...reports.map(({ report }) => verdictOf(each, report))]);
  return [
    ...markdownTable(head, rows),
    '',
    'Speed is promised of a GPU. Where a CPU plays one, replicas and epochs are fewer (`--smaller`, `--shorter`), so that what',
    'a run costs whatever its size weighs more: the figure is there and not judged.',
  ];
}

function reportSection({ name, report }: NamedReport): string[] {
  return [
    '',
    `### ${name}`,
    '',
    ...factLines(report),
    '',
    ...rowTable(report.rows),
    ...problemLines(report.rows),
    ...pairTable(report),
    ...soundnessLines(report.sound),
    ...memoryLines(report.memory),
  ];
}

function factLines({ adapter, driver, runtime, machine, date, command, deviceErrors }: GpuReport): string[] {
  const { before, after } = machine.loadAverage;
  const load = `${before.toFixed(1)} before, ${after.toFixed(1)} at the end`;
  return [
    `Measured on ${date} by \`${command}\`.`,
    '',
    `- ${adapter.description}${driver === null ? '' : ` (${driver})`}, through ${adapter.api}; ${runtime}`,
    `- ${machine.processor}, ${machine.cores} cores, ${machine.memoryGiB} GiB; ${machine.system}`,
    `- load average (one minute): ${load}; where it is above ${machine.cores}, other work ran on the machine`,
    ...deviceErrors.map((error) => `- **the driver refused a call**: ${error}`),
  ];
}

const ROW_HEAD = [
  'what',
  'median ms',
  'min – max',
  'spread',
  'epoch-replays/s',
  'slots/s',
  'device ms',
  'upload ms',
  'differ',
];

function rowTable(rows: readonly GpuRow[]): string[] {
  const cells = rows.flatMap((row) => {
    const figures = figuresOf(row);
    if (figures === undefined) return [];
    const { median, min, max, spread, epochReplaysPerSecond, slotsPerSecond, deviceMs, uploadMs } = figures;
    return [
      [
        row.name,
        number(median),
        `${number(min)} – ${number(max)}`,
        `${spread.toFixed(2)}${spread > MAX_SPREAD ? ' (busy)' : ''}`,
        number(epochReplaysPerSecond),
        number(slotsPerSecond),
        optionalNumber(deviceMs),
        optionalNumber(uploadMs),
        number(row.differing),
      ],
    ];
  });
  return markdownTable(ROW_HEAD, cells);
}

function optionalNumber(value: number | undefined): string {
  return value === undefined ? '' : number(value);
}

/** Rows that are not there, by the reason. */
function problemLines(rows: readonly GpuRow[]): string[] {
  const reasons = new Map<string, string[]>();
  for (const { name, problem } of rows) {
    if (problem !== undefined) reasons.set(problem, [...(reasons.get(problem) ?? []), name]);
  }
  const lines = [...reasons].map(([reason, names]) => `- ${reason}: ${namesText(names)}`);
  return lines.length === 0 ? [] : ['', 'Not measured, and why:', '', ...lines];
}

function namesText(names: readonly string[]): string {
  const isEveryResident = names.length > 3 && names.every((name) => name.includes('resident'));
  return isEveryResident ? `the ${names.length} resident rows` : names.join('; ');
}

function pairTable(report: GpuReport): string[] {
  const pairs = (['resident', 'wide'] as const).flatMap((shape) => pairsOf(report, shape));
  if (pairs.length === 0) return [];
  const rows = pairs.map((pair) => {
    const { bare, replay } = pair;
    const { host, device } = sharesOf(pair);
    const size = `${bare.shape}, ${number(bare.replicas)} × ${number(bare.epochs)} epochs`;
    const times = [bare, replay].map((row) => optionalNumber(figuresOf(row)?.median));
    return [size, ...times, percent(host), device === undefined ? '' : percent(device)];
  });
  const head = ['beside the bare kernel', 'bare ms', 'replay ms', 'share of its rate', 'by the device’s clock'];
  return ['', ...markdownTable(head, rows)];
}

function percent(share: number): string {
  return `${number(share * 100)} %`;
}

function soundnessLines(sound: readonly SoundnessRow[]): string[] {
  const lines = sound.map(({ shape, replicas, epochReplays, differing, ms, problem }) => {
    if (problem !== undefined) return `- ${shape}: not run: ${problem}`;
    const runs = `${epochReplays.toLocaleString('en-US')} epoch-replays of ${number(replicas)} replicas`;
    return `- ${shape}: ${runs} in ${number(ms / 1e3)} s, **${differing.toLocaleString('en-US')} differ** from the recording`;
  });
  return lines.length === 0 ? [] : ['', 'A sound kernel, replayed as often as asked:', '', ...lines];
}

function memoryLines(memory: readonly MemoryRow[]): string[] {
  const lines = memory.map(({ records, epochs, hostBytes, gpuBytes, probeBytes, problem }) => {
    const log = `${records.toLocaleString('en-US')} records in ${counted(epochs, 'epoch')}`;
    if (problem !== undefined) return `- ${log}: not measured: ${problem}`;
    const rest = probeBytes === 0 ? '' : `, ${megabytes(probeBytes)} processes that look for an adapter`;
    return `- ${log}: ${megabytes(hostBytes)} the command, ${megabytes(gpuBytes)} its GPU process${rest}`;
  });
  const [first] = memory;
  const head = `Peak memory (VmHWM) of \`${first?.command}\`, device memory included where a CPU plays the GPU:`;
  return lines.length === 0 ? [] : ['', head, '', ...lines];
}

function counted(count: number, what: string): string {
  return `${count.toLocaleString('en-US')} ${what}${count === 1 ? '' : 's'}`;
}

function megabytes(bytes: number): string {
  return `${number(bytes / 1e6)} MB`;
}
