/**
 * The usual shapes of what relaxed memory does, as in J. Alglave, L. Maranget and M. Tautschnig, "Herding cats" (2014): two
 * lanes, two words, two accesses each.
 */

import type { TracedAccess } from '../explore/index.ts';

export interface WeakShape {
  readonly name: string;
  /** Records of the two lanes. */
  readonly records: readonly [number, number];
  /** The four accesses that go in a circle, in the order of each lane's program. */
  readonly cycle: readonly TracedAccess[];
}

type Step = 'S' | 'L';

/** What the first and the second lane do, x and y being the two words. */
const SHAPES: readonly (readonly [name: string, first: readonly [Step, Step], second: readonly [Step, Step]])[] = [
  ['message passing', ['S', 'S'], ['L', 'L']],
  ['store buffering', ['S', 'L'], ['S', 'L']],
  ['load buffering', ['L', 'S'], ['L', 'S']],
  ['S', ['S', 'S'], ['L', 'S']],
  ['R', ['S', 'S'], ['S', 'L']],
  ['2+2W', ['S', 'S'], ['S', 'S']],
];

/** The shape of a run that no interleaving gives, if it is one of the usual ones. */
export function nameWeakShape(trace: readonly TracedAccess[]): WeakShape | undefined {
  const contended = trace.filter(({ isContended }) => isContended);
  const records = [...new Set(contended.map(({ record }) => record))];
  for (const [name, first, second] of SHAPES) {
    for (const left of records) {
      for (const right of records) {
        if (left === right) continue;
        const cycle = findCycle(contended, [left, right], first, second);
        if (cycle !== undefined) return { name, records: [left, right], cycle };
      }
    }
  }
  return undefined;
}

function findCycle(
  accesses: readonly TracedAccess[],
  [left, right]: readonly [number, number],
  first: readonly [Step, Step],
  second: readonly [Step, Step],
): readonly TracedAccess[] | undefined {
  const ofLeft = accesses.filter(({ record }) => record === left);
  const ofRight = accesses.filter(({ record }) => record === right);
  for (const [at, a] of ofLeft.entries()) {
    for (const b of ofLeft.slice(at + 1)) {
      if (!does(a, first[0]) || !does(b, first[1]) || isSameWord(a, b)) continue;
      const c = ofRight.findIndex((each) => isSameWord(each, b) && does(each, second[0]));
      if (c < 0) continue;
      const d = ofRight.slice(c + 1).find((each) => isSameWord(each, a) && does(each, second[1]));
      if (d !== undefined) return [a, b, ofRight[c], d];
    }
  }
  return undefined;
}

function does({ kind }: TracedAccess, step: Step): boolean {
  return step === 'S' ? kind !== 'load' : kind !== 'store';
}

function isSameWord(left: TracedAccess, right: TracedAccess): boolean {
  return left.word === right.word && left.memory === right.memory;
}
