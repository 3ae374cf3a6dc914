/** Whole programs on a device beside the same programs stepped on the reference: nothing may tell them apart. */

import { isDeepStrictEqual } from 'node:util';
import { type Backend, ReferenceBackend } from '../../../src/backend/index.ts';
import { type Judgement, judge } from '../../../src/diff/index.ts';
import type { Kernel } from '../../../src/kernel/index.ts';
import {
  type BackendReplay,
  type EpochReplay,
  type Outcome,
  type ReplayOptions,
  type ReplayPlan,
  replayOn,
  type StressRequest,
} from '../../../src/replay/index.ts';
import { keptRunning } from '../../replay/recordings.ts';

/** What is asked of the device alone. */
export type DeviceOptions = Pick<ReplayOptions, 'mode' | 'shape' | 'stress'>;

/** A little of everything. */
const STRESS: StressRequest = {
  settings: {
    seed: 12_345,
    shuffleLanes: 1,
    shuffleGroups: 1,
    meetTurns: 40,
    warmUpTurns: 20,
    stressGroups: 3,
    stressTurns: 10,
    stressPattern: 2,
    stressStride: 8,
    stressLines: 16,
  },
};

export const MODES = ['chained', 'isolated'] as const;

/** Fewer instances than there are epochs of replicas: each serves several, one after the other. */
const FEW_INSTANCES: StressRequest = { settings: { mostInstances: 2 } };

export const WIDE: readonly DeviceOptions[] = [
  ...MODES.flatMap((mode): DeviceOptions[] => [
    { mode, shape: 'wide' },
    { mode, shape: 'wide', stress: STRESS },
  ]),
  { mode: 'isolated', shape: 'wide', stress: FEW_INSTANCES },
];

/** Stress is for slots that are spread over workgroups: here it is asked for, and changes nothing. */
export const RESIDENT: readonly DeviceOptions[] = [
  { mode: 'chained', shape: 'resident', stress: STRESS },
  { mode: 'isolated', shape: 'resident' },
];

/** Every mode on every shape, with stress and without. */
export const COMBINATIONS: readonly DeviceOptions[] = [...WIDE, ...RESIDENT];

/** Replicas of each. Fewer than the outcomes of an epoch that are handed back, so that nothing is left out. */
const REPLICAS = 5;

/** The same backend for many replays: its pipelines stay. Loads as the one inside does. */
export function keptLoading(inner: Backend): Backend {
  return {
    ...keptRunning(inner),
    load: async (program) => inner.load?.(program),
  };
}

/** What two replays that are the same have in common. */
interface Summary {
  readonly verdict: string;
  readonly epochs: Judgement['epochs'];
  readonly firstDivergence: unknown;
  readonly replicasRun: number;
  readonly replicasCompared: number;
  readonly replicasDiverged: number;
  readonly epochsRun: number;
  readonly fault: string | undefined;
  readonly each: readonly EpochSummary[];
}

interface EpochSummary {
  readonly replicas: number;
  readonly differing: number;
  readonly reasons: readonly string[];
  readonly contradicted: number | undefined;
  readonly unlisted: number;
  readonly outcomes: readonly object[];
}

function summaryOf(plan: ReplayPlan, replay: BackendReplay, kernel: Kernel): Summary {
  const { verdict, epochs, firstDivergence } = judge(plan, [replay], kernel);
  const { replicasRun, replicasCompared, replicasDiverged, epochsRun, fault } = replay;
  return {
    verdict,
    epochs,
    firstDivergence: firstDivergence && { ...firstDivergence, backend: undefined, comparedWith: undefined },
    ...{ replicasRun, replicasDiverged, epochsRun },
    // In an epoch that is never judged, stepped replicas are compared with each other.
    replicasCompared: replay.epochs.some(isNeverJudged) ? 0 : replicasCompared,
    fault: fault?.message,
    each: replay.epochs.map(summaryOfEpoch),
  };
}

function summaryOfEpoch(epoch: EpochReplay): EpochSummary {
  return {
    replicas: epoch.replicas,
    differing: epoch.replicasDiffering,
    reasons: [...new Set(epoch.unknownReasons.map(plainReason))].sort(),
    contradicted: epoch.contradictedEpochWord,
    // Where nothing was ever observed there is nothing to compare with, and a device hands back only what is odd.
    ...(isNeverJudged(epoch)
      ? { unlisted: 0, outcomes: [] }
      : { unlisted: epoch.unlistedCount, outcomes: epoch.outcomes.map((outcome) => summaryOfOutcome(outcome, epoch)) }),
  };
}

/** An epoch that the writer was killed in: it is run, and unknown whatever comes of it. */
function isNeverJudged({ expected, unknownReasons }: EpochReplay): boolean {
  return expected === undefined && unknownReasons.some((reason) => reason.includes('it was never observed'));
}

/** Stepping knows which record could not be published; a device counts replicas. */
function plainReason(reason: string): string {
  return /cannot be published|not free when it had to be/.test(reason) ? 'a slot was not free' : reason;
}

function summaryOfOutcome({ signature, count, overflowed, tally, faults }: Outcome, { expected }: EpochReplay): object {
  const isExpected = expected !== undefined && isDeepStrictEqual(expected.signature, signature);
  // The words and the faults of what was expected are where it was recorded.
  const listed = isExpected ? [] : faults.slice(0, 4);
  return { signature: Array.from(signature), count, overflowed, tally, faults: listed };
}

export interface Comparison {
  readonly plan: ReplayPlan;
  readonly kernel: Kernel;
  /** Takes up programs. */
  readonly device: Backend;
  readonly replicas?: number;
}

/** What differs, in words; empty if nothing does. */
export async function differences(comparison: Comparison, deviceOptions: DeviceOptions): Promise<string[]> {
  const { plan, kernel, device, replicas = REPLICAS } = comparison;
  const { mode = 'chained' } = deviceOptions;
  const stepped = await replayOn(plan, new ReferenceBackend(kernel), { mode, replicas });
  const onDevice = await replayOn(plan, device, { ...deviceOptions, replicas });
  const problems = differencesOf(summaryOf(plan, stepped, kernel), summaryOf(plan, onDevice, kernel));
  const byItself = onDevice.onDevice?.replicas ?? 0;
  const expected = plan.observations === undefined ? replicas - 1 : replicas;
  if (byItself !== expected) problems.push(`${byItself} of ${expected} replicas ran on the device`);
  if (onDevice.onDevice !== undefined && onDevice.onDevice.shape !== deviceOptions.shape)
    problems.push('another shape');
  const { stress, ...others } = deviceOptions;
  const how = `${JSON.stringify(others)}${stress === undefined ? '' : ' with stress'}`;
  return problems.map((problem) => `${how}: ${problem}`);
}

function differencesOf(stepped: Summary, seen: Summary): string[] {
  const problems: string[] = [];
  for (const name of Object.keys(stepped) as (keyof Summary)[]) {
    if (name === 'each' || isDeepStrictEqual(stepped[name], seen[name])) continue;
    problems.push(`${name}: stepped ${JSON.stringify(stepped[name])}, on the device ${JSON.stringify(seen[name])}`);
  }
  const odd = stepped.each.findIndex((epoch, index) => !isDeepStrictEqual(epoch, seen.each[index]));
  if (odd >= 0) {
    const [left, right] = [stepped.each[odd], seen.each[odd]].map((epoch) => JSON.stringify(epoch));
    problems.push(`epoch ${odd}: stepped ${left}, on the device ${right}`);
  }
  return problems;
}

/** Has a device compile what the combinations need, side by side: that is what a driver takes longest for. */
export async function warmUp(
  plan: ReplayPlan,
  device: Backend,
  combinations: readonly DeviceOptions[] = COMBINATIONS,
): Promise<void> {
  await device.start();
  const plain = combinations.map(({ mode = 'chained', shape = 'wide' }) => ({ mode, shape }));
  await Promise.all(plain.map((options) => replayOn(plan, device, { ...options, replicas: 1 })));
}
