/** What came out of an epoch, in a form that is quick to compare and small to keep. */

import { type DrainTally, SIGNATURE_TALLY_WORDS, type SlotTally, signatureWords } from '../backend/index.ts';
import type { SlotFault } from '../kernel/index.ts';
import {
  DIGEST_WORDS,
  digestSnapshot,
  hasOverflowed,
  type ObservedEpoch,
  type ResolvedLayout,
} from '../observe/index.ts';
import { digestFaults } from '../record/index.ts';

/**
 * Equal signatures mean equal outcomes, but for collisions of the digest: the digests of all regions, then how many
 * slots ended how, then the digest of the faults.
 */
export type Signature = Uint32Array;

/** What it takes to compare an outcome with another. */
export interface ComparableOutcome {
  readonly signature: Signature;
  /** For each region, whether more records were written than it holds; undefined if none has. */
  readonly overflowed: readonly boolean[] | undefined;
}

/** An outcome that replicas of one backend had in one epoch. */
export interface Outcome extends ComparableOutcome {
  /** Replicas that had it. */
  count: number;
  /** The first of them. */
  readonly firstReplica: number;
  /** What was observed, if there was room to keep it. */
  readonly snapshot: Uint32Array | undefined;
  readonly tally: SlotTally;
  readonly faults: readonly SlotFault[];
  /** Slots that were PUBLISHED already when the epoch began. */
  readonly pendingBefore: readonly number[];
}

/** Writes the signature of what a backend showed after the drains of one epoch. */
export function signOutcome(layout: ResolvedLayout, snapshot: Uint32Array, tally: DrainTally, out: Signature): void {
  digestSnapshot(layout, snapshot, out);
  const [low, high] = digestFaults(tally.faults);
  writeTally(layout, tally, low, high, out);
}

/** How slots ended, as a signature has it. */
export function tallyOf(signature: Signature): SlotTally {
  const [done, faulted, pending] = signature.subarray(signature.length - SIGNATURE_TALLY_WORDS);
  return { done, faulted, pending };
}

/** An epoch that was recorded, as an outcome. */
export function outcomeOfObserved(layout: ResolvedLayout, observed: ObservedEpoch): ComparableOutcome {
  const signature = new Uint32Array(signatureWords(layout));
  signature.set(observed.regionDigests);
  writeTally(layout, observed, observed.faultDigest[0], observed.faultDigest[1], signature);
  const { regionOverflowed } = observed;
  return { signature, overflowed: regionOverflowed.includes(true) ? regionOverflowed : undefined };
}

/** Which regions have dropped records. */
export function overflowedRegions(layout: ResolvedLayout, snapshot: Uint32Array): readonly boolean[] | undefined {
  const overflowed = layout.regions.map((region) => hasOverflowed(region, snapshot));
  return overflowed.includes(true) ? overflowed : undefined;
}

/**
 * How two outcomes of one epoch relate. It cannot be told if they differ in nothing but regions that dropped records:
 * which records those were is the schedule's choice.
 */
export function relate(left: ComparableOutcome, right: ComparableOutcome): 'same' | 'different' | 'unknown' {
  let isUnknown = false;
  for (let index = 0; index < left.signature.length; index += 1) {
    if (left.signature[index] === right.signature[index]) continue;
    const region = Math.floor(index / DIGEST_WORDS);
    if (left.overflowed?.[region] !== true && right.overflowed?.[region] !== true) return 'different';
    isUnknown = true;
  }
  return isUnknown ? 'unknown' : 'same';
}

export function sameSignature(left: Signature, right: Signature): boolean {
  for (let index = 0; index < left.length; index += 1) if (left[index] !== right[index]) return false;
  return true;
}

function writeTally(layout: ResolvedLayout, tally: SlotTally, low: number, high: number, out: Signature): void {
  const start = layout.regions.length * DIGEST_WORDS;
  out[start] = tally.done;
  out[start + 1] = tally.faulted;
  out[start + 2] = tally.pending;
  out[start + 3] = low;
  out[start + 4] = high;
}
