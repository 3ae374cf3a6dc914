/** Mutants of what closes an epoch. */

import { batch, batchAndNext, closing } from '../bases/closing.ts';
import type { Mutant } from '../catalogue.ts';
import { asking, asks, constant, local, operation, stores } from '../rewrite/expressions.ts';

export const fence: readonly Omit<Mutant, 'group'>[] = [
  {
    number: 29,
    kind: 'interleaving',
    name: 'epoch closed before it has drained',
    shows: 'the sum of the epoch misses a slot',
    base: closing,
    race: batch,
    sites: [
      {
        routine: 'ARRIVE',
        begins: stores('amount'),
        length: 3,
        defect: ([amount, barrier, arrival]) => [arrival, amount, barrier],
      },
    ],
  },
  {
    number: 30,
    kind: 'weak',
    name: 'arrivals counted without a fence',
    shows: 'the sum of the epoch misses a slot',
    base: closing,
    race: batch,
    sites: [{ routine: 'ARRIVE', begins: stores('amount'), length: 2, defect: ([amount]) => [amount] }],
  },
  {
    number: 31,
    kind: 'weak',
    name: 'scope narrowed to a workgroup',
    shows: 'the sum of the epoch misses a slot',
    base: closing,
    race: batch,
    sites: [
      {
        routine: 'ARRIVE',
        begins: stores('amount'),
        length: 2,
        defect: ([amount]) => [amount, { kind: 'barrier', scope: 'workgroup' }],
      },
    ],
  },
  {
    number: 32,
    kind: 'interleaving',
    name: 'fence covers its own tenant only',
    shows: 'the epoch is closed once a tenant',
    base: closing,
    race: batch,
    sites: [
      {
        routine: 'ARRIVE',
        begins: asks('(arrivedBefore + 1) == count'),
        defect: ([statement]) => [
          asking(
            statement,
            operation('equal', operation('add', local('tenantArrivedBefore'), constant(1)), local('tenantCount')),
          ),
        ],
      },
    ],
  },
  {
    number: 33,
    kind: 'interleaving',
    name: "next epoch's slot claimed early",
    shows: 'a slot of the next epoch runs before this one is closed',
    base: closing,
    race: batchAndNext,
    sites: [{ routine: 'RUN_NEXT', begins: asks('epoch == 0'), defect: () => [] }],
  },
];
