/**
 * Data structures that lanes share, each as somebody might write it for a kernel of his own: soundly, so that a slot seems
 * to happen at once, and with a race in it. Both promise to happen at once.
 */

import type { RandomWords } from '../../src/base/random.ts';
import {
  defineKernel,
  type Kernel,
  type OpcodeDefinition,
  opcode,
  type RoutineBuilder,
  type Value,
} from '../../src/kernel/index.ts';
import { Opcode } from '../../src/protocol/index.ts';
import type { SlotRequest } from '../../src/record/index.ts';

const FIRST_WORD = 162;
/** Each structure has so many words: its own first, then those for results. */
const WORDS_EACH = 48;
const RESULTS_AT = 32;
const SIZE = 8;
/** Slots of an epoch of one structure; not more than a ring has room for. */
const MOST_SLOTS = 6;

type Body = ($: RoutineBuilder, base: Value, value: Value, result: Value) => void;

interface Operation {
  readonly name: string;
  readonly sound: Body;
  readonly racy: Body;
}

/** A structure: what may be done to it, one kind of operation an epoch or all of them. */
interface Structure {
  readonly name: string;
  readonly operations: readonly Operation[];
  /** Whether operations of different kinds may meet in an epoch. */
  readonly mixes: boolean;
}

const STACK: Structure = {
  name: 'bounded stack',
  mixes: false,
  operations: [
    {
      name: 'PUSH',
      sound: ($, base, value) => {
        const length = $.atomicAdd('control', base, 1);
        $.if(length.isBelow(SIZE), () => $.store('control', base.plus(length).plus(1), value));
      },
      racy: ($, base, value) => {
        const length = $.load('control', base);
        $.if(length.isBelow(SIZE), () => {
          $.store('control', base.plus(length).plus(1), value);
          $.atomicAdd('control', base, 1);
        });
      },
    },
  ],
};

const RING: Structure = {
  name: 'ring buffer',
  mixes: false,
  operations: [
    {
      name: 'PUT',
      sound: ($, base, value) => {
        const tail = $.atomicAdd('control', base, 1);
        $.store('control', base.plus(2).plus(tail.remainder(SIZE)), value);
      },
      racy: ($, base, value) => {
        const tail = $.load('control', base);
        $.store('control', base.plus(2).plus(tail.remainder(SIZE)), value);
        $.store('control', base, tail.plus(1));
      },
    },
    {
      name: 'GET',
      sound: ($, base, _value, result) => {
        const head = $.atomicAdd('control', base.plus(1), 1);
        $.store('control', result, $.load('control', base.plus(2).plus(head.remainder(SIZE))));
      },
      racy: ($, base, _value, result) => {
        const head = $.load('control', base.plus(1));
        $.store('control', result, head.plus(1));
        $.store('control', base.plus(1), head.plus(1));
      },
    },
  ],
};

const HASH_TABLE: Structure = {
  name: 'hash table',
  mixes: true,
  operations: [
    {
      name: 'INSERT',
      sound: ($, base, value) => {
        $.loop({ below: SIZE, atMost: SIZE }, (probe) => {
          const before = $.compareExchange('control', base.plus(value.plus(probe).remainder(SIZE)), 0, value);
          $.if(before.equals(0).or(before.equals(value)), () => $.break());
        });
      },
      racy: ($, base, value) => {
        $.loop({ below: SIZE, atMost: SIZE }, (probe) => {
          const place = $.let(base.plus(value.plus(probe).remainder(SIZE)));
          const before = $.load('control', place);
          $.if(before.equals(value), () => $.break());
          $.if(before.equals(0), () => {
            $.store('control', place, value);
            $.break();
          });
        });
      },
    },
  ],
};

const TICKET: Structure = {
  name: 'ticket',
  mixes: true,
  operations: [
    {
      name: 'TICKET',
      sound: ($, base, _value, result) => $.store('control', result, $.atomicAdd('control', base, 1)),
      racy: ($, base, _value, result) => {
        const ticket = $.load('control', base);
        $.store('control', base, ticket.plus(1));
        $.store('control', result, ticket);
      },
    },
  ],
};

/** Soundly, both halves are in one word. With the race, readers take an odd sequence number for an even one. */
const SEQLOCK: Structure = {
  name: 'seqlock',
  mixes: true,
  operations: [
    {
      name: 'WRITE_PAIR',
      sound: ($, base, value) => $.store('control', base, value.times(0x1_0001)),
      racy: ($, base, value) => {
        $.atomicAdd('control', base, 1);
        $.store('control', base.plus(1), value);
        $.store('control', base.plus(2), value);
        $.atomicAdd('control', base, 1);
      },
    },
    {
      name: 'READ_PAIR',
      sound: ($, base, _value, result) => $.store('control', result, $.load('control', base)),
      racy: ($, base, _value, result) => {
        const before = $.load('control', base);
        const first = $.load('control', base.plus(1));
        const second = $.load('control', base.plus(2));
        const after = $.load('control', base);
        $.if(before.equals(after), () => $.store('control', result, second.shiftLeft(16).or(first)));
      },
    },
  ],
};

/** Soundly, two accounts of 16 bits in one word; with the race, two words that an audit sees one after the other. */
const BANK: Structure = {
  name: 'bank',
  mixes: true,
  operations: [
    {
      name: 'TRANSFER',
      sound: ($, base, value) => void $.atomicAdd('control', base, value.times(0xffff)),
      racy: ($, base, value) => {
        $.atomicSubtract('control', base, value);
        $.atomicAdd('control', base.plus(1), value);
      },
    },
    {
      name: 'AUDIT',
      sound: ($, base, _value, result) => $.store('control', result, $.load('control', base)),
      racy: ($, base, _value, result) => {
        const first = $.load('control', base);
        $.store('control', result, first.plus($.load('control', base.plus(1))));
      },
    },
  ],
};

export const STRUCTURES: readonly Structure[] = [STACK, RING, HASH_TABLE, TICKET, SEQLOCK, BANK];

const OPERATIONS = STRUCTURES.flatMap(({ operations }) => operations);
const FIRST_CODE = 0x4000_0000;
const CLEAR = 0x4000_1000;

function codeOf(operation: Operation): number {
  return FIRST_CODE + OPERATIONS.indexOf(operation);
}

/** The kernel that has all of the structures. */
export function structuresKernel(kind: 'sound' | 'racy'): Kernel {
  const define = (operation: Operation): OpcodeDefinition =>
    opcode(
      operation.name,
      codeOf(operation),
      ['base', 'value', 'result'],
      ($, base, value, result) => operation[kind]($, base, value, result),
      { promisesAtomicity: true },
    );
  return defineKernel({
    name: `${kind} structures`,
    slotCount: 32,
    observableWords: 2 + WORDS_EACH * (STRUCTURES.length + 1),
    opcodes: [...OPERATIONS.map(define), CLEAR_WORDS],
  });
}

/** Begins a structure anew, where a log goes on and the memory is not to. */
const CLEAR_WORDS: OpcodeDefinition = opcode('CLEAR', CLEAR, ['base'], ($, base) => {
  $.loop({ below: WORDS_EACH, atMost: WORDS_EACH }, (word) => $.store('control', base.plus(word), 0));
});

/** Slots that begin all structures anew. */
export function clearingSlots(): SlotRequest[] {
  return Array.from({ length: STRUCTURES.length + 1 }, (_, index) => ({
    opcode: CLEAR,
    args: [FIRST_WORD + WORDS_EACH * index],
  }));
}

/** Slots that meet in one structure. */
export function slotsOf(structure: Structure, random: RandomWords): SlotRequest[] {
  const base = FIRST_WORD + STRUCTURES.indexOf(structure) * WORDS_EACH;
  const { operations, mixes } = structure;
  const only = operations[random.below(operations.length)];
  return Array.from({ length: 2 + random.below(MOST_SLOTS - 1) }, (_, index) => {
    const operation = mixes ? operations[random.below(operations.length)] : only;
    return { opcode: codeOf(operation), args: [base, 1 + random.below(12), base + RESULTS_AT + index] };
  });
}

/** Slots of one to three structures and of nobody's, in any order. */
export function anySlots(random: RandomWords): SlotRequest[] {
  const begin = random.below(STRUCTURES.length);
  const count = 1 + random.below(3);
  const slots = Array.from({ length: count }, (_, index) =>
    slotsOf(STRUCTURES[(begin + index) % STRUCTURES.length], random),
  ).flat();
  const others = FIRST_WORD + STRUCTURES.length * WORDS_EACH;
  for (let left = random.below(6); left > 0; left -= 1) {
    slots.push({ opcode: Opcode.ATOMIC_ADD, args: [1 + random.below(9), others + random.below(WORDS_EACH)] });
  }
  const order = Uint32Array.from(slots.keys());
  random.shuffle(order, order.length);
  return Array.from(order, (index) => slots[index]);
}
