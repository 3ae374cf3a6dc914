/** What the explorer is measured on: lanes that load and store shared words in turn, so that every access is a scheduling point. */

import { defineKernel, type Kernel, opcode } from '../src/kernel/index.ts';
import { Priority } from '../src/protocol/index.ts';
import { type Scenario, scenarioOfSlots } from '../src/scenario/index.ts';

/** The first of the words that all lanes use. */
export const CONTENDED_WORD = 160;
const SHARED_WORDS = 4;
const CODE = 0x4000_0000;

function kernelOf(accesses: number): Kernel {
  const contend = opcode('CONTEND', CODE, [], ($) => {
    const lane = $.parameter('slotBase').shiftRight(4);
    const kept = $.variable(lane);
    $.loop({ below: accesses >> 1, atMost: 64 }, (turn) => {
      const word = $.let(lane.plus(turn).remainder(SHARED_WORDS).plus(CONTENDED_WORD));
      const seen = $.load('control', word);
      $.assign(kept, kept.times(31).plus(seen));
      $.store('control', word, kept);
    });
    if (accesses % 2 === 1) $.store('control', CONTENDED_WORD, kept);
  });
  return defineKernel({ name: 'contending', slotCount: 64, observableWords: 16, opcodes: [contend] });
}

/** A scenario of `lanes` slots that each make `accesses` accesses to the same four words. */
export function contendingLanes(lanes: number, accesses: number): Scenario {
  const slot = { opcode: CODE, tenant: 0, priority: Priority.NORMAL, args: [] };
  return scenarioOfSlots(
    kernelOf(accesses),
    Array.from({ length: lanes }, (_, slotIndex) => ({ slotIndex, slot })),
  );
}
