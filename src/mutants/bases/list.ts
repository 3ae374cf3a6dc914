/** A list that lanes append to: one counter hands out cells, another tells how many are filled. */

import { opcode } from '../../kernel/index.ts';
import { type BaseKernel, baseKernel, type Race, rowAfter } from '../base-kernel.ts';
import { ATOMIC, FIRST_OPCODE, SECOND_OPCODE, THIRD_OPCODE } from './numbers.ts';

export const ListRow = { HANDED_OUT: 0, FILLED: 1, VIOLATIONS: 2, CELLS: 3 } as const;
export const CELLS = 4;

/** One of these a race: two would fill their cells in any order. */
const append = opcode(
  'APPEND',
  FIRST_OPCODE,
  ['list', 'value'],
  ($, list, value) => {
    const at = $.atomicAdd('control', rowAfter(list, ListRow.HANDED_OUT), 1, 'at');
    $.store('control', rowAfter(rowAfter(list, ListRow.CELLS), at.remainder(CELLS)), value);
    $.barrier();
    $.atomicAdd('control', rowAfter(list, ListRow.FILLED), 1, 'filledBefore');
  },
  ATOMIC,
);

/** Counts a violation if the newest cell is empty. */
const readNewest = opcode(
  'READ_NEWEST',
  SECOND_OPCODE,
  ['list'],
  ($, list) => {
    const filled = $.load('control', rowAfter(list, ListRow.FILLED), 'filled');
    $.if(filled.equals(0), () => $.finish());
    $.barrier();
    const newest = rowAfter(rowAfter(list, ListRow.CELLS), filled.minus(1).remainder(CELLS));
    const value = $.load('control', newest, 'value');
    $.if(value.equals(0), () => {
      $.atomicAdd('control', rowAfter(list, ListRow.VIOLATIONS), 1, 'violationsBefore');
    });
  },
  ATOMIC,
);

/** Takes a cell of a ring that has one for everybody, and marks it. */
const mark = opcode(
  'MARK',
  THIRD_OPCODE,
  ['list'],
  ($, list) => {
    const ticket = $.atomicAdd('control', rowAfter(list, ListRow.HANDED_OUT), 1, 'ticket');
    const cell = $.let(ticket.remainder(CELLS), 'cell');
    $.atomicAdd('control', rowAfter(rowAfter(list, ListRow.CELLS), cell), 1, 'marksBefore');
  },
  ATOMIC,
);

export const list: BaseKernel = baseKernel({
  name: 'list',
  summary:
    'APPEND takes a cell from one counter and reports it filled in another; READ_NEWEST reads the newest; MARK marks a cell of a ring.',
  rows: ListRow.CELLS + CELLS,
  opcodes: [append, readNewest, mark],
});

export const appendAndRead: Race = {
  name: 'a slot appends, another reads the newest',
  slots: (place) => [
    { opcode: FIRST_OPCODE, args: [place.word(0), 5] },
    { opcode: SECOND_OPCODE, args: [place.word(0)] },
  ],
};

export const marks: Race = {
  name: 'four slots mark four cells',
  slots: (place) => Array.from({ length: CELLS }, () => ({ opcode: THIRD_OPCODE, args: [place.word(0)] })),
};
