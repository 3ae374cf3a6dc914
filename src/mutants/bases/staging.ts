/** Lanes with a scratch cell of their own. */

import { opcode } from '../../kernel/index.ts';
import { type BaseKernel, baseKernel, type Race, rowAfter } from '../base-kernel.ts';
import { ATOMIC, FIRST_OPCODE } from './numbers.ts';

const stagedAdd = opcode(
  'STAGED_ADD',
  FIRST_OPCODE,
  ['amount', 'first', 'lane'],
  ($, amount, first, lane) => {
    const own = $.let(lane.plus(1), 'own');
    $.store('control', rowAfter(first, own), amount);
    const staged = $.load('control', rowAfter(first, own), 'staged');
    $.atomicAdd('control', first, staged, 'totalBefore');
    $.store('control', rowAfter(first, own), 0);
  },
  ATOMIC,
);

export const staging: BaseKernel = baseKernel({
  name: 'staging',
  summary: 'STAGED_ADD keeps what it adds in a scratch cell of its lane for a while.',
  rows: 4,
  opcodes: [stagedAdd],
});

export const stagedAdds: Race = {
  name: 'three lanes, each with a cell',
  slots: (place) => [1, 2, 4].map((amount, lane) => ({ opcode: FIRST_OPCODE, args: [amount, place.word(0), lane] })),
};
