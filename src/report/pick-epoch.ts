/** Which epoch a report is about: one that is wrong rather than one whose order is merely another. */

import type { EpochVerdict } from '../diff/index.ts';
import type { PlannedEpoch } from '../replay/index.ts';
import type { ReportInput } from './make-report.ts';
import { type EpochOutcomes, outcomesOfEpoch, worstRank } from './outcomes.ts';
import { plural } from './sentences.ts';

/** Diverging epochs that are explained to find the worst of them. */
const MOST_EPOCHS = 64;
/** States of all of them together, after which no other is looked at. */
const MOST_NODES = 4_000_000;

export interface PickedEpoch {
  /** Undefined if none diverges. */
  readonly epoch: PlannedEpoch | undefined;
  /** Its outcomes, if they were explained to pick it. */
  readonly outcomes: EpochOutcomes | undefined;
  /** A sentence about epochs that diverge and were not looked at; none if there are none. */
  readonly notLookedAt: readonly string[];
}

/** The one that is asked for; or the first that is violated, else the first that nobody can tell, else the first that diverges. */
export function pickEpoch(input: ReportInput, verdicts: readonly EpochVerdict[]): PickedEpoch {
  const { plan, epoch: wanted } = input;
  if (wanted !== undefined) {
    return { epoch: plan.epochs.find(({ ordinal }) => ordinal === wanted), outcomes: undefined, notLookedAt: [] };
  }
  return worstOf(
    input,
    plan.epochs.filter(({ index }) => verdicts[index] === 'diverge'),
  );
}

function worstOf(
  { plan, replays, kernel, explain = {} }: ReportInput,
  diverging: readonly PlannedEpoch[],
): PickedEpoch {
  let best: { readonly epoch: PlannedEpoch; readonly outcomes: EpochOutcomes; readonly rank: number } | undefined;
  let [lookedAt, nodes] = [0, 0];
  for (const epoch of diverging.slice(0, MOST_EPOCHS)) {
    if (nodes > MOST_NODES) break;
    const outcomes = outcomesOfEpoch(plan, replays, epoch, kernel, explain);
    lookedAt += 1;
    nodes += outcomes.nodes;
    const rank = worstRank(outcomes);
    if (best === undefined || rank < best.rank) best = { epoch, outcomes, rank };
    if (rank === 0) return { epoch, outcomes, notLookedAt: [] };
  }
  const left = diverging.length - lookedAt;
  const notLookedAt = [
    `whether ${plural(left, 'more diverging epoch')} ${left === 1 ? 'is' : 'are'} worse: ${lookedAt} were looked at`,
  ];
  return { epoch: best?.epoch, outcomes: best?.outcomes, notLookedAt: left > 0 ? notLookedAt : [] };
}
