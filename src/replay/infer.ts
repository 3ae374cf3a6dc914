/** What a log without a kernel tells about the kernel that it was written with. */

import type { RecordColumns } from '../log/index.ts';
import { ControlWord, MAX_SLOT_COUNT, Opcode } from '../protocol/index.ts';

/** Sizes that are large enough for everything in a log that looks meant. */
export interface InferredSizes {
  readonly slotCount: number;
  readonly controlWords: number;
}

const LEAST_SLOTS = 16;
const LEAST_CONTROL_WORDS = 1_024;
/** An address beyond this is taken for wild: a slot that faults, not a control memory of megabytes. */
const MOST_CONTROL_WORDS = 1 << 20;

/** The smallest powers of two that hold every slot index and every address that the built-in opcodes name. */
export function inferSizes(columns: RecordColumns): InferredSizes {
  let slots = 0;
  let words = 0;
  for (let record = 0; record < columns.length; record += 1) {
    const slotIndex = columns.slotIndex[record];
    if (slotIndex < MAX_SLOT_COUNT) slots = Math.max(slots, slotIndex + 1);
    const reached = highestWord(columns, record) + 1;
    if (reached <= MOST_CONTROL_WORDS) words = Math.max(words, reached);
  }
  return {
    slotCount: powerOfTwo(Math.max(LEAST_SLOTS, slots)),
    controlWords: powerOfTwo(Math.max(LEAST_CONTROL_WORDS, words)),
  };
}

function highestWord({ opcode, args }: RecordColumns, record: number): number {
  const [first, second, third] = [args[4 * record], args[4 * record + 1], args[4 * record + 2]];
  switch (opcode[record]) {
    case Opcode.STORE_U32:
    case Opcode.ATOMIC_ADD:
      return second;
    case Opcode.LOAD_U32:
      return Math.max(first, second + ControlWord.OBSERVABLE_BASE);
    case Opcode.COMPARE_SWAP:
      return first + ControlWord.OBSERVABLE_BASE;
    case Opcode.MEMCPY:
      return third === 0 ? 0 : Math.max(first, second) + third - 1;
    default:
      return 0;
  }
}

function powerOfTwo(least: number): number {
  return 2 ** Math.ceil(Math.log2(least));
}
