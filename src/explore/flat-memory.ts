/** All writable memory of a kernel as one array of words, which is how lanes name what they access. */

import { WORD_BYTES } from '../base/words.ts';
import { type Kernel, planMemory } from '../kernel/index.ts';

/** Where things are in the flat memory; the ring begins at word 0. */
export interface FlatMemory {
  readonly controlStart: number;
  readonly debugStart: number;
  readonly faultsStart: number;
  readonly wordCount: number;
}

export function flatMemoryOf(kernel: Kernel): FlatMemory {
  const plan = planMemory(kernel);
  return {
    controlStart: plan.controlByteOffset / WORD_BYTES,
    debugStart: plan.debugByteOffset / WORD_BYTES,
    faultsStart: plan.faultsByteOffset / WORD_BYTES,
    wordCount: plan.totalBytes / WORD_BYTES,
  };
}

/** The flat word of the first word of a memory; undefined for tables, which nobody writes. */
export function flatWord(memory: FlatMemory, name: string): number | undefined {
  switch (name) {
    case 'ring':
      return 0;
    case 'control':
      return memory.controlStart;
    case 'debug':
      return memory.debugStart;
    default:
      return undefined;
  }
}

/** The memory that a flat word lies in, and its index there. */
export function nameFlatWord(memory: FlatMemory, word: number): { memory: string; word: number } {
  if (word < memory.controlStart) return { memory: 'ring', word };
  if (word < memory.debugStart) return { memory: 'control', word: word - memory.controlStart };
  return { memory: 'debug', word: word - memory.debugStart };
}
