/** What was promised of replay on a GPU, and whether a report keeps it. */

import { FULL_LOG_RECORDS } from '../commands.ts';
import { number } from '../markdown.ts';
import { figuresOf, pairsOf, rowsWith, sharesOf } from './figures.ts';
import type { GpuReport, GpuRow, MemoryRow } from './report.ts';
import type { RowPlan } from './rows.ts';

export interface Target {
  readonly what: string;
  readonly target: string;
  /** Speed was promised of hardware: what a CPU does in its place, at a small scale, is shown and not judged. */
  readonly isOfHardware: boolean;
  /** Undefined if it was not measured. */
  readonly measured: (report: GpuReport) => { readonly text: string; readonly isMet: boolean } | undefined;
}

const FULL_LOG_EPOCHS = 16_384;
const MOST_BYTES = 400e6;

export const TARGETS: readonly Target[] = [
  bareTarget('resident'),
  bareTarget('wide'),
  {
    what: "times the naive loop's rate, at most replicas",
    target: '≥ 5,000×',
    isOfHardware: true,
    measured: (report) => judge(timesNaive(report), (times) => times >= 5_000, '×'),
  },
  {
    what: 'epoch-replays a second, at most',
    target: '≥ 100,000,000',
    isOfHardware: true,
    measured: (report) => judge(bestRate(rowsWith(report, { kind: 'replay' })), (rate) => rate >= 100e6, ''),
  },
  {
    what: 'epochs a second, chained, one replica',
    target: '≥ 70,000',
    isOfHardware: true,
    measured: (report) => judge(bestRate(oneReplica(report, 'chained', 1_000)), (rate) => rate >= 70_000, ''),
  },
  {
    what: '16,384 isolated epochs, the log on the device',
    target: '≤ 10 ms',
    isOfHardware: true,
    measured: (report) => judge(leastMs(oneReplica(report, 'isolated', FULL_LOG_EPOCHS)), (ms) => ms <= 10, ' ms'),
  },
  {
    what: 'replays of a sound kernel that differ',
    target: 'none',
    isOfHardware: false,
    measured: soundnessOf,
  },
  memoryTarget('the command itself', ({ hostBytes }) => hostBytes),
  memoryTarget('its GPU process', ({ gpuBytes }) => gpuBytes),
];

function bareTarget(shape: RowPlan['shape']): Target {
  const share = (report: GpuReport) => {
    const [pair] = pairsOf(report, shape);
    return pair === undefined ? undefined : sharesOf(pair).host * 100;
  };
  return {
    what: `share of the bare kernel's rate, ${shape}, at most replicas`,
    target: '≥ 50 %',
    isOfHardware: true,
    measured: (report) => judge(share(report), (percent) => percent >= 50, ' %'),
  };
}

function memoryTarget(what: string, bytesOf: (row: MemoryRow) => number): Target {
  const megabytes = ({ memory }: GpuReport) => {
    const full = memory.find(({ records, problem }) => records === FULL_LOG_RECORDS && problem === undefined);
    return full === undefined ? undefined : bytesOf(full) / 1e6;
  };
  return {
    what: `peak memory of vrrl replay on a full log: ${what}`,
    target: '≤ 400 MB',
    isOfHardware: false,
    measured: (report) => {
      const size = megabytes(report);
      // Near the target a tenth may decide.
      return size === undefined ? undefined : { text: `${size.toFixed(1)} MB`, isMet: size <= MOST_BYTES / 1e6 };
    },
  };
}

function judge(
  value: number | undefined,
  isMet: (value: number) => boolean,
  unit: string,
): { text: string; isMet: boolean } | undefined {
  return value === undefined ? undefined : { text: `${number(value)}${unit}`, isMet: isMet(value) };
}

function timesNaive(report: GpuReport): number | undefined {
  const naive = bestRate(rowsWith(report, { kind: 'naive' }));
  const best = bestRate(rowsWith(report, { kind: 'replay', group: 'side by side' }));
  return naive === undefined || best === undefined ? undefined : best / naive;
}

/** Of the size that was promised: one that is scaled down says nothing of it. */
function oneReplica(report: GpuReport, mode: RowPlan['mode'], epochs: number): GpuRow[] {
  return rowsWith(report, { kind: 'replay', log: 'varied', slotsOfEpoch: 64, replicas: 1, mode, epochs });
}

function bestRate(rows: readonly GpuRow[]): number | undefined {
  const rates = rows.flatMap((row) => figuresOf(row)?.epochReplaysPerSecond ?? []);
  return rates.length === 0 ? undefined : Math.max(...rates);
}

function leastMs(rows: readonly GpuRow[]): number | undefined {
  const medians = rows.flatMap((row) => figuresOf(row)?.median ?? []);
  return medians.length === 0 ? undefined : Math.min(...medians);
}

function soundnessOf({ sound }: GpuReport): { text: string; isMet: boolean } | undefined {
  const measured = sound.filter(({ problem }) => problem === undefined);
  if (measured.length === 0) return undefined;
  const differing = measured.reduce((sum, row) => sum + row.differing, 0);
  const epochReplays = measured.reduce((sum, row) => sum + row.epochReplays, 0);
  return { text: `${differing} of ${epochReplays.toLocaleString('en-US')}`, isMet: differing === 0 };
}

/** A cell of the table of targets. */
export function verdictOf({ measured, isOfHardware }: Target, report: GpuReport): string {
  const outcome = measured(report);
  if (outcome === undefined) return 'not measured';
  if (isOfHardware && report.adapter.isSoftware) return `${outcome.text} (no GPU)`;
  return `${outcome.text}: **${outcome.isMet ? 'pass' : 'fail'}**`;
}
