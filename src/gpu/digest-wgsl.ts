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

/** Regions that a mask of one word can tell apart. */
export const MAX_DIGESTED_REGIONS = 32;

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
 * `sumRegions(snapshot, lane)`, which adds the lane's share of every region to the workgroup's `regionSums` (low, high,
 * count a region), and `overflowedRegions(snapshot)`, the mask of regions that dropped records.
 *
 * Needs `memory`, `LANES` and {@link DIGEST_WGSL}. Both run over the words of \`memory\` that begin at \`snapshot\`.
 */
export function regionsWgsl({ regions }: ResolvedLayout): string {
  const overflows = regions.flatMap(({ usedWordsAt, count }, index) =>
    usedWordsAt === undefined
      ? []
      : [`  if (atomicLoad(&memory[snapshot + ${usedWordsAt}u]) > ${count}u) { mask |= ${2 ** index}u; }`],
  );
  const ignored = regions.reduce(
    (mask, { equivalence }, index) => mask + (equivalence === 'ignored' ? 2 ** index : 0),
    0,
  );
  return `
const ignoredRegions = ${ignored}u;
var<workgroup> regionSums: array<atomic<u32>, ${3 * regions.length}>;

fn addToRegion(region: u32, sums: vec2u, count: u32) {
  atomicAdd(&regionSums[3u * region], sums.x);
  atomicAdd(&regionSums[3u * region + 1u], sums.y);
  if (count > 0u) { atomicAdd(&regionSums[3u * region + 2u], count); }
}
fn overflowedRegions(snapshot: u32) -> u32 {
  var mask = 0u;
${overflows.join('\n')}
  return mask;
}
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
${regions.map(regionWgsl).join('\n')}
}
`;
}

function regionWgsl(region: ResolvedRegion, index: number): string {
  switch (region.equivalence) {
    case 'ignored':
      return `  // ${index}: ignored`;
    case 'exact':
      return exactWgsl(region, index);
    case 'multiset':
    case 'set':
      return recordsWgsl(region, index);
  }
}

function exactWgsl({ start, count }: ResolvedRegion, index: number): string {
  // A lane without a word has nothing to add, and most regions are smaller than a workgroup.
  return `  {
    var sums = vec2u();
    for (var word = lane; word < ${count}u; word += LANES) {
      sums += term(atomicLoad(&memory[snapshot + ${start}u + word]), word);
    }
    if (lane < ${count}u) { addToRegion(${index}u, sums, 0u); }
    if (lane == 0u) { addToRegion(${index}u, vec2u(), ${count}u); }
  }`;
}

function recordsWgsl({ start, count, recordWords, usedWordsAt, equivalence }: ResolvedRegion, index: number): string {
  const used =
    usedWordsAt === undefined ? `${count}u` : `min(atomicLoad(&memory[snapshot + ${usedWordsAt}u]), ${count}u)`;
  const first = `snapshot + ${start}u`;
  const skip = equivalence === 'set' ? `if (isCopy(${first}, record, ${recordWords}u)) { continue; }` : '';
  return `  {
    let records = (${used} + ${recordWords - 1}u) / ${recordWords}u;
    for (var record = lane; record < records; record += LANES) {
      ${skip}
      addToRegion(${index}u, recordDigest(${first} + record * ${recordWords}u, ${recordWords}u), 1u);
    }
  }`;
}
