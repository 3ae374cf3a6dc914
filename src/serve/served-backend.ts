/** A backend as its requests see it: payloads in, answers out, and a look at all slots of a RUN before one is published. */

import { type Backend, type DrainReport, isPromise, layoutOf, PublishError } from '../backend/index.ts';
import type { Kernel, SlotFault } from '../kernel/index.ts';
import type { ResolvedLayout } from '../observe/index.ts';
import {
  decodeRun,
  decodeWords,
  encodeDrained,
  encodeRefused,
  encodeWords,
  type Frame,
  MessageType,
  type SlotToRun,
  type WireFault,
} from '../wire/index.ts';

/** Why a slot cannot be published; undefined if it can. */
export type SlotJudge = (slot: SlotToRun) => string | undefined;

export const DONE: Frame = { type: MessageType.DONE, payload: new Uint8Array(0) };

export class ServedBackend {
  readonly backend: Backend;
  /** The host's, which explains the words of its faults; undefined if the backend runs something of its own. */
  readonly kernel: Kernel | undefined;
  readonly layout: ResolvedLayout;
  readonly #judge: SlotJudge;
  /** Slots that were published and have not been reported as ended. */
  readonly #occupied = new Set<number>();

  /** @throws BackendFaultError if the backend is not what it says. */
  constructor(backend: Backend, kernel: Kernel | undefined, judge: SlotJudge = () => undefined) {
    this.backend = backend;
    this.kernel = kernel;
    this.layout = layoutOf(backend);
    this.#judge = judge;
  }

  async start(): Promise<Frame> {
    await this.backend.start();
    this.#occupied.clear();
    return DONE;
  }

  async run(payload: Uint8Array): Promise<Frame> {
    const slots = decodeRun(payload);
    const refusal = this.#lookAt(slots);
    if (refusal !== undefined) return refused(refusal.position, refusal.text);
    for (const [position, slot] of slots.entries()) {
      try {
        const publishing = this.backend.publish(slot.slotIndex, slot);
        if (isPromise(publishing)) await publishing;
      } catch (error) {
        // With others before it published, none of the answers that leave the runtime as it was would be true.
        if (error instanceof PublishError && position === 0) return refused(position, error.what);
        throw error;
      }
      this.#occupied.add(slot.slotIndex);
    }
    const draining = this.backend.drain();
    return this.#drained(isPromise(draining) ? await draining : draining);
  }

  async observe(): Promise<Frame> {
    const snapshot = new Uint32Array(this.layout.snapshotWords);
    await this.backend.observe(snapshot);
    return { type: MessageType.WORDS, payload: encodeWords(snapshot) };
  }

  async restore(payload: Uint8Array): Promise<Frame> {
    const snapshot = new Uint32Array(this.layout.snapshotWords);
    decodeWords(payload, snapshot, 'RESTORE');
    await this.backend.restore?.(snapshot);
    this.#occupied.clear();
    return DONE;
  }

  /** A fault that the host can explain by itself needs no text. */
  wireFault({ slotIndex, opcode, reason, message, words }: SlotFault): WireFault {
    const isExplained = this.kernel !== undefined && reason !== 'UNKNOWN';
    return { slotIndex, opcode, words, text: isExplained ? '' : message };
  }

  /** The first slot that cannot be published. */
  #lookAt(slots: readonly SlotToRun[]): { position: number; text: string } | undefined {
    const taken = new Set<number>();
    for (const [position, slot] of slots.entries()) {
      const text = this.#problemWith(slot, taken);
      if (text !== undefined) return { position, text };
      taken.add(slot.slotIndex);
    }
    return undefined;
  }

  #problemWith(slot: SlotToRun, taken: ReadonlySet<number>): string | undefined {
    const { slotIndex } = slot;
    const { slotCount } = this.backend;
    if (slotIndex >= slotCount) return `slot ${slotIndex} is beyond the ring, which has ${slotCount} slots`;
    if (this.#occupied.has(slotIndex)) return `slot ${slotIndex} is not free: it was published and has not ended`;
    if (taken.has(slotIndex)) return `slot ${slotIndex} stands twice in this RUN`;
    return this.#judge(slot);
  }

  #drained({ done, pending, faults }: DrainReport): Frame {
    this.#occupied.clear();
    for (const slotIndex of pending) this.#occupied.add(slotIndex);
    const wireFaults = faults.map((fault) => this.wireFault(fault));
    return { type: MessageType.DRAINED, payload: encodeDrained({ done, pending, faults: wireFaults }) };
  }
}

function refused(position: number, text: string): Frame {
  return { type: MessageType.REFUSED, payload: encodeRefused({ position, text }) };
}
