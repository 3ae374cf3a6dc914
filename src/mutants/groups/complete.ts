/** Mutants of how a lane says that it is through. */

import { ROW_WORDS } from '../base-kernel.ts';
import { additions, builtIn } from '../bases/built-in.ts';
import { completion, watchedCount, watchedState } from '../bases/completion.ts';
import { DONE_ROW, jobs, requeue } from '../bases/requeue.ts';
import type { Mutant } from '../catalogue.ts';
import {
  addInTwo,
  atomicAdd,
  constant,
  declares,
  isBarrier,
  local,
  operation,
  stores,
} from '../rewrite/expressions.ts';

export const complete: readonly Omit<Mutant, 'group'>[] = [
  {
    number: 14,
    kind: 'interleaving',
    name: 'done count before the result',
    shows: 'a slot is counted as done whose result is not there',
    base: completion,
    race: watchedCount,
    sites: [
      {
        routine: 'COMPLETE',
        begins: stores('value'),
        length: 4,
        defect: ([result, barrier, state, count]) => [count, result, barrier, state],
      },
    ],
  },
  {
    number: 15,
    kind: 'weak',
    name: 'done count without a fence',
    shows: 'a slot is counted as done whose result is not there',
    base: completion,
    race: watchedCount,
    sites: [{ routine: 'COMPLETE', begins: isBarrier, defect: () => [] }],
  },
  {
    number: 16,
    kind: 'interleaving',
    name: 'done count not atomic',
    shows: 'DONE_COUNT misses a slot',
    base: builtIn,
    race: additions,
    sites: [{ routine: 'turn', begins: declares('doneBefore'), defect: ([statement]) => addInTwo(statement) }],
  },
  {
    number: 17,
    kind: 'interleaving',
    name: 'DONE before the observable',
    shows: 'a slot is DONE whose result is not there',
    base: completion,
    race: watchedState,
    sites: [
      {
        routine: 'COMPLETE',
        begins: stores('value'),
        length: 3,
        defect: ([result, barrier, state]) => [state, barrier, result],
      },
    ],
  },
  {
    number: 18,
    kind: 'interleaving',
    name: 'done counted on requeue too',
    shows: 'more jobs are done than got the lock',
    base: requeue,
    race: jobs,
    sites: [
      {
        routine: 'RUN_OR_REQUEUE',
        begins: declares('tail'),
        defect: ([statement]) => [
          atomicAdd(
            'doneBefore2',
            'control',
            operation('add', local('first'), constant(DONE_ROW * ROW_WORDS)),
            constant(1),
          ),
          statement,
        ],
      },
    ],
  },
];
