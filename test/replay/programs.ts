/** Programs of built-in slots whose outcome does not depend on the order within an epoch. */

import fc from 'fast-check';
import { defineKernel, type Kernel } from '../../src/kernel/index.ts';
import { Opcode } from '../../src/protocol/index.ts';
import type { SlotRequest } from '../../src/record/index.ts';
import type { Program } from './recordings.ts';

export const soundKernel: Kernel = defineKernel({ name: 'sound', slotCount: 8, observableWords: 80 });

/** Words that slots only ever add to. */
const FIRST_SUM = 161;
const SUMS = 12;
/** Words that slots only ever store to, each at most once an epoch. */
const FIRST_CELL = 180;
const CELLS = 60;
/** What the debug log holds. */
const MOST_PRINTED = 64;

const anyWord = fc.oneof(fc.nat(9), fc.integer({ min: 0, max: 2 ** 32 - 1 }));
const anySum = fc.integer({ min: FIRST_SUM, max: FIRST_SUM + SUMS - 1 });
const anyPriority = fc.constantFrom(2, 2, 2, 0, 1, 3, 4);
const anyTenant = fc.nat(28);

const anyAdd = fc.tuple(anyWord, anySum).map((args) => ({ opcode: Opcode.ATOMIC_ADD, args }));
const anyPrint = fc.tuple(anyWord, anyWord, anyWord).map((args) => ({ opcode: Opcode.PRINTF, args }));
const anyPacked = fc
  .array(fc.tuple(anyWord, anySum), { minLength: 1, maxLength: 3 })
  .map((inner) => ({ opcode: Opcode.PACKED_SLOT, args: packedAdds(inner) }));
const anyNop = fc.constant({ opcode: Opcode.NOP });
/** Which cell a store goes to is settled when all stores of an epoch are known. */
const anyStore = anyWord.map((value) => ({ opcode: Opcode.STORE_U32, args: [value] }));

const anySlot: fc.Arbitrary<SlotRequest> = fc
  .tuple(fc.oneof(anyAdd, anyAdd, anyPrint, anyPacked, anyNop, anyStore), anyTenant, anyPriority)
  .map(([slot, tenant, priority]) => ({ ...slot, tenant, priority }));

/** The argument words of a PACKED_SLOT that adds up to three amounts to a word each. */
export function packedAdds(inner: readonly (readonly [amount: number, word: number])[]): number[] {
  const bytes = [inner.length, 3 * inner.length];
  for (const index of inner.keys()) bytes.push(Opcode.ATOMIC_ADD, 3 * index);
  const words = Array.from({ length: Math.ceil(bytes.length / 4) }, (_, word) =>
    [0, 1, 2, 3].reduce((sum, byte) => sum + (bytes[4 * word + byte] ?? 0) * 256 ** byte, 0),
  );
  return [...words, ...inner.flatMap(([amount, word]) => [amount, word, 0])];
}

/** Gives each store a cell of its own, and takes out what the debug log and the cells have no room for. */
function settle(slots: readonly SlotRequest[], firstCell: number): SlotRequest[] {
  let printed = 0;
  let stored = 0;
  return slots.flatMap((slot) => {
    if (slot.opcode === Opcode.PRINTF && ++printed > MOST_PRINTED) return [];
    if (slot.opcode !== Opcode.STORE_U32) return [slot];
    if (++stored > CELLS) return [];
    return [{ ...slot, args: [slot.args?.[0] ?? 0, FIRST_CELL + ((firstCell + stored) % CELLS)] }];
  });
}

export const anySoundProgram: fc.Arbitrary<Program> = fc.array(
  fc
    .tuple(fc.array(anySlot, { maxLength: 20 }), fc.nat(CELLS - 1))
    .map(([slots, firstCell]) => settle(slots, firstCell)),
  { minLength: 1, maxLength: 5 },
);
