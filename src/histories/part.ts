/**
 * What can be judged by itself. A history of operations on one key each has an order if the operations of every key have
 * one: locality (M. Herlihy and J. Wing 1990), P-compositionality (A. Horn and D. Kroening 2015).
 */

import { findSerialOrder, type SerialSearchOptions, type SerialSearchResult } from '../serial/index.ts';
import { CellModel } from './cell-model.ts';
import { HISTORY_END, type History } from './history.ts';
import { changesAnything, Lowering, type Numbering, type Program, type Step } from './program.ts';
import { ValueTable } from './values.ts';

export interface PartOperation extends Program {
  /** Its place in the history. */
  readonly index: number;
  readonly call: number;
  readonly return: number;
}

export interface Part {
  /** The key that it is about; undefined if the history is one part. */
  readonly key: string | undefined;
  /** By call. */
  readonly operations: readonly PartOperation[];
  readonly cellNames: readonly string[];
  readonly initial: readonly number[];
  readonly values: ValueTable;
  readonly holds: 'value' | 'number';
}

/** Cuts a history into its parts, in the order in which their keys come up. */
export function partsOf(history: History): Part[] {
  const lowering = new Lowering(history);
  if (history.model.cells !== 'keys') {
    return [makePart(history, lowering, undefined, Array.from(history.operations.keys()))];
  }
  const byKey = new Map<string, number[]>();
  history.operations.forEach(({ input }, index) => {
    const key = String(input.get('key'));
    const indices = byKey.get(key);
    if (indices === undefined) byKey.set(key, [index]);
    else indices.push(index);
  });
  return Array.from(byKey, ([key, indices]) => makePart(history, lowering, key, indices));
}

function makePart(history: History, lowering: Lowering, key: string | undefined, indices: readonly number[]): Part {
  const { model, initial } = history;
  const cellNames = model.cells === 'named' ? Array.from(initial.keys()) : [key ?? ''];
  const cells = new Map(cellNames.map((name, cell) => [name, cell]));
  const values = new ValueTable();
  // Whoever read the history saw to it that every name is one of these.
  const numbering: Numbering = { values, cellOf: (name) => cells.get(name)! };
  const first = model.holds === 'number' ? 0 : null;
  const operations = indices.map((index): PartOperation => {
    const operation = history.operations[index];
    const { call, return: end } = operation;
    return { index, call, return: end, ...lowering.program(operation, numbering) };
  });
  return {
    key,
    operations: operations.sort((left, right) => left.call - right.call),
    cellNames,
    initial: cellNames.map((name) => lowering.numberOf(initial.get(name) ?? first, numbering)),
    values,
    holds: model.holds,
  };
}

/** Operations of a part with what is taken as known of each. */
export interface PartProblem {
  readonly model: () => CellModel;
  readonly options: SerialSearchOptions;
  /** Of each operation of the model its place in the part. */
  readonly places: readonly number[];
}

/**
 * The question whether operations of a part have an order.
 *
 * @param isKept of which operations all is believed, by their place in the part. Of the others only the call: they may
 *   have done what they do at any time after it, or never. Default: all whose end somebody saw.
 */
export function problemOf(part: Part, isKept: (place: number) => boolean = () => true): PartProblem {
  const kept = part.operations.map(({ seen }, place) => seen !== undefined && isKept(place));
  const lastReturn = part.operations.reduce((latest, each, place) => {
    return kept[place] ? Math.max(latest, each.return) : latest;
  }, Number.NEGATIVE_INFINITY);
  const isOfUse = ({ call, unseen }: PartOperation) => call <= lastReturn && changesAnything(unseen);
  const places = Array.from(kept.keys()).filter((place) => kept[place] || isOfUse(part.operations[place]));
  const operations = places.map((place) => {
    const { seen, unseen } = part.operations[place];
    return { steps: kept[place] && seen !== undefined ? seen : unseen, isOptional: !kept[place] };
  });
  const call = places.map((place) => part.operations[place].call);
  const end = places.map((place) => (kept[place] ? part.operations[place].return : HISTORY_END));
  const classes = classesOf(
    operations.map(({ steps, isOptional }) => `${isOptional} ${stepsAsText(steps)}`),
    end,
  );
  return {
    model: () => new CellModel(operations, part.initial, part.holds, part.values),
    options: {
      order: { call, return: end },
      isOptional: (operation) => operations[operation].isOptional,
      classOf: (operation) => classes[operation],
    },
    places,
  };
}

export function search({ model, options }: PartProblem, maxNodes: number): SerialSearchResult {
  return findSerialOrder(model(), { ...options, maxNodes });
}

/**
 * Operations that do the same are interchangeable as long as none of them is called later and returns earlier than
 * another; they come in the order of their calls, so each goes to the first chain that did not return after it.
 */
function classesOf(texts: readonly string[], returns: readonly number[]): number[] {
  const chains = new Map<string, { number: number; end: number }[]>();
  let count = 0;
  return texts.map((text, operation) => {
    const ofText = chains.get(text) ?? [];
    chains.set(text, ofText);
    let chain = ofText.find(({ end }) => end <= returns[operation]);
    if (chain === undefined) {
      chain = { number: count, end: returns[operation] };
      count += 1;
      ofText.push(chain);
    }
    chain.end = returns[operation];
    return chain.number;
  });
}

function stepsAsText(steps: readonly Step[]): string {
  return steps.map(({ verb, cell, operand }) => `${verb} ${cell} ${operand}`).join();
}
