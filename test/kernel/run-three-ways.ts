/** One case, run by the interpreter and by both dialects of the generated program. */

import { KernelMachine } from '../../src/backend/index.ts';
import {
  bindLoweredKernel,
  type Kernel,
  type KernelMemories,
  lowerToJavaScript,
  planMemory,
} from '../../src/kernel/index.ts';
import { Interpreter, type Trace } from './interpreter.ts';
import type { KernelCase } from './random-kernel.ts';

/** Every writable word after all slots had a turn each. */
export interface FinalWords {
  readonly ring: readonly number[];
  readonly control: readonly number[];
  readonly debug: readonly number[];
  readonly faults: readonly number[];
}

export type Way = 'interpreter' | 'serial' | 'shared';

export function runCase(way: Way, made: KernelCase): FinalWords {
  const { kernel } = made;
  const bytes = planMemory(kernel).totalBytes;
  const machine = prepare(made, way === 'shared' ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes));
  const lanes = Uint32Array.from(made.slots.keys());
  if (way === 'interpreter') interpret(kernel, machine.memories, lanes);
  else bindLoweredKernel(lowerToJavaScript(kernel, way), machine.memories).runTurns(lanes, 0, 1, lanes.length);
  return wordsOf(machine.memories);
}

/** A machine that has the case's first words in its control memory and its slots published. */
export function prepare({ kernel, firstWords, slots }: KernelCase, buffer: ArrayBufferLike): KernelMachine {
  const machine = new KernelMachine(kernel, buffer);
  machine.reset();
  machine.memories.control.set(firstWords.slice(0, kernel.controlWords - 160), 160);
  for (const [slotIndex, slot] of slots.entries()) machine.publish(slotIndex, slot);
  return machine;
}

export function interpret(kernel: Kernel, memories: KernelMemories, lanes: Uint32Array, trace?: Trace): void {
  const interpreter = new Interpreter(kernel, memories, trace);
  for (const slotIndex of lanes) interpreter.runTurn(slotIndex);
}

function wordsOf({ ring, control, debug, faults }: KernelMemories): FinalWords {
  return {
    ring: Array.from(ring),
    control: Array.from(control),
    debug: Array.from(debug),
    faults: Array.from(faults),
  };
}
