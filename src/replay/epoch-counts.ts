/** One epoch over all replicas of one backend: what came out of it, how often, and compared with what. */

import type { SlotFault } from '../kernel/index.ts';
import { type ComparableOutcome, type Outcome, relate, type Signature, sameSignature } from './outcome.ts';
import type { PlannedEpoch } from './plan.ts';

/** One epoch over all replicas of one backend. */
export interface EpochReplay {
  readonly epoch: PlannedEpoch;
  /** The recorded outcome, if it was recorded. */
  readonly expected: ComparableOutcome | undefined;
  /** Every different outcome that was seen, up to a limit, in the order in which they were first seen. */
  readonly outcomes: readonly Outcome[];
  /** Replicas whose outcome was different from all that are listed, once the limit was reached. */
  readonly unlistedCount: number;
  /** Replicas that ran it from a known state. */
  readonly replicas: number;
  /** Of these, how many differ from what they were compared with. */
  readonly replicasDiffering: number;
  /** Why it cannot be judged; the plan's reasons and what replaying found. */
  readonly unknownReasons: readonly string[];
  /** What EPOCH was when its first slot was published, where that contradicts the log. */
  readonly contradictedEpochWord: number | undefined;
}

/** Different outcomes listed for an epoch, one of them only if it differs in more than what an overflow dropped. */
const MAX_OUTCOMES = 16;
/** Reasons that replaying adds to the plan's: a thousand replicas can fault in a thousand ways. */
const MAX_ADDED_REASONS = 8;

/** Faults of one outcome that are given as reasons. */
const MAX_FAULT_REASONS = 4;

/** What one replica showed, before it is known whether it is new. */
export interface SeenOutcome extends ComparableOutcome {
  /** Borrowed until the next epoch. */
  readonly signature: Signature;
  /** Whether slots faulted: that is not what others are compared with. */
  readonly hasFaults: boolean;
}

/** What a backend counted by itself, of one epoch. */
export interface CountedReplicas {
  readonly replicas: number;
  /** Of these, how many came out as expected, and how many did not. */
  readonly same: number;
  readonly differing: number;
}

/** How a replica's outcome stands to what it is compared with. */
export type Comparison = 'same' | 'different' | 'unknown' | 'nothing to compare with';

export class EpochCounts implements EpochReplay {
  readonly epoch: PlannedEpoch;
  readonly expected: ComparableOutcome | undefined;
  readonly outcomes: Outcome[] = [];
  unlistedCount = 0;
  replicas = 0;
  replicasDiffering = 0;
  contradictedEpochWord: number | undefined;
  /** Where nothing was recorded: the first outcome without faults that any replica had, here or on an earlier backend. */
  baseline: ComparableOutcome | undefined;
  readonly #addedReasons = new Set<string>();

  constructor(epoch: PlannedEpoch, expected: ComparableOutcome | undefined, baseline: ComparableOutcome | undefined) {
    this.epoch = epoch;
    this.expected = expected;
    this.baseline = baseline;
  }

  get unknownReasons(): readonly string[] {
    return this.#addedReasons.size === 0
      ? this.epoch.unknownReasons
      : [...new Set([...this.epoch.unknownReasons, ...this.#addedReasons])];
  }

  /** Says why it cannot be judged; the first few reasons are kept. */
  addReason(reason: string): void {
    if (this.#addedReasons.size < MAX_ADDED_REASONS) this.#addedReasons.add(reason);
  }

  /** Where nothing was recorded that faults could be compared with, the first few of them are reasons. */
  addFaultReasons(faults: readonly SlotFault[]): void {
    if (this.expected !== undefined) return;
    for (const { slotIndex, message } of faults.slice(0, MAX_FAULT_REASONS)) {
      this.addReason(`slot ${slotIndex}: ${message}`);
    }
  }

  /**
   * Counts an outcome.
   *
   * @param keep makes what is kept of it if it is new; `isExpected` says that it is the recorded one.
   */
  count(seen: SeenOutcome, keep: (isExpected: boolean) => Outcome): Comparison {
    const { outcomes, expected } = this;
    this.replicas += 1;
    const comparison = this.#compare(seen);
    if (comparison === 'different') this.replicasDiffering += 1;
    const known = outcomes.find(({ signature }) => sameSignature(signature, seen.signature));
    if (known !== undefined) known.count += 1;
    else if (this.#hasRoomFor(seen)) {
      outcomes.push(keep(expected !== undefined && sameSignature(expected.signature, seen.signature)));
    } else this.unlistedCount += 1;
    if (expected === undefined && this.baseline === undefined && !seen.hasFaults) this.baseline = outcomes.at(-1);
    return comparison;
  }

  /** Counts what a backend counted by itself. What is in no outcome that it kept is not listed. */
  addCounted(
    { replicas, same, differing }: CountedReplicas,
    expected: Outcome | undefined,
    odd: readonly Outcome[],
  ): void {
    this.replicas += replicas;
    this.replicasDiffering += differing;
    let listed = 0;
    for (const outcome of expected === undefined ? odd : [{ ...expected, count: same }, ...odd]) {
      const known = this.outcomes.find(({ signature }) => sameSignature(signature, outcome.signature));
      if (known !== undefined) known.count += outcome.count;
      else if (this.#hasRoomFor(outcome)) this.outcomes.push(outcome);
      else continue;
      listed += outcome.count;
    }
    this.unlistedCount += replicas - listed;
  }

  #compare(seen: SeenOutcome): Comparison {
    if (this.expected !== undefined) return relate(this.expected, seen);
    // The kernel says what a fault does to its slot, not what a device would have done to the memory.
    if (this.baseline === undefined || seen.hasFaults) return 'nothing to compare with';
    return relate(this.baseline, seen);
  }

  /** The last place is kept for one that really differs: those that dropped other records may be many. */
  #hasRoomFor(seen: ComparableOutcome): boolean {
    const { outcomes } = this;
    if (outcomes.length < MAX_OUTCOMES - 1) return true;
    const first = this.expected ?? outcomes[0];
    return outcomes.length < MAX_OUTCOMES && relate(first, seen) === 'different';
  }
}

/** What replicas of a log without observations are compared with, epoch by epoch. */
export type Baseline = readonly (ComparableOutcome | undefined)[];

/** Counts for every epoch of a plan. */
export function countsFor(
  epochs: readonly PlannedEpoch[],
  expectedOf: (epoch: PlannedEpoch) => ComparableOutcome | undefined,
  baseline: Baseline | undefined,
): EpochCounts[] {
  return epochs.map((epoch) => new EpochCounts(epoch, expectedOf(epoch), baseline?.[epoch.index]));
}
