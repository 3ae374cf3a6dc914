/**
 * The examples that papers on dynamic partial-order reduction count runs of, as kernels: a slot is a thread.
 *
 * readers and lastzero are of Abdulla, Aronis, Jonsson and Sagonas, "Optimal Dynamic Partial Order Reduction", POPL 2014, the
 * indexer of Flanagan and Godefroid, "Dynamic Partial-Order Reduction for Model Checking Software", POPL 2005. The numbers
 * of classes are 2^n for n readers, 2^(n−2)·(n+3) for lastzero(n), and 8^(n−11) for an indexer of n > 11 threads: up to
 * eleven no two messages fall into one cell.
 */

import { describe, expect, it } from 'vitest';
import { exhaust } from '../../src/explore/index.ts';
import { defineKernel, opcode } from '../../src/kernel/index.ts';
import { Priority } from '../../src/protocol/index.ts';
import { scenarioOfSlots } from '../../src/scenario/index.ts';

const FIRST = 160;
const CODE = 0x4000_0000;

const kernel = defineKernel({
  name: 'textbook',
  slotCount: 32,
  observableWords: 256,
  opcodes: [
    opcode('READ', CODE, [], ($) => void $.load('control', FIRST)),
    opcode('WRITE', CODE + 1, [], ($) => $.store('control', FIRST, 1)),
    // array[n] = array[n − 1] + 1
    opcode('RAISE', CODE + 2, ['n'], ($, n) => {
      const below = $.load('control', n.plus(FIRST - 1));
      $.store('control', n.plus(FIRST), below.plus(1));
    }),
    // for (i = n; array[i] !== 0; i -= 1);
    opcode('LAST_ZERO', CODE + 3, ['n'], ($, n) => {
      $.loop({ below: n.plus(1), atMost: 64 }, (index) => {
        const seen = $.load('control', n.minus(index).plus(FIRST));
        $.if(seen.equals(0), () => $.break());
      });
    }),
    // Four messages, each into the first free cell from its hash on.
    opcode('INDEX', CODE + 4, ['thread'], ($, thread) => {
      $.loop({ below: 4, atMost: 4 }, (message) => {
        const word = $.let(message.plus(1).times(11).plus(thread));
        const hash = $.variable(word.times(7).remainder(128));
        $.loop({ below: 128, atMost: 128 }, () => {
          const before = $.compareExchange('control', hash.plus(FIRST), 0, word);
          $.if(before.equals(0), () => $.break());
          $.assign(hash, hash.plus(1).remainder(128));
        });
      });
    }),
  ],
});

function countRuns(slots: readonly (readonly number[])[]): number {
  const placed = slots.map(([code, ...args], slotIndex) => ({
    slotIndex,
    slot: { opcode: CODE + code, tenant: 0, priority: Priority.NORMAL, args },
  }));
  const { runs, complete } = exhaust(scenarioOfSlots(kernel, placed), {}, () => {});
  expect(complete).toBe(true);
  return runs;
}

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

describe('optimal reduction takes as many runs as there are classes', () => {
  it.each([
    [2, 4],
    [8, 256],
    [10, 1_024],
  ])('readers(%i): %i', (readers, expected) => {
    expect(countRuns([[1], ...upTo(readers).map(() => [0])])).toBe(expected);
  });

  it.each([
    [5, 64],
    [10, 3_328],
  ])('lastzero(%i): %i', (threads, expected) => {
    expect(countRuns([[3, threads], ...upTo(threads).map((n) => [2, n])])).toBe(expected);
  });

  it.each([
    [11, 1],
    [12, 8],
    [13, 64],
  ])('indexer(%i): %i', (threads, expected) => {
    expect(countRuns(upTo(threads).map((thread) => [4, thread - 1]))).toBe(expected);
  });
});
