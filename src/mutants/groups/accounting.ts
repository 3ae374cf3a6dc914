/** Mutants of what is counted and written down beside the work. */

import type { Statement } from '../../kernel/index.ts';
import { additions, builtIn, prints } from '../bases/built-in.ts';
import { failure, overdraft, quota } from '../bases/quota.ts';
import { recycled, workOnce } from '../bases/recycled.ts';
import type { Mutant } from '../catalogue.ts';
import { addInTwo, atomicAdd, constant, declares, local, operation } from '../rewrite/expressions.ts';
import { renameLocals } from '../rewrite/rename.ts';

export const accounting: readonly Omit<Mutant, 'group'>[] = [
  {
    number: 34,
    kind: 'interleaving',
    name: 'quota checked, then taken',
    shows: 'more is granted than the quota has',
    base: quota,
    race: overdraft,
    sites: [
      { routine: 'RUN_WITHIN', begins: declares('found'), length: 2, defect: ([claim]) => takeWithoutCheck(claim) },
    ],
  },
  {
    number: 35,
    kind: 'interleaving',
    name: 'quota not returned on failure',
    shows: 'a slot that failed still uses its quota',
    base: quota,
    race: failure,
    sites: [{ routine: 'RUN_WITHIN', begins: declares('usedBefore'), defect: () => [] }],
  },
  {
    number: 36,
    kind: 'interleaving',
    name: 'metric not atomic',
    shows: 'a metric misses an execution',
    base: builtIn,
    race: additions,
    sites: [{ routine: 'turn', begins: declares('executionsBefore'), defect: ([statement]) => addInTwo(statement) }],
  },
  {
    number: 37,
    kind: 'interleaving',
    name: 'PRINTF cursor not atomic',
    shows: 'a record overwrites another',
    base: builtIn,
    race: prints,
    sites: [{ routine: 'PRINTF', begins: declares('reserved'), defect: ([statement]) => addInTwo(statement) }],
  },
  {
    number: 38,
    kind: 'interleaving',
    name: 'PRINTF record in two parts',
    shows: 'a record has the second half of another',
    base: builtIn,
    race: prints,
    sites: [
      {
        routine: 'PRINTF',
        begins: declares('reserved'),
        length: 2,
        defect: ([reservation, record]) => recordInTwoParts(reservation, record),
      },
    ],
  },
  {
    number: 39,
    kind: 'interleaving',
    name: 'tenant read after recycling',
    shows: 'a run is put down to the next tenant',
    base: recycled,
    race: workOnce,
    sites: [
      {
        routine: 'WORK',
        begins: declares('tenant'),
        length: 4,
        defect: ([tenant, runs, total, done]) => [total, done, tenant, runs],
      },
    ],
  },
];

function takeWithoutCheck(claim: Statement): Statement[] {
  const { memory, index } = claim as Extract<Statement, { kind: 'compareExchange' }>;
  return [atomicAdd('found', memory, index, local('amount')), { kind: 'break' }];
}

/** Two words are reserved and written, then two more. */
function recordInTwoParts(reservation: Statement, record: Statement): Statement[] {
  const half = { ...(reservation as Extract<Statement, { kind: 'atomic' }>), value: constant(2) };
  const fits = record as Extract<Statement, { kind: 'if' }>;
  const first = { ...fits, whenTrue: fits.whenTrue.slice(0, 2) };
  const second = { ...fits, whenTrue: fits.whenTrue.slice(2).map(twoWordsBefore) };
  const other = new Map([['reserved', 'reservedRest']]);
  return [half, first, ...renameLocals([half, second], other)];
}

function twoWordsBefore(statement: Statement): Statement {
  const store = statement as Extract<Statement, { kind: 'store' }>;
  return { ...store, index: operation('subtract', store.index, constant(2)) };
}
