/** A quota that is checked and taken at once. */

import { opcode } from '../../kernel/index.ts';
import { type BaseKernel, baseKernel, type Race, rowAfter } from '../base-kernel.ts';
import { ATOMIC, FIRST_OPCODE } from './numbers.ts';

const Row = { USED: 0, GRANTED: 1, REFUSED: 2 } as const;
/** More than other lanes can spoil. */
const MOST_ATTEMPTS = 8;

const runWithin = opcode(
  'RUN_WITHIN',
  FIRST_OPCODE,
  ['first', 'amount', 'limit', 'fails'],
  ($, first, amount, limit, fails) => {
    $.loop(
      { below: MOST_ATTEMPTS, atMost: MOST_ATTEMPTS },
      () => {
        const used = $.load('control', rowAfter(first, Row.USED), 'used');
        $.if(used.plus(amount).isAbove(limit), () => {
          $.atomicAdd('control', rowAfter(first, Row.REFUSED), 1, 'refusedBefore');
          $.finish();
        });
        const found = $.compareExchange('control', rowAfter(first, Row.USED), used, used.plus(amount), 'found');
        $.if(found.equals(used), () => $.break());
      },
      'attempt',
    );
    $.if(fails.differsFrom(0), () => {
      $.atomicSubtract('control', rowAfter(first, Row.USED), amount, 'usedBefore');
      $.finish();
    });
    $.atomicAdd('control', rowAfter(first, Row.GRANTED), amount, 'grantedBefore');
  },
  ATOMIC,
);

export const quota: BaseKernel = baseKernel({
  name: 'quota',
  summary:
    'RUN_WITHIN checks and takes its amount of a quota with one compare-exchange, and gives it back if it fails.',
  rows: 3,
  opcodes: [runWithin],
});

export const overdraft: Race = {
  name: 'three slots, a quota for two',
  slots: (place) => [0, 0, 0].map((fails) => ({ opcode: FIRST_OPCODE, args: [place.word(0), 1, 2, fails] })),
};

export const failure: Race = {
  name: 'a slot that fails beside one that does not',
  slots: (place) => [1, 0].map((fails) => ({ opcode: FIRST_OPCODE, args: [place.word(0), 1, 100, fails] })),
};
