/**
 * Small races between sound slots: what stress settings are tuned on. Each of them comes out one way if its slots run one
 * after the other, in whatever order, and another way if they get in between each other.
 */

import { RandomWords } from '../base/random.ts';
import { defineKernel, type Kernel, opcode } from '../kernel/index.ts';
import { ControlWord, Opcode } from '../protocol/index.ts';
import type { SlotRequest } from '../record/index.ts';

const LOST_UPDATE = 0x4000_0000;
const CHECK_THEN_SET = 0x4000_0001;
const MESSAGE_WRITE = 0x4000_0002;
const MESSAGE_READ = 0x4000_0003;

const lostUpdate = opcode('LOST_UPDATE', LOST_UPDATE, ['amount', 'word'], ($, amount, word) => {
  const before = $.load('control', word);
  $.store('control', word, before.plus(amount));
});

/** Whoever finds the word empty takes it; `takers` has to be 1 in the end. */
const checkThenSet = opcode('CHECK_THEN_SET', CHECK_THEN_SET, ['word', 'takers'], ($, word, takers) => {
  const before = $.load('control', word);
  $.if(before.equals(0), () => {
    $.store('control', word, 1);
    $.atomicAdd('control', takers, 1);
  });
});

const messageWrite = opcode('MESSAGE_WRITE', MESSAGE_WRITE, ['data', 'flag'], ($, data, flag) => {
  $.store('control', data, 1);
  $.store('control', flag, 1);
});

/** Sees the flag and not the data only where accesses of a lane are seen out of order. */
const messageRead = opcode(
  'MESSAGE_READ',
  MESSAGE_READ,
  ['data', 'flag', 'violations'],
  ($, data, flag, violations) => {
    const seenFlag = $.load('control', flag);
    const seenData = $.load('control', data);
    $.if(seenFlag.isAbove(seenData), () => void $.atomicAdd('control', violations, 1));
  },
);

const WORDS_OF_EPOCH = 16;
const SLOTS_OF_EPOCH = 63;

export interface Litmus {
  readonly kernel: Kernel;
  /** The slots of each epoch. */
  readonly epochs: readonly (readonly SlotRequest[])[];
}

/** So many epochs of two racing slots of each kind, at random places among sound ones. */
export function litmus(epochCount: number, seed: number): Litmus {
  const random = new RandomWords(seed);
  const kernel = defineKernel({
    name: 'litmus',
    slotCount: SLOTS_OF_EPOCH + 1,
    observableWords: 1 + WORDS_OF_EPOCH * epochCount,
    opcodes: [lostUpdate, checkThenSet, messageWrite, messageRead],
  });
  return { kernel, epochs: Array.from({ length: epochCount }, (_, epoch) => slotsOf(epoch, random)) };
}

function slotsOf(epoch: number, random: RandomWords): SlotRequest[] {
  // The first observable word is the fence's.
  const first = ControlWord.OBSERVABLE_BASE + 1 + epoch * WORDS_OF_EPOCH;
  const racing: SlotRequest[] = [
    { opcode: LOST_UPDATE, args: [1, first] },
    { opcode: LOST_UPDATE, args: [1, first] },
    { opcode: CHECK_THEN_SET, args: [first + 1, first + 2] },
    { opcode: CHECK_THEN_SET, args: [first + 1, first + 2] },
    // A line of its own for each side, so that they can be seen in another order.
    { opcode: MESSAGE_WRITE, args: [first + 3, first + 12] },
    { opcode: MESSAGE_READ, args: [first + 3, first + 12, first + 4] },
  ];
  const slots = Array.from({ length: SLOTS_OF_EPOCH }, (_, slot) => racing[slot] ?? soundSlot(first + 5, slot));
  return shuffled(slots, random);
}

function soundSlot(word: number, slot: number): SlotRequest {
  return { opcode: Opcode.ATOMIC_ADD, args: [slot, word + (slot % 4)] };
}

function shuffled<Item>(items: readonly Item[], random: RandomWords): Item[] {
  const order = Uint32Array.from(items, (_, index) => index);
  random.shuffle(order, order.length);
  return Array.from(order, (index) => items[index]);
}
