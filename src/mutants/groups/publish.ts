/** Mutants of how what is published becomes visible, and when its place is used again. */

import { ROW_WORDS } from '../base-kernel.ts';
import { appendAndRead, CELLS, ListRow, list, marks } from '../bases/list.ts';
import { header, mailbox, message } from '../bases/mailbox.ts';
import { CellStatus, requests, response } from '../bases/response.ts';
import type { Mutant } from '../catalogue.ts';
import {
  asking,
  asks,
  bind,
  constant,
  declares,
  isBarrier,
  loadingFrom,
  local,
  operation,
  plain,
  stores,
  storing,
} from '../rewrite/expressions.ts';

export const publish: readonly Omit<Mutant, 'group'>[] = [
  {
    number: 8,
    kind: 'weak',
    name: 'arguments read before the claim is visible',
    shows: 'the flag of a message is seen, its payload is not',
    base: mailbox,
    race: message,
    sites: [{ routine: 'FETCH', begins: isBarrier, defect: () => [] }],
  },
  {
    number: 9,
    kind: 'interleaving',
    name: 'published before the arguments',
    shows: 'the flag of a message is seen, its payload is not',
    base: mailbox,
    race: message,
    sites: [
      {
        routine: 'POST',
        begins: stores('payload'),
        length: 3,
        defect: ([payload, barrier, flag]) => [flag, barrier, payload],
      },
    ],
  },
  {
    number: 10,
    kind: 'interleaving',
    name: 'one counter both allocates and publishes',
    shows: 'a cell is read that was handed out and not filled',
    base: list,
    race: appendAndRead,
    sites: [
      {
        routine: 'READ_NEWEST',
        begins: declares('filled'),
        defect: ([statement]) => [
          loadingFrom(statement, operation('add', local('list'), constant(ListRow.HANDED_OUT * ROW_WORDS))),
        ],
      },
    ],
  },
  {
    number: 11,
    kind: 'interleaving',
    name: 'cell used again before its result is read',
    shows: 'a result is overwritten, and nobody was refused',
    base: response,
    race: requests,
    sites: [
      {
        routine: 'REQUEST',
        begins: asks('found != 0'),
        defect: ([statement]) => [asking(statement, operation('equal', local('found'), constant(CellStatus.BUSY)))],
      },
    ],
  },
  {
    number: 12,
    kind: 'interleaving',
    name: 'wrap off by one',
    shows: 'two slots mark one cell of a ring, and none marks the last',
    base: list,
    race: marks,
    sites: [
      {
        routine: 'MARK',
        begins: declares('cell'),
        defect: () => [bind('cell', operation('remainder', local('ticket'), constant(CELLS - 1)))],
      },
    ],
  },
  {
    number: 13,
    kind: 'interleaving',
    name: 'header copied by two plain stores',
    shows: 'half a header is read',
    base: mailbox,
    race: header,
    sites: [
      {
        routine: 'POST_HEADER',
        begins: stores('header'),
        defect: ([statement]) =>
          [operation('and', local('header'), constant(0xffff)), local('header')].map((value) =>
            plain(storing(statement, value)),
          ),
      },
    ],
  },
];
