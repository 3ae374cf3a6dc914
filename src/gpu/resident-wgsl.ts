/**
 * The *resident* shape: a workgroup has a replica of its own and loops over the epochs. Nothing orders workgroups, and
 * nothing has to. Races between the lanes of a workgroup show; a replica has only one workgroup.
 */

import { PROGRAM_EPOCH_WORDS, ProgramEpochWord } from '../backend/index.ts';
import { epochWord, REPLICA_WORDS, ReplicaFlag } from './program-layout.ts';

/** Entry points `residentChained` and `residentIsolated`. */
export const RESIDENT_WGSL: string = `
/// A turn for the lane that owns a slot. No other lane changes a slot's status, so it can be looked at right away.
fn serve(slotIndex: u32) {
  _ = turn(slotIndex);
  tally(statusOf(slotIndex));
}
fn serveAll(first: u32, end: u32, hasPending: bool, lane: u32) {
  // Slots that wait since an older batch are nowhere in the program: the ring knows them.
  let items = select(end - first, slotCount, hasPending);
  for (var item = lane; item < items; item += LANES) {
    var slotIndex = item;
    if (!hasPending) { slotIndex = slotOf(first + item); }
    else if (!isOutstanding(statusOf(item))) { continue; }
    // Nowhere else: a compiler that inlines everything, as most do, would have to compile the whole kernel again.
    serve(slotIndex);
  }
}
/// Slots that wait for their tenant, from batch to batch. The same for all lanes.
var<private> waitingSlots: u32;
/// Runs one epoch and says how what it showed relates to what was expected. All lanes.
fn runEpoch(entry: u32, replica: u32, lane: u32) -> Outcome {
  beginEpoch(lane);
  var first = ${epochWord(ProgramEpochWord.FIRST_SLOT)};
  let endBatch = ${epochWord(ProgramEpochWord.END_BATCH)};
  for (var batch = ${epochWord(ProgramEpochWord.FIRST_BATCH)}; batch < endBatch; batch++) {
    let end = plan[parameters.batchEndsAt + batch];
    publishBatch(first, end, lane);
    clearTally();
    serveAll(first, end, waitingSlots > 0u, lane);
    // Asked for only now, since it costs two barriers: a turn at slots that were not published does nothing that counts.
    let stock = addTally(lane);
    if (stock.isRefused) { return refuseEpoch(entry, lane); }
    waitingSlots = stock.waiting;
    first = end;
  }
  return judgeEpoch(entry, replica, lane);
}
/// A replica a workgroup: epoch after epoch, from the memory that the one before left, until it diverges.
@compute @workgroup_size(LANES)
fn residentChained(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32
) {
  let instance = linear(group, groups);
  if (instance >= parameters.replicaCount) { return; }
  instanceStart = instance * instanceWords;
  let replica = parameters.firstReplica + instance;
  var flags = tell(lane, atomicLoad(&replicas[instance * ${REPLICA_WORDS}u]));
  waitingSlots = tell(lane, atomicLoad(&replicas[instance * ${REPLICA_WORDS}u + 1u]));
  if ((flags & ${ReplicaFlag.ENDED}u) != 0u) { return; }
  for (var index = parameters.first; index < parameters.end; index++) {
    let entry = index * ${PROGRAM_EPOCH_WORDS}u;
    if ((flags & ${ReplicaFlag.KNOWN}u) == 0u) {
      if (!enterFromPlan(entry, lane)) { continue; }
      waitingSlots = 0u;
    }
    flags &= ~${ReplicaFlag.KNOWN}u;
    if (!isReplayable(entry)) { continue; }
    flags |= flagsAfter(entry, runEpoch(entry, replica, lane));
    if ((flags & ${ReplicaFlag.DIVERGED}u) != 0u) {
      flags |= ${ReplicaFlag.ENDED}u;
      break;
    }
  }
  if (lane == 0u) {
    atomicStore(&replicas[instance * ${REPLICA_WORDS}u], flags);
    atomicStore(&replicas[instance * ${REPLICA_WORDS}u + 1u], waitingSlots);
  }
}
/// An epoch of a replica a task: every one from its recorded state, in no order, a workgroup doing one after the other.
@compute @workgroup_size(LANES)
fn residentIsolated(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32
) {
  let instance = linear(group, groups);
  instanceStart = instance * instanceWords;
  for (var task = parameters.first + instance; task < parameters.end; task += groups.x * groups.y) {
    let entry = (task % parameters.epochCount) * ${PROGRAM_EPOCH_WORDS}u;
    let inWave = task / parameters.epochCount;
    if (!enterFromPlan(entry, lane) || !isReplayable(entry)) { continue; }
    waitingSlots = 0u;
    let outcome = runEpoch(entry, parameters.firstReplica + inWave, lane);
    if (lane == 0u) { atomicOr(&replicas[inWave * ${REPLICA_WORDS}u], flagsAfter(entry, outcome)); }
    workgroupBarrier();
  }
}
`;
