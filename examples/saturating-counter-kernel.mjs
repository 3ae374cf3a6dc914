// @ts-check
// A kernel of one's own: the built-in opcodes and two more. For `--kernel examples/saturating-counter-kernel.mjs`.

import { defineKernel, opcode } from 'vrrl/kernel';

const SLOT_COUNT = 64;

/**
 * control[word] = min(control[word] + amount, ceiling), as one step that others see whole or not at all. A turn fails only
 * if another lane's slot got through, and each of those needs to get through once: as many turns as slots are enough.
 */
const saturatingAdd = opcode(
  'SATURATING_ADD',
  0x40000001,
  ['amount', 'word', 'ceiling'],
  ($, amount, word, ceiling) => {
    const isStored = $.variable(0, 'isStored');
    $.loop({ below: SLOT_COUNT, atMost: SLOT_COUNT }, () => {
      const before = $.load('control', word, 'before');
      const room = $.let(ceiling.maximum(before).minus(before), 'room');
      const seen = $.compareExchange('control', word, before, before.plus(amount.minimum(room)), 'seen');
      $.if(seen.equals(before), () => {
        $.assign(isStored, 1);
        $.break();
      });
    });
    $.if(isStored.equals(0), () => $.fault(1));
  },
  { promisesAtomicity: true },
);

/** control[word] = max(control[word], value). */
const keepMaximum = opcode(
  'KEEP_MAXIMUM',
  0x40000002,
  ['value', 'word'],
  ($, value, word) => void $.atomicMaximum('control', word, value),
  { promisesAtomicity: true },
);

export default defineKernel({
  name: 'saturating-counter',
  slotCount: SLOT_COUNT,
  observableWords: 32,
  opcodes: [saturatingAdd, keepMaximum],
});
