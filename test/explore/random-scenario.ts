/** Small scenarios whose lanes get in each other's way: few words, few slots, opcodes of one to four accesses. */

import fc from 'fast-check';
import { defineKernel, type Kernel, opcode, type RoutineBuilder, type Value } from '../../src/kernel/index.ts';
import { Opcode, Priority } from '../../src/protocol/index.ts';
import { type Scenario, scenarioOfSlots } from '../../src/scenario/index.ts';

const FIRST_WORD = 160;
const BASE = 0x4000_0000;

/** Racy and sound opcodes of a user's, by name; the arguments are three small numbers. */
const OPCODES: Readonly<Record<string, ($: RoutineBuilder, ...args: Value[]) => void>> = {
  LOSING_ADD: ($, word, amount) => {
    const before = $.load('control', word);
    $.store('control', word, before.plus(amount));
  },
  CHECK_THEN_SET: ($, word, value) => {
    const before = $.load('control', word);
    $.if(before.equals(0), () => $.store('control', word, value.plus(1)));
  },
  KEEPING_ADD: ($, word, amount, other) => {
    const before = $.atomicAdd('control', word, amount);
    $.store('control', other, before);
  },
  TWO_STORES: ($, word, value, other) => {
    $.store('control', word, value);
    $.store('control', other, value.plus(1));
  },
  FENCED_STORES: ($, word, value, other) => {
    $.store('control', word, value);
    $.barrier();
    $.store('control', other, value.plus(1));
  },
  TWO_LOADS: ($, word, _value, other) => {
    const first = $.load('control', word);
    $.barrier();
    const second = $.load('control', other);
    $.storePlain(
      'control',
      $.parameter('slotBase')
        .shiftRight(4)
        .plus(FIRST_WORD + 10),
      first.times(16).plus(second),
    );
  },
  MAXIMUM: ($, word, value) => void $.atomicMaximum('control', word, value),
  FAULTING: ($, word) => {
    const before = $.load('control', word);
    $.if(before.equals(2), () => $.fault(before));
    $.atomicOr('control', word, 2);
  },
  INDIRECT: ($, word, value) => {
    const index = $.load('control', word);
    $.store('control', index.and(1).plus(FIRST_WORD), value);
  },
};

const names = Object.keys(OPCODES);

export const racyKernel: Kernel = defineKernel({
  name: 'racing',
  slotCount: 4,
  observableWords: 16,
  opcodes: names.map((name, index) => opcode(name, BASE + index, ['word', 'value', 'other'], OPCODES[name])),
});

const anyWord = fc.integer({ min: FIRST_WORD, max: FIRST_WORD + 1 });
const small = fc.integer({ min: 0, max: 3 });
const ownSlot = fc
  .tuple(fc.nat(names.length - 1), anyWord, small, anyWord)
  .map(([index, word, value, other]) => [BASE + index, word, value, other]);
const builtinSlot = fc.oneof(
  fc.tuple(small, anyWord).map(([value, word]) => [Opcode.STORE_U32, value, word]),
  fc.tuple(anyWord, small, small).map(([word, expected, desired]) => [Opcode.COMPARE_SWAP, word, expected, desired]),
  fc.tuple(anyWord, fc.nat(1)).map(([word, result]) => [Opcode.LOAD_U32, word, result]),
  fc.constant([Opcode.MEMCPY, FIRST_WORD, FIRST_WORD + 1, 2]),
  fc.tuple(small, small).map(([first, second]) => [Opcode.PRINTF, 1, first, second]),
  fc.constant([Opcode.SHUTDOWN]),
);

/** Two or three slots, of one batch or of two. */
export const anyScenario: fc.Arbitrary<Scenario> = fc
  .tuple(fc.array(fc.oneof(ownSlot, builtinSlot), { minLength: 2, maxLength: 3 }), fc.boolean(), fc.nat(4))
  .map(([slots, isSplit, tenant]) => {
    const placed = slots.map(([code, ...args], index) => ({
      slotIndex: isSplit && index === slots.length - 1 ? 0 : index,
      slot: { opcode: code, tenant: tenant === 4 ? 40 : 0, priority: Priority.NORMAL, args },
    }));
    return scenarioOfSlots(racyKernel, placed);
  });
