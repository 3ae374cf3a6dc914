/** How time grows: the rows of a report that differ in one number only, as curves. */

import { figuresOf, rowsWith } from './figures.ts';
import type { GpuReport } from './report.ts';
import type { RowPlan } from './rows.ts';

/** What is varied, by the group of rows that varies it. */
export const CURVES = [
  { group: 'replicas', field: 'replicas', title: 'Time of a replay, by replicas' },
  { group: 'slots', field: 'slotsOfEpoch', title: 'Time of a replay, by slots an epoch' },
  { group: 'epochs', field: 'epochs', title: 'Time of a replay, by epochs' },
] as const;
export type CurveKind = (typeof CURVES)[number];

export interface Point {
  readonly x: number;
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export interface Curve {
  /** What the colour stands for. */
  readonly adapter: string;
  /** What the kind of line stands for. */
  readonly shape: RowPlan['shape'];
  /** What does not vary. */
  readonly fixed: string;
  readonly points: readonly Point[];
}

const SHAPES = ['resident', 'wide'] as const;
/** Every curve is one of these rows, and of those of the same size in other groups. */
const COMMON = { kind: 'replay', mode: 'chained', log: 'varied' } as const;

/** A curve for each shape that has two points at least. */
export function curvesOf(adapter: string, report: GpuReport, { group, field }: CurveKind): Curve[] {
  return SHAPES.flatMap((shape) => {
    const [own] = rowsWith(report, { ...COMMON, group, shape });
    if (own === undefined) return [];
    const { replicas, epochs, slotsOfEpoch } = own;
    const fixed = Object.fromEntries(
      Object.entries({ replicas, epochs, slotsOfEpoch }).filter(([name]) => name !== field),
    );
    const points = rowsWith(report, { ...COMMON, shape, ...fixed }).flatMap((row) => {
      const figures = figuresOf(row);
      return figures === undefined ? [] : [{ x: row[field], ...figures }];
    });
    points.sort((left, right) => left.x - right.x);
    return points.length < 2 ? [] : [{ adapter, shape, fixed: fixedText(fixed), points }];
  });
}

function fixedText({ replicas, epochs, slotsOfEpoch }: Partial<RowPlan>): string {
  const parts = [
    ...(replicas === undefined ? [] : [counted(replicas, 'replica')]),
    ...(epochs === undefined ? [] : [counted(epochs, 'epoch')]),
    ...(slotsOfEpoch === undefined ? [] : [`${slotsOfEpoch} slots`]),
  ];
  return parts.join(' × ');
}

function counted(count: number, what: string): string {
  return `${count.toLocaleString('en-US')} ${what}${count === 1 ? '' : 's'}`;
}
