/** What a lane publishes for other lanes: a flag behind a payload, and a header in one word. */

import { opcode } from '../../kernel/index.ts';
import { type BaseKernel, baseKernel, type Race, rowAfter } from '../base-kernel.ts';
import { ATOMIC, FIRST_OPCODE, FOURTH_OPCODE, SECOND_OPCODE, THIRD_OPCODE } from './numbers.ts';

const Row = { FLAG: 0, PAYLOAD: 1, VIOLATIONS: 2 } as const;
/** The two halves of a header add up to this. */
const HEADER_SUM = 100;

const post = opcode(
  'POST',
  FIRST_OPCODE,
  ['box', 'payload'],
  ($, box, payload) => {
    $.store('control', rowAfter(box, Row.PAYLOAD), payload);
    $.barrier();
    $.store('control', rowAfter(box, Row.FLAG), 1);
  },
  ATOMIC,
);

/** Counts a violation if the flag is there and the payload is not. */
const fetch = opcode(
  'FETCH',
  SECOND_OPCODE,
  ['box', 'expected'],
  ($, box, expected) => {
    const flag = $.load('control', rowAfter(box, Row.FLAG), 'flag');
    $.if(flag.equals(0), () => $.finish());
    $.barrier();
    const payload = $.load('control', rowAfter(box, Row.PAYLOAD), 'payload');
    $.if(payload.differsFrom(expected), () => {
      $.atomicAdd('control', rowAfter(box, Row.VIOLATIONS), 1, 'violationsBefore');
    });
  },
  ATOMIC,
);

const postHeader = opcode(
  'POST_HEADER',
  THIRD_OPCODE,
  ['box', 'length', 'kind'],
  ($, box, length, kind) => {
    const header = $.let(kind.shiftLeft(16).or(length), 'header');
    $.store('control', box, header);
  },
  ATOMIC,
);

const fetchHeader = opcode(
  'FETCH_HEADER',
  FOURTH_OPCODE,
  ['box'],
  ($, box) => {
    const header = $.load('control', box, 'header');
    $.if(header.equals(0), () => $.finish());
    const sum = $.let(header.and(0xffff).plus(header.shiftRight(16)), 'sum');
    $.if(sum.differsFrom(HEADER_SUM), () => {
      $.atomicAdd('control', rowAfter(box, Row.VIOLATIONS), 1, 'violationsBefore');
    });
  },
  ATOMIC,
);

export const mailbox: BaseKernel = baseKernel({
  name: 'mailbox',
  summary:
    'POST stores a payload, then, behind a barrier, a flag; FETCH looks at both. POST_HEADER stores two halves in one word.',
  rows: 3,
  opcodes: [post, fetch, postHeader, fetchHeader],
});

export const message: Race = {
  name: 'a slot posts, another fetches',
  slots: (place) => [
    { opcode: FIRST_OPCODE, args: [place.word(0), 42] },
    { opcode: SECOND_OPCODE, args: [place.word(0), 42] },
  ],
};

export const header: Race = {
  name: 'a slot posts a header, another fetches it',
  slots: (place) => [
    { opcode: THIRD_OPCODE, args: [place.word(0), 70, HEADER_SUM - 70] },
    { opcode: FOURTH_OPCODE, args: [place.word(0)] },
  ],
};
