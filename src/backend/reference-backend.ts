/**
 * The reference: one thread, one lane after the other in the order of publishing, every turn whole. Deterministic, so a
 * difference from it is either the schedule's doing or a backend's, and it runs wherever JavaScript does.
 */

import { bindLoweredKernel, type Kernel, type LoweredKernel, lowerToJavaScript, planMemory } from '../kernel/index.ts';
import type { ObservationLayout } from '../observe/index.ts';
import { ControlWord } from '../protocol/index.ts';
import type { Backend, DrainReport, Slot } from './backend.ts';
import { checkDeadline, DEFAULT_DEADLINE_MS, hangFault } from './deadline.ts';
import { BackendFaultError } from './errors.ts';
import { KernelMachine } from './kernel-machine.ts';

export interface ReferenceOptions {
  /** A drain that takes longer is a hang. Default 10,000. */
  readonly deadlineMs?: number;
}

export class ReferenceBackend implements Backend {
  readonly name = 'reference';
  readonly slotCount: number;
  readonly layout: ObservationLayout;
  readonly epochWord: number = ControlWord.EPOCH;
  readonly #machine: KernelMachine;
  readonly #lowered: LoweredKernel;
  readonly #deadlineMs: number;
  /** Of the drain in progress, once its loops have run for a while: one without long loops asks for no time. */
  #deadline: number | undefined;
  /** A lane was left in the middle of its turn: memory is not what any kernel makes of it. */
  #hung = false;

  /** @throws InputError if an option is out of range. */
  constructor(kernel: Kernel, options: ReferenceOptions = {}) {
    this.#deadlineMs = checkDeadline(options.deadlineMs ?? DEFAULT_DEADLINE_MS);
    this.#machine = new KernelMachine(kernel, new ArrayBuffer(planMemory(kernel).totalBytes));
    const program = lowerToJavaScript(kernel, 'serial');
    this.#lowered = bindLoweredKernel(program, this.#machine.memories, () => this.#watch());
    this.slotCount = kernel.slotCount;
    this.layout = this.#machine.layout;
    this.#machine.reset();
  }

  start(): void {
    this.#hung = false;
    this.#machine.reset();
  }

  publish(slotIndex: number, slot: Slot): void {
    this.#running().publish(slotIndex, slot);
  }

  drain(): DrainReport {
    const machine = this.#running();
    this.#deadline = undefined;
    try {
      this.#lowered.runTurns(machine.outstanding, 0, 1, machine.outstandingCount);
    } catch (error) {
      if (!(error instanceof DeadlinePassed)) throw error;
      this.#hung = true;
      throw hangFault(this.name, this.#deadlineMs);
    }
    return machine.collect();
  }

  observe(snapshot: Uint32Array): void {
    this.#running().observe(snapshot);
  }

  restore(snapshot: Uint32Array): void {
    this.#running().restore(snapshot);
  }

  stop(): void {}

  #running(): KernelMachine {
    if (!this.#hung) return this.#machine;
    throw new BackendFaultError(this.name, 'unavailable', 'it hung in the last drain', 'call start() first.');
  }

  #watch(): void {
    const now = performance.now();
    this.#deadline ??= now + this.#deadlineMs;
    if (now > this.#deadline) throw new DeadlinePassed();
  }
}

/** Thrown through the kernel's program, and never seen outside. */
class DeadlinePassed extends Error {}
