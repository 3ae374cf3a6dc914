/** What can be told word by word, without putting slots in an order: the levels provenance and coherence. */

import { hasOverflowed } from '../observe/index.ts';
import { DEBUG_RECORD_WORDS } from '../protocol/index.ts';
import type { ScenarioOutcome } from '../scenario/index.ts';
import { type EpochAnalysis, equivalenceAt, type FoldedWord } from './analysis.ts';
import { type CoherenceProblem, coherentOrder, type WordOperation } from './coherence.ts';
import { knownOldValue } from './component-model.ts';
import type { ContradictionShape, Level } from './explanation.ts';
import { appendRecord, applyCommuting, expectedFaults } from './question.ts';
import type { SlotStep } from './slot-shape.ts';
import { listText, slotName, wordText } from './tell.ts';

/** Something that no order whatever could bring about. */
export interface Finding {
  readonly level: Extract<Level, 'provenance' | 'coherence'>;
  readonly shape: ContradictionShape;
  /** One line without a full stop. */
  readonly summary: string;
  readonly argument: readonly string[];
  readonly slots: readonly number[];
  readonly words: readonly number[];
}

/** The first thing that is impossible word by word, the weakest demand first; undefined if there is none. */
export function checkWords(analysis: EpochAnalysis, outcome: ScenarioOutcome): Finding | undefined {
  return (
    checkEnds(analysis, outcome) ??
    checkSources(analysis, outcome) ??
    checkRecords(analysis, outcome) ??
    checkTotals(analysis, outcome) ??
    checkCoherence(analysis, outcome)
  );
}

function checkEnds(analysis: EpochAnalysis, outcome: ScenarioOutcome): Finding | undefined {
  const { shapes } = analysis;
  const faults = expectedFaults(analysis, outcome);
  const odd = shapes.findIndex(
    ({ end }, slot) =>
      faults[slot] !== undefined && end !== undefined && (end === 'fault') !== (faults[slot] !== 'none'),
  );
  if (odd >= 0) {
    const isFaulted = shapes[odd].end !== 'fault';
    const summary = isFaulted
      ? `${slotName(odd)} faulted, though nothing that it can load makes it`
      : `${slotName(odd)} did not fault, though whatever it loads it has to`;
    return provenance('fault', summary, [`${capital(summary)}.`], [odd], []);
  }
  if (shapes.some(({ end }) => end === undefined)) return undefined;
  const expected = ['done', 'waits'].map((end) => shapes.filter((shape) => shape.end === end).length);
  if (expected[0] === outcome.done && expected[1] === outcome.pending) return undefined;
  const summary = `${outcome.done} slots were done and ${outcome.pending} left waiting, of ${shapes.length} published`;
  const argument = `Each slot ends once: ${expected[0]} have to be done and ${expected[1]} left waiting in every order.`;
  return provenance('slot count', summary, [argument], [], []);
}

function provenance(
  shape: ContradictionShape,
  summary: string,
  argument: readonly string[],
  slots: readonly number[],
  words: readonly number[],
): Finding {
  return { level: 'provenance', shape, summary, argument, slots, words };
}

/** Every value was there before or was written by somebody. */
function checkSources(analysis: EpochAnalysis, outcome: ScenarioOutcome): Finding | undefined {
  const { scenario, written, layout } = analysis;
  if (written === undefined) return undefined;
  const writers = constantWriters(analysis);
  for (let word = 0; word < scenario.kernel.controlWords; word += 1) {
    const seen = outcome.words[word];
    const initial = scenario.initial[word];
    if (seen === initial && !writers.has(word)) continue;
    if (equivalenceAt(layout, word) !== 'exact') continue;
    const name = wordText(scenario.kernel, word);
    if (!written.has(word)) {
      const summary = `${name} holds ${seen}, which nobody wrote: it held ${initial}, and no slot writes there`;
      return provenance('value from nowhere', summary, [`No slot of the epoch can write ${name}.`], [], [word]);
    }
    const stores = writers.get(word);
    if (stores === undefined || stores.values.has(seen) || (seen === initial && !stores.isSure)) continue;
    const list = listText([...stores.values].map(String));
    const summary = `${name} holds ${seen}, which nobody wrote last: what its slots store is ${list}`;
    const argument = [`${name} held ${initial} before.`, `Its only writers, ${namesOf(stores.slots)}, store ${list}.`];
    return provenance('value from nowhere', summary, argument, stores.slots, [word]);
  }
  return undefined;
}

interface ConstantStores {
  readonly values: Set<number>;
  readonly slots: number[];
  /** Whether one of them happens for sure. */
  isSure: boolean;
}

/** Words that nothing happens to but stores of values that are known. */
function constantWriters({ shapes }: EpochAnalysis): Map<number, ConstantStores> {
  const writers = new Map<number, ConstantStores>();
  const others = new Set<number>();
  for (const [slot, { steps }] of shapes.entries()) {
    for (const { kind, word, first, last, value, isConditional } of steps) {
      if (kind === 'load') continue;
      if (word === undefined) for (let each = first; each <= last; each += 1) others.add(each);
      else if (kind !== 'store' || typeof value !== 'number') others.add(word);
      else {
        const stores = writers.get(word) ?? { values: new Set<number>(), slots: [], isSure: false };
        stores.values.add(value);
        stores.slots.push(slot);
        stores.isSure ||= !isConditional;
        writers.set(word, stores);
      }
    }
  }
  for (const word of others) writers.delete(word);
  return writers;
}

/** Records of the debug log are as many as were printed, and the same in some order. */
function checkRecords(analysis: EpochAnalysis, outcome: ScenarioOutcome): Finding | undefined {
  const { scenario, shapes, areRecordsFolded, layout, components } = analysis;
  if (!areRecordsFolded || components.some(({ prints }) => prints)) return undefined;
  const region = layout.regions.find(({ area, usedWordsAt }) => area === 'debug' && usedWordsAt !== undefined);
  const start = scenario.kernel.controlWords;
  if (region === undefined || region.usedWordsAt !== start || hasOverflowed(region, outcome.words)) return undefined;
  const expected = scenario.initial.slice();
  const printing: number[] = [];
  for (const [slot, { records }] of shapes.entries()) {
    if (records.length > 0) printing.push(slot);
    for (const { words } of records) appendRecord(expected, start, words as number[]);
  }
  const [wanted, seen] = [expected, outcome.words].map((words) => recordTexts(words, start));
  const missing = without(wanted, seen);
  const extra = without(seen, wanted);
  const cursors = [expected[start], outcome.words[start]];
  if (missing.length === 0 && extra.length === 0 && cursors[0] === cursors[1]) return undefined;
  const parts = [
    ...(missing.length > 0 ? [`${missing.length} of ${wanted.length} printed records are missing`] : []),
    ...(extra.length > 0 ? [`${extra.length} are there that nobody printed`] : []),
    ...(missing.length + extra.length === 0 ? [`its cursor is ${cursors[1]}, not ${cursors[0]}`] : []),
  ];
  const argument = [
    ...(missing.length > 0 ? [`Missing: ${missing.slice(0, 4).join('; ')}.`] : []),
    ...(extra.length > 0 ? [`Printed by nobody: ${extra.slice(0, 4).join('; ')}.`] : []),
    'Each slot that prints appends its record once, in every order.',
  ];
  return provenance('records', `debug log: ${parts.join(', ')}`, argument, printing, [start]);
}

function recordTexts(words: Uint32Array, start: number): string[] {
  const used = Math.min(words[start], words.length - start - 1);
  const texts: string[] = [];
  for (let at = start + 1; at < start + 1 + used; at += DEBUG_RECORD_WORDS) {
    texts.push(`(${Array.from(words.subarray(at, at + DEBUG_RECORD_WORDS)).join(', ')})`);
  }
  return texts;
}

/** The texts that are not in the other list, copies counted. */
function without(texts: readonly string[], others: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const text of others) counts.set(text, (counts.get(text) ?? 0) + 1);
  return texts.filter((text) => {
    const left = counts.get(text) ?? 0;
    counts.set(text, left - 1);
    return left <= 0;
  });
}

/** Words that are only ever added to have one value in the end, whatever the order. */
function checkTotals(analysis: EpochAnalysis, outcome: ScenarioOutcome): Finding | undefined {
  const { folded, scenario, layout } = analysis;
  for (const fold of folded.values()) {
    if (fold.varying.length > 0 || equivalenceAt(layout, fold.word) !== 'exact') continue;
    let total = scenario.initial[fold.word];
    for (const { operand } of fold.constants) total = applyCommuting(fold.operation, total, operand);
    if (total !== outcome.words[fold.word]) return wrongTotal(analysis, fold, total, outcome.words[fold.word]);
  }
  return undefined;
}

function wrongTotal({ scenario }: EpochAnalysis, fold: FoldedWord, total: number, seen: number): Finding {
  const name = wordText(scenario.kernel, fold.word);
  const slots = [...new Set(fold.constants.map(({ slot }) => slot))];
  const what = fold.operation === 'add' ? 'adds' : `${fold.operation} operations`;
  const lack = (total - seen) >>> 0;
  const suspects = fold.constants.filter(({ operand }) => operand === lack && operand !== 0).map(({ slot }) => slot);
  const isLost = fold.operation === 'add' && suspects.length > 0;
  const summary = `${name}: no order of its ${fold.constants.length} ${what} gives ${seen}: ${total} is the ${fold.operation === 'add' ? 'sum' : 'result'}${isLost ? '; lost update' : ''}`;
  const argument = [
    `${name} held ${scenario.initial[fold.word]} before, and all that its slots do is ${fold.operation}, which gives ${total} in every order.`,
    ...(isLost
      ? [
          `${seen} is what is left if the ${lack} of ${suspects.length > 3 ? `one of ${suspects.length} slots` : listText(suspects.map(slotName)).replace(' and ', ' or ')} is lost.`,
        ]
      : []),
  ];
  return {
    level: 'coherence',
    shape: isLost ? 'lost update' : 'wrong total',
    summary,
    argument,
    slots,
    words: [fold.word],
  };
}

/** Words of which it is known what each operation found. */
function checkCoherence(analysis: EpochAnalysis, outcome: ScenarioOutcome): Finding | undefined {
  const { shapes, folded, scenario, layout } = analysis;
  if (analysis.written === undefined) return undefined;
  const knownOf = oldValues(analysis, outcome);
  const byWord = new Map<number, { slot: number; step: number }[]>();
  // Words that somebody may have written who may as well have written another.
  const unsure = new Set<number>();
  for (const [slot, { steps }] of shapes.entries()) {
    for (const [step, { kind, word, first, last }] of steps.entries()) {
      if (word === undefined) {
        if (kind !== 'load') for (let each = first; each <= last; each += 1) unsure.add(each);
      } else if (!folded.has(word)) {
        const places = byWord.get(word);
        if (places === undefined) byWord.set(word, [{ slot, step }]);
        else places.push({ slot, step });
      }
    }
  }
  for (const [word, places] of byWord) {
    if (places.length < 2 || unsure.has(word)) continue;
    const operations = places.map(({ slot, step }) => operationOf(shapes[slot].steps[step], knownOf(slot, step)));
    if (operations.includes(undefined)) continue;
    const known = operations.flatMap((operation, at) =>
      operation === undefined || operation === 'nothing' ? [] : [{ operation, slot: places[at].slot }],
    );
    const last = equivalenceAt(layout, word) === 'exact' ? outcome.words[word] : undefined;
    const result = coherentOrder(
      known.map(({ operation }) => operation),
      scenario.initial[word],
      last,
    );
    if (!result.isCoherent) return incoherent(analysis, word, known, result.problem);
  }
  return undefined;
}

/** By slot and step, what it found, if the slot stored that in a word that nobody else writes. */
function oldValues({ shapes, layout }: EpochAnalysis, outcome: ScenarioOutcome) {
  const owners = new Map<number, number>();
  for (const [slot, { steps }] of shapes.entries()) {
    for (const { kind, first, last } of steps) {
      if (kind === 'load') continue;
      for (let word = first; word <= last; word += 1) {
        owners.set(word, (owners.get(word) ?? slot) === slot ? slot : -1);
      }
    }
  }
  return (slot: number, step: number) =>
    knownOldValue(shapes[slot], step, (word) =>
      owners.get(word) === slot && equivalenceAt(layout, word) === 'exact' ? outcome.words[word] : undefined,
    );
}

/** A step as an operation; `nothing` if any value may have been found, undefined if nobody knows what it did. */
function operationOf(step: SlotStep, found: number | undefined): WordOperation | 'nothing' | undefined {
  const { kind, value, expected, operation, isConditional } = step;
  if (kind === 'load') {
    return found === undefined || isConditional ? 'nothing' : { kind: 'change', from: found, to: found };
  }
  if (isConditional || typeof value !== 'number') return undefined;
  if (kind === 'store') return { kind: 'store', value };
  if (found === undefined) return undefined;
  if (kind === 'compareExchange') {
    return typeof expected === 'number'
      ? { kind: 'change', from: found, to: found === expected ? value : found }
      : undefined;
  }
  if (operation === undefined) return undefined;
  const to = operation === 'exchange' ? value : applyCommuting(operation, found, value);
  return { kind: 'change', from: found, to };
}

interface KnownOperation {
  readonly operation: WordOperation;
  readonly slot: number;
}

function incoherent(
  { scenario }: EpochAnalysis,
  word: number,
  known: readonly KnownOperation[],
  problem: CoherenceProblem,
): Finding {
  const name = wordText(scenario.kernel, word);
  const slots = [...new Set(problem.operations.map((index) => known[index].slot))];
  const first = scenario.initial[word];
  return {
    level: 'coherence',
    shape: 'incoherent word',
    slots,
    words: [word],
    ...problemText(name, first, known, problem),
  };
}

function problemText(
  name: string,
  first: number,
  known: readonly KnownOperation[],
  problem: CoherenceProblem,
): Pick<Finding, 'summary' | 'argument'> {
  const { value } = problem;
  switch (problem.kind) {
    case 'found too often': {
      const finders = problem.operations.filter((index) => {
        const { operation } = known[index];
        return operation.kind === 'change' && operation.from === value && operation.to !== value;
      });
      return {
        summary: `${name} is not coherent: ${problem.found} found ${value} and changed it, and it was left there ${times(problem.left)}`,
        argument: [
          `${capital(namesOf(finders.map((index) => known[index].slot)))} each found ${value} in ${name} and put something else there.`,
          `${value} was there ${times(problem.left)}${value === first ? ', the beginning included' : ''}, so one of them cannot have found it.`,
        ],
      };
    }
    case 'last value':
      return {
        summary: `${name} is not coherent: it ends with ${value}, which no order of its operations leaves`,
        argument: [
          `It began with ${first}, and in every order that fits what was found, something comes after ${value}.`,
        ],
      };
    case 'out of reach':
      return {
        summary: `${name} is not coherent: ${namesOf(problem.operations.map((index) => known[index].slot))} found ${value}, which was not there`,
        argument: [`It began with ${first}, and nothing that happened to it leads to ${value} in time.`],
      };
  }
}

function namesOf(slots: readonly number[]): string {
  const names = [...new Set(slots)].map(slotName);
  return names.length > 6 ? `${names.length} slots` : listText(names);
}

function times(count: number): string {
  return ['never', 'once', 'twice'][count] ?? `${count} times`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
