/** Candidates out of recordings. */

import { InputError } from '../base/errors.ts';
import { finishKernel, type Kernel, kernelFromJson } from '../kernel/index.ts';
import { type PlannedEpoch, planReplay, type Recording, type ReplayPlan } from '../replay/index.ts';
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

/**
 * All of a recording as a candidate, with the kernel that it names: what `vrrl reduce` wrote is read so.
 *
 * @param own stands for that kernel, in a ring of the same size: whether it has what the other had is then the question.
 * @throws KernelError if it names a kernel that is none, or `own` does not fit the ring.
 * @throws InputError if it cannot be run.
 */
export function candidateOfRecording(recording: Recording, own?: Kernel): LogCandidate {
  const { log, observations } = recording;
  const described = observations === undefined ? log.kernel : observations.header.kernel;
  const recorded = described === undefined || described === null ? undefined : kernelFromJson(described);
  const kernel =
    own === undefined ? recorded : finishKernel({ ...own, slotCount: recorded?.slotCount ?? own.slotCount });
  const plan = planReplay(recording, kernel === undefined ? {} : { kernel });
  const slotCount = kernel?.slotCount ?? largestSlotOf(plan) + 1;
  const candidate = candidateOfEpochs(plan, plan.epochs, kernel, slotCount);
  if (candidate !== undefined) return candidate;
  throw new InputError(`the log cannot be run: ${whyNotOf(plan, plan.epochs)}`, 'reduce it again from the whole log.');
}

/** The greatest index of a slot in the ring that a plan publishes to. */
export function largestSlotOf({ columns }: ReplayPlan): number {
  let largest = 0;
  for (const slotIndex of columns.slotIndex) largest = Math.max(largest, slotIndex);
  return largest;
}
