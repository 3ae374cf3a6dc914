/** Recordings of slots that are put where a test wants them, drained where the plan of their replay drains. */

import { type Backend, DrainTally, PublishError, ReferenceBackend } from '../../../src/backend/index.ts';
import { type Kernel, kernelToJson } from '../../../src/kernel/index.ts';
import { type LogRecord, RingLog } from '../../../src/log/index.ts';
import { ObservationWriter } from '../../../src/observe/index.ts';
import { ControlWord, Priority } from '../../../src/protocol/index.ts';
import { observedEnds, RecordsDigest, type SlotRequest } from '../../../src/record/index.ts';
import { planReplay, type ReplayPlan } from '../../../src/replay/index.ts';
import { MemoryStorage } from '../../../src/storage/index.ts';
import { recordingOf, tickingClock } from '../../replay/recordings.ts';

export interface PlacedSlot extends SlotRequest {
  readonly slotIndex: number;
}

/** The slots of an epoch each. One whose index comes again is published when those before it have drained. */
export type PlacedProgram = readonly (readonly PlacedSlot[])[];

export interface PlacedOptions {
  readonly kernel: Kernel;
  /** Of the log. Default 4,096 records. */
  readonly capacity?: number;
  /** Epochs whose observation is lost. */
  readonly unobserved?: readonly number[];
}

/** Slot after slot from the first of the ring on: one batch as long as they fit. */
export function inOrder(slots: readonly SlotRequest[], slotCount: number): PlacedSlot[] {
  return slots.map((slot, index) => ({ ...slot, slotIndex: index % slotCount }));
}

/** All in one slot, so that each of them is a batch of its own. */
export function oneByOne(slots: readonly SlotRequest[], slotIndex = 0): PlacedSlot[] {
  return slots.map((slot) => ({ ...slot, slotIndex }));
}

/**
 * Both files of a recording. A slot that is not free is in the log all the same: nobody kept whoever wrote it from
 * publishing.
 */
async function recordPlaced(
  program: PlacedProgram,
  backend: Backend,
  options: PlacedOptions,
): Promise<{ readonly log: Uint8Array; readonly stream: Uint8Array }> {
  const recorder = await PlacedRecorder.start(backend, options);
  for (const slots of program) await recorder.record(slots);
  return recorder.finish();
}

export interface PlacedRecording extends PlacedOptions {
  /** Without its observations. */
  readonly isLogOnly?: boolean;
}

/** The plan of a program that was recorded on the reference. */
export async function planPlaced(
  program: PlacedProgram,
  { isLogOnly = false, ...options }: PlacedRecording,
): Promise<ReplayPlan> {
  const { kernel } = options;
  const run = await recordPlaced(program, new ReferenceBackend(kernel), options);
  return planReplay(recordingOf(isLogOnly ? { log: run.log } : run), { kernel });
}

class PlacedRecorder {
  readonly #backend: Backend;
  readonly #options: PlacedOptions;
  readonly #logStorage = new MemoryStorage();
  readonly #streamStorage = new MemoryStorage();
  readonly #log: RingLog;
  readonly #writer: ObservationWriter;
  readonly #snapshot: Uint32Array;
  readonly #clock = tickingClock();
  readonly #digest = new RecordsDigest();
  readonly #tally = new DrainTally();
  #ordinal = 0;
  #recordCount = 0;

  static async start(backend: Backend, options: PlacedOptions): Promise<PlacedRecorder> {
    const snapshot = new Uint32Array(backend.layout.areas.reduce((sum, { words }) => sum + words, 0));
    await backend.start();
    await backend.observe(snapshot);
    return new PlacedRecorder(backend, options, snapshot);
  }

  private constructor(backend: Backend, options: PlacedOptions, snapshot: Uint32Array) {
    this.#backend = backend;
    this.#options = options;
    this.#snapshot = snapshot;
    this.#log = RingLog.open(this.#logStorage, options.capacity ?? 4_096);
    const metadata = {
      tool: 'test',
      kernel: kernelToJson(options.kernel),
      layout: backend.layout,
      backend: { name: backend.name },
      log: { capacity: this.#log.capacity },
    };
    this.#writer = ObservationWriter.create(this.#streamStorage, metadata, snapshot);
  }

  async record(slots: readonly PlacedSlot[]): Promise<void> {
    const firstRecord = this.#recordCount + 1;
    const deviceEpoch = this.#snapshot[ControlWord.EPOCH];
    const published = new Set<number>();
    this.#tally.clear();
    for (const slot of slots) {
      if (published.has(slot.slotIndex)) {
        this.#tally.add(await this.#backend.drain());
        published.clear();
      }
      published.add(slot.slotIndex);
      this.#append(slot, deviceEpoch);
      await this.#publish(slot);
    }
    this.#tally.add(await this.#backend.drain());
    await this.#backend.observe(this.#snapshot);
    this.#observe(firstRecord, deviceEpoch);
  }

  finish(): { readonly log: Uint8Array; readonly stream: Uint8Array } {
    this.#writer.close();
    return { log: this.#logStorage.toBytes(), stream: this.#streamStorage.toBytes() };
  }

  #append(slot: PlacedSlot, epoch: number): void {
    const { slotIndex, opcode, tenant = 0, priority = Priority.NORMAL, args = [] } = slot;
    const [first = 0, second = 0, third = 0, fourth = 0, ...others] = args;
    const record: LogRecord = {
      timestampNs: this.#clock(),
      slotIndex,
      tenantId: tenant,
      opcode,
      args: [first, second, third, fourth],
      epoch,
    };
    this.#log.append(record);
    const slots = [{ slotIndex, slot: { opcode, tenant, priority, args } }];
    this.#digest.addBatch({ slots, timestampNs: record.timestampNs, epoch });
    this.#recordCount += 1;
    if (priority === Priority.NORMAL && others.every((word) => word === 0)) return;
    const rest = Uint32Array.from({ length: 8 }, (_, index) => others[index] ?? 0);
    this.#writer.appendSlotRest({ sequence: this.#recordCount, priority, arguments: rest });
  }

  async #publish({ slotIndex, opcode, tenant = 0, priority = Priority.NORMAL, args = [] }: PlacedSlot): Promise<void> {
    try {
      await this.#backend.publish(slotIndex, { opcode, tenant, priority, args });
    } catch (error) {
      if (!(error instanceof PublishError)) throw error;
    }
  }

  #observe(firstRecord: number, deviceEpoch: number): void {
    const recordsDigest = this.#digest.take();
    const ordinal = this.#ordinal++;
    if (this.#options.unobserved?.includes(ordinal) !== true) {
      this.#writer.appendEpoch({
        ordinal,
        deviceEpoch,
        firstRecord,
        recordCount: this.#recordCount - firstRecord + 1,
        ...observedEnds(this.#tally),
        recordsDigest,
        words: this.#snapshot,
      });
    }
    if (this.#recordCount > this.#log.capacity) this.#writer.dropBefore(this.#recordCount - this.#log.capacity + 1);
  }
}
