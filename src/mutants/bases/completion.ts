/** Completion as lanes show it to each other: a result, a state, a count of what is done. */

import { opcode } from '../../kernel/index.ts';
import { type BaseKernel, baseKernel, type Race, rowAfter } from '../base-kernel.ts';
import { ATOMIC, FIRST_OPCODE, SECOND_OPCODE } from './numbers.ts';

const Row = { RESULT: 0, STATE: 1, DONE_COUNT: 2, VIOLATIONS: 3 } as const;
const DONE = 3;

const complete = opcode(
  'COMPLETE',
  FIRST_OPCODE,
  ['first', 'value'],
  ($, first, value) => {
    $.store('control', rowAfter(first, Row.RESULT), value);
    $.barrier();
    $.store('control', rowAfter(first, Row.STATE), DONE);
    $.atomicAdd('control', rowAfter(first, Row.DONE_COUNT), 1, 'doneBefore');
  },
  ATOMIC,
);

/** Counts a violation if a word of the completion is there and the result is not. */
const watch = opcode(
  'WATCH',
  SECOND_OPCODE,
  ['first', 'watched', 'expected'],
  ($, first, watched, expected) => {
    const seen = $.load('control', watched, 'seen');
    $.if(seen.equals(0), () => $.finish());
    $.barrier();
    const result = $.load('control', rowAfter(first, Row.RESULT), 'result');
    $.if(result.differsFrom(expected), () => {
      $.atomicAdd('control', rowAfter(first, Row.VIOLATIONS), 1, 'violationsBefore');
    });
  },
  ATOMIC,
);

export const completion: BaseKernel = baseKernel({
  name: 'completion',
  summary:
    'COMPLETE stores a result, then, behind a barrier, a state and a count; WATCH reads one of these, then the result.',
  rows: 4,
  opcodes: [complete, watch],
});

const watching = (row: number): Race['slots'] => {
  return (place) => [
    { opcode: FIRST_OPCODE, args: [place.word(0), 42] },
    { opcode: SECOND_OPCODE, args: [place.word(0), place.word(row), 42] },
  ];
};

export const watchedCount: Race = {
  name: 'a slot completes, another watches the count',
  slots: watching(Row.DONE_COUNT),
};
export const watchedState: Race = { name: 'a slot completes, another watches the state', slots: watching(Row.STATE) };
