/** Recordings to replay, with the kernels that make them what they are. Made in this process, without the command line. */

import { Recorder } from '../../cli/recorder.ts';
import { ThreadsBackend } from '../../node/threads-backend.ts';
import { type Backend, ReferenceBackend } from '../../src/backend/index.ts';
import { defineKernel, type Kernel, opcode } from '../../src/kernel/index.ts';
import { Opcode } from '../../src/protocol/index.ts';
import type { SlotRequest } from '../../src/record/index.ts';

export const ADD = 0x4000_0001;
export const SPIN = 0x4000_0002;
export const GIVE_UP = 0x4000_0003;
export const WORD = 170;

/** One kernel in two versions: the second counts wrong, always in the same way. */
export function countingKernel(version: 'right' | 'wrong'): Kernel {
  const add = opcode('ADD', ADD, ['amount', 'word'], ($, amount, word) => {
    $.atomicAdd('control', word, version === 'right' ? amount : amount.plus(1));
  });
  return defineKernel({ name: 'counting', slotCount: 32, opcodes: [add] });
}

/** Goes round as often as it is told to, four thousand million times at most; or gives a slot up. */
export function spinKernel(): Kernel {
  const spin = opcode('SPIN', SPIN, ['turns'], ($, turns) => {
    $.loop({ below: turns, atMost: 0xffff_ffff }, () => {
      $.load('control', WORD);
    });
  });
  const giveUp = opcode('GIVE_UP', GIVE_UP, [], ($) => $.fault(5));
  return defineKernel({ name: 'spin', slotCount: 16, opcodes: [spin, giveUp] });
}

export interface RecordingOptions {
  readonly capacity?: number;
  readonly threads?: boolean;
}

/** Records epochs of slots; returns the path. */
export async function makeRecording(
  path: string,
  kernel: Kernel,
  epochs: readonly (readonly SlotRequest[])[],
  { capacity = 4_096, threads = false }: RecordingOptions = {},
): Promise<string> {
  const backend: Backend = threads ? new ThreadsBackend(kernel) : new ReferenceBackend(kernel);
  const recorder = await Recorder.create(path, backend, kernel, { format: 'v1', capacity, mayReplace: true });
  try {
    for (const [index, slots] of epochs.entries()) {
      await recorder.session.publish(slots);
      await recorder.session.endEpoch({ tag: index });
    }
  } finally {
    recorder.close();
    await backend.stop();
  }
  return path;
}

/** `epochs` times `slots` additions, made with an opcode of (amount, word). */
export function additionsBy(code: number, epochs: number, slots: number): SlotRequest[][] {
  return Array.from({ length: epochs }, () => Array.from({ length: slots }, () => ({ opcode: code, args: [1, WORD] })));
}

/** Additions that no schedule changes the sum of. */
export function soundEpochs(epochs: number, slots = 10): SlotRequest[][] {
  return additionsBy(Opcode.ATOMIC_ADD, epochs, slots);
}

/** Stores of different values into one word: the last one stays, and which that is, the schedule says. */
export function unorderedEpochs(epochs: number, slots = 10): SlotRequest[][] {
  return Array.from({ length: epochs }, (_, epoch) =>
    Array.from({ length: slots }, (_, slot) => ({ opcode: Opcode.STORE_U32, args: [100 * epoch + slot + 1, WORD] })),
  );
}

/** A module that exports a kernel as data, with no need of vrrl. */
export function kernelModule(kernel: Kernel): string {
  return `export default ${JSON.stringify(kernel)};\n`;
}
