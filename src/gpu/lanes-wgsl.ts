/**
 * The shader that runs one batch of slots, which the host hands over: publishing in one dispatch, turns in the next.
 *
 * This is the *wide* shape, as the original ran: lanes of many workgroups over one ring, so races between workgroups show.
 */

import { FAULT_WORDS, type Kernel, lowerToWgsl } from '../kernel/index.ts';
import { SLOT_WORDS, SlotStatus, SlotWord } from '../protocol/index.ts';
import { REPORTED_FAULT_WORDS } from './faults.ts';

/** Words of the report before its lists: done, pending, faulted. */
export const ReportWord = { DONE: 0, PENDING: 1, FAULTED: 2, LISTS: 3 } as const;

/** Words of the report of a kernel: the head, room for every slot to be pending, and for every slot to have faulted. */
export function reportWords({ slotCount }: Kernel): number {
  return ReportWord.LISTS + slotCount + slotCount * REPORTED_FAULT_WORDS;
}

/** Where in a batch what is. `TAKES_LOG` says that the debug log was observed since the batch before. */
export const BatchWord = { PUBLISHED: 0, WAITING: 1, TAKES_LOG: 2, SLOTS: 4 } as const;

/** Words of the longest batch: every slot is published, or waits. */
export function batchWords({ slotCount }: Kernel): number {
  return BatchWord.SLOTS + slotCount * SLOT_WORDS;
}

/** The whole module; entry points `publish`, `serve` and `collect`, each with a lane an item. */
export function lanesShader(kernel: Kernel, lanes: number): string {
  return `${lowerToWgsl(kernel)}
const LANES = ${lanes}u;
const slotCount = ${kernel.slotCount}u;

/// What the host hands over, in one piece: the head, the slots to publish, ${SLOT_WORDS} words each (the index, then what stands
/// behind the status), and the indices of the slots that wait since older batches.
@group(0) @binding(2) var<storage, read> batch: array<u32>;
@group(0) @binding(3) var<storage, read_write> report: array<atomic<u32>>;

fn publishedAt(item: u32) -> u32 { return ${BatchWord.SLOTS}u + item * ${SLOT_WORDS}u; }
fn itemCount() -> u32 { return batch[${BatchWord.PUBLISHED}] + batch[${BatchWord.WAITING}]; }
/// The slots that the host waits for: those that are published, then those that wait.
fn slotOfItem(item: u32) -> u32 {
  let published = batch[${BatchWord.PUBLISHED}];
  if (item < published) { return batch[publishedAt(item)]; }
  return batch[publishedAt(published) + item - published];
}
fn slotBaseOf(slotIndex: u32) -> u32 { return instanceStart + ringStart + slotIndex * ${SLOT_WORDS}u; }

@compute @workgroup_size(LANES)
fn publish(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let item = (group.y * groups.x + group.x) * LANES + lane;
  // The host took the debug log's records when it observed.
  if (item == 0u && batch[${BatchWord.TAKES_LOG}] != 0u) { atomicStore(&memory[instanceStart + debugStart], 0u); }
  if (item >= batch[${BatchWord.PUBLISHED}]) { return; }
  let at = publishedAt(item);
  let slotBase = slotBaseOf(batch[at]);
  for (var word = 1u; word < ${SLOT_WORDS}u; word++) { atomicStore(&memory[slotBase + word], batch[at + word]); }
  atomicStore(&memory[slotBase + ${SlotWord.STATUS}u], ${SlotStatus.PUBLISHED}u);
}

@compute @workgroup_size(LANES)
fn serve(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let item = (group.y * groups.x + group.x) * LANES + lane;
  if (item >= itemCount()) { return; }
  let slotIndex = slotOfItem(item);
  _ = turn(slotIndex);
}

/// After all turns: how every slot ended. Faulted ones are handed back.
@compute @workgroup_size(LANES)
fn collect(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let item = (group.y * groups.x + group.x) * LANES + lane;
  if (item >= itemCount()) { return; }
  let slotIndex = slotOfItem(item);
  let slotBase = slotBaseOf(slotIndex);
  let status = atomicLoad(&memory[slotBase + ${SlotWord.STATUS}u]);
  if (status == ${SlotStatus.DONE}u) {
    atomicAdd(&report[${ReportWord.DONE}u], 1u);
  } else if (status == ${SlotStatus.FAULT}u) {
    let place = ${ReportWord.LISTS}u + slotCount + atomicAdd(&report[${ReportWord.FAULTED}u], 1u) * ${REPORTED_FAULT_WORDS}u;
    let fault = instanceStart + faultsStart + slotIndex * ${FAULT_WORDS}u;
    atomicStore(&report[place], slotIndex);
    atomicStore(&report[place + 1u], atomicLoad(&memory[slotBase + ${SlotWord.OPCODE}u]));
    atomicStore(&report[place + 2u], atomicLoad(&memory[fault]));
    atomicStore(&report[place + 3u], atomicLoad(&memory[fault + 1u]));
    atomicStore(&memory[slotBase + ${SlotWord.STATUS}u], ${SlotStatus.EMPTY}u);
    atomicStore(&memory[fault], 0u);
    atomicStore(&memory[fault + 1u], 0u);
  } else if (status != ${SlotStatus.EMPTY}u) {
    atomicStore(&report[${ReportWord.LISTS}u + atomicAdd(&report[${ReportWord.PENDING}u], 1u)], slotIndex);
  }
}
`;
}
