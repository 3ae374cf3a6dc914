/** Slots, words and values in words. */

import { findOpcode, type Kernel } from '../kernel/index.ts';
import { opcodeName } from '../protocol/index.ts';
import type { EpochAnalysis } from './analysis.ts';
import type { SlotText } from './explanation.ts';
import { isLoaded, reachedOf, type SlotStep } from './slot-shape.ts';

/** `control[42]`, or `debug[3]`. */
export function wordText({ controlWords }: Kernel, word: number): string {
  return word < controlWords ? `control[${word}]` : `debug[${word - controlWords}]`;
}

export function slotText({ scenario, batchOf }: EpochAnalysis, slot: number): SlotText {
  const { slotIndex, slot: placed } = scenario.slots[slot];
  const definition = findOpcode(scenario.kernel, placed.opcode);
  const name = definition?.name ?? opcodeName(placed.opcode) ?? `0x${placed.opcode.toString(16)}`;
  const count = definition?.argumentNames.length ?? placed.args.length;
  const args = Array.from({ length: count }, (_, index) => placed.args[index] ?? 0);
  return {
    slot,
    slotIndex,
    batch: batchOf[slot],
    text: `${name}(${args.join(', ')})`,
    promisesAtomicity: definition?.promisesAtomicity ?? false,
  };
}

/** What a slot does, access by access: `loads control[1], stores what it loaded plus 1 to control[1]`. */
export function actionText({ scenario, shapes }: EpochAnalysis, slot: number, words: ReadonlySet<number>): string {
  const { kernel } = scenario;
  const { steps } = shapes[slot];
  const shown = steps.filter((step) => reachedOf(step, words).length > 0);
  return shown.map((step) => stepText(kernel, step, steps)).join(', then ');
}

function stepText(kernel: Kernel, step: SlotStep, steps: readonly SlotStep[]): string {
  const word = step.word === undefined ? rangeText(kernel, step) : wordText(kernel, step.word);
  const perhaps = step.isConditional ? 'perhaps ' : '';
  switch (step.kind) {
    case 'load':
      return `${perhaps}loads ${word}`;
    case 'store':
      return `${perhaps}stores ${valueText(kernel, step, steps)} to ${word}`;
    case 'modify':
      return `${perhaps}applies ${step.operation} ${valueText(kernel, step, steps)} to ${word}`;
    case 'compareExchange': {
      const expected = typeof step.expected === 'number' ? `${step.expected}` : 'what it expects';
      return `${perhaps}exchanges ${expected} in ${word} for ${valueText(kernel, step, steps)}`;
    }
  }
}

/** `one of control[3] … control[9]`: which, depends on what was loaded. */
function rangeText(kernel: Kernel, { first, last }: SlotStep): string {
  return `one of ${wordText(kernel, first)} … ${wordText(kernel, last)}`;
}

function valueText(kernel: Kernel, { value }: SlotStep, steps: readonly SlotStep[]): string {
  if (typeof value === 'number') return String(value);
  if (!isLoaded(value)) return 'a value that depends on what it loaded';
  const from = steps[value.step]?.word;
  const what = from === undefined ? 'what it loaded' : `what it found in ${wordText(kernel, from)}`;
  return value.plus === 0 ? what : `${what} plus ${value.plus}`;
}

/** `S1, S2 and S3`. */
export function listText(items: readonly string[]): string {
  if (items.length < 2) return items.join('');
  return `${items.slice(0, -1).join(', ')} and ${items[items.length - 1]}`;
}

/** `slot 3`, by its number in the order of publishing. */
export function slotName(slot: number): string {
  return `slot ${slot}`;
}
