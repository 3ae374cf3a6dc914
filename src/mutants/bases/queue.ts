/** Items in control memory that any lane may claim, as in kernels where a lane does not own its slot. */

import { opcode } from '../../kernel/index.ts';
import { type BaseKernel, baseKernel, type Race, rowAfter } from '../base-kernel.ts';
import { ATOMIC, FIRST_OPCODE } from './numbers.ts';

export const ItemStatus = { WAITING: 0, CLAIMED: 1, DONE: 2 } as const;
const MOST_ITEMS = 3;
const RUNS_ROW = MOST_ITEMS;

/** Takes the first item that waits, and counts its run. */
const take = opcode(
  'TAKE',
  FIRST_OPCODE,
  ['first', 'count'],
  ($, first, count) => {
    $.loop(
      { below: count, atMost: MOST_ITEMS },
      (item) => {
        const status = rowAfter(first, item);
        const found = $.compareExchange('control', status, ItemStatus.WAITING, ItemStatus.CLAIMED, 'found');
        $.if(found.equals(ItemStatus.WAITING), () => {
          $.atomicAdd('control', rowAfter(rowAfter(first, item), RUNS_ROW), 1, 'runsBefore');
          $.store('control', status, ItemStatus.DONE);
          $.finish();
        });
      },
      'item',
    );
  },
  ATOMIC,
);

export const queue: BaseKernel = baseKernel({
  name: 'queue',
  summary: 'TAKE claims the first item of a list that waits, with a compare-exchange, runs it and marks it DONE.',
  rows: 2 * MOST_ITEMS,
  opcodes: [take],
});

export const takers: Race = {
  name: 'three slots take three items',
  slots: (place) => [0, 1, 2].map(() => ({ opcode: FIRST_OPCODE, args: [place.word(0), MOST_ITEMS] })),
};
