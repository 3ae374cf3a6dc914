/** All stages in order: epochs, slots, state, lanes, arguments, stress, and slots once more. */

import type { Rate } from '../diff/index.ts';
import { type LogCandidate, slotCountOf } from './candidate.ts';
import { Decider, type DecisionOptions, type TrialLabel } from './decide.ts';
import type { LedgerEntry } from './ledger.ts';
import { reduceArguments } from './stages/arguments.ts';
import { reduceEpochs } from './stages/epochs.ts';
import { reduceLanes, reduceRing } from './stages/lanes.ts';
import { reduceSlots, reduceSlotsSingly } from './stages/slots.ts';
import type { Stage } from './stages/stage.ts';
import { reduceState } from './stages/state.ts';
import { reduceStress } from './stages/stress.ts';
import type { Subject } from './subject.ts';

export interface ReduceOptions extends DecisionOptions {
  /** Which failure to keep; default: the one that the original shows most. */
  readonly signature?: string | undefined;
  /** Whether states other than that of a fresh kernel can be started from. Default true. */
  readonly canRestore?: boolean;
  /** Whether it can be run with a ring of another size. Default true. */
  readonly canChangeKernel?: boolean;
}

/** What came of a reduction. */
export interface Reduction {
  readonly original: LogCandidate;
  /** Undefined if the original did not fail in the runs that it had. */
  readonly reproducer: LogCandidate | undefined;
  readonly signature: string | undefined;
  /** How often the original failed so, and the reproducer. */
  readonly rateBefore: Rate;
  readonly rateAfter: Rate | undefined;
  /** No slot of the reproducer can be left out, as far as runs tell. */
  readonly isMinimal: boolean;
  /** Slots of which it could not be told whether they are needed. */
  readonly unresolved: number;
  readonly runs: number;
  readonly alpha: number;
  /** The rate that the last decisions were made for. */
  readonly rateDecidedFor: number;
  readonly ledger: readonly LedgerEntry[];
}

/**
 * Makes a candidate that fails as small as it gets.
 *
 * @throws InputError if an option is out of range.
 * @throws what the subject throws: BackendFaultError if there is no backend to be had.
 */
export async function reduceLog(
  original: LogCandidate,
  subject: Subject<LogCandidate>,
  options: ReduceOptions = {},
): Promise<Reduction> {
  const decider = new Decider(subject, options);
  const size = slotCountOf(original);
  const rateBefore = await decider.begin(
    original,
    { stage: 'original', what: 'the original', sizeBefore: size, size },
    options.signature,
  );
  const nothing = {
    reproducer: undefined,
    signature: undefined,
    rateAfter: undefined,
    isMinimal: false,
    unresolved: 0,
  };
  if (rateBefore.count === 0) return { ...summaryOf(original, decider, rateBefore), ...nothing };
  let current = original;
  for (const stage of stagesFor(options)) current = await runStage(stage, current, decider);
  // All that was changed since may have made slots superfluous.
  const last = await reduceSlotsSingly(current, decider);
  const rateAfter = await decider.measure(last.candidate, labelOf('reproducer', last.candidate));
  return {
    ...summaryOf(original, decider, rateBefore),
    reproducer: last.candidate,
    signature: decider.signature,
    rateAfter,
    isMinimal: last.isMinimal === true,
    unresolved: last.unresolved ?? 0,
  };
}

/** A stage is undone if what it leaves fails so many times less often than the original. */
const TOO_RARE = 10;

/**
 * What got smaller may fail more often, and then later decisions take fewer runs. One of several causes is left as a rule, so that
 * it may fail less often, too; but if luck had it that it fails very much less often, the stage is done again, and if that
 * happens twice, what there was before it stays.
 */
async function runStage(stage: Stage, before: LogCandidate, decider: Decider<LogCandidate>): Promise<LogCandidate> {
  for (let attempt = 1; attempt <= 2; attempt += 1) {
    const { candidate } = await stage(before, decider);
    if (candidate === before || decider.rate === 1) return candidate;
    const { high } = await decider.measure(candidate, labelOf('rate', candidate));
    if (high >= decider.floor / TOO_RARE) return candidate;
  }
  return before;
}

function stagesFor({ canRestore = true, canChangeKernel = true }: ReduceOptions): Stage[] {
  const lanes = canChangeKernel ? [reduceLanes, reduceRing] : [reduceLanes];
  return [reduceEpochs, reduceSlots, ...(canRestore ? [reduceState] : []), ...lanes, reduceArguments, reduceStress];
}

function labelOf(stage: string, candidate: LogCandidate): TrialLabel {
  const size = slotCountOf(candidate);
  return { stage, what: 'how often it fails', sizeBefore: size, size };
}

function summaryOf(original: LogCandidate, decider: Decider<LogCandidate>, rateBefore: Rate) {
  const { alpha, ledger, runsUsed: runs, rate: rateDecidedFor } = decider;
  return { original, rateBefore, alpha, ledger, runs, rateDecidedFor };
}
