import {
  checkSnapshot,
  hasOverflowed,
  type ResolvedLayout,
  type ResolvedRegion,
  usedRecords,
  wordName,
} from './observation.ts';
import { distinctRecords, forEachRecordDifference } from './records.ts';

/** At most this many words or records of a region are listed; all are counted. */
export const MAX_LISTED_DIFFERENCES = 16;

/** A word of an exact region that differs. `index` counts from the start of the snapshot. */
export interface WordDifference {
  readonly index: number;
  readonly name: string;
  readonly expected: number;
  readonly seen: number;
}

/** A record that is there a different number of times; in a `set` once or not at all. */
export interface RecordDifference {
  readonly words: readonly number[];
  readonly expectedCopies: number;
  readonly seenCopies: number;
}

/** An exact region that differs: `count` words in all, the first of them listed. */
export interface WordsDiffer {
  readonly kind: 'words';
  readonly region: ResolvedRegion;
  readonly count: number;
  /** In the order of the snapshot; never empty. */
  readonly words: readonly WordDifference[];
}

/** A multiset or set that differs: how many records (copies counted) are missing and extra, and the first of each. */
export interface RecordsDiffer {
  readonly kind: 'records';
  readonly region: ResolvedRegion;
  readonly missingCount: number;
  readonly extraCount: number;
  readonly missing: readonly RecordDifference[];
  readonly extra: readonly RecordDifference[];
}

/** How one region differs. */
export type RegionDifference = WordsDiffer | RecordsDiffer;

/** A region that cannot be judged, and why. */
export interface UnknownRegion {
  readonly region: ResolvedRegion;
  readonly reason: string;
}

/** What two snapshots of one layout have in common and what not. */
export interface SnapshotComparison {
  /** Nothing differs and nothing is unknown. */
  readonly equal: boolean;
  /** The regions that differ, in the order of the snapshot: the first is the first divergence. */
  readonly differences: readonly RegionDifference[];
  readonly unknown: readonly UnknownRegion[];
}

const EQUAL: SnapshotComparison = Object.freeze({ equal: true, differences: [], unknown: [] });

/**
 * Compares two snapshots region by region, each under its own equivalence.
 *
 * A region that dropped records on either side and whose content differs is unknown: which records were dropped depends
 * on the schedule. (That more were asked for on one side shows at the cursor, in whatever region that is.)
 *
 * @throws InputError if a snapshot is not as long as the layout.
 */
export function compareSnapshots(layout: ResolvedLayout, expected: Uint32Array, seen: Uint32Array): SnapshotComparison {
  checkSnapshot(layout, expected, 'the expected snapshot');
  checkSnapshot(layout, seen, 'the snapshot seen');
  const differences: RegionDifference[] = [];
  const unknown: UnknownRegion[] = [];
  for (const region of layout.regions) {
    if (region.equivalence === 'ignored' || sameWords(region, expected, seen)) continue;
    const difference =
      region.equivalence === 'exact'
        ? compareWords(layout, region, expected, seen)
        : compareContent(region, expected, seen);
    if (difference === undefined) continue;
    const reason = overflowReason(region, expected, seen);
    if (reason === undefined) differences.push(difference);
    else unknown.push({ region, reason });
  }
  if (differences.length === 0 && unknown.length === 0) return EQUAL;
  return { equal: false, differences, unknown };
}

/** Whether a region holds the same words on both sides and as many of them in use: the common case, found fast. */
function sameWords(region: ResolvedRegion, expected: Uint32Array, seen: Uint32Array): boolean {
  const used = usedRecords(region, expected);
  if (used !== usedRecords(region, seen)) return false;
  for (let index = region.start, end = region.start + used * region.recordWords; index < end; index++) {
    if (expected[index] !== seen[index]) return false;
  }
  return true;
}

function compareWords(
  layout: ResolvedLayout,
  region: ResolvedRegion,
  expected: Uint32Array,
  seen: Uint32Array,
): WordsDiffer {
  const words: WordDifference[] = [];
  let count = 0;
  for (let index = region.start, end = region.start + region.count; index < end; index++) {
    if (expected[index] === seen[index]) continue;
    if (count++ >= MAX_LISTED_DIFFERENCES) continue;
    words.push({ index, name: wordName(layout, index), expected: expected[index], seen: seen[index] });
  }
  return { kind: 'words', region, count, words };
}

/** `undefined` if both sides hold the same records, in whatever order. */
function compareContent(region: ResolvedRegion, expected: Uint32Array, seen: Uint32Array): RecordsDiffer | undefined {
  const missing: RecordDifference[] = [];
  const extra: RecordDifference[] = [];
  let missingCount = 0;
  let extraCount = 0;
  const note = (words: readonly number[], expectedCopies: number, seenCopies: number): void => {
    const isMissing = expectedCopies > seenCopies;
    if (isMissing) missingCount += expectedCopies - seenCopies;
    else extraCount += seenCopies - expectedCopies;
    const list = isMissing ? missing : extra;
    if (list.length < MAX_LISTED_DIFFERENCES) list.push({ words, expectedCopies, seenCopies });
  };
  forEachRecordDifference(distinctRecords(region, expected), distinctRecords(region, seen), note);
  if (missingCount === 0 && extraCount === 0) return undefined;
  return { kind: 'records', region, missingCount, extraCount, missing, extra };
}

function overflowReason(region: ResolvedRegion, expected: Uint32Array, seen: Uint32Array): string | undefined {
  const inExpected = hasOverflowed(region, expected);
  const inSeen = hasOverflowed(region, seen);
  if (!inExpected && !inSeen) return undefined;
  const where = inExpected && inSeen ? 'in both snapshots' : `in the ${inExpected ? 'expected' : 'seen'} snapshot`;
  return `\`${region.name}\` overflowed ${where}: records were dropped, and which ones depends on the schedule`;
}
