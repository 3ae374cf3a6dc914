/** A pair of words with a version, which readers look at before and after (a sequence lock). */

import { opcode } from '../../kernel/index.ts';
import { type BaseKernel, baseKernel, type Race, rowAfter } from '../base-kernel.ts';
import { ATOMIC, FIRST_OPCODE, SECOND_OPCODE } from './numbers.ts';

const Row = { VERSION: 0, LEFT: 1, RIGHT: 2, VIOLATIONS: 3 } as const;

/** One of these a race. */
const writePair = opcode(
  'WRITE_PAIR',
  FIRST_OPCODE,
  ['pair', 'value'],
  ($, pair, value) => {
    $.atomicAdd('control', pair, 1, 'versionBefore');
    $.barrier();
    $.store('control', rowAfter(pair, Row.LEFT), value);
    $.store('control', rowAfter(pair, Row.RIGHT), value);
    $.barrier();
    $.atomicAdd('control', pair, 1, 'versionBetween');
  },
  ATOMIC,
);

/** Counts a violation if the halves differ although the version says that they belong together. */
const readPair = opcode(
  'READ_PAIR',
  SECOND_OPCODE,
  ['pair'],
  ($, pair) => {
    const before = $.load('control', pair, 'before');
    $.if(before.and(1).differsFrom(0), () => $.finish());
    $.barrier();
    const left = $.load('control', rowAfter(pair, Row.LEFT), 'left');
    const right = $.load('control', rowAfter(pair, Row.RIGHT), 'right');
    $.barrier();
    const after = $.load('control', pair, 'after');
    $.if(after.equals(before).and(left.differsFrom(right)), () => {
      $.atomicAdd('control', rowAfter(pair, Row.VIOLATIONS), 1, 'violationsBefore');
    });
  },
  ATOMIC,
);

export const versioned: BaseKernel = baseKernel({
  name: 'versioned pair',
  summary:
    'WRITE_PAIR changes two words between two steps of their version; READ_PAIR believes them if it did not move.',
  rows: 4,
  opcodes: [writePair, readPair],
});

export const writeAndRead: Race = {
  name: 'a slot writes a pair, another reads it',
  slots: (place) => [
    { opcode: FIRST_OPCODE, args: [place.word(0), 9] },
    { opcode: SECOND_OPCODE, args: [place.word(0)] },
  ],
};
