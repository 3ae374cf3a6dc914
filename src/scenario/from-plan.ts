/** Scenarios out of recordings. */

import { faultExplainer, type Kernel } from '../kernel/index.ts';
import { Priority } from '../protocol/index.ts';
import type { PlacedSlot } from '../record/index.ts';
import { argumentsOf, type PlannedEpoch, type ReplayPlan } from '../replay/index.ts';
import { freshSnapshot, type Scenario, type ScenarioOutcome } from './scenario.ts';

/** An epoch of a recording, as far as the recording tells. */
export interface RecordedScenario {
  readonly epoch: PlannedEpoch;
  /** Undefined if something of it is not known; then `problems` says what. */
  readonly scenario: Scenario | undefined;
  /** What was seen when it was recorded; undefined if nothing was, or its state is lost. */
  readonly recorded: ScenarioOutcome | undefined;
  /** Why a verdict on it would be a guess, for people; empty if it would not. */
  readonly problems: readonly string[];
}

/**
 * The scenario of a planned epoch.
 *
 * @param plan made for the same kernel.
 */
export function scenarioOfEpoch(plan: ReplayPlan, epoch: PlannedEpoch, kernel: Kernel): RecordedScenario {
  const problems = [...epoch.unknownReasons];
  const initial = initialOf(plan, epoch, kernel, problems);
  const recorded = recordedOutcome(plan, epoch, kernel, problems);
  if (!epoch.isReplayable || initial === undefined) return { epoch, scenario: undefined, recorded, problems };
  return { epoch, scenario: { kernel, initial, ...slotsOfEpoch(plan, epoch) }, recorded, problems };
}

/** The slots of a planned epoch and its batches, whatever kernel they are for. */
export function slotsOfEpoch(plan: ReplayPlan, epoch: PlannedEpoch): Pick<Scenario, 'slots' | 'batchEnds'> {
  const slots: PlacedSlot[] = [];
  for (let record = epoch.firstRecord; record < epoch.endRecord; record += 1) slots.push(slotOf(plan, record));
  return { slots, batchEnds: epoch.batchEnds.map((end) => end - epoch.firstRecord) };
}

function slotOf(plan: ReplayPlan, record: number): PlacedSlot {
  const { columns, slotRests } = plan;
  return {
    slotIndex: columns.slotIndex[record],
    slot: {
      opcode: columns.opcode[record],
      tenant: columns.tenantId[record],
      priority: slotRests?.priority(record) ?? Priority.NORMAL,
      args: argumentsOf(plan, record),
    },
  };
}

function initialOf(plan: ReplayPlan, epoch: PlannedEpoch, kernel: Kernel, problems: string[]): Uint32Array | undefined {
  if (epoch.pendingBefore > 0) {
    problems.push(`${epoch.pendingBefore} slots waited already when it began, and no snapshot holds them`);
    return undefined;
  }
  const words = epoch.index === 0 && plan.startsFresh ? freshSnapshot(kernel) : recordedBefore(plan, epoch);
  if (words === undefined) problems.push('the state that it starts from is not known');
  // Whoever observed it took the records of the debug log away.
  else words[kernel.controlWords] = 0;
  return words;
}

function recordedBefore({ observations }: ReplayPlan, { observed }: PlannedEpoch): Uint32Array | undefined {
  return observed === undefined ? undefined : observations?.wordsBefore(observed);
}

function recordedOutcome(
  { observations }: ReplayPlan,
  { observed }: PlannedEpoch,
  kernel: Kernel,
  problems: string[],
): ScenarioOutcome | undefined {
  if (observations === undefined || observed === undefined) {
    problems.push('nothing was observed when it drained');
    return undefined;
  }
  const { done, pending } = observations.epoch(observed);
  const words = observations.wordsAfter(observed);
  if (words === undefined) {
    problems.push('the words that were observed when it drained are lost');
    return undefined;
  }
  const explain = faultExplainer(kernel);
  const faults = observations
    .faults(observed)
    .map(({ slotIndex, opcode, code, detail }) => explain(slotIndex, opcode, [code, detail[0] ?? 0]));
  return { words, done, pending, faults };
}
