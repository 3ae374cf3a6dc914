/** Mutants of how a lane gets what it works on. */

import { claimBits, claimers } from '../bases/claim-bits.ts';
import { ItemStatus, queue, takers } from '../bases/queue.ts';
import { recycled, workAround } from '../bases/recycled.ts';
import { jobs, requeue } from '../bases/requeue.ts';
import { stagedAdds, staging } from '../bases/staging.ts';
import type { Mutant } from '../catalogue.ts';
import {
  addInTwo,
  always,
  asks,
  bind,
  compareThenStore,
  constant,
  declares,
  local,
  operation,
  otherwise,
  stores,
  storing,
} from '../rewrite/expressions.ts';

export const claim: readonly Omit<Mutant, 'group'>[] = [
  {
    number: 1,
    kind: 'interleaving',
    name: 'load and store instead of compare-exchange',
    shows: 'an item runs twice, another not at all',
    base: queue,
    race: takers,
    sites: [{ routine: 'TAKE', begins: declares('found'), defect: ([statement]) => compareThenStore(statement) }],
  },
  {
    number: 2,
    kind: 'interleaving',
    name: 'result of the compare-exchange ignored',
    shows: 'every slot runs the first item',
    base: queue,
    race: takers,
    sites: [
      {
        routine: 'TAKE',
        begins: asks('found == 0'),
        defect: ([statement]) => [always(statement)],
      },
    ],
  },
  {
    number: 3,
    kind: 'interleaving',
    name: 'spoiled claim taken as lost, slot dropped',
    shows: 'an item that nobody has is not run',
    base: claimBits,
    race: claimers,
    sites: [
      {
        routine: 'CLAIM_BIT',
        begins: asks('found == held'),
        defect: ([statement]) => [otherwise(statement, [{ kind: 'finish' }])],
      },
    ],
  },
  {
    number: 4,
    kind: 'interleaving',
    name: 'status without a generation (ABA)',
    shows: 'an item that was published again runs with what it had before',
    base: recycled,
    race: workAround,
    sites: [
      {
        routine: 'RECYCLE',
        begins: stores('bare + 4'),
        defect: ([statement]) => [storing(statement, local('bare'))],
      },
    ],
  },
  {
    number: 5,
    kind: 'interleaving',
    name: 'requeued slot lost',
    shows: 'a job is neither done nor on the list',
    base: requeue,
    race: jobs,
    sites: [{ routine: 'RUN_OR_REQUEUE', begins: declares('tail'), defect: ([statement]) => addInTwo(statement) }],
  },
  {
    number: 6,
    kind: 'interleaving',
    name: 'status set back after running',
    shows: 'an item that has run is taken again',
    base: queue,
    race: takers,
    sites: [
      {
        routine: 'TAKE',
        begins: stores(String(ItemStatus.DONE)),
        defect: ([statement]) => [storing(statement, constant(ItemStatus.WAITING))],
      },
    ],
  },
  {
    number: 7,
    kind: 'interleaving',
    name: 'two lanes share a cell',
    shows: 'a lane adds what another put into the cell',
    base: staging,
    race: stagedAdds,
    sites: [
      {
        routine: 'STAGED_ADD',
        begins: declares('own'),
        defect: () => [bind('own', operation('add', operation('shiftRight', local('lane'), constant(1)), constant(1)))],
      },
    ],
  },
];
