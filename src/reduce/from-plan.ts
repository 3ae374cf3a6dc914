/** Candidates out of recordings. */

import type { Kernel } from '../kernel/index.ts';
import type { PlannedEpoch, ReplayPlan } from '../replay/index.ts';
import { freshSnapshot, slotsOfEpoch } from '../scenario/index.ts';
import type { LogCandidate } from './candidate.ts';

/**
 * Epochs of a recording, one after the other.
 *
 * @param epochs in a row; they run from the state before the first of them.
 * @returns undefined if that state is not known, or one of the epochs cannot be run: then `whyNotOf` says why.
 */
export function candidateOfEpochs(
  plan: ReplayPlan,
  epochs: readonly PlannedEpoch[],
  kernel: Kernel | undefined,
  slotCount: number,
): LogCandidate | undefined {
  const [first] = epochs;
  if (first === undefined || whyNotOf(plan, epochs) !== undefined) return undefined;
  return {
    kernel,
    slotCount,
    initial: stateBefore(plan, first, kernel),
    epochs: epochs.map((epoch) => slotsOfEpoch(plan, epoch)),
    stress: undefined,
  };
}

/** What keeps epochs from being run from the state before the first of them; undefined if nothing does. */
export function whyNotOf(plan: ReplayPlan, epochs: readonly PlannedEpoch[]): string | undefined {
  const [first] = epochs;
  if (first === undefined) return 'there is no epoch';
  const broken = epochs.find(({ isReplayable }) => !isReplayable);
  if (broken !== undefined) return `epoch ${broken.ordinal}: ${broken.unknownReasons.join('; ')}`;
  if (first.pendingBefore > 0) {
    return `epoch ${first.ordinal}: ${first.pendingBefore} slots waited already when it began, and no snapshot holds them`;
  }
  if (startsAfresh(plan, first) || recordedBefore(plan, first) !== undefined) return undefined;
  return `epoch ${first.ordinal}: the state that it starts from is not known`;
}

function stateBefore(plan: ReplayPlan, epoch: PlannedEpoch, kernel: Kernel | undefined): Uint32Array | undefined {
  if (startsAfresh(plan, epoch)) return undefined;
  const words = recordedBefore(plan, epoch)?.slice();
  if (words === undefined || kernel === undefined) return words;
  // Whoever observed it took the records of the debug log away.
  words[kernel.controlWords] = 0;
  const fresh = freshSnapshot(kernel);
  return words.every((word, index) => word === fresh[index]) ? undefined : words;
}

function startsAfresh({ startsFresh }: ReplayPlan, { index }: PlannedEpoch): boolean {
  return index === 0 && startsFresh;
}

function recordedBefore({ observations }: ReplayPlan, { observed }: PlannedEpoch): Uint32Array | undefined {
  return observed === undefined ? undefined : observations?.wordsBefore(observed);
}
