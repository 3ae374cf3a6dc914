/** Mutants of the protocol's opcodes. */

import type { Statement } from '../../kernel/index.ts';
import { ControlWord, Opcode } from '../../protocol/index.ts';
import {
  additions,
  builtIn,
  builtInSwaps,
  copyBesideStore,
  copyToNeighbour,
  mismatch,
  packedAdditions,
  packedSwaps,
  storeAndLoad,
  swapAndAdd,
} from '../bases/built-in.ts';
import { coherence, setAndRead } from '../bases/coherence.ts';
import { versioned, writeAndRead } from '../bases/versioned.ts';
import type { Mutant } from '../catalogue.ts';
import {
  addInTwo,
  bind,
  compareThenStore,
  constant,
  declares,
  load,
  local,
  operation,
  plain,
  stores,
  storing,
  when,
} from '../rewrite/expressions.ts';
import { renameLocals } from '../rewrite/rename.ts';

export const opcodes: readonly Omit<Mutant, 'group'>[] = [
  {
    number: 19,
    kind: 'interleaving',
    name: 'ATOMIC_ADD as load and store',
    shows: 'an addition is lost',
    base: builtIn,
    race: additions,
    sites: [{ routine: 'ATOMIC_ADD', begins: declares('before'), defect: ([statement]) => addInTwo(statement) }],
  },
  {
    number: 20,
    kind: 'interleaving',
    name: 'COMPARE_SWAP as check, then store',
    shows: 'an addition between check and store is lost',
    base: builtIn,
    race: swapAndAdd,
    sites: [
      { routine: 'COMPARE_SWAP', begins: declares('before'), defect: ([statement]) => compareThenStore(statement) },
    ],
  },
  {
    number: 21,
    kind: 'interleaving',
    name: 'COMPARE_SWAP stores on mismatch',
    shows: 'the word has a value that should not have been stored',
    base: builtIn,
    race: mismatch,
    sites: [{ routine: 'COMPARE_SWAP', begins: declares('before'), defect: ([statement]) => [exchanging(statement)] }],
  },
  {
    number: 22,
    kind: 'weak',
    name: 'loads through plain reads',
    shows: 'a word goes back to what it was',
    base: coherence,
    race: setAndRead,
    sites: [
      { routine: 'READ_TWICE', begins: declares('first'), length: 2, defect: (statements) => statements.map(plain) },
    ],
  },
  {
    number: 23,
    kind: 'interleaving',
    name: 'two loads merged into one',
    shows: 'halves of two versions are taken for a pair',
    base: versioned,
    race: writeAndRead,
    sites: [{ routine: 'READ_PAIR', begins: declares('after'), defect: () => [bind('after', local('before'))] }],
  },
  {
    number: 24,
    kind: 'interleaving',
    name: 'STORE_U32 in two halves',
    shows: 'half a value is loaded',
    base: builtIn,
    race: storeAndLoad,
    sites: [{ routine: 'STORE_U32', begins: stores('value'), defect: ([statement]) => storeInHalves(statement) }],
  },
  {
    number: 25,
    kind: 'interleaving',
    name: 'MEMCPY the wrong way round',
    shows: 'a copy onto itself does not repeat its first word',
    base: builtIn,
    race: copyToNeighbour,
    sites: [{ routine: 'MEMCPY', begins: declares('index'), defect: ([statement]) => [backwards(statement)] }],
  },
  {
    number: 26,
    kind: 'interleaving',
    name: 'MEMCPY rounds its length',
    shows: 'a word too many is copied',
    base: builtIn,
    race: copyBesideStore,
    sites: [{ routine: 'MEMCPY', begins: declares('index'), defect: ([statement]) => [roundedUp(statement)] }],
  },
  {
    number: 27,
    kind: 'interleaving',
    name: 'packed offset off by one under contention',
    shows: 'an inner opcode runs with the arguments one further on',
    base: builtIn,
    race: packedAdditions,
    sites: [
      { routine: 'PACKED_SLOT', begins: declares('offset'), defect: ([statement]) => shiftedIfContended(statement) },
    ],
  },
  {
    number: 28,
    kind: 'interleaving',
    name: 'rest of a packed slot skipped after a failed swap',
    shows: 'an addition is missing',
    base: builtInSwaps,
    race: packedSwaps,
    sites: [
      { routine: 'PACKED_SLOT', begins: isDispatch, defect: ([statement]) => [statement, ...stopIfSwapFailed()] },
    ],
  },
];

function exchanging(statement: Statement): Statement {
  const { name, memory, index, desired } = statement as Extract<Statement, { kind: 'compareExchange' }>;
  return { kind: 'atomic', name, operation: 'exchange', memory, index, value: desired };
}

/** The low half, and then the rest. */
function storeInHalves(statement: Statement): Statement[] {
  const { memory, index, value } = statement as Extract<Statement, { kind: 'store' }>;
  const high = operation('and', value, constant(0xffff_0000));
  return [
    storing(statement, operation('and', value, constant(0xffff))),
    { kind: 'atomic', name: 'lowHalf', operation: 'or', memory, index, value: high },
  ];
}

type Loop = Extract<Statement, { kind: 'loop' }>;

/** The loop over the same words from the last to the first. */
function backwards(statement: Statement): Statement {
  const loop = statement as Loop;
  const last = operation('subtract', loop.below, constant(1));
  const fromTheEnd = bind('fromTheEnd', operation('subtract', last, local(loop.name)));
  return { ...loop, body: [fromTheEnd, ...renameLocals(loop.body, new Map([[loop.name, 'fromTheEnd']]))] };
}

/** The loop over an even number of words. */
function roundedUp(statement: Statement): Statement {
  const loop = statement as Loop;
  const below = operation('and', operation('add', loop.below, constant(1)), constant(0xffff_fffe));
  return { ...loop, below };
}

/** The metric of additions is looked at twice: if it has moved, another lane is at work, and the offset is wrong. */
function shiftedIfContended(statement: Statement): Statement[] {
  const { name, value } = statement as Extract<Statement, { kind: 'let' }>;
  const metric = constant(ControlWord.METRICS + Opcode.ATOMIC_ADD);
  const wrong = {
    kind: 'select',
    condition: operation('equal', local('countBefore'), local('countAfter')),
    whenTrue: constant(0),
    whenFalse: constant(1),
  } as const;
  return [
    load('countBefore', 'control', metric),
    load('countAfter', 'control', metric),
    bind(name, operation('add', value, wrong)),
  ];
}

function isDispatch(statement: Statement): boolean {
  return statement.kind === 'dispatch';
}

/** As the loop over inner opcodes would end if an inner COMPARE_SWAP that failed were an error. */
function stopIfSwapFailed(): Statement[] {
  const argument = (position: number) =>
    operation('add', operation('add', local('argumentBase'), local('offset')), constant(position));
  const result = operation('add', local('swapWord'), constant(ControlWord.OBSERVABLE_BASE));
  return [
    when(operation('equal', local('opcode'), constant(Opcode.COMPARE_SWAP)), [
      plain(load('swapWord', 'ring', argument(0))),
      plain(load('swapExpected', 'ring', argument(1))),
      load('swapBefore', 'control', result),
      when(operation('notEqual', local('swapBefore'), local('swapExpected')), [{ kind: 'break' }]),
    ]),
  ];
}
