/**
 * An epoch taken apart: which words are only ever added to, so that no order matters to them, and which slots have to do
 * with each other because one writes what another reads or writes.
 */

import { type Kernel, touchesOwnSlotOnly } from '../kernel/index.ts';
import type { Equivalence, ResolvedLayout } from '../observe/index.ts';
import type { PlacedSlot } from '../record/index.ts';
import type { Scenario } from '../scenario/index.ts';
import { layoutOf } from './replay-order.ts';
import { type CommutingOperation, type SlotShape, type SlotStep, shapeOf } from './slot-shape.ts';

/** An access that may reach more words than this may reach any. */
const MAX_REACHED_WORDS = 4_096;

/** Statements looked at for all slots of an epoch, and what one of them gets of these at most and at least. */
const ALL_STATEMENTS = 1_000_000;
const MOST_STATEMENTS = 50_000;
const LEAST_STATEMENTS = 1_000;

/** A word that slots only apply one commuting operation to, without looking at what was there. */
export interface FoldedWord {
  readonly word: number;
  readonly operation: CommutingOperation;
  /** What every order applies to it. */
  readonly constants: readonly { readonly slot: number; readonly operand: number }[];
  /** Slots that may or may not, or by an amount that depends on what they load. */
  readonly varying: readonly number[];
}

/** Slots that can be put in order by themselves. */
export interface Component {
  /** Numbers of the scenario's slots, rising. */
  readonly slots: readonly number[];
  /** Words that its order may matter to, or undefined if these may be any. */
  readonly words: readonly number[] | undefined;
  /** Whether its records of the debug log depend on the order. */
  readonly prints: boolean;
}

export interface EpochAnalysis {
  readonly scenario: Scenario;
  readonly layout: ResolvedLayout;
  readonly shapes: readonly SlotShape[];
  readonly folded: ReadonlyMap<number, FoldedWord>;
  /** Records of the debug log are a multiset that no order changes, but for those of components that print. */
  readonly areRecordsFolded: boolean;
  readonly components: readonly Component[];
  /** By slot, the batch that it was published in. */
  readonly batchOf: readonly number[];
  /** Words that any slot may write; undefined if these may be any. */
  readonly written: ReadonlySet<number> | undefined;
  /** Why an order of slots says nothing about this kernel; undefined if it does. */
  readonly unsupported: string | undefined;
}

/** Takes an epoch apart. Nothing is run. */
export function analyseEpoch(scenario: Scenario): EpochAnalysis {
  const { kernel, slots } = scenario;
  const layout = layoutOf(kernel);
  const maxStatements = Math.max(
    LEAST_STATEMENTS,
    Math.min(MOST_STATEMENTS, Math.floor(ALL_STATEMENTS / slots.length)),
  );
  const written = wordsWritten(slots.map((slot) => shapeOfAnyMemory(kernel, slot, maxStatements)));
  const constants = constantsOf(scenario, written);
  const shapes = slots.map((slot) => shapeOf(kernel, slot, constants, maxStatements));
  const uses = usesOf(shapes);
  const areRecordsFolded = !shapes.some(({ usesDebugFreely, isOpaque }) => usesDebugFreely || isOpaque);
  const folded = foldedWords(uses, shapes);
  const partition = new Partition({ scenario, layout, shapes, uses, folded, areRecordsFolded });
  return {
    scenario,
    layout,
    shapes,
    folded,
    areRecordsFolded,
    components: partition.components(),
    batchOf: batchesOf(scenario),
    // Fewer than at first: what is constant tells that some branches are never taken.
    written: wordsWritten(shapes),
    unsupported: unsupportedReason(kernel, shapes),
  };
}

/** By kernel and slot: outcomes of one epoch are often explained one after the other. */
const shapesOfAnyMemory = new WeakMap<Kernel, Map<string, SlotShape>>();
const MAX_KEPT_SHAPES = 4_096;

/** The shape of a slot where nothing is known of what it loads. */
function shapeOfAnyMemory(kernel: Kernel, placed: PlacedSlot, maxStatements: number): SlotShape {
  const { slotIndex, slot } = placed;
  const key = `${slotIndex} ${slot.opcode} ${slot.tenant} ${slot.priority} ${Array.from(slot.args)} ${maxStatements}`;
  const shapes = shapesOfAnyMemory.get(kernel) ?? new Map<string, SlotShape>();
  shapesOfAnyMemory.set(kernel, shapes);
  const known = shapes.get(key);
  if (known !== undefined) return known;
  const made = shapeOf(kernel, placed, () => undefined, maxStatements);
  if (shapes.size < MAX_KEPT_SHAPES) shapes.set(key, made);
  return made;
}

/** How words are compared, by a word of the snapshot. Regions cover the snapshot in order. */
export function equivalenceAt(layout: ResolvedLayout, word: number): Equivalence {
  return layout.regions[regionAt(layout, word)].equivalence;
}

export function regionAt({ regions }: ResolvedLayout, word: number): number {
  let [low, high] = [0, regions.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (regions[middle].start <= word) low = middle;
    else high = middle - 1;
  }
  return low;
}

function unsupportedReason(kernel: Kernel, shapes: readonly SlotShape[]): string | undefined {
  if (!touchesOwnSlotOnly(kernel)) return 'lanes of this kernel may store to the slots of others';
  if (shapes.some(({ readsOtherSlots }) => readsOtherSlots)) return 'a slot may load words of other slots';
  return undefined;
}

function batchesOf({ slots, batchEnds }: Scenario): number[] {
  let batch = 0;
  return slots.map((_, index) => {
    while (index >= batchEnds[batch]) batch += 1;
    return batch;
  });
}

function wordsWritten(shapes: readonly SlotShape[]): Set<number> | undefined {
  const words = new Set<number>();
  for (const { steps, isOpaque } of shapes) {
    if (isOpaque) return undefined;
    for (const { kind, first, last } of steps) {
      if (kind === 'load') continue;
      if (last - first >= MAX_REACHED_WORDS) return undefined;
      for (let word = first; word <= last; word += 1) words.add(word);
    }
  }
  return words;
}

function constantsOf({ kernel, initial }: Scenario, written: ReadonlySet<number> | undefined) {
  if (written === undefined) return () => undefined;
  // Records of the debug log are no steps, so nothing tells which of its words are written.
  return (word: number) => (word < kernel.controlWords && !written.has(word) ? initial[word] : undefined);
}

/** What all slots do to one word. */
interface WordUse {
  readonly steps: { readonly slot: number; readonly step: SlotStep }[];
}

interface Uses {
  readonly byWord: ReadonlyMap<number, WordUse>;
  /** Slots of which an access may go anywhere. */
  readonly anywhere: readonly number[];
}

function usesOf(shapes: readonly SlotShape[]): Uses {
  const byWord = new Map<number, WordUse>();
  const anywhere: number[] = [];
  for (const [slot, { steps, isOpaque }] of shapes.entries()) {
    if (isOpaque || steps.some(({ first, last }) => last - first >= MAX_REACHED_WORDS)) anywhere.push(slot);
    for (const step of steps) {
      if (step.last - step.first >= MAX_REACHED_WORDS) continue;
      for (let word = step.first; word <= step.last; word += 1) {
        const use = byWord.get(word) ?? { steps: [] };
        use.steps.push({ slot, step });
        byWord.set(word, use);
      }
    }
  }
  return { byWord, anywhere };
}

function foldedWords({ byWord, anywhere }: Uses, shapes: readonly SlotShape[]): Map<number, FoldedWord> {
  const folded = new Map<number, FoldedWord>();
  if (anywhere.length > 0) return folded;
  for (const [word, { steps }] of byWord) {
    const operation = steps[0].step.operation;
    if (operation === undefined || operation === 'exchange') continue;
    if (!steps.every(({ step }) => step.operation === operation && !step.isValueUsed)) continue;
    const isVarying = ({ step }: WordUse['steps'][number]) =>
      step.isConditional || step.word === undefined || typeof step.value !== 'number';
    const varying = new Set(steps.filter(isVarying).map(({ slot }) => slot));
    const constants = steps
      .filter(({ slot }) => !varying.has(slot))
      .map(({ slot, step }) => ({ slot, operand: step.value as number }));
    folded.set(word, { word, operation, constants, varying: [...varying] });
  }
  return shapes.length === 0 ? new Map() : folded;
}

interface PartitionInput extends Pick<EpochAnalysis, 'scenario' | 'layout' | 'shapes' | 'folded' | 'areRecordsFolded'> {
  readonly uses: Uses;
}

class Partition {
  readonly #input: PartitionInput;
  readonly #parents: number[];
  /** By word, whether its order matters to anybody. */
  readonly #wordsOf = new Map<number, Set<number>>();
  readonly #printing = new Set<number>();

  constructor(input: PartitionInput) {
    this.#input = input;
    this.#parents = input.shapes.map((_, slot) => slot);
    this.#joinByWords();
    this.#joinPrinting();
    const { shapes, uses } = input;
    // The host sees only how many slots wait.
    this.#joinAll(shapes.flatMap(({ end, mayWait }, slot) => (end === undefined && mayWait ? [slot] : [])));
    if (uses.anywhere.length > 0) this.#joinAll(shapes.map((_, slot) => slot));
  }

  components(): Component[] {
    const { shapes, uses, areRecordsFolded } = this.#input;
    const bySlot = new Map<number, { slots: number[]; words: Set<number>; prints: boolean }>();
    for (const [slot, { records, end }] of shapes.entries()) {
      const words = this.#wordsOf.get(slot);
      const prints = areRecordsFolded ? this.#printing.has(slot) : records.length > 0 || this.#printing.has(slot);
      if (words === undefined && !prints && end === 'done' && uses.anywhere.length === 0) continue;
      const root = this.#find(slot);
      const component = bySlot.get(root) ?? { slots: [], words: new Set<number>(), prints: false };
      component.slots.push(slot);
      component.prints ||= prints;
      for (const word of words ?? []) component.words.add(word);
      bySlot.set(root, component);
    }
    return [...bySlot.values()].map(({ slots, words, prints }) => ({
      slots,
      words: uses.anywhere.length > 0 ? undefined : [...words].sort((left, right) => left - right),
      prints,
    }));
  }

  #joinByWords(): void {
    const { folded, uses, layout } = this.#input;
    const byRegion = new Map<number, number>();
    for (const [word, { steps }] of uses.byWord) {
      const equivalence = equivalenceAt(layout, word);
      // Of a range that is loaded from, most words may be nobody's to write.
      if (steps.every(({ step }) => step.kind === 'load')) continue;
      const slots = folded.get(word)?.varying ?? [...new Set(steps.map(({ slot }) => slot))];
      const isRead = steps.some(({ step }) => step.kind !== 'store');
      if (slots.length === 0 || (equivalence === 'ignored' && !isRead)) continue;
      this.#joinAll(slots);
      for (const slot of slots) this.#wordsOf.set(slot, (this.#wordsOf.get(slot) ?? new Set()).add(word));
      if (equivalence !== 'multiset' && equivalence !== 'set') continue;
      // Which record went where in the region is not looked at, so its words belong together.
      const region = regionAt(layout, word);
      this.#joinAll([byRegion.get(region) ?? slots[0], slots[0]]);
      byRegion.set(region, slots[0]);
    }
  }

  #joinPrinting(): void {
    const { shapes, areRecordsFolded } = this.#input;
    for (const [slot, { records, usesDebugFreely }] of shapes.entries()) {
      const isVarying = records.some(
        ({ words, isConditional }) => isConditional || words.some((word) => typeof word !== 'number'),
      );
      if (usesDebugFreely || isVarying || (!areRecordsFolded && records.length > 0)) this.#printing.add(slot);
    }
    this.#joinAll([...this.#printing]);
  }

  #joinAll(slots: readonly number[]): void {
    for (const slot of slots) this.#parents[this.#find(slot)] = this.#find(slots[0]);
  }

  #find(slot: number): number {
    let root = slot;
    while (this.#parents[root] !== root) root = this.#parents[root];
    for (let next = slot; next !== root; ) {
      const parent = this.#parents[next];
      this.#parents[next] = root;
      next = parent;
    }
    return root;
  }
}
