/** What the GPU benchmark measures, as data: groups of rows that are measured in turns, the busiest first. */

import type { ProgramShape } from '../../src/backend/index.ts';
import type { ReplayMode } from '../../src/replay/index.ts';

export interface RowPlan {
  /**
   * `bare` is the kernel with nothing around it, `naive` what one writes first; `replay` runs a log that lies on the device,
   * `whole` is everything that replaying a plan takes, with the way to the device and back.
   */
  readonly kind: 'bare' | 'naive' | 'replay' | 'whole';
  readonly shape: ProgramShape;
  readonly mode: ReplayMode;
  readonly log: LogKind;
  readonly replicas: number;
  readonly epochs: number;
  readonly slotsOfEpoch: number;
  /** Pushed towards rare schedules. */
  readonly isStressed?: boolean;
}

/** `varied`: no two epochs alike. `repeated`: every epoch has the same slots. `racing`: one in eight adds in two accesses. */
export type LogKind = 'varied' | 'repeated' | 'racing';

/** `replicas`, `slots` and `epochs` are curves: how time grows with one of them. */
export type GroupName = 'side by side' | 'replicas' | 'slots' | 'epochs' | 'isolated' | 'racing' | 'whole';

export interface RowGroup {
  readonly name: GroupName;
  readonly rows: readonly RowPlan[];
}

/** How much less than on hardware is done where a CPU plays the GPU. */
export interface Scale {
  /** Divides replicas. */
  readonly smaller: number;
  /** Divides epochs. */
  readonly shorter: number;
}

const SHAPES: readonly ProgramShape[] = ['resident', 'wide'];
const CHAINED = { mode: 'chained', replicas: 1_024, epochs: 1_000, slotsOfEpoch: 64 } as const;

/** All groups. What comes out the same at a small scale is measured once. */
export function rowGroups(scale: Scale): RowGroup[] {
  const seen = new Set<string>();
  return groups().map(({ name, rows }) => ({
    name,
    rows: rows.map((row) => scaled(row, scale)).filter((row) => isNew(seen, nameOf(row))),
  }));
}

function groups(): RowGroup[] {
  return [
    { name: 'side by side', rows: sideBySide(16_384) },
    { name: 'side by side', rows: [...sideBySide(4_096), naiveRow(500)] },
    { name: 'side by side', rows: sideBySide(1) },
    ...[16_384, 4_096, 1_024, 256, 64, 16, 1].map((replicas) => curve('replicas', { replicas })),
    ...[1_024, 256, 16].map((slotsOfEpoch) => curve('slots', { slotsOfEpoch, epochs: 256 })),
    ...[4_096, 256, 64].map((epochs) => curve('epochs', { epochs })),
    { name: 'isolated', rows: replays({ mode: 'isolated', replicas: 4_096 }) },
    { name: 'isolated', rows: replays({ mode: 'isolated', replicas: 1, epochs: 16_384 }) },
    { name: 'racing', rows: replays({ log: 'racing', epochs: 200 }) },
    { name: 'racing', rows: replays({ log: 'racing', epochs: 200, mode: 'isolated' }) },
    { name: 'whole', rows: replays({ kind: 'whole', mode: 'isolated', replicas: 1, epochs: 16_384 }) },
    { name: 'whole', rows: [{ ...replays({ kind: 'whole', log: 'racing', epochs: 200 })[1], isStressed: true }] },
  ];
}

/** The bare kernel and replay, over the same slots in the same shape. */
function sideBySide(replicas: number): RowPlan[] {
  const kinds = ['bare', 'replay'] as const;
  return SHAPES.flatMap((shape) =>
    kinds.map((kind) => ({ ...CHAINED, log: 'repeated', kind, shape, replicas }) as const),
  );
}

function naiveRow(epochs: number): RowPlan {
  return { ...CHAINED, kind: 'naive', shape: 'wide', log: 'repeated', replicas: 1, epochs };
}

function curve(name: GroupName, own: Partial<RowPlan>): RowGroup {
  return { name, rows: replays(own) };
}

function replays(own: Partial<RowPlan>): RowPlan[] {
  return SHAPES.map((shape) => ({ ...CHAINED, kind: 'replay', log: 'varied', shape, ...own }));
}

function scaled(row: RowPlan, { smaller, shorter }: Scale): RowPlan {
  return { ...row, replicas: atLeastOne(row.replicas / smaller), epochs: atLeastOne(row.epochs / shorter) };
}

function atLeastOne(count: number): number {
  return Math.max(1, Math.round(count));
}

function isNew(seen: Set<string>, name: string): boolean {
  return seen.size < seen.add(name).size;
}

const KIND_NAMES = { bare: 'bare kernel', naive: 'naive loop', replay: 'replay', whole: 'whole replay' } as const;

/** What a row is called; no two rows have the same name. */
export function nameOf({ kind, shape, mode, log, replicas, epochs, slotsOfEpoch, isStressed }: RowPlan): string {
  const how = kind === 'naive' ? [] : kind === 'bare' ? [shape] : [mode, shape];
  const odd = [...(kind !== 'replay' || log === 'varied' ? [] : [`${log} slots`]), ...(isStressed ? ['stressed'] : [])];
  const size = `${counted(replicas, 'replica')} × ${counted(epochs, 'epoch')} of ${slotsOfEpoch}`;
  return [KIND_NAMES[kind], ...how, ...odd].join(', ').concat(`: ${size}`);
}

function counted(count: number, what: string): string {
  return `${count.toLocaleString('en-US')} ${what}${count === 1 ? '' : 's'}`;
}
