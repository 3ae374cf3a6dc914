/** What a whole slot does as assignments: each word afterwards in terms of the words before. */

import { applyCommuting, type Question } from './question.ts';
import { isLoaded, reachedOf, type ShapeValue, type SlotStep } from './slot-shape.ts';

/** A word afterwards: `value`, or what `base` was before plus `value`. */
export interface Effect {
  readonly word: number;
  readonly base: number | undefined;
  readonly value: number;
}

/** A word before is, or is not, a value. */
export interface Guard {
  readonly word: number;
  readonly value: number;
}

/** One way that a slot may go, and when it does. The cases of a slot leave nothing out and have nothing in common. */
export interface SlotCase {
  readonly equals: readonly Guard[];
  readonly differs: readonly Guard[];
  readonly effects: readonly Effect[];
}

/** Ways of one slot; more are not worth it. */
const MAX_CASES = 16;

/** The cases of a slot; undefined if they are too many, or cannot be said like this. */
export function effectsOf(question: Question, slot: number): readonly SlotCase[] | undefined {
  const { analysis, stateWords, faults } = question;
  const { steps, isOpaque, end, records } = analysis.shapes[slot];
  if (isOpaque || end !== 'done' || faults[slot] !== 'none') return undefined;
  if (records.length > 0 && stateWords.includes(analysis.scenario.kernel.controlWords)) return undefined;
  const states = new Set(stateWords);
  let ways: Way[] = [{ equals: [], differs: [], words: new Map(), found: [] }];
  for (const [index, step] of steps.entries()) {
    if (reachedOf(step, states).length === 0) continue;
    if (step.word === undefined || step.isConditional) return undefined;
    const next = ways.map((way) => stepped(way, index, step));
    if (next.includes(undefined)) return undefined;
    ways = next.flatMap((each) => each ?? []);
    if (ways.length > MAX_CASES) return undefined;
  }
  return ways.map(({ equals, differs, words }) => ({ equals, differs, effects: [...words].map(effectOf) }));
}

interface Symbol {
  readonly base: number | undefined;
  readonly value: number;
}

/** A way so far: words that it changed, and what its steps found. */
interface Way {
  readonly equals: readonly Guard[];
  readonly differs: readonly Guard[];
  readonly words: ReadonlyMap<number, Symbol>;
  readonly found: readonly (Symbol | undefined)[];
}

function effectOf([word, { base, value }]: readonly [number, Symbol]): Effect {
  return { word, base, value };
}

/** The ways that a way goes on in after a step; undefined if that cannot be said. */
function stepped(way: Way, index: number, step: SlotStep): Way[] | undefined {
  const word = step.word!;
  const before = way.words.get(word) ?? { base: word, value: 0 };
  const found = [...way.found];
  found[index] = before;
  const set = (symbol: Symbol): Way => ({ ...way, found, words: new Map(way.words).set(word, symbol) });
  if (step.kind === 'load') return [{ ...way, found }];
  const value = symbolOf(step.value, found);
  if (value === undefined) return undefined;
  if (step.kind === 'store' || step.operation === 'exchange') return [set(value)];
  if (step.kind === 'modify') {
    const after = modified(step, before, value);
    return after === undefined ? undefined : [set(after)];
  }
  const expected = symbolOf(step.expected, found);
  if (expected === undefined || expected.base !== undefined) return undefined;
  if (before.base === undefined) return [before.value === expected.value ? set(value) : { ...way, found }];
  const guard = { word: before.base, value: (expected.value - before.value) >>> 0 };
  const known = found.with(index, { base: undefined, value: expected.value });
  return [
    { ...set(value), found: known, equals: [...way.equals, guard] },
    { ...way, found, differs: [...way.differs, guard] },
  ];
}

function symbolOf(value: ShapeValue, found: readonly (Symbol | undefined)[]): Symbol | undefined {
  if (typeof value === 'number') return { base: undefined, value };
  if (!isLoaded(value)) return undefined;
  const loaded = found[value.step];
  return loaded === undefined ? undefined : { base: loaded.base, value: (loaded.value + value.plus) >>> 0 };
}

function modified({ operation }: SlotStep, before: Symbol, value: Symbol): Symbol | undefined {
  if (operation === undefined || operation === 'exchange' || value.base !== undefined) return undefined;
  if (before.base === undefined)
    return { base: undefined, value: applyCommuting(operation, before.value, value.value) };
  return operation === 'add' ? { base: before.base, value: (before.value + value.value) >>> 0 } : undefined;
}
