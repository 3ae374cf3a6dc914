/** The digest of snapshots as WGSL: the same function as `src/observe`, to the bit, with a workgroup's lanes sharing the sum. */

import { DigestConstant, type ResolvedLayout, type ResolvedRegion } from '../observe/index.ts';

const {
  LOW_POSITION,
  LOW_OFFSET,
  LOW_MULTIPLY_1,
  LOW_MULTIPLY_2,
  LOW_COUNT,
  HIGH_POSITION,
  HIGH_OFFSET,
  HIGH_MULTIPLY_1,
  HIGH_MULTIPLY_2,
  HIGH_COUNT,
} = DigestConstant;

/** Regions whose shares fit the memory of a workgroup, and that its lanes can have one of each. */
export const MAX_DIGESTED_REGIONS = 24;
/** A lane for each region, and one for each word of the tally. */
export const LEAST_LANES = 32;

/** Terms, sums and their finish; the text needs nothing. */
export const DIGEST_WGSL: string = `
fn mixLow(word: u32) -> u32 {
  var mixed = word ^ (word >> 16u);
  mixed *= ${LOW_MULTIPLY_1}u;
  mixed ^= mixed >> 15u;
  mixed *= ${LOW_MULTIPLY_2}u;
  return mixed ^ (mixed >> 16u);
}
fn mixHigh(word: u32) -> u32 {
  var mixed = word ^ (word >> 16u);
  mixed *= ${HIGH_MULTIPLY_1}u;
  mixed ^= mixed >> 13u;
  mixed *= ${HIGH_MULTIPLY_2}u;
  return mixed ^ (mixed >> 16u);
}
/// What a word at a position adds to the two sums.
fn term(word: u32, position: u32) -> vec2u {
  return vec2u(
    mixLow(word ^ (position * ${LOW_POSITION}u + ${LOW_OFFSET}u)),
    mixHigh(word + position * ${HIGH_POSITION}u + ${HIGH_OFFSET}u));
}
fn finish(sums: vec2u, count: u32) -> vec2u {
  let low = mixLow(sums.x + count * ${LOW_COUNT}u + ${LOW_OFFSET}u);
  return vec2u(low, mixHigh((sums.y + count * ${HIGH_COUNT}u + ${HIGH_OFFSET}u) ^ low));
}
`;

/**
 * `sumRegions(snapshot, lane)`, which puts the lane's share of every region into `shares`; `addShares(lane)`, which adds them
 * up; `regionDigest(region, snapshot)`; and `overflowedRegions(snapshot)`, the mask of regions that dropped records.
 *
 * Needs `memory`, `LANES` and {@link DIGEST_WGSL}. All of them are about the words of `memory` that begin at `snapshot`.
 */
export function regionsWgsl(layout: ResolvedLayout): string {
  const { regions } = layout;
  const setColumns = columnsOfSets(regions);
  const columnCount = 2 * regions.length + setColumns.size;
  const small = regions.map(isSmall);
  return `
const ignoredRegions = ${ignoredMask(regions)}u;
/// What a lane adds to a column, a row a column; a word more a row keeps lanes that read down a row out of each other's banks.
const ROW = LANES + 1u;
var<workgroup> shares: array<u32, ${columnCount}u * ROW>;
var<workgroup> columnSums: array<u32, ${columnCount}>;

fn share(column: u32, lane: u32, sums: vec2u) {
  shares[column * ROW + lane] = sums.x;
  shares[(column + 1u) * ROW + lane] = sums.y;
}
fn addShares(lane: u32) {
  for (var column = lane; column < ${columnCount}u; column += LANES) {
    // Four sums, so that no load waits for the one before.
    var sums = vec4u();
    for (var other = 0u; other < LANES; other += 4u) {
      let at = column * ROW + other;
      sums += vec4u(shares[at], shares[at + 1u], shares[at + 2u], shares[at + 3u]);
    }
    columnSums[column] = sums.x + sums.y + sums.z + sums.w;
  }
}
${countsWgsl(regions, setColumns)}
fn regionDigest(region: u32, snapshot: u32) -> vec2u {
  if (((ignoredRegions >> region) & 1u) != 0u) { return vec2u(); }
  return finish(vec2u(columnSums[2u * region], columnSums[2u * region + 1u]), regionCountOf(region, snapshot));
}
${overflowWgsl(regions)}
fn recordDigest(start: u32, words: u32) -> vec2u {
  var sums = vec2u();
  for (var word = 0u; word < words; word++) { sums += term(atomicLoad(&memory[start + word]), word); }
  return finish(sums, words);
}
fn isCopy(first: u32, record: u32, words: u32) -> bool {
  for (var earlier = 0u; earlier < record; earlier++) {
    var isSame = true;
    for (var word = 0u; word < words; word++) {
      let left = atomicLoad(&memory[first + earlier * words + word]);
      if (left != atomicLoad(&memory[first + record * words + word])) { isSame = false; break; }
    }
    if (isSame) { return true; }
  }
  return false;
}
fn sumRegions(snapshot: u32, lane: u32) {
  // All loads that depend on nothing come first, so that their ways to memory overlap.
${regions.map((region, index) => (small[index] ? loadSmallWgsl(region, index) : '')).join('')}
${regions.map((region, index) => (small[index] ? sumSmallWgsl(region, index) : regionWgsl(region, index, setColumns))).join('\n')}
}
`;
}

/** Bytes of a workgroup's memory that {@link regionsWgsl} takes for the sums of so many lanes, and a shader beside it. */
export function sharedBytes({ regions }: ResolvedLayout, lanes: number): number {
  const columns = 2 * regions.length + columnsOfSets(regions).size;
  return (columns * (lanes + 2) + OTHER_SHARED_WORDS) * 4;
}
/** The signature, the tally, the faults and what the first lane tells: more than they are. */
const OTHER_SHARED_WORDS = 2 * MAX_DIGESTED_REGIONS + 64;

/** A region of which a lane has one word at most: with the loads of others in flight, its own costs nothing. */
function isSmall({ equivalence, count }: ResolvedRegion): boolean {
  return equivalence === 'exact' && count <= SMALL_WORDS;
}
const SMALL_WORDS = 32;

function ignoredMask(regions: readonly ResolvedRegion[]): number {
  return regions.reduce((mask, { equivalence }, index) => mask + (equivalence === 'ignored' ? 2 ** index : 0), 0);
}

/** Sets have a third column, since their records are counted by whoever finds that they are no copies. */
function columnsOfSets(regions: readonly ResolvedRegion[]): ReadonlyMap<number, number> {
  const sets = regions.flatMap(({ equivalence }, index) => (equivalence === 'set' ? [index] : []));
  return new Map(sets.map((region, position) => [region, 2 * regions.length + position]));
}

function countsWgsl(regions: readonly ResolvedRegion[], setColumns: ReadonlyMap<number, number>): string {
  const cases = regions.map((region, index) => {
    const column = setColumns.get(index);
    if (column !== undefined) return `    case ${index}u: { return columnSums[${column}]; }`;
    const count = region.equivalence === 'multiset' ? recordCountWgsl(region) : `${region.count}u`;
    return `    case ${index}u: { return ${count}; }`;
  });
  return `
/// How many words or records of a region the digest is about.
fn regionCountOf(region: u32, snapshot: u32) -> u32 {
  switch (region) {
${cases.join('\n')}
    default: { return 0u; }
  }
}`;
}

function overflowWgsl(regions: readonly ResolvedRegion[]): string {
  const overflows = regions.flatMap(({ usedWordsAt, count }, index) =>
    usedWordsAt === undefined
      ? []
      : [`  if (atomicLoad(&memory[snapshot + ${usedWordsAt}u]) > ${count}u) { mask |= ${2 ** index}u; }`],
  );
  return `
fn overflowedRegions(snapshot: u32) -> u32 {
  var mask = 0u;
${overflows.join('\n')}
  return mask;
}`;
}

function loadSmallWgsl({ start, count }: ResolvedRegion, index: number): string {
  return `  let word${index} = atomicLoad(&memory[snapshot + ${start}u + min(lane, ${count - 1}u)]);\n`;
}

function sumSmallWgsl({ count }: ResolvedRegion, index: number): string {
  return `  share(${2 * index}u, lane, select(vec2u(), term(word${index}, lane), lane < ${count}u));`;
}

function regionWgsl(region: ResolvedRegion, index: number, setColumns: ReadonlyMap<number, number>): string {
  switch (region.equivalence) {
    case 'ignored':
      return `  // ${index}: ignored`;
    case 'exact':
      return exactWgsl(region, index);
    case 'multiset':
    case 'set':
      return recordsWgsl(region, index, setColumns.get(index));
  }
}

/** Words whose ways to memory overlap. */
const WORDS_AT_ONCE = 8;

/** Several words at a time as long as there are as many for every lane, then one at a time. */
function exactWgsl({ start, count }: ResolvedRegion, index: number): string {
  const steps = Array.from({ length: WORDS_AT_ONCE }, (_, step) => step);
  const loads = steps.map((step) => `      let word${step} = atomicLoad(&memory[first + word + ${step}u * LANES]);`);
  const terms = steps.map((step) => `      sums += term(word${step}, word + ${step}u * LANES);`);
  return `  {
    var sums = vec2u();
    let first = snapshot + ${start}u;
    var word = lane;
    for (; word + ${WORDS_AT_ONCE - 1}u * LANES < ${count}u; word += ${WORDS_AT_ONCE}u * LANES) {
${[...loads, ...terms].join('\n')}
    }
    for (; word < ${count}u; word += LANES) { sums += term(atomicLoad(&memory[first + word]), word); }
    share(${2 * index}u, lane, sums);
  }`;
}

function recordCountWgsl({ count, recordWords, usedWordsAt }: ResolvedRegion): string {
  const used =
    usedWordsAt === undefined ? `${count}u` : `min(atomicLoad(&memory[snapshot + ${usedWordsAt}u]), ${count}u)`;
  return `(${used} + ${recordWords - 1}u) / ${recordWords}u`;
}

function recordsWgsl(region: ResolvedRegion, index: number, countColumn: number | undefined): string {
  const { start, recordWords } = region;
  const first = `snapshot + ${start}u`;
  const isSet = countColumn !== undefined;
  return `  {
    let records = ${recordCountWgsl(region)};
    var sums = vec2u();
    var counted = 0u;
    for (var record = lane; record < records; record += LANES) {
      ${isSet ? `if (isCopy(${first}, record, ${recordWords}u)) { continue; }` : ''}
      sums += recordDigest(${first} + record * ${recordWords}u, ${recordWords}u);
      counted++;
    }
    share(${2 * index}u, lane, sums);
    ${isSet ? `shares[${countColumn}u * ROW + lane] = counted;` : ''}
  }`;
}
