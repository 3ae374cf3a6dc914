/**
 * What a failure is called: two failures with one signature are taken for the same. It says what kind of thing differs and
 * where, but no word and no value, since those change while a log gets smaller.
 */

import type { Kernel } from '../kernel/index.ts';
import { compareSnapshots, type RegionDifference, type ResolvedLayout, wordName } from '../observe/index.ts';
import { ControlWord } from '../protocol/index.ts';
import type { ScenarioOutcome } from '../scenario/index.ts';

/** A difference between what was expected and what was seen. */
export interface Difference {
  /** `word`, `record` or `slots`, as a divergence has it, and a place: `word in the observables`. */
  readonly signature: string;
  /** The first of it: `control[42]`, a region, or `slots`. */
  readonly where: string;
  readonly expected: string;
  readonly seen: string;
}

/** Parts of the protocol's control words by where they end; what tells most of a bug comes out of the search first. */
const PARTS: readonly (readonly [end: number, name: string])[] = [
  [ControlWord.DONE_COUNT, 'SHUTDOWN'],
  [ControlWord.TENANT_BASE, 'DONE_COUNT'],
  [ControlWord.TENANT_MASKS, 'TENANT_BASE'],
  [ControlWord.TENANT_QUOTAS, 'the tenant masks'],
  [ControlWord.TENANT_FAIRNESS, 'the tenant quotas'],
  [ControlWord.METRICS, 'the fairness counters'],
  [ControlWord.EPOCH, 'the metrics'],
  [ControlWord.PRIORITY_OFFSETS, 'EPOCH'],
  [ControlWord.OBSERVABLE_BASE, 'the priority words'],
];
const OBSERVABLES = 'the observables';

/**
 * The difference that tells most: in words that slots compute before those that only count slots, which differ as a
 * consequence. Undefined if the outcomes are equal, or cannot be told apart.
 */
export function differenceOf(
  layout: ResolvedLayout,
  kernel: Kernel | undefined,
  expected: ScenarioOutcome,
  seen: ScenarioOutcome,
): Difference | undefined {
  const { differences } = compareSnapshots(layout, expected.words, seen.words);
  const found = differences.map((difference) => describe(layout, kernel, difference, { expected, seen }));
  const ends = describeEnds(expected, seen);
  if (ends !== undefined) found.push(ends);
  return found.toSorted((left, right) => left.weight - right.weight)[0]?.difference;
}

interface Both {
  readonly expected: ScenarioOutcome;
  readonly seen: ScenarioOutcome;
}

interface Weighed {
  readonly weight: number;
  readonly difference: Difference;
}

function describe(
  layout: ResolvedLayout,
  kernel: Kernel | undefined,
  difference: RegionDifference,
  both: Both,
): Weighed {
  const { region } = difference;
  if (difference.kind === 'records') {
    const seen = `${difference.extraCount} more and ${difference.missingCount} fewer`;
    const words = { where: region.name, expected: 'the same records', seen };
    return { weight: 1, difference: { signature: `record in ${region.name}`, ...words } };
  }
  // A kernel of ours has its control words first in the snapshot; those that no region of its own claims are the protocol's.
  const isClaimed = kernel?.regions.some(({ name }) => name === region.name) ?? true;
  if (isClaimed || region.area !== 'control') {
    return { weight: 0, difference: wordDifference(layout, region.name, difference.words[0].index, both) };
  }
  const [weight, index] = mostTellingWord(region.start, region.start + region.count, both);
  return { weight, difference: wordDifference(layout, partOf(index), index, both) };
}

/** The first word that differs in the part that tells most: all of them have to be looked at. */
function mostTellingWord(
  start: number,
  end: number,
  { expected, seen }: Both,
): readonly [weight: number, index: number] {
  let best: readonly [number, number] = [Number.POSITIVE_INFINITY, start];
  for (let index = start; index < end; index += 1) {
    if (expected.words[index] === seen.words[index]) continue;
    const weight = weightOf(partOf(index));
    if (weight < best[0]) best = [weight, index];
  }
  return best;
}

function weightOf(part: string): number {
  if (part === OBSERVABLES) return 0;
  return part === 'DONE_COUNT' || part === 'the metrics' ? 4 : 3;
}

function wordDifference(layout: ResolvedLayout, part: string, index: number, { expected, seen }: Both): Difference {
  return {
    signature: `word in ${part}`,
    where: wordName(layout, index),
    expected: String(expected.words[index]),
    seen: String(seen.words[index]),
  };
}

function partOf(index: number): string {
  return PARTS.find(([end]) => index < end)?.[1] ?? OBSERVABLES;
}

function describeEnds(expected: ScenarioOutcome, seen: ScenarioOutcome): Weighed | undefined {
  const isSame =
    expected.done === seen.done &&
    expected.pending === seen.pending &&
    JSON.stringify(expected.faults) === JSON.stringify(seen.faults);
  if (isSame) return undefined;
  const say = ({ done, pending, faults }: ScenarioOutcome) => {
    const why = faults.length === 0 ? '' : ` (slot ${faults[0].slotIndex}: ${faults[0].message})`;
    return `${done} done, ${faults.length} faulted${why}, ${pending} waiting`;
  };
  const difference = { signature: 'slots', where: 'slots', expected: say(expected), seen: say(seen) };
  return { weight: 2, difference };
}
