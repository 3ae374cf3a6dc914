/** Two recordings of the same slots, compared epoch by epoch: run against run, replay against replay. */

import { InputError } from '../base/errors.ts';
import type { Kernel } from '../kernel/index.ts';
import { compareSnapshots, type Observations, type ObservedEpoch } from '../observe/index.ts';
import { Priority } from '../protocol/index.ts';
import {
  argumentsOf,
  type ComparableOutcome,
  outcomeOfObserved,
  type PlannedEpoch,
  type ReplayPlan,
  relate,
} from '../replay/index.ts';
import { describeDifference, type OutcomeSource } from './describe.ts';
import type { Divergence, UnknownEpoch, Verdict } from './judgement.ts';

/** One side: what was seen, and where the log is at hand, which slots were published. */
export interface ComparedSide {
  readonly name: string;
  readonly observations: Observations;
  readonly plan: ReplayPlan | undefined;
}

/** `spec/comparison.schema.json` describes the JSON form. */
export interface StreamComparison {
  readonly verdict: Verdict;
  readonly epochs: {
    readonly total: number;
    readonly agreeing: number;
    readonly diverging: number;
    readonly unknown: number;
  };
  readonly firstDivergence: Divergence | undefined;
  /** The first of the epochs that cannot be judged. */
  readonly unknownEpochs: readonly UnknownEpoch[];
}

const MAX_UNKNOWN_LISTED = 16;

/**
 * Compares two sides, epoch by epoch as they were numbered. An epoch whose slots are not known to be the same on both
 * sides is unknown, and so is one that only one side has.
 *
 * @throws InputError if the two sides observe different words.
 */
export function compareStreams(left: ComparedSide, right: ComparedSide, kernel?: Kernel): StreamComparison {
  checkLayouts(left, right);
  const comparing = new ComparisonInProgress(left, right, kernel);
  const ordinals = ordinalsOf(left, right);
  const starts = [left, right].flatMap(({ observations }) => startOrdinalOf(observations) ?? []);
  let next = Math.min(...starts);
  for (const ordinal of ordinals) {
    comparing.addLost(next, ordinal);
    comparing.addEpoch(ordinal);
    next = ordinal + 1;
  }
  const ends = [left, right].flatMap(({ observations }) => endOrdinalOf(observations) ?? []);
  comparing.addLost(next, Math.max(...ends));
  return comparing.finish();
}

/** Takes in the epochs of both sides in order. */
class ComparisonInProgress {
  readonly #left: ComparedSide;
  readonly #right: ComparedSide;
  readonly #kernel: Kernel | undefined;
  readonly #foreign: string | undefined;
  readonly #counts = { total: 0, agreeing: 0, diverging: 0, unknown: 0 };
  readonly #unknownEpochs: UnknownEpoch[] = [];
  #firstDivergence: Divergence | undefined;
  /** The epoch after the last one that was judged; both sides are taken to begin with a fresh kernel. */
  #nextJudged = 0;

  constructor(left: ComparedSide, right: ComparedSide, kernel: Kernel | undefined) {
    this.#left = left;
    this.#right = right;
    this.#kernel = kernel;
    this.#foreign = foreignLog(left) ?? foreignLog(right);
  }

  addEpoch(ordinal: number): void {
    const counts = this.#counts;
    const pair = this.#foreign ?? pairOf(this.#left, this.#right, ordinal);
    const { verdict, reason } =
      typeof pair === 'string' ? unknown(pair) : judgePair(pair, ordinal === this.#nextJudged);
    counts.total += 1;
    if (verdict === 'agree') counts.agreeing += 1;
    else if (verdict === 'diverge') counts.diverging += 1;
    else counts.unknown += 1;
    if (verdict === 'unknown') this.#list(ordinal, reason ?? 'it cannot be judged');
    else this.#nextJudged = ordinal + 1;
    if (verdict === 'diverge' && typeof pair !== 'string') this.#firstDivergence ??= describePair(pair, this.#kernel);
  }

  /** Epochs `first` … `end` − 1, which neither side has. There may be billions of them: numbers are only numbers. */
  addLost(first: number, end: number): void {
    const count = Math.max(0, end - first);
    this.#counts.total += count;
    this.#counts.unknown += count;
    for (let ordinal = first; ordinal < Math.min(end, first + MAX_UNKNOWN_LISTED); ordinal += 1) {
      this.#list(ordinal, `${this.#left.name} does not have it`);
    }
  }

  finish(): StreamComparison {
    const epochs = this.#counts;
    return {
      verdict: wholeVerdict(epochs),
      epochs,
      firstDivergence: this.#firstDivergence,
      unknownEpochs: this.#unknownEpochs,
    };
  }

  #list(epoch: number, reason: string): void {
    if (this.#unknownEpochs.length < MAX_UNKNOWN_LISTED) this.#unknownEpochs.push({ epoch, reasons: [reason] });
  }
}

function wholeVerdict({ total, diverging, unknown }: StreamComparison['epochs']): Verdict {
  if (diverging > 0) return 'diverge';
  return unknown > 0 || total === 0 ? 'unknown' : 'agree';
}

function checkLayouts(left: ComparedSide, right: ComparedSide): void {
  const text = ({ observations }: ComparedSide) =>
    JSON.stringify([observations.layout.areas, observations.layout.regions]);
  if (text(left) === text(right)) return;
  throw new InputError(`${left.name} and ${right.name} observe different words`, 'compare runs of one kernel.');
}

/** The epochs that a side has, each once, in order. */
function ordinalsOf(...sides: readonly ComparedSide[]): number[] {
  const ordinals = new Set<number>();
  for (const { observations } of sides) {
    for (let index = 0; index < observations.epochCount; index += 1) ordinals.add(observations.epoch(index).ordinal);
  }
  return [...ordinals].sort((first, second) => first - second);
}

/** The first epoch that a stream has, or the one before it if there must have been one; undefined if it has none. */
function startOrdinalOf(observations: Observations): number | undefined {
  if (observations.epochCount === 0) return undefined;
  const { firstOrdinal, findings } = observations;
  // A saved replay begins wherever it could. Where nothing is damaged, nothing is missing before.
  const isCut = firstOrdinal > 0 && findings.length > 0 && observations.wordsBefore(0) === undefined;
  return isCut ? firstOrdinal - 1 : firstOrdinal;
}

/** One more than the last epoch that a stream has, or one that it must have had; undefined if it has none. */
function endOrdinalOf(observations: Observations): number | undefined {
  if (observations.epochCount === 0) return undefined;
  const last = observations.epoch(observations.epochCount - 1).ordinal;
  // Without an end frame nobody can say that there was nothing more.
  return observations.cleanEnd ? last + 1 : last + 2;
}

interface ObservedSide {
  readonly side: ComparedSide;
  readonly index: number;
  readonly epoch: ObservedEpoch;
  readonly outcome: ComparableOutcome;
}

interface ObservedPair {
  readonly left: ObservedSide;
  readonly right: ObservedSide;
}

/** Both sides of an epoch, or why there are not both. */
function pairOf(left: ComparedSide, right: ComparedSide, ordinal: number): ObservedPair | string {
  const leftSide = sideOf(left, ordinal);
  const rightSide = sideOf(right, ordinal);
  if (leftSide === undefined) return `${left.name} does not have it`;
  if (rightSide === undefined) return `${right.name} does not have it`;
  return { left: leftSide, right: rightSide };
}

function sideOf(side: ComparedSide, ordinal: number): ObservedSide | undefined {
  const index = side.observations.indexOfOrdinal(ordinal);
  if (index === undefined) return undefined;
  const epoch = side.observations.epoch(index);
  return { side, index, epoch, outcome: outcomeOfObserved(side.observations.layout, epoch) };
}

interface PairVerdict {
  readonly verdict: Verdict;
  readonly reason?: string;
}

function unknown(reason: string): PairVerdict {
  return { verdict: 'unknown', reason };
}

/**
 * @param followsJudged the epoch before was judged. Then this one starts from what it left, and if that was a divergence, is
 *   an echo of it; otherwise a difference means something only if both sides start from the same.
 */
function judgePair(pair: ObservedPair, followsJudged: boolean): PairVerdict {
  const { left, right } = pair;
  const slots = compareSlots(left, right);
  if (slots !== undefined) return unknown(slots);
  // What a faulted slot leaves behind is nothing that the kernel defines.
  if (left.epoch.faulted > 0 && right.epoch.faulted > 0) return unknown(`${left.epoch.faulted} of its slots faulted`);
  const relation = relate(left.outcome, right.outcome);
  if (relation === 'same') return { verdict: 'agree' };
  if (relation === 'unknown') return unknown('more records were written than fit');
  if (!followsJudged && !startAlike(pair))
    return unknown('the two sides are not known to start it from the same state');
  return { verdict: 'diverge' };
}

function startAlike({ left, right }: ObservedPair): boolean {
  if (waitingBefore(left) !== waitingBefore(right)) return false;
  const [before, other] = [left, right].map(({ side, index }) => side.observations.wordsBefore(index));
  if (before === undefined || other === undefined) return false;
  return compareSnapshots(left.side.observations.layout, before, other).equal;
}

/** How many slots were PUBLISHED already when an epoch began: what is left over, because every slot ends somehow. */
function waitingBefore({ epoch }: ObservedSide): number {
  return epoch.done + epoch.faulted + epoch.pending - epoch.recordCount;
}

/**
 * Why what was seen says nothing of a side's log; undefined if it does. A log that lost records still has some that prove
 * it; one of which nothing was observed is another log under the same name, as far as anybody can tell.
 */
function foreignLog({ name, plan }: ComparedSide): string | undefined {
  if (plan === undefined) return undefined;
  const isProven = plan.epochs.some(({ observed, isReplayable }) => observed !== undefined && isReplayable);
  return isProven ? undefined : `no epoch of the log ${name} is there as it was observed`;
}

/** Why the two sides cannot be taken to have run the same slots; undefined if they can. */
function compareSlots(left: ObservedSide, right: ObservedSide): string | undefined {
  const [leftLow, leftHigh] = left.epoch.recordsDigest;
  const [rightLow, rightHigh] = right.epoch.recordsDigest;
  // Equal records, time stamps included: one is a replay of the other.
  if (leftLow === rightLow && leftHigh === rightHigh) return undefined;
  const leftEpoch = plannedEpoch(left);
  const rightEpoch = plannedEpoch(right);
  if (leftEpoch === undefined || rightEpoch === undefined) return 'whether both ran the same slots cannot be told';
  const same = sameSlots(left.side.plan!, leftEpoch, right.side.plan!, rightEpoch);
  return same ? undefined : 'the two runs published different slots';
}

function plannedEpoch({ side, epoch }: ObservedSide): PlannedEpoch | undefined {
  const { epochs = [] } = side.plan ?? {};
  // Ordinals rise with the index, and as a rule one by one.
  const planned = epochs[epoch.ordinal - (epochs.at(0)?.ordinal ?? 0)];
  const found = planned?.ordinal === epoch.ordinal ? planned : epochs.find(({ ordinal }) => ordinal === epoch.ordinal);
  return found?.isReplayable === true ? found : undefined;
}

function sameSlots(left: ReplayPlan, leftEpoch: PlannedEpoch, right: ReplayPlan, rightEpoch: PlannedEpoch): boolean {
  const length = leftEpoch.endRecord - leftEpoch.firstRecord;
  if (rightEpoch.endRecord - rightEpoch.firstRecord !== length) return false;
  for (let offset = 0; offset < length; offset += 1) {
    if (!sameSlot(left, leftEpoch.firstRecord + offset, right, rightEpoch.firstRecord + offset)) return false;
  }
  return true;
}

function sameSlot(left: ReplayPlan, first: number, right: ReplayPlan, second: number): boolean {
  const isSame =
    left.columns.slotIndex[first] === right.columns.slotIndex[second] &&
    left.columns.opcode[first] === right.columns.opcode[second] &&
    left.columns.tenantId[first] === right.columns.tenantId[second] &&
    priorityOf(left, first) === priorityOf(right, second);
  if (!isSame) return false;
  const [args, others] = [argumentsOf(left, first), argumentsOf(right, second)];
  // One side may have kept the rests of other slots; where it kept none, they are zero.
  for (let index = 0; index < Math.max(args.length, others.length); index += 1) {
    if ((args[index] ?? 0) !== (others[index] ?? 0)) return false;
  }
  return true;
}

function priorityOf({ slotRests }: ReplayPlan, record: number): number {
  return slotRests?.priority(record) ?? Priority.NORMAL;
}

function describePair({ left, right }: ObservedPair, kernel: Kernel | undefined): Divergence {
  const withPlan = [left, right].find((each) => plannedEpoch(each) !== undefined);
  return describeDifference({
    plan: withPlan?.side.plan,
    layout: left.side.observations.layout,
    kernel,
    epoch: (withPlan && plannedEpoch(withPlan)) ?? left.epoch,
    expected: outcomeSource(left),
    seen: outcomeSource(right),
  });
}

function outcomeSource({ side, index, epoch, outcome }: ObservedSide): OutcomeSource {
  const { done, faulted, pending } = epoch;
  return {
    ...outcome,
    source: side.name,
    replica: 0,
    snapshot: side.observations.wordsAfter(index)?.slice(),
    tally: { done, faulted, pending },
    faults: [],
    pendingBefore: [],
  };
}
