/** As many replays of a sound kernel as asked for, in both shapes: not one may differ from the recording. */

import type { ProgramShape } from '../../src/backend/index.ts';
import type { BenchLog } from './logs.ts';
import { differingOf, type Replays } from './replays.ts';
import type { SoundnessRow } from './report.ts';

/** A tenth of them in the wide shape, which takes several times as long. */
const SHARES: readonly (readonly [shape: ProgramShape, share: number])[] = [
  ['resident', 0.9],
  ['wide', 0.1],
];

export function soundnessName(shape: ProgramShape): string {
  return `sound, ${shape}`;
}

export async function measureSoundness(
  replays: Replays,
  log: BenchLog,
  epochReplays: number,
  isWanted: (name: string) => boolean,
  problemOf: (shape: ProgramShape) => string | undefined,
): Promise<SoundnessRow[]> {
  const rows: SoundnessRow[] = [];
  for (const [shape, share] of SHARES) {
    if (!isWanted(soundnessName(shape))) continue;
    const replicas = Math.max(1, Math.ceil((epochReplays * share) / log.plan.epochs.length));
    const problem = problemOf(shape);
    rows.push(problem === undefined ? await replayed(replays, log, shape, replicas) : { ...nothing(shape), problem });
  }
  return rows;
}

async function replayed(replays: Replays, log: BenchLog, shape: ProgramShape, replicas: number): Promise<SoundnessRow> {
  const begin = performance.now();
  try {
    const replay = await replays.replay(log, { replicas, shape, mode: 'chained' });
    const ms = performance.now() - begin;
    return { shape, replicas, epochReplays: replay.epochsRun, differing: differingOf(replay), ms };
  } catch (error) {
    return { ...nothing(shape), problem: error instanceof Error ? error.message : String(error) };
  }
}

function nothing(shape: ProgramShape): SoundnessRow {
  return { shape, replicas: 0, epochReplays: 0, differing: 0, ms: 0 };
}
