/** What the samples of a row come to, and rows by what they are. */

import { type Summary, summarise } from '../measurement.ts';
import type { GpuReport, GpuRow } from './report.ts';
import type { RowPlan } from './rows.ts';

export interface RowFigures extends Summary {
  readonly epochReplaysPerSecond: number;
  readonly slotsPerSecond: number;
  readonly deviceMs: number | undefined;
  readonly uploadMs: number | undefined;
}

/** Undefined for a row that is not there, or has a problem. */
export function figuresOf(row: GpuRow | undefined): RowFigures | undefined {
  if (row === undefined || row.problem !== undefined || row.samplesMs.length === 0) return undefined;
  const summary = summarise(row.samplesMs);
  const epochReplaysPerSecond = row.epochReplays / (summary.median / 1e3);
  return {
    ...summary,
    epochReplaysPerSecond,
    slotsPerSecond: epochReplaysPerSecond * row.slotsOfEpoch,
    deviceMs: medianOf(row.deviceMs),
    uploadMs: medianOf(row.uploadMs),
  };
}

function medianOf(samples: readonly number[]): number | undefined {
  return samples.length === 0 ? undefined : summarise(samples).median;
}

/** The rows that have all of this. */
export function rowsWith(report: GpuReport, wanted: Partial<GpuRow>): GpuRow[] {
  const fields = Object.entries(wanted);
  return report.rows.filter((row) => fields.every(([name, value]) => row[name as keyof GpuRow] === value));
}

/** A bare kernel and the replay of the same slots in the same shape. */
export interface Pair {
  readonly bare: GpuRow;
  readonly replay: GpuRow;
}

/** Pairs that were measured, the most replicas first. */
export function pairsOf(report: GpuReport, shape: RowPlan['shape']): Pair[] {
  return rowsWith(report, { kind: 'bare', shape }).flatMap((bare) => {
    const { log, mode, replicas, epochs, slotsOfEpoch } = bare;
    const [replay] = rowsWith(report, { kind: 'replay', shape, log, mode, replicas, epochs, slotsOfEpoch });
    return figuresOf(bare) === undefined || figuresOf(replay) === undefined ? [] : [{ bare, replay }];
  });
}

/** Which share of the bare kernel's rate replay has: by the host's clock, and by the device's. */
export function sharesOf({ bare, replay }: Pair): { host: number; device: number | undefined } {
  const [left, right] = [figuresOf(bare), figuresOf(replay)];
  const device =
    left?.deviceMs === undefined || right?.deviceMs === undefined ? undefined : left.deviceMs / right.deviceMs;
  return { host: (left?.median ?? 0) / (right?.median ?? 1), device };
}
