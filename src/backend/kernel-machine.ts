/**
 * The host's side of a kernel in memory that this thread can reach: publishing, collecting, observing, restoring. The
 * CPU backends are this plus a way to run turns.
 */

import { isWord } from '../base/words.ts';
import {
  FAULT_WORDS,
  type FaultExplainer,
  faultExplainer,
  type Kernel,
  type KernelMemories,
  observationLayoutOf,
  planMemory,
  type SlotFault,
} from '../kernel/index.ts';
import type { ObservationLayout } from '../observe/index.ts';
import {
  ARGUMENT_COUNT,
  ControlWord,
  DEBUG_WORDS,
  INITIAL_TENANT_QUOTA,
  SLOT_WORDS,
  SlotStatus,
  SlotWord,
  statusName,
  TENANT_ALLOWED,
} from '../protocol/index.ts';
import type { DrainReport, Slot } from './backend.ts';
import { PublishError } from './errors.ts';

/** A kernel's memories, and which of its slots the host waits for. */
export class KernelMachine {
  readonly kernel: Kernel;
  readonly memories: KernelMemories;
  readonly layout: ObservationLayout;
  /** Slots published and not ended, in the order of publishing; the first `outstandingCount` count. */
  readonly outstanding: Uint32Array;
  outstandingCount = 0;
  readonly #explain: FaultExplainer;

  /** @param buffer at least `planMemory(kernel).totalBytes` bytes, shared or not. */
  constructor(kernel: Kernel, buffer: ArrayBufferLike) {
    this.kernel = kernel;
    this.memories = viewMemories(kernel, buffer);
    this.layout = observationLayoutOf(kernel);
    this.outstanding = new Uint32Array(kernel.slotCount);
    this.#explain = faultExplainer(kernel);
  }

  /** Memory as a fresh kernel finds it. */
  reset(): void {
    const { ring, control, debug, faults } = this.memories;
    ring.fill(0);
    debug.fill(0);
    faults.fill(0);
    control.fill(0);
    control[ControlWord.TENANT_BASE] = ControlWord.TENANT_MASKS;
    control.fill(TENANT_ALLOWED, ControlWord.TENANT_MASKS, ControlWord.TENANT_MASKS + this.kernel.tenantCount);
    control.fill(INITIAL_TENANT_QUOTA, ControlWord.TENANT_QUOTAS, ControlWord.TENANT_QUOTAS + this.kernel.tenantCount);
    this.outstandingCount = 0;
  }

  /** Every word first, the status last: a lane that sees PUBLISHED sees the rest. */
  publish(slotIndex: number, slot: Slot): void {
    const { ring } = this.memories;
    if (!isWord(slotIndex) || slotIndex >= this.kernel.slotCount) throw beyondRing(slotIndex, this.kernel.slotCount);
    if (slot.args.length > ARGUMENT_COUNT) throw tooManyArguments(slot.args.length);
    const base = slotIndex * SLOT_WORDS;
    const status = ring[base + SlotWord.STATUS];
    if (status !== SlotStatus.EMPTY && status !== SlotStatus.DONE) throw notFree(slotIndex, status);
    ring[base + SlotWord.OPCODE] = slot.opcode;
    ring[base + SlotWord.TENANT] = slot.tenant;
    ring[base + SlotWord.PRIORITY] = slot.priority;
    const argumentBase = base + SlotWord.ARGUMENTS;
    const argumentCount = slot.args.length;
    for (let index = 0; index < argumentCount; index += 1) ring[argumentBase + index] = slot.args[index];
    for (let index = argumentCount; index < ARGUMENT_COUNT; index += 1) ring[argumentBase + index] = 0;
    // Ordered against the stores above by whatever starts the lanes; a lane of a later drain cannot run before that.
    ring[base + SlotWord.STATUS] = SlotStatus.PUBLISHED;
    this.outstanding[this.outstandingCount] = slotIndex;
    this.outstandingCount += 1;
  }

  /** Takes stock after the lanes had their turns. Faulted slots are handed back EMPTY, so that they can be used again. */
  collect(): DrainReport {
    const { ring } = this.memories;
    const { outstanding } = this;
    const faults: SlotFault[] = [];
    let done = 0;
    let kept = 0;
    for (let next = 0; next < this.outstandingCount; next += 1) {
      const slotIndex = outstanding[next];
      const status = ring[slotIndex * SLOT_WORDS + SlotWord.STATUS];
      if (status === SlotStatus.DONE) done += 1;
      else if (status === SlotStatus.FAULT) faults.push(this.#takeFault(slotIndex));
      // A slot that the kernel handed back EMPTY is the host's again: there is nothing to wait for.
      else if (status !== SlotStatus.EMPTY) {
        outstanding[kept] = slotIndex;
        kept += 1;
      }
    }
    this.outstandingCount = kept;
    faults.sort((left, right) => left.slotIndex - right.slotIndex);
    return { done, pending: kept === 0 ? NONE : Array.from(outstanding.subarray(0, kept)), faults };
  }

  /** Control memory and the debug log; the host takes the log's records, so its cursor goes back to the start. */
  observe(snapshot: Uint32Array): void {
    const { control, debug } = this.memories;
    snapshot.set(control, 0);
    snapshot.set(debug, control.length);
    debug[0] = 0;
  }

  /** As if the epoch that left `snapshot` behind had just been observed. */
  restore(snapshot: Uint32Array): void {
    const { ring, control, debug, faults } = this.memories;
    ring.fill(0);
    faults.fill(0);
    control.set(snapshot.subarray(0, control.length));
    debug.set(snapshot.subarray(control.length, control.length + DEBUG_WORDS));
    debug[0] = 0;
    this.outstandingCount = 0;
  }

  #takeFault(slotIndex: number): SlotFault {
    const { ring, faults } = this.memories;
    const base = slotIndex * SLOT_WORDS;
    const words = [faults[slotIndex * FAULT_WORDS], faults[slotIndex * FAULT_WORDS + 1]] as const;
    ring[base + SlotWord.STATUS] = SlotStatus.EMPTY;
    // Or a kernel that stores the status FAULT itself would be given this reason.
    faults.fill(0, slotIndex * FAULT_WORDS, (slotIndex + 1) * FAULT_WORDS);
    return this.#explain(slotIndex, ring[base + SlotWord.OPCODE], words);
  }
}

/** Views of a buffer that holds the writable memories as planned; tables are the kernel's own. */
function viewMemories(kernel: Kernel, buffer: ArrayBufferLike): KernelMemories {
  const plan = planMemory(kernel);
  return {
    ring: new Uint32Array(buffer, plan.ringByteOffset, kernel.slotCount * SLOT_WORDS),
    control: new Uint32Array(buffer, plan.controlByteOffset, kernel.controlWords),
    debug: new Uint32Array(buffer, plan.debugByteOffset, DEBUG_WORDS),
    faults: new Uint32Array(buffer, plan.faultsByteOffset, kernel.slotCount * FAULT_WORDS),
    tables: Object.fromEntries(kernel.tables.map((table) => [table.name, table.words])),
  };
}

const NONE: readonly number[] = [];

function beyondRing(slotIndex: number, slotCount: number): PublishError {
  return new PublishError(
    `slot ${slotIndex} is beyond the ring, which has ${slotCount} slots`,
    'use a kernel with at least that many slots (--slot-count).',
  );
}

function tooManyArguments(count: number): PublishError {
  return new PublishError(
    `a slot has ${ARGUMENT_COUNT} argument words, ${count} were given`,
    'split the work over several slots.',
  );
}

function notFree(slotIndex: number, status: number): PublishError {
  return new PublishError(
    `slot ${slotIndex} is ${statusName(status)}; only EMPTY and DONE slots may be written`,
    'drain before you publish into it again, or take another slot.',
  );
}
