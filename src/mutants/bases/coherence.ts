/** Two accesses of a lane to one word: nobody may see them the other way round. */

import { opcode } from '../../kernel/index.ts';
import { type BaseKernel, baseKernel, type Race, rowAfter } from '../base-kernel.ts';
import { ATOMIC, FIRST_OPCODE, SECOND_OPCODE } from './numbers.ts';

const Row = { WORD: 0, OTHER_WORD: 1, VIOLATIONS: 2 } as const;
/** How far the other word is that a broken alias takes for the same. */
export const OTHER_WORD_ROW: number = Row.OTHER_WORD;

const setTwice = opcode(
  'SET_TWICE',
  FIRST_OPCODE,
  ['word'],
  ($, word) => {
    const alias = $.let(word.plus(0), 'alias');
    $.store('control', word, 1);
    $.store('control', alias, 1);
  },
  ATOMIC,
);

/** Counts a violation if the word has gone back. */
const readTwice = opcode(
  'READ_TWICE',
  SECOND_OPCODE,
  ['word'],
  ($, word) => {
    const alias = $.let(word.plus(0), 'alias');
    const first = $.load('control', alias, 'first');
    const second = $.load('control', word, 'second');
    $.if(first.isAbove(second), () => {
      $.atomicAdd('control', rowAfter(word, Row.VIOLATIONS), 1, 'violationsBefore');
    });
  },
  ATOMIC,
);

export const coherence: BaseKernel = baseKernel({
  name: 'coherence',
  summary:
    'SET_TWICE stores 1 to a word twice, READ_TWICE loads it twice, by two names; the word may not go back to 0.',
  rows: 3,
  opcodes: [setTwice, readTwice],
  ignoredRows: [Row.WORD, Row.OTHER_WORD],
});

export const setAndRead: Race = {
  name: 'a slot sets a word, another reads it twice',
  slots: (place) => [
    { opcode: FIRST_OPCODE, args: [place.word(0)] },
    { opcode: SECOND_OPCODE, args: [place.word(0)] },
  ],
  sharesLot: true,
};
