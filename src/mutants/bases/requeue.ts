/** Jobs that need a lock: whoever does not get it is put on a list, for later. */

import { opcode } from '../../kernel/index.ts';
import { type BaseKernel, baseKernel, type Race, rowAfter } from '../base-kernel.ts';
import { ATOMIC, FIRST_OPCODE } from './numbers.ts';

const Row = { LOCK: 0, DONE: 1, TAIL: 2, LIST: 3 } as const;
export const DONE_ROW: number = Row.DONE;

const runOrRequeue = opcode(
  'RUN_OR_REQUEUE',
  FIRST_OPCODE,
  ['job', 'first'],
  ($, job, first) => {
    const holder = $.compareExchange('control', rowAfter(first, Row.LOCK), 0, job, 'holder');
    $.if(holder.equals(0), () => {
      $.atomicAdd('control', rowAfter(first, Row.DONE), 1, 'doneBefore');
      $.finish();
    });
    const tail = $.atomicAdd('control', rowAfter(first, Row.TAIL), 1, 'tail');
    $.store('control', rowAfter(rowAfter(first, Row.LIST), tail.and(3)), job);
  },
  ATOMIC,
);

export const requeue: BaseKernel = baseKernel({
  name: 'requeue',
  summary: 'RUN_OR_REQUEUE runs a job if it gets the lock for it, and else puts it on a list.',
  rows: 7,
  opcodes: [runOrRequeue],
});

export const jobs: Race = {
  name: 'three jobs, one lock',
  slots: (place) => [1, 2, 3].map((job) => ({ opcode: FIRST_OPCODE, args: [job, place.word(0)] })),
};
