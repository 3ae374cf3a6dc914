/** What one run of the GPU benchmark prints, as JSON that says by itself what it is. */

import type { AdapterReport } from '../../node/gpu/adapter-report.ts';
import type { GpuStack } from '../../node/gpu/stacks.ts';
import type { ProgramShape } from '../../src/backend/index.ts';
import type { GroupName, RowPlan, Scale } from './rows.ts';

/** Grows with every change that a reader would have to know of. */
export const SCHEMA_VERSION = 1;
export const BENCHMARK = 'vrrl gpu';

export interface GpuReport {
  readonly schemaVersion: typeof SCHEMA_VERSION;
  readonly benchmark: typeof BENCHMARK;
  readonly date: string;
  readonly command: string;
  readonly vrrl: string;
  readonly stack: GpuStack;
  /** What runs the stack: `node v20.20.2, webgpu 0.6.2`. */
  readonly runtime: string;
  readonly adapter: AdapterReport;
  /** What the driver says of itself beyond that, where somebody could be asked. */
  readonly driver: string | null;
  /** How the device tells time; nobody rounds `exact`. */
  readonly deviceClock: 'exact' | 'none';
  readonly machine: Machine;
  readonly options: BenchOptions;
  /** Of the process that measured, every log that it made included. */
  readonly peakProcessBytes: number;
  /** What the driver refused while nobody looked: rows may be worth nothing then. */
  readonly deviceErrors: readonly string[];
  readonly rows: readonly GpuRow[];
  readonly sound: readonly SoundnessRow[];
  readonly memory: readonly MemoryRow[];
}

export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  /** Of one minute. Where it is above the number of cores, other work ran. */
  readonly loadAverage: { readonly before: number; readonly after: number };
}

export interface BenchOptions extends Scale {
  readonly rounds: number;
  readonly soundEpochReplays: number;
  /** Only rows that have this in their names. */
  readonly only: string;
}

export interface GpuRow extends RowPlan {
  readonly name: string;
  readonly group: GroupName;
  /** From the call to the outcomes on the host, a sample each. */
  readonly samplesMs: readonly number[];
  /** How long the device was busy with each, by its own clock. */
  readonly deviceMs: readonly number[];
  /** From the plan to a program on the device: once for `replay`, each time for `whole`. */
  readonly uploadMs: readonly number[];
  /** Epochs run over all replicas, by the newest sample. A replica that has diverged ends. */
  readonly epochReplays: number;
  /** Of these, those that differ from the recording. */
  readonly differing: number;
  /** Why the row is not there, or not to be believed. */
  readonly problem?: string;
}

/** Replays of a sound kernel, of which none may differ. */
export interface SoundnessRow {
  readonly shape: ProgramShape;
  readonly replicas: number;
  readonly epochReplays: number;
  readonly differing: number;
  readonly ms: number;
  readonly problem?: string;
}

/** The greatest amount of memory that each process of a command ever had, device memory of a software driver included. */
export interface MemoryRow {
  readonly command: string;
  readonly records: number;
  readonly epochs: number;
  readonly hostBytes: number;
  /** The process that the driver may take down. */
  readonly gpuBytes: number;
  /** The greatest of those that only asked what adapters there are. */
  readonly probeBytes: number;
  readonly problem?: string;
}

/** A line a fact and a line a row, so that two reports can be compared line by line. */
export function reportText(report: GpuReport): string {
  const facts = Object.entries(report).map(([name, value]) => `${JSON.stringify(name)}: ${factText(value)}`);
  return `{\n${facts.join(',\n')}\n}\n`;
}

function factText(value: unknown): string {
  const isList = Array.isArray(value) && value.some((each) => typeof each === 'object');
  return isList ? `[\n${value.map((each) => JSON.stringify(each)).join(',\n')}\n]` : JSON.stringify(value);
}

/** @throws Error for what is not a report that this program can read. */
export function parseReport(text: string, file: string): GpuReport {
  const report: unknown = JSON.parse(text);
  const { benchmark, schemaVersion } = Object(report);
  if (benchmark === BENCHMARK && schemaVersion === SCHEMA_VERSION) return report as GpuReport;
  throw new Error(`${file} is no report of this benchmark. Fix: measure again with npm run -s bench:gpu.`);
}
