/** A cell for the result of a request, which is free again once somebody has read it. */

import { opcode } from '../../kernel/index.ts';
import { type BaseKernel, baseKernel, type Race, rowAfter } from '../base-kernel.ts';
import { ATOMIC, FIRST_OPCODE, SECOND_OPCODE } from './numbers.ts';

export const CellStatus = { EMPTY: 0, BUSY: 1, DONE: 2 } as const;
const Row = { STATUS: 0, RESULT: 1, COLLECTED: 2, REFUSED: 3 } as const;

const request = opcode(
  'REQUEST',
  FIRST_OPCODE,
  ['cell', 'value'],
  ($, cell, value) => {
    const found = $.compareExchange('control', cell, CellStatus.EMPTY, CellStatus.BUSY, 'found');
    $.if(found.differsFrom(CellStatus.EMPTY), () => {
      $.atomicAdd('control', rowAfter(cell, Row.REFUSED), 1, 'refusedBefore');
      $.finish();
    });
    $.store('control', rowAfter(cell, Row.RESULT), value);
    $.store('control', cell, CellStatus.DONE);
  },
  ATOMIC,
);

/** One of these a race. */
const collect = opcode(
  'COLLECT',
  SECOND_OPCODE,
  ['cell'],
  ($, cell) => {
    const status = $.load('control', cell, 'status');
    $.if(status.differsFrom(CellStatus.DONE), () => $.finish());
    const result = $.load('control', rowAfter(cell, Row.RESULT), 'result');
    $.atomicAdd('control', rowAfter(cell, Row.COLLECTED), result, 'collectedBefore');
    $.store('control', cell, CellStatus.EMPTY);
  },
  ATOMIC,
);

export const response: BaseKernel = baseKernel({
  name: 'response',
  summary: 'REQUEST puts a result into a cell that is EMPTY; COLLECT reads it and makes the cell EMPTY again.',
  rows: 4,
  opcodes: [request, collect],
});

export const requests: Race = {
  name: 'two requests for one cell, and a slot that collects',
  slots: (place) => [
    { opcode: FIRST_OPCODE, args: [place.word(0), 3] },
    { opcode: FIRST_OPCODE, args: [place.word(0), 5] },
    { opcode: SECOND_OPCODE, args: [place.word(0)] },
  ],
};
