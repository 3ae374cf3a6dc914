/**
 * The *wide* shape: the slots of a batch are spread over many workgroups, as the original ran, so races between workgroups
 * show. `wideServe` gives every lane its turn; after it `wideStep`, with a workgroup an instance, takes stock, judges an
 * epoch that is over, and publishes what comes next. The two alternate until every instance is through; what an instance
 * has to know in between is in `instances`.
 */

import { PROGRAM_EPOCH_WORDS, ProgramEpochWord } from '../backend/index.ts';
import { SlotStatus } from '../protocol/index.ts';
import {
  epochWord,
  FAULT_LIST_WORDS,
  InstancePhase,
  InstanceWord,
  REPLICA_WORDS,
  ReplicaFlag,
  RunOption,
} from './program-layout.ts';

const kept = (word: number) => `instances[instance * INSTANCE_STATE_WORDS + ${word}u]`;
const store = (word: number, value: string) => `atomicStore(&${kept(word)}, ${value});`;
const load = (word: number) => `atomicLoad(&${kept(word)})`;
const replicaWord = (word: number) => `replicas[replica * ${REPLICA_WORDS}u + ${word}u]`;

/** Entry points `wideServe` and `wideStep`. */
export const WIDE_WGSL: string = `
/// A turn for every slot of the batches that are published, whichever lane it falls to.
@compute @workgroup_size(SERVE_LANES)
fn wideServe(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32
) {
  let servers = parameters.instanceCount * parameters.groupsOfInstance;
  var place = linear(group, groups);
  if (place >= servers + parameters.stressGroups) { return; }
  if (parameters.shuffleGroups != 0u) { place = permute(place, servers + parameters.stressGroups, parameters.seed); }
  if (place >= servers) { stress(lane); return; }
  let instance = place / parameters.groupsOfInstance;
  if (${load(InstanceWord.PHASE)} != ${InstancePhase.SERVED}u) { return; }
  instanceStart = instance * instanceWords;
  serveShare(instance, (place % parameters.groupsOfInstance) * SERVE_LANES + lane, parameters.groupsOfInstance * SERVE_LANES);
}
/// What falls to one of an instance's lanes.
fn serveShare(instance: u32, lane: u32, lanes: u32) {
  let first = ${load(InstanceWord.FIRST)};
  let records = ${load(InstanceWord.END)} - first;
  // Slots that wait since an older batch are nowhere in the program: the ring knows them.
  let hasPending = ${load(InstanceWord.WAITING)} > 0u;
  let items = select(records, slotCount, hasPending);
  if (lane >= items) { return; }
  let key = mixLow(parameters.seed ^ (${load(InstanceWord.INDEX)} * 0x9e3779b9u)) ^ instance;
  warmUp(lane, key);
  meet(instance, min(lanes, items));
  for (var item = lane; item < items; item += lanes) {
    var taken = item;
    if (parameters.shuffleLanes != 0u) { taken = permute(item, items, key); }
    var slotIndex = taken;
    if (!hasPending) { slotIndex = slotOf(first + taken); }
    else if (!isOutstanding(statusOf(taken))) { continue; }
    // Nowhere else: a compiler that inlines everything, as most do, would have to compile the whole kernel again.
    _ = turn(slotIndex);
    // DONE now and not before: later nobody can tell. No other lane changes its status.
    if (hasPending && statusOf(slotIndex) == ${SlotStatus.DONE}u) { atomicAdd(&${kept(InstanceWord.DONE)}, 1u); }
  }
}

/// Keeps the tally of an epoch that goes on. One lane.
fn keepTally(instance: u32) {
  ${store(InstanceWord.DONE, 'atomicLoad(&done)')}
  ${store(InstanceWord.FAULT_COUNT, 'faultCount')}
  ${store(InstanceWord.FAULT_SUM_LOW, 'faultSums.x')}
  ${store(InstanceWord.FAULT_SUM_HIGH, 'faultSums.y')}
  for (var word = 0u; word < ${FAULT_LIST_WORDS}u; word++) {
    atomicStore(&instances[instance * INSTANCE_STATE_WORDS + ${InstanceWord.FAULT_LIST}u + word], faultList[word]);
  }
}
fn recallTally(instance: u32) {
  atomicStore(&done, ${load(InstanceWord.DONE)});
  faultCount = ${load(InstanceWord.FAULT_COUNT)};
  faultSums = vec2u(${load(InstanceWord.FAULT_SUM_LOW)}, ${load(InstanceWord.FAULT_SUM_HIGH)});
  for (var word = 0u; word < ${FAULT_LIST_WORDS}u; word++) {
    faultList[word] = atomicLoad(&instances[instance * INSTANCE_STATE_WORDS + ${InstanceWord.FAULT_LIST}u + word]);
  }
}
/// Counts how the slots of the batch that was served ended, and says how many wait. All lanes.
fn takeStock(instance: u32, lane: u32) -> u32 {
  let first = tell(lane, ${load(InstanceWord.FIRST)});
  let end = tell(lane, ${load(InstanceWord.END)});
  let waiting = tell(lane, ${load(InstanceWord.WAITING)});
  clearTally();
  if (waiting == 0u) {
    for (var record = first + lane; record < end; record += LANES) { tally(statusOf(slotOf(record))); }
  } else {
    // Those that are DONE were counted when they were served.
    for (var slotIndex = lane; slotIndex < slotCount; slotIndex += LANES) {
      let status = statusOf(slotIndex);
      if (isOutstanding(status)) { tally(status); }
    }
  }
  return addTally(lane).waiting;
}
/// Publishes a batch for the lanes to serve; false if a slot of it was not free. All lanes.
fn offerBatch(instance: u32, batch: u32, first: u32, waiting: u32, lane: u32) -> bool {
  let end = plan[parameters.batchEndsAt + batch];
  publishBatch(first, end, lane);
  if (tell(lane, atomicLoad(&refused)) != 0u) { return false; }
  if (lane == 0u) {
    ${store(InstanceWord.PHASE, `${InstancePhase.SERVED}u`)}
    ${store(InstanceWord.BATCH, 'batch')}
    ${store(InstanceWord.FIRST, 'first')}
    ${store(InstanceWord.END, 'end')}
    ${store(InstanceWord.WAITING, 'waiting')}
    ${store(InstanceWord.MET, '0u')}
    keepTally(instance);
  }
  return true;
}
/// What an epoch means for its replica, counted in the wave. All lanes.
fn closeEpoch(entry: u32, replica: u32, outcome: Outcome, lane: u32) {
  if (lane != 0u) { return; }
  var flags = flagsAfter(entry, outcome);
  if ((parameters.options & ${RunOption.ISOLATED}u) != 0u) {
    atomicOr(&${replicaWord(0)}, flags);
    return;
  }
  if ((flags & ${ReplicaFlag.DIVERGED}u) != 0u) { flags |= ${ReplicaFlag.ENDED}u; }
  flags |= atomicLoad(&${replicaWord(0)}) & ~${ReplicaFlag.KNOWN}u;
  atomicStore(&${replicaWord(0)}, flags);
  atomicStore(&${replicaWord(1)}, atomicLoad(&pending));
}
/// Brings an instance to the start of an epoch and publishes its first batch; false if that cannot be. All lanes.
fn openEpoch(instance: u32, entry: u32, replica: u32, isIsolated: bool, lane: u32) -> bool {
  var waiting = 0u;
  if (isIsolated) {
    if (!enterFromPlan(entry, lane) || !isReplayable(entry)) { return false; }
  } else {
    let flags = tell(lane, atomicLoad(&${replicaWord(0)}));
    if ((flags & ${ReplicaFlag.KNOWN}u) != 0u) { waiting = tell(lane, atomicLoad(&${replicaWord(1)})); }
    else if (!enterFromPlan(entry, lane)) { return false; }
    if (!isReplayable(entry)) {
      if (lane == 0u) { atomicAnd(&${replicaWord(0)}, ~${ReplicaFlag.KNOWN}u); }
      storageBarrier();
      return false;
    }
  }
  beginEpoch(lane);
  if (offerBatch(instance, ${epochWord(ProgramEpochWord.FIRST_BATCH)}, ${epochWord(ProgramEpochWord.FIRST_SLOT)}, waiting, lane)) { return true; }
  closeEpoch(entry, replica, refuseEpoch(entry, lane), lane);
  storageBarrier();
  return false;
}
/// The epoch after the batch that was served: its next batch, or its verdict. True if the epoch is over. All lanes.
fn endBatch(instance: u32, entry: u32, replica: u32, waiting: u32, lane: u32) -> bool {
  let batch = tell(lane, ${load(InstanceWord.BATCH)}) + 1u;
  var outcome: Outcome;
  if (batch < ${epochWord(ProgramEpochWord.END_BATCH)}) {
    if (offerBatch(instance, batch, tell(lane, ${load(InstanceWord.END)}), waiting, lane)) { return false; }
    outcome = refuseEpoch(entry, lane);
  } else {
    outcome = judgeEpoch(entry, parameters.firstReplica + replica, lane);
  }
  closeEpoch(entry, replica, outcome, lane);
  storageBarrier();
  return true;
}
@compute @workgroup_size(LANES)
fn wideStep(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32
) {
  let instance = linear(group, groups);
  if (instance >= parameters.instanceCount) { return; }
  instanceStart = instance * instanceWords;
  let isIsolated = (parameters.options & ${RunOption.ISOLATED}u) != 0u;
  let phase = tell(lane, ${load(InstanceWord.PHASE)});
  if (phase == ${InstancePhase.OVER}u) { return; }
  // A task is an epoch of a replica; chained, the instance is the replica.
  var index = tell(lane, ${load(InstanceWord.INDEX)});
  let step = select(1u, parameters.instanceCount, isIsolated);
  if (phase == ${InstancePhase.BEGIN}u) {
    index = select(parameters.first, parameters.first + instance, isIsolated);
  } else {
    if (lane == 0u) {
      beginEpoch(lane);
      atomicStore(&pending, 0u);
      recallTally(instance);
    }
    workgroupBarrier();
    let waiting = takeStock(instance, lane);
    let replica = select(instance, index / parameters.epochCount, isIsolated);
    let entry = (index % parameters.epochCount) * ${PROGRAM_EPOCH_WORDS}u;
    if (!endBatch(instance, entry, replica, waiting, lane)) { return; }
    index += step;
  }
  var isOpen = false;
  for (; index < parameters.end; index += step) {
    let replica = select(instance, index / parameters.epochCount, isIsolated);
    let entry = (index % parameters.epochCount) * ${PROGRAM_EPOCH_WORDS}u;
    if (!isIsolated && (tell(lane, atomicLoad(&${replicaWord(0)})) & ${ReplicaFlag.ENDED}u) != 0u) { break; }
    if (openEpoch(instance, entry, replica, isIsolated, lane)) { isOpen = true; break; }
  }
  if (lane == 0u) {
    ${store(InstanceWord.INDEX, 'index')}
    if (!isOpen) { ${store(InstanceWord.PHASE, `${InstancePhase.OVER}u`)} }
  }
}
`;
