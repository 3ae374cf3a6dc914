/**
 * The shader that runs one batch of slots, which the host hands over: publishing in one dispatch, turns in the next.
 *
 * This is the *wide* shape, as the original ran: lanes of many workgroups over one ring, so races between workgroups show.
 */

import { FAULT_WORDS, type Kernel, lowerToWgsl } from '../kernel/index.ts';
import { SLOT_WORDS, SlotStatus, SlotWord } from '../protocol/index.ts';

/** Words of the report before its lists: done, pending, faulted. */
export const ReportWord = { DONE: 0, PENDING: 1, FAULTED: 2, LISTS: 3 } as const;
/** Words of a fault in the report: slot index, opcode, and the fault's two words. */
export const REPORTED_FAULT_WORDS = 4;

/** Words of the report of a kernel: the head, room for every slot to be pending, and for every slot to have faulted. */
export function reportWords({ slotCount }: Kernel): number {
  return ReportWord.LISTS + slotCount + slotCount * REPORTED_FAULT_WORDS;
}

/** The whole module; entry points `publish` and `serve`, each with a lane an item. */
export function lanesShader(kernel: Kernel, lanes: number): string {
  return `${lowerToWgsl(kernel)}
const LANES = ${lanes}u;
const slotCount = ${kernel.slotCount}u;

/// How many slots are published, how many are served.
@group(0) @binding(2) var<uniform> counts: vec4u;
/// For publishing ${SLOT_WORDS} words a slot: its index, then what stands behind the status.
@group(0) @binding(3) var<storage, read> published: array<u32>;
/// The indices of all slots that the host waits for.
@group(0) @binding(4) var<storage, read> outstanding: array<u32>;
@group(0) @binding(5) var<storage, read_write> report: array<atomic<u32>>;

fn slotBaseOf(slotIndex: u32) -> u32 { return instanceStart + ringStart + slotIndex * ${SLOT_WORDS}u; }

@compute @workgroup_size(LANES)
fn publish(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let item = (group.y * groups.x + group.x) * LANES + lane;
  if (item >= counts.x) { return; }
  let slotBase = slotBaseOf(published[item * ${SLOT_WORDS}u]);
  for (var word = 1u; word < ${SLOT_WORDS}u; word++) { atomicStore(&memory[slotBase + word], published[item * ${SLOT_WORDS}u + word]); }
  atomicStore(&memory[slotBase + ${SlotWord.STATUS}u], ${SlotStatus.PUBLISHED}u);
}

@compute @workgroup_size(LANES)
fn serve(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let item = (group.y * groups.x + group.x) * LANES + lane;
  if (item >= counts.y) { return; }
  let slotIndex = outstanding[item];
  _ = turn(slotIndex);
}

/// After all turns: how every slot ended. Faulted ones are handed back.
@compute @workgroup_size(LANES)
fn collect(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let item = (group.y * groups.x + group.x) * LANES + lane;
  if (item >= counts.y) { return; }
  let slotIndex = outstanding[item];
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
