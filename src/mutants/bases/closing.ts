/** A fence that does wait for its batch: whoever arrives last closes the epoch. Nobody has to make progress for anybody. */

import { opcode } from '../../kernel/index.ts';
import { type BaseKernel, baseKernel, type Race, rowAfter } from '../base-kernel.ts';
import { ATOMIC, FIRST_OPCODE, SECOND_OPCODE } from './numbers.ts';

const Row = { ARRIVED: 0, EPOCH: 1, CLOSED: 2, VIOLATIONS: 3, TENANT_ARRIVED: 4, CELLS: 6 } as const;
const MOST_ARRIVALS = 3;

const arrive = opcode(
  'ARRIVE',
  FIRST_OPCODE,
  ['first', 'lane', 'amount', 'count', 'tenant', 'tenantCount'],
  ($, first, lane, amount, count, tenant) => {
    const counter = rowAfter(rowAfter(first, Row.TENANT_ARRIVED), tenant);
    $.atomicAdd('control', counter, 1, 'tenantArrivedBefore');
    $.store('control', rowAfter(rowAfter(first, Row.CELLS), lane), amount);
    $.barrier();
    const arrivedBefore = $.atomicAdd('control', rowAfter(first, Row.ARRIVED), 1, 'arrivedBefore');
    $.if(arrivedBefore.plus(1).equals(count), () => {
      $.barrier();
      const sum = $.variable(0, 'sum');
      $.loop(
        { below: count, atMost: MOST_ARRIVALS },
        (cell) => {
          const amountSeen = $.load('control', rowAfter(rowAfter(first, Row.CELLS), cell), 'amountSeen');
          $.assign(sum, sum.plus(amountSeen));
        },
        'cell',
      );
      $.store('control', rowAfter(first, Row.CLOSED), sum);
      $.barrier();
      $.atomicAdd('control', rowAfter(first, Row.EPOCH), 1, 'epochBefore');
    });
  },
  ATOMIC,
);

/** Of the next epoch: runs only once this one is closed, and counts a violation if its sum is not complete. */
const runNext = opcode(
  'RUN_NEXT',
  SECOND_OPCODE,
  ['first', 'expected'],
  ($, first, expected) => {
    const epoch = $.load('control', rowAfter(first, Row.EPOCH), 'epoch');
    $.if(epoch.equals(0), () => $.finish());
    $.barrier();
    const closed = $.load('control', rowAfter(first, Row.CLOSED), 'closed');
    $.if(closed.differsFrom(expected), () => {
      $.atomicAdd('control', rowAfter(first, Row.VIOLATIONS), 1, 'violationsBefore');
    });
  },
  ATOMIC,
);

export const closing: BaseKernel = baseKernel({
  name: 'closing fence',
  summary:
    'ARRIVE stores what a slot has to give and counts its arrival; the last one sums up and closes the epoch. RUN_NEXT waits for that.',
  rows: Row.CELLS + MOST_ARRIVALS,
  opcodes: [arrive, runNext],
});

const TENANTS = [0, 0, 1];
const arrivals: Race['slots'] = (place) =>
  TENANTS.map((tenant, lane) => ({
    opcode: FIRST_OPCODE,
    args: [place.word(0), lane, 1 + lane, TENANTS.length, tenant, TENANTS.filter((other) => other === tenant).length],
    tenant,
  }));

export const batch: Race = { name: 'three slots of two tenants arrive', slots: arrivals };

export const batchAndNext: Race = {
  name: 'three slots arrive, one belongs to the next epoch',
  slots: (place) => [...arrivals(place), { opcode: SECOND_OPCODE, args: [place.word(0), 6] }],
};
