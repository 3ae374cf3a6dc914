/** Mutants of the order in which accesses are seen. */

import { ROW_WORDS } from '../base-kernel.ts';
import { coherence, OTHER_WORD_ROW, setAndRead } from '../bases/coherence.ts';
import { mailbox, message } from '../bases/mailbox.ts';
import type { Mutant } from '../catalogue.ts';
import { bind, constant, declares, isBarrier, local, operation } from '../rewrite/expressions.ts';
import type { Site } from '../rewrite/site.ts';

/** What was another name of the word becomes another word. */
const brokenAlias = (routine: string): Site => ({
  routine,
  begins: declares('alias'),
  defect: () => [bind('alias', operation('add', local('word'), constant(OTHER_WORD_ROW * ROW_WORDS)))],
});

export const coherenceMutants: readonly Omit<Mutant, 'group'>[] = [
  {
    number: 40,
    kind: 'interleaving',
    name: 'two accesses to one address swapped',
    shows: 'a word goes back to what it was',
    base: coherence,
    race: setAndRead,
    sites: [
      { routine: 'READ_TWICE', begins: declares('first'), length: 2, defect: ([first, second]) => [second, first] },
    ],
  },
  {
    number: 41,
    kind: 'weak',
    name: 'an alias broken',
    shows: 'the second of two stores is seen, the first is not',
    base: coherence,
    race: setAndRead,
    sites: [brokenAlias('SET_TWICE'), brokenAlias('READ_TWICE')],
  },
  {
    number: 42,
    kind: 'weak',
    name: 'a fence dropped',
    shows: 'the flag of a message is seen, its payload is not',
    base: mailbox,
    race: message,
    sites: [{ routine: 'POST', begins: isBarrier, defect: () => [] }],
  },
];
