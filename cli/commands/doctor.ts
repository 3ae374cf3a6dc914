/** `vrrl doctor`: what this machine can replay on, and what is missing for the rest. */

import { availableParallelism, totalmem } from 'node:os';
import path from 'node:path';
import { GPU_STACKS } from '../../node/gpu/index.ts';
import { VERSION } from '../../node/version.ts';
import { type BackendHealth, tryGpu, tryReference, tryThreads } from '../backend-health.ts';
import { ADAPTER_HELP } from '../backends.ts';
import type { AddCommand } from '../context.ts';
import { ExitCode } from '../exit.ts';
import { type FruitlessDriver, type GpuSurvey, type SurveyedAdapter, surveyGpu } from '../gpu-survey.ts';
import { tidyJson } from '../render/json.ts';
import { table } from '../render/table.ts';
import { count, keyValues, printable } from '../render/text.ts';

const AFTER_HELP = `
Exit codes: 0 what is installed works, 4 a backend is broken, or no GPU is called what --adapter says.

Examples:
  $ vrrl doctor
  $ vrrl doctor --adapter nvidia --json`;

export const addDoctor: AddCommand = (program, context) => {
  program
    .command('doctor')
    .description('try every backend on this machine and say what is missing')
    .option('--adapter <name>', ADAPTER_HELP)
    .option('--json', 'print one JSON object (spec/doctor.schema.json)')
    .addHelpText('after', AFTER_HELP)
    .action(async ({ adapter, json }) => {
      const examination = await examine(adapter);
      const { io } = context;
      await io.write(json ? `${tidyJson({ schemaVersion: 1, ...examination })}\n` : printExamination(examination));
      if (!isWell(examination, adapter)) context.exitCode = ExitCode.BACKEND_FAULT;
    });
};

interface Examination {
  readonly machine: {
    readonly vrrl: string;
    readonly node: string;
    readonly platform: string;
    readonly cores: number;
    readonly memoryBytes: number;
  };
  readonly backends: readonly BackendHealth[];
  readonly gpus: readonly GpuSurvey[];
}

/** One after the other: races between threads show on a machine that does nothing else. */
async function examine(adapter: string | undefined): Promise<Examination> {
  const backends = [await tryReference(), await tryThreads()];
  const gpus: GpuSurvey[] = [];
  for (const stack of GPU_STACKS) {
    gpus.push(await surveyGpu(stack, adapter));
    backends.push(await tryGpu(stack, adapter));
  }
  const machine = {
    vrrl: VERSION,
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    cores: availableParallelism(),
    memoryBytes: totalmem(),
  };
  return { machine, backends, gpus };
}

/** Nobody has to have a GPU, unless he names one. */
function isWell({ backends, gpus }: Examination, adapter: string | undefined): boolean {
  const isThere = adapter === undefined || gpus.some(({ adapters }) => adapters.some(({ isChosen }) => isChosen));
  return isThere && !backends.some(({ state }) => state === 'broken');
}

function printExamination({ machine, backends, gpus }: Examination): string {
  const lines = keyValues([
    ['vrrl', machine.vrrl],
    ['node', `${machine.node} on ${machine.platform}`],
    ['machine', `${machine.cores} cores, ${mebibytes(machine.memoryBytes)}`],
    ...backends.map(({ backend, state, detail }) => [backend, printable(`${STATES[state]}: ${detail}`)] as const),
  ]);
  const rows = gpus.flatMap(({ backend, adapters }) => adapters.map((adapter) => adapterRow(backend, adapter)));
  const remarks = gpus.flatMap(({ backend, adapters, fruitless }) => [
    ...adapters.flatMap((adapter) => defectLines(backend, adapter)),
    ...fruitlessLines(backend, fruitless),
  ]);
  return `${[...lines, ...section(rows.length > 0 ? table(ADAPTER_HEAD, rows) : []), ...section(remarks)].join('\n')}\n`;
}

const STATES = { usable: 'usable', missing: 'missing', broken: 'NOT usable' } as const;

function section(lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : ['', ...lines];
}

const ADAPTER_HEAD = ['', 'adapter', 'type', 'binding', 'buffer', 'buffers', 'workgroup', 'timestamps', 'driver'];

/** `*` before the one that is used. */
function adapterRow(
  backend: string,
  { name, isChosen, type, limits, hasTimestamps, manifest }: SurveyedAdapter,
): string[] {
  return [
    `${isChosen ? '*' : ' '} ${backend}`,
    printable(name),
    type,
    mebibytes(limits.maxStorageBufferBindingSize),
    mebibytes(limits.maxBufferSize),
    count(limits.maxStorageBuffersPerShaderStage),
    count(Math.min(limits.maxComputeInvocationsPerWorkgroup, limits.maxComputeWorkgroupSizeX)),
    hasTimestamps ? 'yes' : 'no',
    printable(manifest ?? "the system's"),
  ];
}

function defectLines(backend: string, { name, loopLimit }: SurveyedAdapter): string[] {
  if (loopLimit === null) return [];
  const what = `${backend} on ${name}: the driver has a lane leave its loops after ${count(loopLimit)} turns`;
  return [printable(`${what}; no kernel may need more, and replays are wide. Fix: --adapter names another one.`)];
}

/** Drivers with nothing to drive are most of them, and nothing to worry about. */
function fruitlessLines(backend: string, drivers: readonly FruitlessDriver[]): string[] {
  const isBroken = ({ kind }: FruitlessDriver) => kind !== 'unavailable';
  const idle = drivers.filter((driver) => !isBroken(driver) && driver.manifest !== null);
  return [
    ...drivers.filter(isBroken).map((each) => `${backend} with ${nameOf(each)}: ${each.message}`),
    ...(idle.length > 0 ? [`${backend} has no adapter with ${idle.map(shortNameOf).join(', ')}`] : []),
  ].map(printable);
}

function nameOf({ manifest }: FruitlessDriver): string {
  return manifest ?? "the system's drivers";
}

function shortNameOf(driver: FruitlessDriver): string {
  return path.basename(nameOf(driver));
}

function mebibytes(bytes: number): string {
  return `${count(Math.round(bytes / 2 ** 20))} MiB`;
}
