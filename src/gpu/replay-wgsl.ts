/**
 * The shader that replays a program by itself: it publishes the slots of an epoch from the log, gives every lane its
 * turns, digests what is observed, compares it with what was recorded, and counts.
 *
 * Here is what both shapes share: an epoch, step by step, as a workgroup does it for one replica. `resident-wgsl.ts` has the
 * entry points of the shape in which that workgroup serves the slots as well, `wide-wgsl.ts` those in which others do.
 */

import {
  EPOCH_TOTAL_WORDS,
  EpochTotal,
  MAX_CAPTURED_OF_EPOCH,
  NONE,
  ProgramEpochFlag,
  ProgramEpochWord,
  SIGNATURE_TALLY_WORDS,
  signatureWords,
} from '../backend/index.ts';
import { FAULT_WORDS, type Kernel, lowerToWgsl, storesToStatusOnly } from '../kernel/index.ts';
import type { ResolvedLayout } from '../observe/index.ts';
import { SLOT_WORDS, SlotStatus, SlotWord } from '../protocol/index.ts';
import { DIGEST_WGSL, regionsWgsl } from './digest-wgsl.ts';
import {
  CAPTURED_HEAD_WORDS,
  CapturedWord,
  epochWord,
  FAULT_LIST_WORDS,
  INSTANCE_STATE_WORDS,
  MAX_CAPTURED_FAULTS,
  PARAMETERS,
  RESULTS_HEAD_WORDS,
  Relation,
  ReplicaFlag,
  RunOption,
} from './program-layout.ts';
import { RESIDENT_WGSL } from './resident-wgsl.ts';
import { STRESS_WGSL } from './stress-wgsl.ts';
import { WIDE_WGSL } from './wide-wgsl.ts';

export interface ReplayShaderOptions {
  /** Lanes of a workgroup that works for one replica, and of one that only serves. */
  readonly lanes: number;
  readonly serveLanes: number;
  readonly slotWords: number;
}

/**
 * The whole module; entry points `residentChained` and `residentIsolated`, `wideServe` and `wideStep`.
 */
export function replayShader(kernel: Kernel, layout: ResolvedLayout, options: ReplayShaderOptions): string {
  return [
    lowerToWgsl(kernel),
    bindingsWgsl(kernel, layout, options),
    DIGEST_WGSL,
    regionsWgsl(layout),
    publishWgsl(kernel, options.slotWords),
    TALLY_WGSL,
    FAULTS_WGSL,
    RESTORE_WGSL,
    JUDGE_WGSL,
    CAPTURE_WGSL,
    EPOCH_WGSL,
    RESIDENT_WGSL,
    STRESS_WGSL,
    WIDE_WGSL,
  ].join('');
}

function bindingsWgsl(
  kernel: Kernel,
  layout: ResolvedLayout,
  { lanes, serveLanes, slotWords }: ReplayShaderOptions,
): string {
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
/// What instances keep between dispatches in the wide shape.
@group(0) @binding(8) var<storage, read_write> instances: array<atomic<u32>>;

/// Lanes of a workgroup that only serves.
const SERVE_LANES = ${serveLanes}u;
const INSTANCE_STATE_WORDS = ${INSTANCE_STATE_WORDS}u;
const LANES = ${lanes}u;
const slotCount = ${kernel.slotCount}u;
const slotWords = ${slotWords}u;
const regionCount = ${regions}u;
const signatureWords = ${signatureWords(layout)}u;
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
var<workgroup> signature: array<u32, ${signatureWords(layout)}>;
/// How it differs from what was expected: a sum of 1 for what decides and 2 for what does not.
var<workgroup> oddness: atomic<u32>;
var<workgroup> faultSums: vec2u;
var<workgroup> faultCount: u32;
var<workgroup> faultList: array<u32, ${FAULT_LIST_WORDS}>;
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

/** A slot of a program is its index and the ring's words behind the status; what it does not tell is zero. */
function publishWgsl(kernel: Kernel, slotWords: number): string {
  // Words that nobody ever writes stay zero.
  const words = storesToStatusOnly(kernel) ? slotWords : SLOT_WORDS;
  const value =
    words === slotWords ? 'slots[at + word]' : 'select(0u, slots[at + min(word, slotWords - 1u)], word < slotWords)';
  return `
/// The slot that a record is about.
fn slotOf(record: u32) -> u32 { return slots[record * slotWords]; }
/// Publishes the slots of some records. All lanes; a barrier has to follow before anybody is given a turn.
fn publishAll(first: u32, end: u32, lane: u32) {
  for (var record = first + lane; record < end; record += LANES) {
    let status = instanceStart + ringStart + slotOf(record) * ${SLOT_WORDS}u + ${SlotWord.STATUS}u;
    let before = atomicLoad(&memory[status]);
    if (before != ${SlotStatus.EMPTY}u && before != ${SlotStatus.DONE}u) { refusedHere = 1u; }
    else { atomicStore(&memory[status], ${SlotStatus.PUBLISHED}u); }
  }
  // Words, not slots, go round among the lanes: neighbours store next to each other.
  let items = (end - first) * ${words}u;
  for (var item = lane; item < items; item += LANES) {
    let at = (first + item / ${words}u) * slotWords;
    let word = item % ${words}u;
    let slotBase = instanceStart + ringStart + slots[at] * ${SLOT_WORDS}u;
    if (word != ${SlotWord.STATUS}u) { atomicStore(&memory[slotBase + word], ${value}); }
  }
}
`;
}

const TALLY_WGSL = `
fn statusOf(slotIndex: u32) -> u32 {
  return atomicLoad(&memory[instanceStart + ringStart + slotIndex * ${SLOT_WORDS}u + ${SlotWord.STATUS}u]);
}
/// Whether the host waits for a slot of that status.
fn isOutstanding(status: u32) -> bool { return status != ${SlotStatus.EMPTY}u && status != ${SlotStatus.DONE}u; }
/// Counts how a slot ended that the host waited for.
fn tally(status: u32) {
  if (status == ${SlotStatus.DONE}u) { doneHere++; }
  else if (status == ${SlotStatus.FAULT}u) { faultedHere++; }
  else if (status != ${SlotStatus.EMPTY}u) { pendingHere++; }
}
fn clearTally() {
  doneHere = 0u;
  faultedHere = 0u;
  pendingHere = 0u;
}
/// How a batch ended. The same for all lanes.
struct Stock {
  waiting: u32,
  /// Whether a slot of it was not free, and could not be published.
  isRefused: bool,
}
/// Adds up what the lanes of the workgroup counted, and takes the faults. All lanes.
fn addTally(lane: u32) -> Stock {
  if (doneHere > 0u) { atomicAdd(&done, doneHere); }
  if (faultedHere > 0u) { atomicAdd(&faulted, faultedHere); }
  if (pendingHere > 0u) { atomicAdd(&pending, pendingHere); }
  syncLanes();
  let isRefused = u32(atomicLoad(&refused) != 0u);
  let ended = tell(lane, 4u * atomicLoad(&pending) + 2u * isRefused + u32(atomicLoad(&faulted) != 0u));
  if ((ended & 1u) != 0u) {
    if (lane == 0u) { takeFaults(); atomicStore(&faulted, 0u); }
    syncLanes();
  }
  return Stock(ended >> 2u, (ended & 2u) != 0u);
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

/** Stands for "nothing to compare with" among the sums of oddness. */
const ODD_EXPECTATION = 4;
/** That slots faulted, beside what is odd. */
const ODD_FAULTS = 8;

const JUDGE_WGSL = `
/// What an epoch came to. The same for all lanes, so that they may go different ways by it together.
struct Outcome {
  relation: u32,
  isFaulted: bool,
}
/// Digests what is observed, writes the signature, and says how it relates to an expectation. All lanes: one has a region,
/// or a word of the tally.
fn relate(expectation: u32, lane: u32) -> Outcome {
  let snapshot = instanceStart + controlStart;
  let isRegion = lane < regionCount;
  let isTally = !isRegion && lane < regionCount + ${SIGNATURE_TALLY_WORDS}u;
  let hasExpectation = expectation != ${NONE}u;
  // Asked for before the sums, so that the way to memory is over when it is needed.
  let at = parameters.expectationsAt + select(0u, expectation, hasExpectation) * (signatureWords + 1u);
  let place = select(select(0u, regionCount + lane, isTally), 2u * lane, isRegion);
  let expected = vec2u(plan[at + 1u + place], plan[at + 2u + place]);
  sumRegions(snapshot, lane);
  if (lane == 0u) { atomicStore(&oddness, 0u); }
  workgroupBarrier();
  addShares(lane);
  workgroupBarrier();
  if (isRegion) {
    let digest = regionDigest(lane, snapshot);
    signature[place] = digest.x;
    signature[place + 1u] = digest.y;
    if (hasExpectation && any(digest != expected)) { noteRegion(lane, snapshot, plan[at]); }
  } else if (isTally) {
    let word = tallyWord(lane - regionCount);
    signature[place] = word;
    if (hasExpectation && word != expected.x) { atomicOr(&oddness, 1u); }
  }
  workgroupBarrier();
  let isLeftAlone = (parameters.options & ${RunOption.FAULTS_UNCOMPARED}u) != 0u && faultCount > 0u;
  let odd = select(atomicLoad(&oddness), ${ODD_EXPECTATION}u, isLeftAlone || !hasExpectation);
  let seen = tell(lane, odd + select(0u, ${ODD_FAULTS}u, faultCount > 0u));
  return Outcome(relationOf(seen & ~${ODD_FAULTS}u), (seen & ${ODD_FAULTS}u) != 0u);
}
fn relationOf(odd: u32) -> u32 {
  if (odd == ${ODD_EXPECTATION}u) { return ${Relation.NO_EXPECTATION}u; }
  if ((odd & 1u) != 0u) { return ${Relation.DIFFERENT}u; }
  return select(${Relation.SAME}u, ${Relation.UNDECIDED}u, odd != 0u);
}
/// A region differs. Regions that dropped records decide nothing.
fn noteRegion(region: u32, snapshot: u32, undecidable: u32) {
  let mask = overflowedRegions(snapshot) | undecidable;
  atomicOr(&oddness, select(1u, 2u, ((mask >> region) & 1u) != 0u));
}
fn tallyWord(word: u32) -> u32 {
  switch (word) {
    case 0u: { return atomicLoad(&done); }
    case 1u: { return faultCount; }
    case 2u: { return atomicLoad(&pending); }
    default: {
      if (faultCount == 0u) { return 0u; }
      let faults = finish(faultSums, 4u * faultCount);
      return select(faults.x, faults.y, word == 4u);
    }
  }
}
/// One lane.
fn count(epoch: u32, total: u32) {
  atomicAdd(&results[${RESULTS_HEAD_WORDS}u + epoch * ${EPOCH_TOTAL_WORDS}u + total], 1u);
}
`;

const CAPTURE_WGSL = `
/// Where an outcome is to be kept, or that it is not. The first lane knows.
fn claimCapture(epoch: u32, relation: u32, isSample: bool, lane: u32) -> u32 {
  if (lane != 0u) { return ${NONE}u; }
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
    for (var word = 0u; word < ${FAULT_LIST_WORDS}u; word++) {
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

const EPOCH_WGSL = `
/// Forgets the epoch before. Followed by a barrier before anybody counts.
fn beginEpoch(lane: u32) {
  if (lane != 0u) { return; }
  atomicStore(&done, 0u);
  atomicStore(&faulted, 0u);
  faultSums = vec2u();
  faultCount = 0u;
}
/// Publishes a batch; whether all its slots were free is in \`refused\`. Slots that wait are counted anew with it. All lanes.
fn publishBatch(first: u32, end: u32, lane: u32) {
  refusedHere = 0u;
  if (lane == 0u) { atomicStore(&pending, 0u); }
  publishAll(first, end, lane);
  if (refusedHere != 0u) { atomicStore(&refused, 1u); }
  syncLanes();
}
/// Says how what an epoch showed relates to what was expected, and counts it. All lanes.
fn judgeEpoch(entry: u32, replica: u32, lane: u32) -> Outcome {
  let epoch = ${epochWord(ProgramEpochWord.INDEX)};
  let outcome = relate(${epochWord(ProgramEpochWord.EXPECTATION)}, lane);
  let relation = outcome.relation;
  if (lane == 0u) {
    count(epoch, ${EpochTotal.RUN}u);
    if (relation < ${Relation.NO_EXPECTATION}u) { count(epoch, ${EpochTotal.SAME}u + relation); }
    if (outcome.isFaulted) { count(epoch, ${EpochTotal.FAULTED}u); }
  }
  let isSampled = (${epochWord(ProgramEpochWord.FLAGS)} & ${ProgramEpochFlag.SAMPLED}u) != 0u;
  let isSample = isSampled && epoch % parameters.allReplicas == replica;
  if (relation != ${Relation.SAME}u || isSample) {
    let place = tell(lane, claimCapture(epoch, relation, isSample, lane));
    if (place != ${NONE}u) { capture(place, epoch, replica, relation, lane); }
    syncLanes();
  }
  // The host takes the debug log's records at this point. Everybody has read them; who appends comes after a barrier.
  if (lane == 0u) { atomicStore(&memory[instanceStart + controlStart + debugCursor], 0u); }
  return outcome;
}
/// What comes of an epoch whose slots could not be published. All lanes.
fn refuseEpoch(entry: u32, lane: u32) -> Outcome {
  if (lane == 0u) { atomicStore(&refused, 0u); }
  workgroupBarrier();
  if (lane == 0u) { count(${epochWord(ProgramEpochWord.INDEX)}, ${EpochTotal.REFUSED}u); }
  return Outcome(${Relation.REFUSED}u, false);
}
/// What a replica's flags become with an epoch.
fn flagsAfter(entry: u32, outcome: Outcome) -> u32 {
  let relation = outcome.relation;
  var flags = 0u;
  if (relation < ${Relation.NO_EXPECTATION}u) { flags |= ${ReplicaFlag.COMPARED}u; }
  let isJudged = (${epochWord(ProgramEpochWord.FLAGS)} & ${ProgramEpochFlag.JUDGED}u) != 0u;
  if (relation == ${Relation.DIFFERENT}u && isJudged) { flags |= ${ReplicaFlag.DIVERGED}u; }
  // The kernel says what a fault does to its slot, not what a device would have done to the memory.
  let isUnknown = relation == ${Relation.DIFFERENT}u || relation == ${Relation.REFUSED}u || outcome.isFaulted;
  if (!isUnknown) { flags |= ${ReplicaFlag.KNOWN}u; }
  return flags;
}
fn isReplayable(entry: u32) -> bool {
  return (${epochWord(ProgramEpochWord.FLAGS)} & ${ProgramEpochFlag.REPLAYABLE}u) != 0u;
}
/// Brings the memory into a state that the plan has; false if it has none for the epoch. All lanes.
fn enterFromPlan(entry: u32, lane: u32) -> bool {
  let state = ${epochWord(ProgramEpochWord.STATE)};
  if (state == ${NONE}u) {
    if (lane == 0u) { count(${epochWord(ProgramEpochWord.INDEX)}, ${EpochTotal.UNREACHED}u); }
    return false;
  }
  restore(state, lane);
  return true;
}
fn linear(group: vec3u, groups: vec3u) -> u32 {
  return group.x + group.y * groups.x;
}
`;
