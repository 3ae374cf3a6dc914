/** An item that is published again when it is DONE, with a generation in its status. */

import { opcode } from '../../kernel/index.ts';
import { type BaseKernel, baseKernel, type Race, rowAfter } from '../base-kernel.ts';
import { ATOMIC, FIRST_OPCODE, SECOND_OPCODE } from './numbers.ts';

/** The two low bits of a status; the generation is above them. */
export const Phase = { WAITING: 0, CLAIMED: 1, DONE: 2, MASK: 3 } as const;
export const GENERATION = 4;
const Row = { STATUS: 0, PAYLOAD: 1, TENANT: 2, TOTAL: 3, TENANT_RUNS: 4 } as const;

/** Reads what there is to do, then claims it: the claim fails if the item has been published again in between. */
const work = opcode(
  'WORK',
  FIRST_OPCODE,
  ['item'],
  ($, item) => {
    const status = $.load('control', item, 'status');
    $.if(status.and(Phase.MASK).differsFrom(Phase.WAITING), () => $.finish());
    const payload = $.load('control', rowAfter(item, Row.PAYLOAD), 'payload');
    const found = $.compareExchange('control', item, status, status.or(Phase.CLAIMED), 'found');
    $.if(found.differsFrom(status), () => $.finish());
    const tenant = $.load('control', rowAfter(item, Row.TENANT), 'tenant');
    $.atomicAdd('control', rowAfter(rowAfter(item, Row.TENANT_RUNS), tenant), 1, 'tenantRunsBefore');
    $.atomicAdd('control', rowAfter(item, Row.TOTAL), payload.plus(1), 'totalBefore');
    $.store('control', item, status.or(Phase.DONE));
  },
  ATOMIC,
);

/** Publishes the item again if it is DONE. One of these a race. */
const recycle = opcode(
  'RECYCLE',
  SECOND_OPCODE,
  ['item', 'payload', 'tenant'],
  ($, item, payload, tenant) => {
    const status = $.load('control', item, 'status');
    $.if(status.and(Phase.MASK).differsFrom(Phase.DONE), () => $.finish());
    $.store('control', rowAfter(item, Row.PAYLOAD), payload);
    $.store('control', rowAfter(item, Row.TENANT), tenant);
    const bare = $.let(status.minus(Phase.DONE), 'bare');
    $.store('control', item, bare.plus(GENERATION));
  },
  ATOMIC,
);

export const recycled: BaseKernel = baseKernel({
  name: 'recycled item',
  summary:
    'WORK claims an item with a compare-exchange on its status and generation; RECYCLE publishes it again when it is DONE.',
  rows: 6,
  opcodes: [work, recycle],
  // A generation that does not change is no harm by itself; what is made of it is.
  ignoredRows: [Row.STATUS],
});

export const workAround: Race = {
  name: 'two slots work on an item that a third recycles',
  slots: (place) => [
    { opcode: FIRST_OPCODE, args: [place.word(0)] },
    { opcode: SECOND_OPCODE, args: [place.word(0), 10, 1] },
    { opcode: FIRST_OPCODE, args: [place.word(0)] },
  ],
};

export const workOnce: Race = {
  name: 'a slot works on an item that another recycles for the next tenant',
  slots: (place) => [
    { opcode: FIRST_OPCODE, args: [place.word(0)] },
    { opcode: SECOND_OPCODE, args: [place.word(0), 10, 1] },
  ],
};
