/** The digest in shaders beside the one of `src/observe`: equal to the bit, or nothing that a device counts means anything. */

import { DIGEST_WGSL, regionsWgsl, sharedBytes } from '../../../src/gpu/digest-wgsl.ts';
import {
  DIGEST_WORDS,
  digestSnapshot,
  hasOverflowed,
  type ObservationLayout,
  type Region,
  type ResolvedLayout,
  resolveLayout,
} from '../../../src/observe/index.ts';
import { below, type Random, randomLayout, seededRandom } from '../../observe/streams.ts';
import { runShader } from './run-shader.ts';

const SNAPSHOTS = 24;
const RANDOM_LAYOUTS = 1;
/** Of what a mask has room for. */
const MOST_REGIONS = 24;

/** One region of a layout: words, words of a record, and whether a cursor stands before it. */
type Shape = readonly [equivalence: Region['equivalence'], count: number, recordWords?: number, hasCursor?: boolean];

/** Sizes around the lanes of a workgroup and what they load at once; each region is compiled for itself, and costs time. */
const SHAPES: readonly (readonly Shape[])[] = [
  [1, 31, 32, 33, 63, 64, 65, 257, 511, 512, 513].map((count): Shape => ['exact', count]),
  [
    ['multiset', 1, 1, true],
    ['multiset', 33, 1, true],
    ['multiset', 64, 4, true],
    ['multiset', 513, 3, true],
    ['set', 32, 1, true],
    ['set', 65, 5, true],
    ['ignored', 31],
  ],
  [
    ['multiset', 32, 1],
    ['multiset', 65, 1],
    ['multiset', 512, 4],
    ['set', 1, 1],
    ['set', 33, 3],
    ['set', 63, 1],
    ['set', 513, 27],
    ['ignored', 64],
    ['exact', 1_024],
  ],
];

function digestShader(layout: ResolvedLayout, lanes: number): string {
  const regions = layout.regions.length;
  return `
@group(0) @binding(0) var<storage, read_write> memory: array<atomic<u32>>;
@group(0) @binding(1) var<storage, read_write> answer: array<u32>;
const LANES = ${lanes}u;
${DIGEST_WGSL}${regionsWgsl(layout)}
@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let snapshot = group.x * ${layout.snapshotWords}u;
  let at = group.x * ${regions * DIGEST_WORDS + 1}u;
  sumRegions(snapshot, lane);
  workgroupBarrier();
  addShares(lane);
  workgroupBarrier();
  if (lane < ${regions}u) {
    let digest = regionDigest(lane, snapshot);
    answer[at + 1u + 2u * lane] = digest.x;
    answer[at + 2u + 2u * lane] = digest.y;
  }
  if (lane == 0u) { answer[at] = overflowedRegions(snapshot); }
}`;
}

function layoutOf(shapes: readonly Shape[]): ResolvedLayout {
  const regions: Region[] = [];
  let next = 0;
  for (const [equivalence, count, recordWords, hasCursor] of shapes) {
    const start = next + (hasCursor === true ? 1 : 0);
    const name = `${equivalence} ${count}`;
    const records = recordWords === undefined ? {} : { recordWords };
    const cursor = hasCursor === true ? { usedWordsAt: next } : {};
    regions.push({ name, area: 'words', start, count, equivalence, ...records, ...cursor });
    next = start + count;
  }
  return resolveLayout({ areas: [{ name: 'words', words: next }], regions });
}

/** As many of the regions as a mask has room for. */
function fitting(layout: ObservationLayout): ResolvedLayout {
  for (let regions = layout.regions; ; regions = regions.slice(1)) {
    const resolved = resolveLayout({ ...layout, regions });
    if (resolved.regions.length <= MOST_REGIONS) return resolved;
  }
}

/** Few different words, so that sets have copies; cursors before, at and behind the end of their regions. */
function randomSnapshot(layout: ResolvedLayout, random: Random): Uint32Array {
  const choices = 1 + below(random, 5);
  const isWild = random() < 0.3;
  const words = Uint32Array.from({ length: layout.snapshotWords }, () =>
    isWild ? below(random, 2 ** 32) : below(random, choices),
  );
  for (const { usedWordsAt, count } of layout.regions) {
    if (usedWordsAt !== undefined) words[usedWordsAt] = below(random, 5) === 0 ? 2 ** 32 - 1 : below(random, count + 3);
  }
  return words;
}

async function compareLayout(
  device: GPUDevice,
  layout: ResolvedLayout,
  lanes: number,
  snapshots: readonly Uint32Array[],
): Promise<string[]> {
  const all = new Uint32Array(SNAPSHOTS * layout.snapshotWords);
  for (const [index, snapshot] of snapshots.entries()) all.set(snapshot, index * layout.snapshotWords);
  const each = layout.regions.length * DIGEST_WORDS + 1;
  const seen = await runShader(device, digestShader(layout, lanes), all, SNAPSHOTS * each, SNAPSHOTS);
  return snapshots.flatMap((snapshot, index) => {
    const expected = new Uint32Array(each);
    digestSnapshot(layout, snapshot, expected.subarray(1));
    expected[0] = layout.regions.reduce(
      (mask, region, at) => mask + (hasOverflowed(region, snapshot) ? 2 ** at : 0),
      0,
    );
    const at = expected.findIndex((word, position) => word !== seen[index * each + position]);
    const where = at > 0 ? layout.regions[Math.floor((at - 1) / 2)].name : 'overflow';
    return at < 0 ? [] : [`${lanes} lanes, ${where}: ${JSON.stringify(layout.source)} of ${Array.from(snapshot)}`];
  });
}

/** Every layout on one number of lanes, and all numbers over the layouts. */
function lanesFor(device: GPUDevice, layout: ResolvedLayout, index: number): number {
  const fits = (lanes: number) => sharedBytes(layout, lanes) <= device.limits.maxComputeWorkgroupStorageSize;
  return [128, 64, 36, 32].slice(index % 4).find(fits) ?? 32;
}

export async function compareDigests(device: GPUDevice, seed: number): Promise<string[]> {
  const random = seededRandom(seed);
  const layouts = [
    ...SHAPES.map(layoutOf),
    ...Array.from({ length: RANDOM_LAYOUTS }, () => fitting(randomLayout(random, 60))),
  ];
  // Side by side: most of it is a driver that compiles.
  const found = await Promise.all(
    layouts.map((layout, index) => {
      const snapshots = Array.from({ length: SNAPSHOTS }, () => randomSnapshot(layout, random));
      return compareLayout(device, layout, lanesFor(device, layout, index), snapshots);
    }),
  );
  return found.flat().map((problem) => `seed ${seed}: ${problem}`);
}
