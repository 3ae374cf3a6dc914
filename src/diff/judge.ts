/** From counted outcomes to a verdict. */

import type { Kernel } from '../kernel/index.ts';
import {
  type BackendReplay,
  type ComparableOutcome,
  type EpochReplay,
  type ReplayPlan,
  relate,
} from '../replay/index.ts';
import { describeDifference, type OutcomeSource } from './describe.ts';
import type { BackendJudgement, Divergence, Judgement, OddOneOut, UnknownEpoch, Verdict } from './judgement.ts';
import { rateOf } from './statistics.ts';

/** The name under which the recording takes part. */
export const RECORDING = 'recording';

/** Epochs without a verdict that are listed; all are counted. */
const MAX_UNKNOWN_LISTED = 16;

/**
 * Judges the replays of one plan, epoch by epoch.
 *
 * An epoch *agrees* if every replica on every backend came out as recorded, or, if nothing was recorded, all alike. It is
 * *unknown* if something stands against judging it, whatever came out. The whole agrees only if every epoch does.
 */
export function judge(plan: ReplayPlan, replays: readonly BackendReplay[], kernel?: Kernel): Judgement {
  const verdicts = plan.epochs.map((_, index) => judgeEpoch(replays.map((replay) => replay.epochs[index])));
  const count = (verdict: Verdict) => verdicts.filter((each) => each === verdict).length;
  const firstIndex = verdicts.indexOf('diverge');
  const hasFault = replays.some((replay) => replay.fault !== undefined);
  const odd = firstIndex < 0 ? undefined : oddOneOut(plan, replays, firstIndex);
  return {
    verdict: wholeVerdict(verdicts, hasFault),
    comparedWith: plan.observations === undefined ? 'replays' : 'recording',
    mode: replays[0]?.mode ?? 'chained',
    epochs: {
      total: verdicts.length,
      agreeing: count('agree'),
      diverging: count('diverge'),
      unknown: count('unknown'),
      notReached: verdicts.filter((verdict, index) => verdict === 'unknown' && isNotReached(replays, index)).length,
    },
    firstDivergence: firstIndex < 0 ? undefined : firstDivergence(plan, replays, firstIndex, kernel, odd),
    oddOneOut: odd,
    backends: replays.map((replay) => judgeBackend(replay, verdicts)),
    unknownEpochs: unknownEpochs(plan, replays, verdicts),
    notes: plan.notes,
  };
}

/** The verdict on each epoch of the plan. `not reached`: nothing stands against judging it, but some backend had stopped. */
export type EpochVerdict = Verdict | 'not reached';

/** As {@link judge} counts them. */
export function judgeEpochs(plan: ReplayPlan, replays: readonly BackendReplay[]): EpochVerdict[] {
  return plan.epochs.map((_, index) => {
    const verdict = judgeEpoch(replays.map((replay) => replay.epochs[index]));
    return verdict === 'unknown' && isNotReached(replays, index) ? 'not reached' : verdict;
  });
}

function wholeVerdict(verdicts: readonly Verdict[], hasFault: boolean): Verdict {
  if (verdicts.includes('diverge')) return 'diverge';
  // Nothing at all is not agreement, and neither is a backend that did not get through.
  if (verdicts.includes('unknown') || verdicts.length === 0 || hasFault) return 'unknown';
  return 'agree';
}

/** One epoch, as all backends ran it. */
function judgeEpoch(epochs: readonly EpochReplay[]): Verdict {
  // What one backend could not do takes nothing from what another one showed.
  const clear = epochs.filter(hasNoReasons);
  if (clear.some((epoch) => epoch.contradictedEpochWord !== undefined)) return 'diverge';
  if (clear.some((epoch) => countsDifferent(epoch, epochs))) return 'diverge';
  const relation = relateAll(outcomesWithExpected(clear));
  if (relation === 'different') return 'diverge';
  if (relation === 'unknown' || clear.length < epochs.length) return 'unknown';
  // A backend that never came here because it had diverged before has said nothing about this epoch.
  if (epochs.length === 0 || epochs.some((epoch) => epoch.replicas === 0)) return 'unknown';
  return isAlone(epochs) ? 'unknown' : 'agree';
}

/**
 * Whether replicas differ that no listed outcome tells of: a backend that counts by itself hands back only some of what is
 * odd. Where nothing was recorded they may differ from what an earlier backend showed: that counts if nothing stands
 * against any of them, and for the backend alone only if it differs from itself.
 */
function countsDifferent(
  { expected, replicas, replicasDiffering, unlistedCount }: EpochReplay,
  all: readonly EpochReplay[],
): boolean {
  if (replicasDiffering === 0 || unlistedCount === 0) return false;
  if (expected !== undefined || replicasDiffering < replicas) return true;
  return all.length > 1 && all.every(hasNoReasons);
}

function hasNoReasons({ unknownReasons }: EpochReplay): boolean {
  return unknownReasons.length === 0;
}

/** Whether there is one outcome and nothing to compare it with: that is no agreement. */
function isAlone(epochs: readonly EpochReplay[]): boolean {
  const replicas = epochs.reduce((sum, epoch) => sum + epoch.replicas, 0);
  return epochs.every((epoch) => epoch.expected === undefined) && replicas === 1;
}

function outcomesWithExpected(epochs: readonly EpochReplay[]): ComparableOutcome[] {
  const expected = epochs.at(0)?.expected;
  const outcomes = epochs.flatMap((epoch) => epoch.outcomes);
  return expected === undefined ? outcomes : [expected, ...outcomes];
}

/** How outcomes relate, each to each: two that both cannot be told from a third may still differ from each other. */
function relateAll(outcomes: readonly ComparableOutcome[]): ReturnType<typeof relate> {
  if (differentPair(outcomes) !== undefined) return 'different';
  const [first, ...others] = outcomes;
  // Of no outcome at all there is nothing to tell apart.
  return others.every((other) => relate(first, other) === 'same') ? 'same' : 'unknown';
}

/** The first outcome that another differs from, and the first that does. */
function differentPair<Each extends ComparableOutcome>(
  outcomes: readonly Each[],
): readonly [expected: Each, seen: Each] | undefined {
  for (const [index, expected] of outcomes.entries()) {
    const seen = outcomes.slice(index + 1).find((other) => relate(expected, other) === 'different');
    if (seen !== undefined) return [expected, seen];
  }
  return undefined;
}

function judgeBackend(replay: BackendReplay, whole: readonly Verdict[]): BackendJudgement {
  const verdicts = replay.epochs.map((epoch, index) => (whole[index] === 'agree' ? 'agree' : judgeEpoch([epoch])));
  return {
    backend: replay.backend,
    verdict: wholeVerdict(verdicts, replay.fault !== undefined),
    replicas: replay.replicas,
    replicasRun: replay.replicasRun,
    epochsRun: replay.epochsRun,
    divergedReplicas: rateOf(replay.replicasDiverged, replay.replicasCompared),
    differsFromItself: replay.epochs.some(differsFromItself),
    mostOutcomes: replay.epochs.reduce((most, epoch) => Math.max(most, outcomeCount(epoch)), 0),
    fault: replay.fault && { kind: replay.fault.kind, message: replay.fault.message },
    elapsedMs: replay.elapsedMs,
    onDevice: replay.onDevice,
  };
}

function differsFromItself({ outcomes, unknownReasons }: EpochReplay): boolean {
  return unknownReasons.length === 0 && differentPair(outcomes) !== undefined;
}

function outcomeCount(epoch: EpochReplay): number {
  return epoch.outcomes.length + (epoch.unlistedCount > 0 ? 1 : 0);
}

/**
 * What is expected is the recorded outcome; where nothing was recorded, what all but the odd one had, or else the first
 * outcome that the first backend had, unless only others differ.
 */
function firstDivergence(
  plan: ReplayPlan,
  replays: readonly BackendReplay[],
  index: number,
  kernel: Kernel | undefined,
  odd: OddOneOut | undefined,
): Divergence | undefined {
  const contradicting = replays.find(
    ({ epochs }) => hasNoReasons(epochs[index]) && epochs[index].contradictedEpochWord !== undefined,
  );
  if (contradicting !== undefined) return contradictedEpoch(contradicting, index);
  const clear = replays.filter((replay) => hasNoReasons(replay.epochs[index]));
  const isOdd = ({ source }: OutcomeSource) => source === odd?.source && source !== RECORDING;
  const outcomes = outcomesOf(plan, clear, index);
  const pair = differentPair([...outcomes.filter((each) => !isOdd(each)), ...outcomes.filter(isOdd)]);
  if (pair === undefined) return uncapturedDivergence(clear, index);
  const [expected, seen] = pair;
  const layout = replays[0].layout;
  return describeDifference({ plan, layout, kernel, epoch: plan.epochs[index], expected, seen });
}

/** A backend that counts by itself hands back the words of some outcomes; of the others it is known that they differ. */
function uncapturedDivergence(replays: readonly BackendReplay[], index: number): Divergence | undefined {
  const replay = replays.find(({ epochs }) => epochs[index].replicasDiffering > 0);
  if (replay === undefined) return undefined;
  const { epoch, replicasDiffering, replicas, expected } = replay.epochs[index];
  return {
    epoch: epoch.ordinal,
    deviceEpoch: epoch.deviceEpoch,
    backend: replay.backend,
    replica: 0,
    comparedWith: expected === undefined ? replays[0].backend : RECORDING,
    kind: 'digest',
    where: 'the digest',
    region: 'the digest',
    expected: 'one digest',
    seen: `another one in ${replicasDiffering} of ${replicas} replicas, whose words were not handed back`,
    differenceCount: 1,
    slots: [],
    unlistedSlotCount: undefined,
  };
}

function contradictedEpoch(replay: BackendReplay, index: number): Divergence {
  const { epoch, contradictedEpochWord } = replay.epochs[index];
  return {
    epoch: epoch.ordinal,
    deviceEpoch: epoch.deviceEpoch,
    backend: replay.backend,
    replica: 0,
    comparedWith: RECORDING,
    kind: 'word',
    where: 'EPOCH',
    region: 'control',
    expected: String(epoch.deviceEpoch),
    seen: String(contradictedEpochWord),
    differenceCount: 1,
    slots: [],
    unlistedSlotCount: undefined,
  };
}

/** Every outcome of an epoch with where it comes from, the recorded one first. */
function outcomesOf(plan: ReplayPlan, replays: readonly BackendReplay[], index: number): OutcomeSource[] {
  const sources: OutcomeSource[] = [];
  const { observed } = plan.epochs[index];
  const expected = replays[0]?.epochs[index].expected;
  if (expected !== undefined && observed !== undefined && plan.observations !== undefined) {
    const facts = plan.observations.epoch(observed);
    const { done, faulted, pending } = facts;
    sources.push({
      source: RECORDING,
      replica: 0,
      ...expected,
      snapshot: plan.observations.wordsAfter(observed)?.slice(),
      tally: { done, faulted, pending },
      faults: [],
      pendingBefore: [],
    });
  }
  for (const replay of replays) {
    for (const outcome of replay.epochs[index].outcomes) {
      sources.push({ ...outcome, source: replay.backend, replica: outcome.firstReplica });
    }
  }
  return sources;
}

/** All outcomes that one source had. */
interface Witness {
  readonly source: string;
  readonly outcomes: readonly ComparableOutcome[];
}

/**
 * With three sources or more, the one that all others, each of them steady and all alike, agree against. A source that
 * differs from itself is not odd but unsteady, and is not counted as a witness either.
 */
function oddOneOut(plan: ReplayPlan, replays: readonly BackendReplay[], index: number): OddOneOut | undefined {
  const witnesses = witnessesOf(replays, index);
  if (witnesses.length < 3 || witnesses.some(({ outcomes }) => outcomes.length > 1)) return undefined;
  for (const candidate of witnesses) {
    const others = witnesses.filter((each) => each !== candidate);
    const [agreed, ...rest] = others.map(({ outcomes }) => outcomes[0]);
    const allAgree = rest.every((other) => relate(agreed, other) === 'same');
    if (allAgree && relate(agreed, candidate.outcomes[0]) === 'different') {
      const { ordinal } = plan.epochs[index];
      return { source: candidate.source, epoch: ordinal, others: others.map(({ source }) => source) };
    }
  }
  return undefined;
}

/** The recording and the backends that have an outcome for an epoch. Backends may bear the same name. */
function witnessesOf(replays: readonly BackendReplay[], index: number): Witness[] {
  const expected = replays.at(0)?.epochs[index].expected;
  const backends = replays.map(({ backend, epochs }) => ({ source: backend, outcomes: epochs[index].outcomes }));
  return [
    ...(expected === undefined ? [] : [{ source: RECORDING, outcomes: [expected] }]),
    ...backends.filter(({ outcomes }) => outcomes.length > 0),
  ];
}

function unknownEpochs(
  plan: ReplayPlan,
  replays: readonly BackendReplay[],
  verdicts: readonly Verdict[],
): UnknownEpoch[] {
  const listed: UnknownEpoch[] = [];
  for (const [index, epoch] of plan.epochs.entries()) {
    if (verdicts[index] !== 'unknown') continue;
    if (listed.length === MAX_UNKNOWN_LISTED) break;
    if (isNotReached(replays, index)) continue;
    const reasons = new Set(replays.flatMap((replay) => replay.epochs[index].unknownReasons));
    if (reasons.size === 0) reasons.add(unnamedReason(replays.map((replay) => replay.epochs[index])));
    listed.push({ epoch: epoch.ordinal, reasons: [...reasons] });
  }
  return listed;
}

function unnamedReason(epochs: readonly EpochReplay[]): string {
  if (epochs.length === 0) return 'nothing was run';
  return isAlone(epochs) ? 'one replica ran, and nothing was recorded to compare it with' : DROPPED_RECORDS;
}

const DROPPED_RECORDS =
  "it differs only where more records were written than fit, and which were dropped is the schedule's choice";

/** Whether nothing stands against an epoch but that some backend had stopped before it. */
function isNotReached(replays: readonly BackendReplay[], index: number): boolean {
  const epochs = replays.map((replay) => replay.epochs[index]);
  return epochs.every((epoch) => epoch.unknownReasons.length === 0) && epochs.some((epoch) => epoch.replicas === 0);
}
