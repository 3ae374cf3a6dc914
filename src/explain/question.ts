/** What is asked of an order of slots: which words have to come out how, which slots fault, how many wait. */

import { hasOverflowed } from '../observe/index.ts';
import { DEBUG_RECORD_WORDS, DEBUG_RECORDS_START } from '../protocol/index.ts';
import type { ScenarioOutcome } from '../scenario/index.ts';
import { type EpochAnalysis, equivalenceAt, regionAt } from './analysis.ts';
import type { CommutingOperation } from './slot-shape.ts';

/** The words of a fault, `none`, or undefined where it cannot be told which of several slots faulted. */
export type ExpectedFault = readonly [number, number] | 'none' | undefined;

/** A question about a part of an epoch's slots: is there an order of them that gives this? */
export interface Question {
  readonly analysis: EpochAnalysis;
  readonly outcome: ScenarioOutcome;
  /** Rising numbers of the scenario's slots; the others take no part. */
  readonly slots: readonly number[];
  /** The memory that they start from. */
  readonly initial: Uint32Array;
  /** Words that have to be exactly as in the outcome. */
  readonly askedWords: readonly number[];
  /** Regions that have to hold the same records as in the outcome. */
  readonly askedRegions: readonly number[];
  /** Words that orders may differ in. */
  readonly stateWords: readonly number[];
  /** By slot of the scenario. */
  readonly faults: readonly ExpectedFault[];
  /** How many of the slots have to be left waiting; undefined where that is not asked. */
  readonly waiting: number | undefined;
}

/** The question whether a component's slots explain what was seen of their words. */
export function questionOf(
  analysis: EpochAnalysis,
  outcome: ScenarioOutcome,
  component: EpochAnalysis['components'][number],
): Question {
  const { layout, scenario, shapes } = analysis;
  const words = component.words ?? range(0, scenario.initial.length);
  const debugWords = component.prints ? range(scenario.kernel.controlWords, scenario.initial.length) : [];
  const stateWords = [...new Set([...words, ...debugWords])];
  const askedRegions = new Set<number>();
  const askedWords = stateWords.filter((word) => {
    const equivalence = equivalenceAt(layout, word);
    const region = regionAt(layout, word);
    if (equivalence === 'multiset' || equivalence === 'set') {
      if (!hasOverflowed(layout.regions[region], outcome.words)) askedRegions.add(region);
    }
    return equivalence === 'exact';
  });
  const taking = new Set(component.slots);
  const staticWaits = shapes.filter(({ end }, slot) => end === 'waits' && !taking.has(slot)).length;
  const hasDynamicWaits = component.slots.some((slot) => shapes[slot].end === undefined && shapes[slot].mayWait);
  return {
    analysis,
    outcome,
    slots: component.slots,
    initial: withFolded(analysis, component.slots, stateWords, component.prints),
    askedWords,
    askedRegions: [...askedRegions],
    stateWords,
    faults: expectedFaults(analysis, outcome),
    waiting: hasDynamicWaits ? outcome.pending - staticWaits : undefined,
  };
}

/** The initial memory with what slots that take no part do to words that no order matters to. */
function withFolded(
  { scenario, folded, shapes, areRecordsFolded }: EpochAnalysis,
  slots: readonly number[],
  words: readonly number[],
  prints: boolean,
): Uint32Array {
  const memory = scenario.initial.slice();
  const taking = new Set(slots);
  for (const word of words) {
    const fold = folded.get(word);
    if (fold === undefined) continue;
    for (const { slot, operand } of fold.constants) {
      if (!taking.has(slot)) memory[word] = applyCommuting(fold.operation, memory[word], operand);
    }
  }
  if (!prints || !areRecordsFolded) return memory;
  for (const [slot, { records }] of shapes.entries()) {
    if (taking.has(slot)) continue;
    for (const record of records) appendRecord(memory, scenario.kernel.controlWords, record.words as number[]);
  }
  return memory;
}

/** As the kernel's `printf` does it. */
export function appendRecord(memory: Uint32Array, debugStart: number, words: readonly number[]): void {
  const cursor = memory[debugStart];
  memory[debugStart] = cursor + words.length;
  const at = debugStart + 1 + cursor;
  if (at + words.length <= memory.length) memory.set(words, at);
}

/**
 * What a run of a question's slots left, with the records of slots that take no part. Whoever runs slots from a memory
 * takes its debug log for read already, and begins an empty one.
 */
export function withFoldedRecords({ initial, analysis }: Question, left: Uint32Array): Uint32Array {
  const start = analysis.scenario.kernel.controlWords;
  const words = left.slice();
  for (let at = 0; at < initial[start]; at += DEBUG_RECORD_WORDS) {
    const from = start + DEBUG_RECORDS_START + at;
    appendRecord(words, start, Array.from(initial.subarray(from, from + DEBUG_RECORD_WORDS)));
  }
  return words;
}

/** Applies an operation that commutes. */
export function applyCommuting(operation: CommutingOperation, before: number, value: number): number {
  switch (operation) {
    case 'add':
      return (before + value) >>> 0;
    case 'and':
      return (before & value) >>> 0;
    case 'or':
      return (before | value) >>> 0;
    case 'xor':
      return (before ^ value) >>> 0;
    case 'minimum':
      return Math.min(before, value);
    case 'maximum':
      return Math.max(before, value);
  }
}

/** A ring slot that several batches used has faults of which nobody knows whose they are. */
export function expectedFaults({ scenario }: EpochAnalysis, outcome: ScenarioOutcome): ExpectedFault[] {
  const uses = new Map<number, number>();
  for (const { slotIndex } of scenario.slots) uses.set(slotIndex, (uses.get(slotIndex) ?? 0) + 1);
  const faults = new Map(outcome.faults.map((fault) => [fault.slotIndex, fault.words]));
  return scenario.slots.map(({ slotIndex }) => {
    const words = faults.get(slotIndex);
    if (words === undefined) return 'none';
    return uses.get(slotIndex) === 1 ? words : undefined;
  });
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}
