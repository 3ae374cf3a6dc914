import { InputError } from '../base/errors.ts';
import type { Area, Equivalence, ObservationLayout, Region } from './layout.ts';

/** The longest snapshot, so that its bytes can be counted in a word and held in one typed array. */
export const MAX_SNAPSHOT_WORDS = 0x1000_0000;

/** An area and where it starts in the snapshot. */
export interface ResolvedArea extends Area {
  readonly start: number;
}

/** A region with every default filled in; all positions are words of the snapshot. */
export interface ResolvedRegion {
  readonly name: string;
  readonly area: string;
  readonly start: number;
  readonly count: number;
  readonly equivalence: Equivalence;
  /** Words of a record; 1 for `exact` and `ignored`. */
  readonly recordWords: number;
  /** The word that tells how many words of the region are in use; `undefined`: all of them. */
  readonly usedWordsAt: number | undefined;
}

/** A layout that has been checked, with the gaps filled: its regions cover the snapshot, in order, each word once. */
export interface ResolvedLayout {
  readonly areas: readonly ResolvedArea[];
  readonly regions: readonly ResolvedRegion[];
  readonly snapshotWords: number;
  /** What this was resolved from, to be written down. */
  readonly source: ObservationLayout;
}

/**
 * Checks a layout, fills what no region claims with exact regions, and places everything in the snapshot.
 *
 * A filler is called after its area if it is all of it, and `area[first..last]` if it is a part.
 *
 * @throws InputError that names the area or region and what is wrong with it.
 */
export function resolveLayout(layout: ObservationLayout): ResolvedLayout {
  const areas = placeAreas(layout.areas);
  const areaByName = new Map(areas.map((area) => [area.name, area]));
  const claimed = layout.regions.map((region) => placeRegion(region, areaByName));
  const regions = fillGaps(areas, claimed);
  rejectCopies(regions, 'region');
  const last = areas[areas.length - 1];
  return { areas, regions, snapshotWords: last.start + last.words, source: layout };
}

/**
 * What a word of the snapshot is called in messages: `control[42]`.
 *
 * @throws InputError if the snapshot has no such word.
 */
export function wordName(layout: ResolvedLayout, index: number): string {
  const area = layout.areas.find(({ start, words }) => index >= start && index < start + words);
  if (area === undefined || !Number.isInteger(index)) {
    throw new InputError(
      `the snapshot has no word ${index}, only 0 to ${layout.snapshotWords - 1}`,
      'count words from the start of the snapshot.',
    );
  }
  return `${area.name}[${index - area.start}]`;
}

/**
 * How many records of a region are in use in a snapshot.
 *
 * A record that the cursor only partly covers counts as used, and one beyond the region's end does not exist.
 */
export function usedRecords(region: ResolvedRegion, words: Uint32Array): number {
  const used = region.usedWordsAt === undefined ? region.count : Math.min(words[region.usedWordsAt], region.count);
  return Math.ceil(used / region.recordWords);
}

/** Whether a region's cursor went past its end, so that records were dropped and which ones depends on the schedule. */
export function hasOverflowed(region: ResolvedRegion, words: Uint32Array): boolean {
  return region.usedWordsAt !== undefined && words[region.usedWordsAt] > region.count;
}

/**
 * Checks that a snapshot is as long as its layout says.
 *
 * @throws InputError with both lengths.
 */
export function checkSnapshot(layout: ResolvedLayout, words: Uint32Array, what = 'the snapshot'): void {
  if (words.length === layout.snapshotWords) return;
  throw new InputError(
    `${what} has ${words.length} words, but its layout has ${layout.snapshotWords}`,
    'hand over the words of all areas end to end, in the order of the layout.',
  );
}

function placeAreas(areas: readonly Area[]): ResolvedArea[] {
  if (areas.length === 0) throw new InputError('the layout has no area', 'name at least one area to observe.');
  let start = 0;
  const placed = areas.map((area) => {
    checkName(area.name, 'area');
    checkCount(area.words, 1, `area \`${area.name}\`: words`);
    const at = { name: area.name, words: area.words, start };
    start += area.words;
    checkCount(start, 1, `area \`${area.name}\`: end`);
    return at;
  });
  rejectCopies(placed, 'area');
  return placed;
}

function placeRegion(region: Region, areaByName: ReadonlyMap<string, ResolvedArea>): ResolvedRegion {
  checkName(region.name, 'region');
  const area = areaByName.get(region.area);
  if (area === undefined) {
    throw new InputError(
      `region \`${region.name}\` is in area \`${region.area}\`, which does not exist`,
      `use one of: ${[...areaByName.keys()].join(', ')}.`,
    );
  }
  checkCount(region.start, 0, `region \`${region.name}\`: start`);
  checkCount(region.count, 1, `region \`${region.name}\`: count`);
  if (region.start + region.count > area.words) {
    throw new InputError(
      `region \`${region.name}\` ends at word ${region.start + region.count} of area \`${area.name}\`, which has ${area.words}`,
      'let the region end within its area.',
    );
  }
  const { name, count, equivalence } = region;
  const start = area.start + region.start;
  return { name, area: area.name, start, count, equivalence, ...placeRecords(region, area) };
}

function placeRecords(region: Region, area: ResolvedArea): Pick<ResolvedRegion, 'recordWords' | 'usedWordsAt'> {
  const { name, equivalence, recordWords = 1, usedWordsAt } = region;
  if (equivalence === 'exact' || equivalence === 'ignored') {
    if (region.recordWords === undefined && usedWordsAt === undefined) return { recordWords: 1, usedWordsAt };
    throw new InputError(
      `region \`${name}\` is ${equivalence} and has no records`,
      'leave out recordWords and usedWordsAt, or make the region a multiset or a set.',
    );
  }
  if (equivalence !== 'multiset' && equivalence !== 'set') {
    throw new InputError(
      `region \`${name}\` has the unknown equivalence \`${String(equivalence)}\``,
      'use exact, ignored, multiset or set.',
    );
  }
  checkCount(recordWords, 1, `region \`${name}\`: recordWords`);
  if (region.count % recordWords !== 0) {
    throw new InputError(
      `region \`${name}\` has ${region.count} words, which are no whole number of records of ${recordWords}`,
      'let the region end with a record.',
    );
  }
  if (usedWordsAt === undefined) return { recordWords, usedWordsAt };
  checkCount(usedWordsAt, 0, `region \`${name}\`: usedWordsAt`);
  const inside = usedWordsAt >= region.start && usedWordsAt < region.start + region.count;
  if (usedWordsAt >= area.words || inside) {
    throw new InputError(
      `region \`${name}\`: usedWordsAt is word ${usedWordsAt}, ${inside ? 'inside the region itself' : `beyond the ${area.words} words of area \`${area.name}\``}`,
      'name a word of the same area that is outside the region.',
    );
  }
  return { recordWords, usedWordsAt: area.start + usedWordsAt };
}

function fillGaps(areas: readonly ResolvedArea[], claimed: readonly ResolvedRegion[]): ResolvedRegion[] {
  const ordered = [...claimed].sort((left, right) => left.start - right.start);
  const regions: ResolvedRegion[] = [];
  let next = 0;
  for (const area of areas) {
    let position = area.start;
    for (; next < ordered.length && ordered[next].area === area.name; next++) {
      const region = ordered[next];
      if (region.start < position) {
        throw new InputError(
          `regions \`${regions[regions.length - 1].name}\` and \`${region.name}\` overlap at ${area.name}[${region.start - area.start}]`,
          'give each word to one region.',
        );
      }
      if (region.start > position) regions.push(filler(area, position, region.start));
      regions.push(region);
      position = region.start + region.count;
    }
    const end = area.start + area.words;
    if (position < end) regions.push(filler(area, position, end));
  }
  return regions;
}

function filler(area: ResolvedArea, start: number, end: number): ResolvedRegion {
  const isWholeArea = end - start === area.words;
  const name = isWholeArea ? area.name : `${area.name}[${start - area.start}..${end - 1 - area.start}]`;
  const count = end - start;
  return { name, area: area.name, start, count, equivalence: 'exact', recordWords: 1, usedWordsAt: undefined };
}

function checkName(name: string, what: string): void {
  if (typeof name === 'string' && name.length > 0) return;
  throw new InputError(`the layout has a nameless ${what}`, `name every ${what}.`);
}

function checkCount(value: number, least: number, what: string): void {
  if (Number.isInteger(value) && value >= least && value <= MAX_SNAPSHOT_WORDS) return;
  throw new InputError(
    `${what} is ${value}, expected a whole number from ${least} to ${MAX_SNAPSHOT_WORDS}`,
    'count in words.',
  );
}

function rejectCopies(named: readonly { readonly name: string }[], what: string): void {
  const seen = new Set<string>();
  for (const { name } of named) {
    if (seen.has(name))
      throw new InputError(`the layout has two ${what}s called \`${name}\``, 'give each its own name.');
    seen.add(name);
  }
}
