/** The level slot-serial: an order of whole slots, component by component. */

import { findOpcode, type Kernel } from '../kernel/index.ts';
import { findSerialOrder, type SerialSearchResult } from '../serial/index.ts';
import type { EpochAnalysis } from './analysis.ts';
import { answerBackward, isForBackward } from './backward-search.ts';
import { type Budget, unitsOfState } from './budget.ts';
import { ComponentModel } from './component-model.ts';
import { findLostSlot, type LostSlot } from './lost-slot.ts';
import type { Question } from './question.ts';
import { type SlotMachine, SlotsTooLong } from './slot-machine.ts';

/** An answer in numbers of the scenario's slots. */
export interface SerialAnswer {
  readonly verdict: 'found' | 'none' | 'unknown';
  /** The order found; otherwise the longest beginning of one that fitted. */
  readonly order: readonly number[];
  readonly nodes: number;
  /** Words that no order can mend, told without a search. */
  readonly lostWords: readonly number[];
}

/** An answer, and why there is no order, where that was told without looking for one. */
interface ComponentAnswer {
  readonly answer: SerialAnswer;
  readonly lost: LostSlot | undefined;
}

/** Looks for an order of a component's slots: first what takes one run of each, and the searches last. */
export function answerComponent(question: Question, machine: SlotMachine, budget: Budget): ComponentAnswer {
  const inOrder = answerInOrder(question, machine, budget);
  if (inOrder !== undefined) return { answer: inOrder, lost: undefined };
  // Of few slots the search comes to its end, and tells a smaller contradiction. So does the one from the end.
  const isSearchable = question.slots.length <= SMALL || isForBackward(question);
  const first = isSearchable ? answerSerially(question, machine, budget) : undefined;
  if (first !== undefined && first.verdict !== 'unknown') return { answer: first, lost: undefined };
  const lost = findLostSlot(question, machine, budget);
  if (lost !== undefined) return { answer: { verdict: 'none', order: [], nodes: 0, lostWords: [] }, lost };
  return { answer: first ?? answerSerially(question, machine, budget), lost };
}

/** The order of publishing, if that is one. Others may have gone wrong in parts of the epoch that are not these. */
function answerInOrder(question: Question, machine: SlotMachine, budget: Budget): SerialAnswer | undefined {
  const { slots } = question;
  const unitsANode = unitsOfStates(question);
  if (budget.nodesFor(unitsANode) < slots.length) return undefined;
  budget.spendNodes(slots.length, unitsANode);
  const model = new ComponentModel(question, machine);
  try {
    const isOrder = slots.every((_, operation) => model.apply(operation)) && model.isFinal();
    return isOrder ? { verdict: 'found', order: slots, nodes: slots.length, lostWords: [] } : undefined;
  } catch (error) {
    if (!(error instanceof SlotsTooLong)) throw error;
    return undefined;
  }
}

/** Looks for an order of a question's slots. */
export function answerSerially(question: Question, machine: SlotMachine, budget: Budget): SerialAnswer {
  const { slots, stateWords } = question;
  budget.spendSearch(stateWords.length + slots.length);
  if (slots.length > SMALL) {
    const unitsANode = Math.max(1, slots.length / SLOTS_A_UNIT);
    // The other half is for the search from the front.
    const backward = answerBackward(question, Math.floor(budget.nodesFor(unitsANode) / 2));
    if (backward !== undefined) {
      budget.spendNodes(backward.nodes, unitsANode);
      if (backward.verdict !== 'unknown') return backward;
    }
  }
  const unitsANode = unitsOfStates(question);
  const forward = answerForward(question, machine, budget.nodesFor(unitsANode));
  budget.spendNodes(forward.nodes, unitsANode);
  return forward;
}

/** From the end, a choice looks at every slot that is left: so many of them make it take longer. */
const SLOTS_A_UNIT = 64;

function unitsOfStates({ slots, analysis, stateWords }: Question): number {
  const states = new Set(stateWords);
  const units = slots.map((slot) => {
    const { isOpaque, steps, statements } = analysis.shapes[slot];
    const writes = steps.filter(({ kind }) => kind !== 'load');
    const words = isOpaque ? states.size : writes.reduce((sum, { first, last }) => sum + last - first + 1, 0);
    return unitsOfState(statements, Math.min(words, states.size));
  });
  return Math.max(...units);
}

/** Of so few slots the search from the front looks at few states, and it runs what the kernel really does. */
const SMALL = 7;

function answerForward(question: Question, machine: SlotMachine, maxNodes: number): SerialAnswer {
  const model = new ComponentModel(question, machine);
  const lostWords = model.lostWords();
  if (lostWords.length > 0) return { verdict: 'none', order: [], nodes: 0, lostWords };
  try {
    const result = findSerialOrder(model, { ...searchOrder(question, model), classOf: classesOf(question), maxNodes });
    return { verdict: result.verdict, order: orderOf(question, result), nodes: result.nodes, lostWords };
  } catch (error) {
    if (!(error instanceof SlotsTooLong)) throw error;
    return { verdict: 'unknown', order: [], nodes: 0, lostWords };
  }
}

function orderOf({ slots }: Question, result: SerialSearchResult): number[] {
  const order = result.verdict === 'found' ? result.order : result.longest;
  return order.map((operation) => slots[operation]);
}

/** Slots of different batches never overlapped: a batch is an interval of time. */
function searchOrder({ slots, analysis }: Question, model: ComponentModel) {
  const batches = slots.map((slot) => analysis.batchOf[slot]);
  if (batches.every((batch) => batch === batches[0])) return { order: { pairs: model.impliedPairs() } };
  return { order: { call: batches, return: batches.map((batch) => batch + 0.5) } };
}

/** Slots that ask for the same, in the same batch, are interchangeable if their own place in the ring is of no matter. */
function classesOf({ slots, analysis, faults }: Question): (operation: number) => number {
  const classes = new Map<string, number>();
  const ofOperation = slots.map((slot, operation) => {
    const key = classKey(analysis, slot, JSON.stringify(faults[slot] ?? 'any'));
    const known = key === undefined ? undefined : classes.get(key);
    if (key !== undefined && known === undefined) classes.set(key, operation);
    return known ?? operation;
  });
  return (operation) => ofOperation[operation];
}

function classKey({ scenario, batchOf }: EpochAnalysis, slot: number, fault: string): string | undefined {
  const { opcode, tenant, priority, args } = scenario.slots[slot].slot;
  if (!knowsNoPlace(scenario.kernel, opcode)) return undefined;
  return JSON.stringify([batchOf[slot], opcode, tenant, priority, Array.from(args), fault]);
}

const placeless = new WeakMap<Kernel, Map<number, boolean>>();

/** Whether nothing that an opcode does depends on which slot of the ring it is in, as far as the kernel's text tells. */
function knowsNoPlace(kernel: Kernel, opcode: number): boolean {
  const known = placeless.get(kernel) ?? new Map<number, boolean>();
  placeless.set(kernel, known);
  const before = known.get(opcode);
  if (before !== undefined) return before;
  const body = findOpcode(kernel, opcode)?.body ?? [];
  const isPlaceless = !namesPlace(kernel.turn) && !namesPlace(body);
  known.set(opcode, isPlaceless);
  return isPlaceless;
}

/** A dispatch is told where its arguments are, and ring words are found by the place; whatever else names it uses it. */
function namesPlace(node: unknown): boolean {
  if (Array.isArray(node)) return node.some(namesPlace);
  if (typeof node !== 'object' || node === null) return false;
  if ('kind' in node && node.kind === 'local' && 'name' in node) {
    return node.name === 'slotBase' || node.name === 'slotIndex' || node.name === 'argumentBase';
  }
  const isRing = 'memory' in node && node.memory === 'ring';
  return Object.entries(node).some(([name, member]) => {
    if ((isRing && name === 'index') || name === 'argumentBase') return false;
    if ('kind' in node && node.kind === 'dispatch' && name === 'inner' && member === true) return true;
    return namesPlace(member);
  });
}
