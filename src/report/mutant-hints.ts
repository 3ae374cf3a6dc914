/** Known defects that look like what was seen. A guess, by the shape of the contradiction, the level, and the opcodes. */

import type { ContradictionShape, Explanation } from '../explain/index.ts';
import { MUTANTS, type Mutant } from '../mutants/index.ts';
import { ControlWord } from '../protocol/index.ts';
import type { MutantHint } from './report.ts';

const MAX_HINTS = 3;

/** Numbers of the catalogue whose failures look like that, those that do so most of the time first. */
const BY_SHAPE: Readonly<Record<ContradictionShape, readonly number[]>> = {
  'lost update': [19, 36, 34, 16, 1],
  'wrong total': [19, 36, 16, 35, 28],
  'stale compare-exchange': [20, 1, 2, 4, 21],
  torn: [24, 23, 13, 38, 28],
  'incoherent word': [40, 22, 21],
  records: [37, 38],
  'slot count': [18, 5, 3, 16],
  'value from nowhere': [24, 27, 26, 13, 21],
  fault: [27, 12],
  'no order': [9, 17, 14, 10, 29, 33],
};

/** The same where it took relaxed memory. */
const WEAK: readonly number[] = [42, 41, 8, 15, 30, 31, 22];

/** Words of the protocol, and the mutants that break them. */
const BY_WORD: readonly (readonly [first: number, end: number, what: string, numbers: readonly number[]])[] = [
  [ControlWord.DONE_COUNT, ControlWord.TENANT_BASE, 'DONE_COUNT is wrong', [16, 18, 14, 15]],
  [ControlWord.METRICS, ControlWord.EPOCH, 'a metric is wrong', [36]],
  [ControlWord.EPOCH, ControlWord.PRIORITY_OFFSETS, 'EPOCH is wrong', [32, 29]],
];

/** At most three, the likeliest first; none if nothing contradicts anything. */
export function mutantHints(explanation: Explanation): MutantHint[] {
  const { contradiction, violated } = explanation;
  if (contradiction === undefined) return [];
  const isWeak = violated === 'access-serial' || violated === 'weak';
  const byWord = BY_WORD.filter(([first, end]) =>
    contradiction.words.some(({ word }) => isWithin(word, first, end)),
  ).flatMap(([, , what, numbers]) => numbers.map((number) => ({ number, because: what })));
  const shape = isWeak
    ? { numbers: WEAK, because: explanation.weakShape ?? 'no interleaving of accesses gives it' }
    : { numbers: BY_SHAPE[contradiction.shape], because: contradiction.shape };
  const names = new Set(explanation.slots.map(({ text }) => text.replace(/\(.*$/s, '')));
  const byShape = shape.numbers
    .map((number) => ({ number, because: shape.because, opcode: opcodeOf(number, names) }))
    // Sorting is stable: those of one kind stay in the order of the list.
    .toSorted((left, right) => Number(right.opcode !== undefined) - Number(left.opcode !== undefined))
    .map(({ number, because, opcode }) => ({
      number,
      because: opcode === undefined ? because : `${because}, in ${opcode}`,
    }));
  const seen = new Set<number>();
  return [...byWord, ...byShape]
    .filter(({ number }) => !seen.has(number) && seen.add(number) !== undefined)
    .flatMap(({ number, because }) => {
      const mutant = mutantOf(number);
      return mutant === undefined ? [] : [{ number, name: mutant.name, shows: mutant.shows, because }];
    })
    .slice(0, MAX_HINTS);
}

function mutantOf(number: number): Mutant | undefined {
  return MUTANTS.find((mutant) => mutant.number === number);
}

/** The opcode that the mutant changes, if a slot of the contradiction has it. */
function opcodeOf(number: number, names: ReadonlySet<string>): string | undefined {
  return mutantOf(number)?.sites.find(({ routine }) => names.has(routine))?.routine;
}

function isWithin(word: string, first: number, end: number): boolean {
  const index = Number(/^control\[(\d+)\]$/.exec(word)?.[1] ?? Number.NaN);
  return index >= first && index < end;
}
