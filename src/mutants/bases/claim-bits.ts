/** Items that are claimed by their bits in one word, so that a claim can fail for another item's sake. */

import { opcode } from '../../kernel/index.ts';
import { type BaseKernel, baseKernel, type Race } from '../base-kernel.ts';
import { ATOMIC, FIRST_OPCODE } from './numbers.ts';

/** More than other lanes can spoil. */
const MOST_ATTEMPTS = 8;

const claimBit = opcode(
  'CLAIM_BIT',
  FIRST_OPCODE,
  ['bits', 'bit', 'runs'],
  ($, bits, bit, runs) => {
    $.loop(
      { below: MOST_ATTEMPTS, atMost: MOST_ATTEMPTS },
      () => {
        const held = $.load('control', bits, 'held');
        $.if(held.and(bit).differsFrom(0), () => $.finish());
        const found = $.compareExchange('control', bits, held, held.or(bit), 'found');
        $.if(found.equals(held), () => {
          $.atomicAdd('control', runs, 1, 'runsBefore');
          $.finish();
        });
      },
      'attempt',
    );
  },
  ATOMIC,
);

export const claimBits: BaseKernel = baseKernel({
  name: 'claim bits',
  summary: 'CLAIM_BIT claims an item by its bit of a word that all share; spoiled by another claim, it tries again.',
  rows: 2,
  opcodes: [claimBit],
});

export const claimers: Race = {
  name: 'three slots claim a bit each',
  slots: (place) => [1, 2, 4].map((bit) => ({ opcode: FIRST_OPCODE, args: [place.word(0), bit, place.word(1)] })),
};
