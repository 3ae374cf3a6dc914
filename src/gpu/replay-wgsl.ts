/**
 * The shader that replays a program by itself: it publishes the slots of an epoch from the log, gives every lane its
 * turns, digests what is observed, compares it with what was recorded, and counts.
 *
 * This is the *resident* shape: a workgroup has a replica of its own and loops over the epochs. Nothing orders
 * workgroups, and nothing has to. Races between the lanes of a workgroup show; a replica has only one workgroup.
 */

import {
  EPOCH_TOTAL_WORDS,
  EpochTotal,
  MAX_CAPTURED_OF_EPOCH,
  NONE,
  PROGRAM_EPOCH_WORDS,
  ProgramEpochFlag,
  ProgramEpochWord,
} from '../backend/index.ts';
import { FAULT_WORDS, type Kernel, lowerToWgsl } from '../kernel/index.ts';
import type { ResolvedLayout } from '../observe/index.ts';
import { SLOT_WORDS, SlotStatus, SlotWord } from '../protocol/index.ts';
import { DIGEST_WGSL, regionsWgsl } from './digest-wgsl.ts';

/** Words of the uniform buffer, in order. */
export const PARAMETERS = [
  /** The first replica of this wave, and how many there are in it. */
  'firstReplica',
  'replicaCount',
  /** Replicas of the whole run. */
  'allReplicas',
  /** Epochs of the segment (chained), or tasks (isolated): this dispatch does these. */
  'first',
  'end',
  /** Epochs of the segment. */
  'epochCount',
  /** Where batch ends and expectations begin in the plan. */
  'batchEndsAt',
  'expectationsAt',
  /** Where captured outcomes begin in the results, and how many there is room for. */
  'capturedAt',
  'capturedLimit',
  /** A sum of {@link RunOption}s. */
  'options',
] as const;

export const RunOption = {
  /** Nothing was recorded: an outcome with faults is compared with nothing. */
  FAULTS_UNCOMPARED: 1,
} as const;

/** Words before the totals in the results: how many outcomes were captured. */
export const RESULTS_HEAD_WORDS = 1;

/** Words of a captured outcome before its signature, and where each is. */
export const CapturedWord = { EPOCH: 0, REPLICA: 1, RELATION: 2, DONE: 3, FAULTED: 4, PENDING: 5, FAULTS: 6 } as const;
export const MAX_CAPTURED_FAULTS = 4;
export const CAPTURED_HEAD_WORDS: number = CapturedWord.FAULTS + 4 * MAX_CAPTURED_FAULTS;

export const Relation = { SAME: 0, DIFFERENT: 1, UNDECIDED: 2, NO_EXPECTATION: 3, REFUSED: 4 } as const;

/** Words that a replica keeps between dispatches: its flags, and how many slots wait. */
export const REPLICA_WORDS = 2;
export const ReplicaFlag = { KNOWN: 1, DIVERGED: 2, COMPARED: 4, ENDED: 8 } as const;

/** Words of a signature behind the regions' digests: done, faulted, pending, and the faults' digest. */
const TALLY_WORDS = 5;

export interface ReplayShaderOptions {
  /** Lanes of a workgroup. */
  readonly lanes: number;
  readonly slotWords: number;
}

/** The whole module; entry points `chained` and `isolated`. */
export function replayShader(kernel: Kernel, layout: ResolvedLayout, options: ReplayShaderOptions): string {
  return [
    lowerToWgsl(kernel),
    bindingsWgsl(kernel, layout, options),
    DIGEST_WGSL,
    regionsWgsl(layout),
    publishWgsl(options.slotWords),
    SERVE_WGSL,
    FAULTS_WGSL,
    RESTORE_WGSL,
    JUDGE_WGSL,
    CAPTURE_WGSL,
    EPOCH_WGSL,
    ENTRY_WGSL,
  ].join('');
}

function bindingsWgsl(kernel: Kernel, layout: ResolvedLayout, { lanes, slotWords }: ReplayShaderOptions): string {
  const regions = layout.regions.length;
  return `
struct Parameters {
${PARAMETERS.map((name) => `  ${name}: u32,`).join('\n')}
}
/// \`slotWords\` a slot, in publish order.
@group(0) @binding(2) var<storage, read> slots: array<u32>;
/// The epochs, where their batches end, what each is expected to show.
@group(0) @binding(3) var<storage, read> plan: array<u32>;
/// Snapshots that epochs can start from; the first is that of a fresh kernel.
@group(0) @binding(4) var<storage, read> states: array<u32>;
@group(0) @binding(5) var<storage, read_write> results: array<atomic<u32>>;
@group(0) @binding(6) var<storage, read_write> replicas: array<atomic<u32>>;
@group(0) @binding(7) var<uniform> parameters: Parameters;

const LANES = ${lanes}u;
const slotCount = ${kernel.slotCount}u;
const slotWords = ${slotWords}u;
const regionCount = ${regions}u;
const signatureWords = ${2 * regions + TALLY_WORDS}u;
const snapshotWords = ${layout.snapshotWords}u;
/// Words of a snapshot before the debug log, which begins with its cursor.
const debugCursor = ${kernel.controlWords}u;
/// What a lane counts until the workgroup adds it up.
var<private> doneHere: u32;
var<private> faultedHere: u32;
var<private> pendingHere: u32;
var<private> refusedHere: u32;

var<workgroup> done: atomic<u32>;
var<workgroup> faulted: atomic<u32>;
var<workgroup> pending: atomic<u32>;
var<workgroup> refused: atomic<u32>;
var<workgroup> signature: array<u32, ${2 * regions + TALLY_WORDS}>;
var<workgroup> overflowed: u32;
var<workgroup> faultSums: vec2u;
var<workgroup> faultCount: u32;
var<workgroup> faultList: array<u32, ${4 * MAX_CAPTURED_FAULTS}>;
/// What the first lane tells all others.
var<workgroup> told: u32;

fn tell(lane: u32, word: u32) -> u32 {
  if (lane == 0u) { told = word; }
  return workgroupUniformLoad(&told);
}
fn syncLanes() {
  storageBarrier();
  workgroupBarrier();
}
`;
}

/** A slot of a program is its index and the ring's words behind the status. */
function publishWgsl(slotWords: number): string {
  const words = Array.from(
    { length: slotWords - 1 },
    (_, index) => `  atomicStore(&memory[slotBase + ${index + 1}u], slots[at + ${index + 1}u]);`,
  );
  return `
/// Writes a slot, its status last. What a program does not tell of a slot is zero in every slot, always.
fn publish(record: u32) {
  let at = record * slotWords;
  let slotBase = instanceStart + ringStart + slots[at] * ${SLOT_WORDS}u;
  let status = atomicLoad(&memory[slotBase + ${SlotWord.STATUS}u]);
  if (status != ${SlotStatus.EMPTY}u && status != ${SlotStatus.DONE}u) { refusedHere = 1u; return; }
${words.join('\n')}
  atomicStore(&memory[slotBase + ${SlotWord.STATUS}u], ${SlotStatus.PUBLISHED}u);
}
`;
}

const SERVE_WGSL = `
/// A turn for the lane that owns a slot. No other lane changes a slot's status, so it can be looked at right away.
fn serve(slotIndex: u32) {
  _ = turn(slotIndex);
  let status = atomicLoad(&memory[instanceStart + ringStart + slotIndex * ${SLOT_WORDS}u + ${SlotWord.STATUS}u]);
  if (status == ${SlotStatus.DONE}u) { doneHere++; }
  else if (status == ${SlotStatus.FAULT}u) { faultedHere++; }
  else if (status != ${SlotStatus.EMPTY}u) { pendingHere++; }
}
fn serveAll(first: u32, end: u32, hasPending: bool, lane: u32) {
  if (!hasPending) {
    for (var record = first + lane; record < end; record += LANES) { serve(slots[record * slotWords]); }
    return;
  }
  // Slots that wait since an older batch are nowhere in the program: the ring knows them.
  for (var slotIndex = lane; slotIndex < slotCount; slotIndex += LANES) {
    let status = atomicLoad(&memory[instanceStart + ringStart + slotIndex * ${SLOT_WORDS}u + ${SlotWord.STATUS}u]);
    if (status != ${SlotStatus.EMPTY}u && status != ${SlotStatus.DONE}u) { serve(slotIndex); }
  }
}
`;

const FAULTS_WGSL = `
/// Takes the faults of a batch, in the order of their slots, and hands the slots back. One lane: faults are rare.
fn takeFaults() {
  for (var slotIndex = 0u; slotIndex < slotCount; slotIndex++) {
    let slotBase = instanceStart + ringStart + slotIndex * ${SLOT_WORDS}u;
    if (atomicLoad(&memory[slotBase + ${SlotWord.STATUS}u]) != ${SlotStatus.FAULT}u) { continue; }
    let at = instanceStart + faultsStart + slotIndex * ${FAULT_WORDS}u;
    let words = array<u32, 4>(
      slotIndex,
      atomicLoad(&memory[slotBase + ${SlotWord.OPCODE}u]),
      atomicLoad(&memory[at]),
      atomicLoad(&memory[at + 1u]));
    for (var word = 0u; word < 4u; word++) {
      faultSums += term(words[word], 4u * faultCount + word);
      if (faultCount < ${MAX_CAPTURED_FAULTS}u) { faultList[4u * faultCount + word] = words[word]; }
    }
    faultCount++;
    atomicStore(&memory[slotBase + ${SlotWord.STATUS}u], ${SlotStatus.EMPTY}u);
    atomicStore(&memory[at], 0u);
    atomicStore(&memory[at + 1u], 0u);
  }
}
`;

const RESTORE_WGSL = `
/// Memory as it is before an epoch: the observed words as given, the ring empty.
fn restore(state: u32, lane: u32) {
  for (var word = lane; word < slotCount * ${SLOT_WORDS}u; word += LANES) {
    atomicStore(&memory[instanceStart + ringStart + word], 0u);
  }
  for (var word = lane; word < slotCount * ${FAULT_WORDS}u; word += LANES) {
    atomicStore(&memory[instanceStart + faultsStart + word], 0u);
  }
  restoreObserved(state, lane);
}
fn restoreObserved(state: u32, lane: u32) {
  for (var word = lane; word < snapshotWords; word += LANES) {
    let value = select(states[state * snapshotWords + word], 0u, word == debugCursor);
    atomicStore(&memory[instanceStart + controlStart + word], value);
  }
  syncLanes();
}
`;

const JUDGE_WGSL = `
/// Adds up the digest of what is observed. All lanes.
fn digest(lane: u32) {
  for (var index = lane; index < 3u * regionCount; index += LANES) { atomicStore(&regionSums[index], 0u); }
  workgroupBarrier();
  sumRegions(instanceStart + controlStart, lane);
  workgroupBarrier();
}
/// Writes the signature. One lane.
fn sign() {
  overflowed = overflowedRegions(instanceStart + controlStart);
  for (var region = 0u; region < regionCount; region++) {
    let sums = vec2u(atomicLoad(&regionSums[3u * region]), atomicLoad(&regionSums[3u * region + 1u]));
    let isIgnored = ((ignoredRegions >> region) & 1u) != 0u;
    let digest = select(finish(sums, atomicLoad(&regionSums[3u * region + 2u])), vec2u(), isIgnored);
    signature[2u * region] = digest.x;
    signature[2u * region + 1u] = digest.y;
  }
  let faults = select(vec2u(), finish(faultSums, 4u * faultCount), faultCount > 0u);
  signature[2u * regionCount] = atomicLoad(&done);
  signature[2u * regionCount + 1u] = faultCount;
  signature[2u * regionCount + 2u] = atomicLoad(&pending);
  signature[2u * regionCount + 3u] = faults.x;
  signature[2u * regionCount + 4u] = faults.y;
}
/// Compares the signature with an expectation. Regions that dropped records decide nothing. One lane.
fn relate(expectation: u32) -> u32 {
  if (expectation == ${NONE}u) { return ${Relation.NO_EXPECTATION}u; }
  if ((parameters.options & ${RunOption.FAULTS_UNCOMPARED}u) != 0u && faultCount > 0u) { return ${Relation.NO_EXPECTATION}u; }
  let at = parameters.expectationsAt + expectation * (signatureWords + 1u);
  let undecidable = overflowed | plan[at];
  var relation = ${Relation.SAME}u;
  for (var index = 0u; index < signatureWords; index++) {
    if (signature[index] == plan[at + 1u + index]) { continue; }
    let region = index / 2u;
    if (region >= regionCount || ((undecidable >> region) & 1u) == 0u) { return ${Relation.DIFFERENT}u; }
    relation = ${Relation.UNDECIDED}u;
  }
  return relation;
}
/// One lane.
fn count(epoch: u32, total: u32) {
  atomicAdd(&results[${RESULTS_HEAD_WORDS}u + epoch * ${EPOCH_TOTAL_WORDS}u + total], 1u);
}
`;

const CAPTURE_WGSL = `
/// Where an outcome is to be kept, or that it is not. One lane.
fn claimCapture(epoch: u32, relation: u32, isSample: bool) -> u32 {
  let isOdd = relation == ${Relation.DIFFERENT}u || relation == ${Relation.UNDECIDED}u;
  let isUnexpectedFault = relation == ${Relation.NO_EXPECTATION}u && faultCount > 0u;
  if (!isOdd && !isUnexpectedFault && !isSample) { return ${NONE}u; }
  let counter = ${RESULTS_HEAD_WORDS}u + epoch * ${EPOCH_TOTAL_WORDS}u + ${EpochTotal.CAPTURED}u;
  if (atomicLoad(&results[counter]) >= ${MAX_CAPTURED_OF_EPOCH}u) { return ${NONE}u; }
  if (atomicAdd(&results[counter], 1u) >= ${MAX_CAPTURED_OF_EPOCH}u) { return ${NONE}u; }
  let place = atomicAdd(&results[0], 1u);
  return select(${NONE}u, place, place < parameters.capturedLimit);
}
/// Keeps an outcome, its snapshot included. All lanes.
fn capture(place: u32, epoch: u32, replica: u32, relation: u32, lane: u32) {
  let at = parameters.capturedAt + place * (${CAPTURED_HEAD_WORDS}u + signatureWords + snapshotWords);
  if (lane == 0u) {
    atomicStore(&results[at + ${CapturedWord.EPOCH}u], epoch);
    atomicStore(&results[at + ${CapturedWord.REPLICA}u], replica);
    atomicStore(&results[at + ${CapturedWord.RELATION}u], relation);
    atomicStore(&results[at + ${CapturedWord.DONE}u], atomicLoad(&done));
    atomicStore(&results[at + ${CapturedWord.FAULTED}u], faultCount);
    atomicStore(&results[at + ${CapturedWord.PENDING}u], atomicLoad(&pending));
    for (var word = 0u; word < ${4 * MAX_CAPTURED_FAULTS}u; word++) {
      atomicStore(&results[at + ${CapturedWord.FAULTS}u + word], faultList[word]);
    }
    for (var word = 0u; word < signatureWords; word++) {
      atomicStore(&results[at + ${CAPTURED_HEAD_WORDS}u + word], signature[word]);
    }
  }
  let words = at + ${CAPTURED_HEAD_WORDS}u + signatureWords;
  for (var word = lane; word < snapshotWords; word += LANES) {
    atomicStore(&results[words + word], atomicLoad(&memory[instanceStart + controlStart + word]));
  }
}
`;

const epochWord = (word: number) => `plan[entry + ${word}u]`;

const EPOCH_WGSL = `
/// Publishes a batch and serves it; false if a slot of it was not free. All lanes.
fn runBatch(first: u32, end: u32, hasPending: bool, lane: u32) -> bool {
  refusedHere = 0u;
  for (var record = first + lane; record < end; record += LANES) { publish(record); }
  if (refusedHere != 0u) { atomicStore(&refused, 1u); }
  syncLanes();
  if (tell(lane, atomicLoad(&refused)) != 0u) { return false; }
  doneHere = 0u;
  faultedHere = 0u;
  pendingHere = 0u;
  serveAll(first, end, hasPending, lane);
  if (doneHere > 0u) { atomicAdd(&done, doneHere); }
  if (faultedHere > 0u) { atomicAdd(&faulted, faultedHere); }
  if (pendingHere > 0u) { atomicAdd(&pending, pendingHere); }
  syncLanes();
  if (tell(lane, atomicLoad(&faulted)) != 0u) {
    if (lane == 0u) { takeFaults(); atomicStore(&faulted, 0u); }
    syncLanes();
  }
  return true;
}
/// Runs one epoch and says how what it showed relates to what was expected. All lanes.
fn runEpoch(entry: u32, replica: u32, pendingBefore: u32, lane: u32) -> u32 {
  let epoch = ${epochWord(ProgramEpochWord.INDEX)};
  if (lane == 0u) {
    atomicStore(&done, 0u);
    atomicStore(&faulted, 0u);
    atomicStore(&refused, 0u);
    atomicStore(&pending, pendingBefore);
    faultSums = vec2u();
    faultCount = 0u;
  }
  workgroupBarrier();
  var first = ${epochWord(ProgramEpochWord.FIRST_SLOT)};
  for (var batch = ${epochWord(ProgramEpochWord.FIRST_BATCH)}; batch < ${epochWord(ProgramEpochWord.END_BATCH)}; batch++) {
    let end = plan[parameters.batchEndsAt + batch];
    let waiting = tell(lane, atomicLoad(&pending));
    if (lane == 0u) { atomicStore(&pending, 0u); }
    workgroupBarrier();
    if (!runBatch(first, end, waiting > 0u, lane)) {
      if (lane == 0u) { count(epoch, ${EpochTotal.REFUSED}u); }
      return ${Relation.REFUSED}u;
    }
    first = end;
  }
  digest(lane);
  if (lane == 0u) {
    sign();
    let relation = relate(${epochWord(ProgramEpochWord.EXPECTATION)});
    count(epoch, ${EpochTotal.RUN}u);
    if (relation < ${Relation.NO_EXPECTATION}u) { count(epoch, ${EpochTotal.SAME}u + relation); }
    if (faultCount > 0u) { count(epoch, ${EpochTotal.FAULTED}u); }
    told = relation;
  }
  let relation = workgroupUniformLoad(&told);
  let isSample = (${epochWord(ProgramEpochWord.FLAGS)} & ${ProgramEpochFlag.SAMPLED}u) != 0u && epoch % parameters.allReplicas == replica;
  var place = ${NONE}u;
  if (lane == 0u) { place = claimCapture(epoch, relation, isSample); }
  place = tell(lane, place);
  if (place != ${NONE}u) { capture(place, epoch, replica, relation, lane); }
  // The host takes the debug log's records at this point.
  syncLanes();
  if (lane == 0u) { atomicStore(&memory[instanceStart + controlStart + debugCursor], 0u); }
  syncLanes();
  return relation;
}
/// What a replica's flags become with an epoch. One lane.
fn flagsAfter(entry: u32, relation: u32) -> u32 {
  var flags = 0u;
  if (relation < ${Relation.NO_EXPECTATION}u) { flags |= ${ReplicaFlag.COMPARED}u; }
  let isJudged = (${epochWord(ProgramEpochWord.FLAGS)} & ${ProgramEpochFlag.JUDGED}u) != 0u;
  if (relation == ${Relation.DIFFERENT}u && isJudged) { flags |= ${ReplicaFlag.DIVERGED}u; }
  // The kernel says what a fault does to its slot, not what a device would have done to the memory.
  let isUnknown = relation == ${Relation.DIFFERENT}u || relation == ${Relation.REFUSED}u || faultCount > 0u;
  if (!isUnknown) { flags |= ${ReplicaFlag.KNOWN}u; }
  return flags;
}
`;

const ENTRY_WGSL = `
fn linear(group: vec3u, groups: vec3u) -> u32 {
  return group.x + group.y * groups.x;
}
/// A replica a workgroup: epoch after epoch, from the memory that the one before left, until it diverges.
@compute @workgroup_size(LANES)
fn chained(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32
) {
  let instance = linear(group, groups);
  if (instance >= parameters.replicaCount) { return; }
  instanceStart = instance * instanceWords;
  let replica = parameters.firstReplica + instance;
  var flags = tell(lane, atomicLoad(&replicas[instance * ${REPLICA_WORDS}u]));
  var waiting = tell(lane, atomicLoad(&replicas[instance * ${REPLICA_WORDS}u + 1u]));
  if ((flags & ${ReplicaFlag.ENDED}u) != 0u) { return; }
  for (var index = parameters.first; index < parameters.end; index++) {
    let entry = index * ${PROGRAM_EPOCH_WORDS}u;
    if ((flags & ${ReplicaFlag.KNOWN}u) == 0u) {
      let state = ${epochWord(ProgramEpochWord.STATE)};
      if (state == ${NONE}u) {
        if (lane == 0u) { count(${epochWord(ProgramEpochWord.INDEX)}, ${EpochTotal.UNREACHED}u); }
        continue;
      }
      restore(state, lane);
      waiting = 0u;
    }
    flags &= ~${ReplicaFlag.KNOWN}u;
    if ((${epochWord(ProgramEpochWord.FLAGS)} & ${ProgramEpochFlag.REPLAYABLE}u) == 0u) { continue; }
    let relation = runEpoch(entry, replica, waiting, lane);
    waiting = tell(lane, atomicLoad(&pending));
    flags |= tell(lane, flagsAfter(entry, relation));
    if ((flags & ${ReplicaFlag.DIVERGED}u) != 0u) {
      flags |= ${ReplicaFlag.ENDED}u;
      break;
    }
  }
  if (lane == 0u) {
    atomicStore(&replicas[instance * ${REPLICA_WORDS}u], flags);
    atomicStore(&replicas[instance * ${REPLICA_WORDS}u + 1u], waiting);
  }
}
/// An epoch of a replica a task: every one from its recorded state, in no order, a workgroup doing one after the other.
@compute @workgroup_size(LANES)
fn isolated(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32
) {
  let instance = linear(group, groups);
  instanceStart = instance * instanceWords;
  let step = groups.x * groups.y;
  for (var task = parameters.first + instance; task < parameters.end; task += step) {
    let entry = (task % parameters.epochCount) * ${PROGRAM_EPOCH_WORDS}u;
    let inWave = task / parameters.epochCount;
    let state = ${epochWord(ProgramEpochWord.STATE)};
    if (state == ${NONE}u || (${epochWord(ProgramEpochWord.FLAGS)} & ${ProgramEpochFlag.REPLAYABLE}u) == 0u) {
      if (lane == 0u && state == ${NONE}u) { count(${epochWord(ProgramEpochWord.INDEX)}, ${EpochTotal.UNREACHED}u); }
      continue;
    }
    restore(state, lane);
    let relation = runEpoch(entry, parameters.firstReplica + inWave, 0u, lane);
    if (lane == 0u) { atomicOr(&replicas[inWave * ${REPLICA_WORDS}u], flagsAfter(entry, relation)); }
    workgroupBarrier();
  }
}
`;
