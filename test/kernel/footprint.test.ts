import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  builtinOpcodes,
  defineKernel,
  type Footprint,
  finishKernel,
  footprintOf,
  type Kernel,
  opcode,
  planMemory,
  RoutineBuilder,
  touches,
  type Value,
} from '../../src/kernel/index.ts';
import { Opcode, Priority } from '../../src/protocol/index.ts';
import { packedArguments } from './protocol-model.ts';
import { anyKernelCase, type KernelCase } from './random-kernel.ts';
import { interpret, prepare } from './run-three-ways.ts';

interface Touch {
  readonly slotIndex: number;
  readonly memory: string;
  readonly index: number;
  readonly access: keyof Footprint;
}

/** What the turn of each slot reached, in slot order. */
function tracedWords(made: KernelCase): Touch[] {
  const machine = prepare(made, new ArrayBuffer(planMemory(made.kernel).totalBytes));
  const touched: Touch[] = [];
  for (const slotIndex of made.slots.keys()) {
    interpret(made.kernel, machine.memories, Uint32Array.of(slotIndex), (memory, index, reads, writes) => {
      if (reads) touched.push({ slotIndex, memory, index, access: 'reads' });
      if (writes) touched.push({ slotIndex, memory, index, access: 'writes' });
    });
  }
  return touched;
}

/** The words of a memory that ranges cover. */
function wordsIn(ranges: Footprint['reads'], memory: string): number[] {
  return ranges
    .filter((range) => range.memory === memory)
    .flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, index) => first + index));
}

function sorted(words: Iterable<number>): number[] {
  return [...new Set(words)].sort((left, right) => left - right);
}

function slotOf(code: number, ...args: number[]): KernelCase['slots'][number] {
  return { opcode: code, tenant: 0, priority: Priority.NORMAL, args };
}

describe('the footprint of a slot', () => {
  it('has every word that serving the slot touches, whatever the kernel', () => {
    fc.assert(
      fc.property(anyKernelCase, (made) => {
        const footprints = made.slots.map((slot, slotIndex) => footprintOf(made.kernel, { ...slot, slotIndex }));
        const missed = tracedWords(made).filter(
          ({ slotIndex, memory, index, access }) => !touches(footprints[slotIndex][access], memory, index),
        );
        expect(missed).toEqual([]);
      }),
      { numRuns: 3_000 },
    );
  });

  describe('takes nothing as known that may be otherwise', () => {
    const code = 0x4000_0000;

    /** The words of control memory that a slot may write in a kernel whose only opcode is this one. */
    function writesOf(write: Parameters<typeof opcode>[3], args: readonly number[] = []): number[] {
      const kernel = defineKernel({ name: 'k', slotCount: 1, opcodes: [opcode('OWN', code, ['a'], write)] });
      const slot = { slotIndex: 0, opcode: code, tenant: 0, args };
      return wordsIn(footprintOf(kernel, slot).writes, 'control').filter((word) => word >= 160);
    }

    it('such as an argument that the kernel stores over', () => {
      const words = writesOf(($) => {
        $.storePlain('ring', $.parameter('slotBase').plus(4), 7);
        $.store('control', $.loadPlain('ring', $.parameter('argumentBase')).plus(160), 1);
      });
      expect(words).toContain(167);
    });

    it.each<[string, (routine: RoutineBuilder, a: Value) => Value]>([
      ['of a number that it is given', (_, a) => a.times(16).plus(6)],
      ['that begins at a number it is given', (_, a) => a.plus(6)],
      ['behind its own', ($) => $.parameter('slotBase').plus(16 + 6)],
      ['before its own', ($) => $.parameter('slotBase').minus(16 - 6)],
    ])('such as the words of a slot if a lane may store over those of a slot %s', (_where, index) => {
      const words = writesOf(($, a) => {
        $.storePlain('ring', index($, a), 7);
        $.store('control', $.loadPlain('ring', $.parameter('slotBase').plus(6)).plus(160), 1);
      });
      expect(words).toContain(167);
    });

    it('such as the priority, which it is not told', () => {
      const words = writesOf(($) => {
        $.store('control', $.loadPlain('ring', $.parameter('slotBase').plus(3)).plus(160), 1);
      });
      expect(words).toContain(162);
    });

    it('such as an exchange of the status that may fail', () => {
      const words = writesOf(($) => {
        const seen = $.compareExchange('ring', $.parameter('slotBase'), 1, 2);
        $.if(seen.differsFrom(1), () => $.store('control', 170, 1));
      });
      expect(words).toContain(170);
    });

    it('such as how many turns a loop takes until what it loaded', () => {
      const words = writesOf(($) => {
        const count = $.variable(0);
        $.loop({ below: $.load('control', 200), atMost: 3 }, () => $.assign(count, count.plus(1)));
        $.store('control', count.plus(160), 1);
      });
      expect(words).toEqual(expect.arrayContaining([160, 161, 162, 163]));
    });

    it('such as whether a loop takes any turn', () => {
      const words = writesOf(($) => {
        const chosen = $.variable(163);
        $.loop({ from: $.load('control', 200), below: 9, atMost: 9 }, () => $.assign(chosen, 165));
        $.store('control', chosen, 1);
      });
      expect(words).toEqual(expect.arrayContaining([163, 165]));
    });

    it('such as what an earlier turn of a long loop assigned', () => {
      const words = writesOf(($) => {
        const chosen = $.variable(163);
        $.loop({ below: 5_000, atMost: 5_000 }, () => {
          $.store('control', chosen, 1);
          $.assign(chosen, 165);
        });
      });
      expect(words).toEqual(expect.arrayContaining([163, 165]));
    });

    it('such as whether a loop was left early', () => {
      const words = writesOf(($) => {
        const count = $.variable(0);
        $.loop({ below: 3, atMost: 3 }, () => {
          $.if($.load('control', 200).equals(0), () => $.break());
          $.assign(count, count.plus(1));
        });
        $.store('control', count.plus(160), 1);
      });
      expect(words).toEqual(expect.arrayContaining([160, 161, 162, 163]));
    });
  });

  it('has the status of the slot even if the turn never names it, because that is where a fault shows', () => {
    const $ = new RoutineBuilder(['slotIndex', 'slotBase']);
    $.fault(1);
    const kernel = finishKernel({ ...defineKernel({ name: 'k', slotCount: 2 }), turn: $.statements });
    const { reads, writes } = footprintOf(kernel, { slotIndex: 1, opcode: 0, tenant: 0, args: [] });
    expect([reads, writes]).toEqual([[], [{ memory: 'ring', first: 16, last: 16 }]]);
  });

  it('keeps to the slot for arguments that nobody stores over', () => {
    const own = opcode('OWN', 0x4000_0000, ['word'], ($, word) => {
      $.storePlain('ring', $.parameter('slotBase').plus(5), 7);
      $.store('control', word, 1);
    });
    const kernel = defineKernel({ name: 'k', slotCount: 1, opcodes: [own] });
    const { writes } = footprintOf(kernel, { slotIndex: 0, opcode: 0x4000_0000, tenant: 0, args: [170] });
    expect(wordsIn(writes, 'control')).toEqual([1, 170]);
  });

  it('has nothing of what is certain not to be reached', () => {
    const own = opcode('OWN', 0x4000_0000, ['chosen'], ($, chosen) => {
      $.if(
        chosen.equals(1),
        () => $.finish(),
        () => $.if(chosen.equals(2), () => $.fault(0)),
      );
      $.loop({ below: chosen, atMost: 1 }, () => {
        $.store('control', 170, 1);
        $.break();
        $.store('control', 180, 1);
      });
      $.store('control', 190, 1);
    });
    const kernel = defineKernel({ name: 'k', slotCount: 1, opcodes: [own] });
    const writes = [1, 2, 3].map((chosen) => {
      const footprint = footprintOf(kernel, { slotIndex: 0, opcode: 0x4000_0000, tenant: 0, args: [chosen] });
      return wordsIn(footprint.writes, 'control').filter((word) => word >= 160);
    });
    expect(writes).toEqual([[], [], [170, 190]]);
  });

  it('is not thrown by more arguments than a slot has', () => {
    const kernel = defineKernel({ name: 'k', slotCount: 1 });
    const args = Array.from({ length: 20 }, () => 170);
    const { writes } = footprintOf(kernel, { slotIndex: 0, opcode: Opcode.STORE_U32, tenant: 0, args });
    expect(touches(writes, 'control', 170)).toBe(true);
  });

  it('gives up on a kernel that takes too many steps, and says that everything may be touched', () => {
    const own = opcode('OWN', 0x4000_0000, [], ($) => {
      const range = { below: 4_000, atMost: 4_000 };
      $.loop(range, () => $.loop(range, () => $.loop(range, () => {})));
    });
    const kernel = defineKernel({ name: 'k', slotCount: 1, tables: { table: Uint32Array.of(1) }, opcodes: [own] });
    const { reads, writes } = footprintOf(kernel, { slotIndex: 0, opcode: 0x4000_0000, tenant: 0, args: [] });
    for (const memory of ['ring', 'control', 'debug']) {
      expect(wordsIn(writes, memory)).toHaveLength({ ring: 16, control: 1024, debug: 257 }[memory]!);
    }
    expect(touches(reads, 'table', 0)).toBe(true);
  });

  it('may be asked with words that no memory has', () => {
    const kernel = defineKernel({ name: 'k', slotCount: 1 });
    const { writes } = footprintOf(kernel, { slotIndex: 0, ...slotOf(Opcode.STORE_U32, 1, 5_000) });
    expect(wordsIn(writes, 'control')).toEqual([1, 97]);
    expect(touches(writes, 'control', 5_000)).toBe(false);
    expect(touches(writes, 'nowhere', 0)).toBe(false);
  });
});

describe('the footprint of a built-in opcode with constant arguments', () => {
  const anyWord = fc.integer({ min: 0, max: 500 });
  const simpleSlots: fc.Arbitrary<KernelCase['slots'][number]>[] = [
    fc.constant(slotOf(Opcode.NOP)),
    fc.tuple(anyWord, anyWord).map(([value, word]) => slotOf(Opcode.STORE_U32, value, word)),
    fc.tuple(anyWord, anyWord).map(([value, word]) => slotOf(Opcode.ATOMIC_ADD, value, word)),
    fc.tuple(anyWord, anyWord).map(([word, result]) => slotOf(Opcode.LOAD_U32, word, result)),
    fc.tuple(anyWord, anyWord).map(([word, expected]) => slotOf(Opcode.COMPARE_SWAP, word, expected, 9)),
    fc.tuple(anyWord, anyWord, anyWord).map((args) => slotOf(Opcode.MEMCPY, ...args)),
    fc.tuple(anyWord, anyWord).map(([count, tag]) => slotOf(Opcode.BATCH_FENCE, count, tag)),
    fc.constant(slotOf(Opcode.PRINTF, 1, 2, 3)),
    fc.constant(slotOf(Opcode.SHUTDOWN)),
  ];
  const anyPair = fc.tuple(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 12 }));
  const packedSlot = fc
    .tuple(fc.array(anyPair, { maxLength: 6 }), fc.array(anyWord, { maxLength: 11 }))
    .map(([pairs, words]) => slotOf(Opcode.PACKED_SLOT, ...packedArguments(pairs, words)));
  const anyBuiltin = fc.oneof(...simpleSlots, packedSlot);

  /** A turn that does nothing but serve the slot: no word of it depends on memory. */
  function bareKernel(): Kernel {
    const $ = new RoutineBuilder(['slotIndex', 'slotBase']);
    const slotBase = $.parameter('slotBase');
    $.dispatch($.loadPlain('ring', slotBase.plus(1)), slotBase.plus(4));
    return finishKernel({
      ...defineKernel({ name: 'bare', slotCount: 1, observableWords: 2_000 }),
      turn: $.statements,
    });
  }

  function expectExact(kernel: Kernel, slot: KernelCase['slots'][number], access: keyof Footprint, memory: string) {
    const footprint = footprintOf(kernel, { ...slot, slotIndex: 0 });
    const touched = tracedWords({ kernel, firstWords: [], slots: [slot] });
    const expected = touched.filter((touch) => touch.memory === memory && touch.access === access);
    expect(wordsIn(footprint[access], memory)).toEqual(sorted(expected.map(({ index }) => index)));
  }

  it('is exact for what it reads and writes', () => {
    const kernel = bareKernel();
    fc.assert(
      fc.property(anyBuiltin, (slot) => {
        expectExact(kernel, slot, 'reads', 'control');
        expectExact(kernel, slot, 'writes', 'control');
        expectExact(kernel, slot, 'reads', 'ring');
      }),
      { numRuns: 500 },
    );
  });

  it('is exact for what the plain turn writes, which reads any word, because it looks its tenant up', () => {
    const kernel = defineKernel({ name: 'plain', slotCount: 1, observableWords: 2_000 });
    fc.assert(
      fc.property(anyBuiltin, (slot) => {
        expectExact(kernel, slot, 'writes', 'control');
        expectExact(kernel, slot, 'writes', 'ring');
        expectExact(kernel, slot, 'reads', 'ring');
      }),
      { numRuns: 500 },
    );
    const { reads } = footprintOf(kernel, { slotIndex: 0, ...slotOf(Opcode.NOP) });
    expect(wordsIn(reads, 'control')).toHaveLength(kernel.controlWords);
  });

  it('has the whole debug log for a record whose place is not known', () => {
    const { writes } = footprintOf(bareKernel(), { slotIndex: 0, ...slotOf(Opcode.PRINTF) });
    expect(wordsIn(writes, 'debug')).toHaveLength(257);
  });

  it('touches nothing but the slot if there is no handler', () => {
    const { reads, writes } = footprintOf(bareKernel(), { slotIndex: 0, ...slotOf(Opcode.DFA_STEP) });
    expect(reads).toEqual([{ memory: 'ring', first: 1, last: 1 }]);
    expect(writes).toEqual([{ memory: 'ring', first: 0, last: 0 }]);
    expect(builtinOpcodes().map(({ name }) => name)).not.toContain('DFA_STEP');
  });
});
