import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  defineKernel,
  type Kernel,
  opcode,
  planMemory,
  type RoutineBuilder,
  storesToStatusOnly,
  touchesOwnSlotOnly,
  type Value,
} from '../../src/kernel/index.ts';
import { SLOT_WORDS, SlotStatus, SlotWord } from '../../src/protocol/index.ts';
import { workloads } from '../../src/workloads/index.ts';
import { anyKernelCase } from './random-kernel.ts';
import { interpret, prepare } from './run-three-ways.ts';

type Write = ($: RoutineBuilder, slotBase: Value, argument: Value) => void;

function kernelOf(write: Write): Kernel {
  const own = opcode('OWN', 0x4000_0000, ['argument'], ($, argument) => write($, $.parameter('slotBase'), argument));
  return defineKernel({ name: 'k', slotCount: 4, opcodes: [own] });
}

/** Who a kernel's stores to the ring are about, and what both questions say to it. */
const CASES: readonly (readonly [what: string, ownSlot: boolean, statusOnly: boolean, write: Write])[] = [
  ['nothing', true, true, () => {}],
  ['loads of any slot', true, true, ($, base, argument) => void $.load('ring', base.plus(argument))],
  ['other memories', true, true, ($, _, argument) => $.store('control', argument, 1)],
  ['its status', true, true, ($, base) => $.store('ring', base, SlotStatus.WAIT_IO)],
  ['its status, written as a sum', true, true, ($, base) => $.store('ring', base.plus(0), SlotStatus.WAIT_IO)],
  ['an argument', true, false, ($, base) => $.store('ring', base.plus(SlotWord.ARGUMENTS + 9), 1)],
  ['its last word, plainly', true, false, ($, base) => $.storePlain('ring', base.plus(SLOT_WORDS - 1), 1)],
  ['its opcode, by an exchange', true, false, ($, base) => void $.atomicExchange('ring', base.plus(1), 1)],
  ['its tenant, if it is so', true, false, ($, base) => void $.compareExchange('ring', base.plus(2), 0, 1)],
  ['the next slot', false, false, ($, base) => $.store('ring', base.plus(SLOT_WORDS), 1)],
  ['the slot before', false, false, ($, base) => $.store('ring', base.minus(SLOT_WORDS), 1)],
  ['a slot by its number', false, false, ($) => $.store('ring', 0, 1)],
  ['wherever an argument says', false, false, ($, base, argument) => $.store('ring', base.plus(argument), 1)],
  ['its own slot, in a way that nobody sees', false, false, ($, base) => $.store('ring', base.plus(1).plus(1), 1)],
  ['a copy of where it begins', false, false, ($, base) => $.store('ring', $.let(base), 1)],
  [
    'another slot under a condition',
    false,
    false,
    ($, base, argument) =>
      $.if(
        argument.equals(0),
        () => {},
        () => $.store('ring', base.plus(SLOT_WORDS), 1),
      ),
  ],
  [
    'another slot in a loop',
    false,
    false,
    ($, base) => $.loop({ below: 2, atMost: 2 }, () => void $.atomicAdd('ring', base.plus(SLOT_WORDS), 1)),
  ],
];

describe('what a kernel stores to in the ring', () => {
  it.each(CASES)('%s', (_what, ownSlot, statusOnly, write) => {
    const kernel = kernelOf(write);
    expect([touchesOwnSlotOnly(kernel), storesToStatusOnly(kernel)]).toEqual([ownSlot, statusOnly]);
  });

  it('is the status of its own slot in every built-in workload', () => {
    for (const workload of workloads) {
      const { kernel } = workload.plan(new TextEncoder().encode('some text\nof two lines\n'));
      expect([touchesOwnSlotOnly(kernel), storesToStatusOnly(kernel)], workload.name).toEqual([true, true]);
    }
  });

  it('is never more than was said, in kernels of any kind', () => {
    let [own, statusOnly] = [0, 0];
    fc.assert(
      fc.property(anyKernelCase, (made) => {
        const { kernel } = made;
        const says = { own: touchesOwnSlotOnly(kernel), status: storesToStatusOnly(kernel) };
        if (says.status) expect(says.own).toBe(true);
        own += says.own ? 1 : 0;
        statusOnly += says.status ? 1 : 0;
        const { memories } = prepare(made, new ArrayBuffer(planMemory(kernel).totalBytes));
        for (const slotIndex of made.slots.keys()) {
          const base = slotIndex * SLOT_WORDS;
          interpret(kernel, memories, Uint32Array.of(slotIndex), (memory, index, _reads, writes) => {
            if (memory !== 'ring' || !writes) return;
            if (says.own) expect(Math.floor(index / SLOT_WORDS)).toBe(slotIndex);
            if (says.status) expect(index).toBe(base + SlotWord.STATUS);
          });
        }
      }),
      { numRuns: 600 },
    );
    // Or nothing was found out.
    expect(own).toBeGreaterThan(50);
    expect(statusOnly).toBeGreaterThan(20);
  });
});
