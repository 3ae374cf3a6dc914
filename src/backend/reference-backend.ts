/**
 * The reference: one thread, one lane after the other in the order of publishing, every turn whole. Deterministic, so a
 * difference from it is either the schedule's doing or a backend's, and it runs wherever JavaScript does.
 */

import { bindLoweredKernel, type Kernel, type LoweredKernel, lowerToJavaScript, planMemory } from '../kernel/index.ts';
import type { ObservationLayout } from '../observe/index.ts';
import { ControlWord } from '../protocol/index.ts';
import type { Backend, DrainReport, Slot } from './backend.ts';
import { KernelMachine } from './kernel-machine.ts';

export class ReferenceBackend implements Backend {
  readonly name = 'reference';
  readonly slotCount: number;
  readonly layout: ObservationLayout;
  readonly epochWord: number = ControlWord.EPOCH;
  readonly #machine: KernelMachine;
  readonly #lowered: LoweredKernel;

  constructor(kernel: Kernel) {
    this.#machine = new KernelMachine(kernel, new ArrayBuffer(planMemory(kernel).totalBytes));
    this.#lowered = bindLoweredKernel(lowerToJavaScript(kernel, 'serial'), this.#machine.memories);
    this.slotCount = kernel.slotCount;
    this.layout = this.#machine.layout;
    this.#machine.reset();
  }

  start(): void {
    this.#machine.reset();
  }

  publish(slotIndex: number, slot: Slot): void {
    this.#machine.publish(slotIndex, slot);
  }

  drain(): DrainReport {
    this.#lowered.runTurns(this.#machine.outstanding, 0, 1, this.#machine.outstandingCount);
    return this.#machine.collect();
  }

  observe(snapshot: Uint32Array): void {
    this.#machine.observe(snapshot);
  }

  restore(snapshot: Uint32Array): void {
    this.#machine.restore(snapshot);
  }

  stop(): void {}
}
