/** What shuffles lanes and workgroups leaves none of them out and takes none twice. */

import { DIGEST_WGSL } from '../../../src/gpu/digest-wgsl.ts';
import { STRESS_WGSL } from '../../../src/gpu/stress-wgsl.ts';
import { runShader } from './run-shader.ts';

const KEYS = [0, 1, 0x9e37_79b9, 0xffff_ffff];
const COUNTS = [...Array.from({ length: 300 }, (_, index) => index + 1), 511, 512, 513, 4_095, 4_097, 65_536, 65_537];

const SHADER = `
@group(0) @binding(0) var<storage, read_write> memory: array<atomic<u32>>;
@group(0) @binding(1) var<storage, read_write> answer: array<u32>;
struct Parameters {
  stressLines: u32, stressStride: u32, stressPattern: u32, stressTurns: u32, meetTurns: u32, warmUpTurns: u32, scratchAt: u32,
}
var<private> parameters: Parameters;
var<workgroup> instances: array<atomic<u32>, 32>;
const INSTANCE_STATE_WORDS = 1u;
${DIGEST_WGSL}
${STRESS_WGSL}
/// A workgroup a permutation: how many items, the key, where to answer.
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let count = atomicLoad(&memory[3u * group.x]);
  let key = atomicLoad(&memory[3u * group.x + 1u]);
  let at = atomicLoad(&memory[3u * group.x + 2u]);
  for (var item = lane; item < count; item += 64u) { answer[at + item] = permute(item, count, key); }
}`;

/** What is no permutation, and what is always the same one. */
export async function checkPermutations(device: GPUDevice): Promise<string[]> {
  const jobs: { readonly count: number; readonly key: number; readonly at: number }[] = [];
  let words = 0;
  for (const count of COUNTS) {
    for (const key of KEYS) {
      jobs.push({ count, key, at: words });
      words += count;
    }
  }
  const given = Uint32Array.from(jobs.flatMap(({ count, key, at }) => [count, key, at]));
  const answer = await runShader(device, SHADER, given, words, jobs.length);
  const takenOf = ({ at, count }: (typeof jobs)[number]) => answer.subarray(at, at + count);
  const problems = jobs.flatMap((job) => {
    const { count, key } = job;
    return isPermutation(takenOf(job)) ? [] : [`${count} items, key ${key}: ${takenOf(job).slice(0, 300)}`];
  });
  for (const count of COUNTS.filter((each) => each >= 16)) {
    const orders = new Set(jobs.filter((job) => job.count === count).map((job) => takenOf(job).join()));
    if (orders.size < KEYS.length) problems.push(`${count} items: ${orders.size} orders of ${KEYS.length} keys`);
  }
  return problems;
}

function isPermutation(taken: Uint32Array): boolean {
  const seen = new Set(taken);
  return seen.size === taken.length && taken.every((item) => item < taken.length);
}
