/** Stress as WGSL: permutations, a bounded meeting of lanes, and accesses to a scratch area that no slot can reach. */

import { InstanceWord } from './program-layout.ts';

/** Needs `memory`, `instances`, `parameters`, `INSTANCE_STATE_WORDS`, and `mixLow` of the digest to draw words with. */
export const STRESS_WGSL: string = `
/// A permutation of 0 … count − 1: a bijection of the next power of two, walked until it comes back below count.
fn permute(item: u32, count: u32, key: u32) -> u32 {
  if (count < 2u) { return item; }
  let mask = 0xffffffffu >> countLeadingZeros(count - 1u);
  let half = max(1u, countOneBits(mask) / 2u);
  let first = mixLow(key);
  let second = mixLow(first ^ 0x9e3779b9u);
  var place = item;
  // Half of the walks end at once. The bound is what no walk reaches: a cycle has at most \`mask + 1\` places.
  for (var walk = 0u; walk <= mask; walk++) {
    place = ((place ^ first) * (second | 1u)) & mask;
    place ^= place >> half;
    place = (place * (mixLow(second) | 1u) + first) & mask;
    place ^= place >> half;
    if (place < count) { break; }
  }
  return place;
}
/// One access to scratch, or two: the pattern says which.
fn hammer(turn: u32, lane: u32) {
  let line = mixLow(turn ^ (lane / 32u)) % parameters.stressLines;
  let place = parameters.scratchAt + line * parameters.stressStride + lane % parameters.stressStride;
  switch (parameters.stressPattern) {
    case 0u: { atomicStore(&memory[place], turn); atomicStore(&memory[place], lane); }
    case 1u: { atomicStore(&memory[place], turn); _ = atomicLoad(&memory[place]); }
    case 2u: { let seen = atomicLoad(&memory[place]); atomicStore(&memory[place], seen + 1u); }
    default: { _ = atomicLoad(&memory[place]); _ = atomicLoad(&memory[place]); }
  }
}
fn stress(lane: u32) {
  for (var turn = 0u; turn < parameters.stressTurns; turn++) { hammer(turn, lane); }
}
/// Waits for the other lanes of a batch, but not for long: lanes promise each other no progress.
fn meet(instance: u32, lanes: u32) {
  if (parameters.meetTurns == 0u) { return; }
  let counter = instance * INSTANCE_STATE_WORDS + ${InstanceWord.MET}u;
  atomicAdd(&instances[counter], 1u);
  for (var turn = 0u; turn < parameters.meetTurns; turn++) {
    if (atomicLoad(&instances[counter]) >= lanes) { break; }
  }
}
fn warmUp(lane: u32, key: u32) {
  if (parameters.warmUpTurns == 0u) { return; }
  let turns = mixLow(key ^ lane) % (parameters.warmUpTurns + 1u);
  for (var turn = 0u; turn < turns; turn++) { hammer(turn, lane); }
}
`;
