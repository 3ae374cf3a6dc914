/** Contended epochs: slots that fight over a few words, and what some order of them gave. */

import { RandomWords } from '../../src/base/random.ts';
import { compareOutcomes, replayOrder } from '../../src/explain/index.ts';
import { defineKernel, type Kernel, observationLayoutOf, opcode } from '../../src/kernel/index.ts';
import { resolveLayout } from '../../src/observe/index.ts';
import { Opcode, Priority } from '../../src/protocol/index.ts';
import { type Scenario, type ScenarioOutcome, scenarioOfSlots } from '../../src/scenario/index.ts';

const BUMP = 0x4000_0000;
const FIRST = 161;

/** The built-in opcodes, and an update in two accesses. */
export const contendedKernel: Kernel = defineKernel({
  name: 'contended',
  slotCount: 256,
  observableWords: 864,
  opcodes: [
    opcode('BUMP', BUMP, ['amount', 'word'], ($, amount, word) => {
      $.store('control', word, $.load('control', word).plus(amount));
    }),
  ],
});

export interface ContendedOptions {
  readonly slots: number;
  readonly words: number;
  readonly seed: number;
  /** How many of the slots copy a word to another, which ties words together; as a share. Default 0. */
  readonly copies?: number;
  /** Whether one word is told otherwise than it was, which mostly leaves no order. Default no. */
  readonly isBroken?: boolean;
}

/** Slots that store, add, load, compare and swap, update and copy, over so many words; and what a random order gave. */
export function contendedEpoch({ slots, words, seed, copies = 0, isBroken = false }: ContendedOptions): {
  readonly scenario: Scenario;
  readonly outcome: ScenarioOutcome;
} {
  const random = new RandomWords(seed);
  const below = (limit: number) => random.next() % limit;
  const word = () => FIRST + below(words);
  const oneWord = (slotIndex: number) =>
    [
      () => [Opcode.STORE_U32, [below(4), word()]] as const,
      () => [Opcode.ATOMIC_ADD, [1 + below(3), word()]] as const,
      () => [Opcode.LOAD_U32, [word(), 340 + slotIndex]] as const,
      () => [Opcode.COMPARE_SWAP, [word(), below(4), below(4)]] as const,
      () => [BUMP, [1 + below(3), word()]] as const,
    ][below(5)]();
  const placed = Array.from({ length: slots }, (_, slotIndex) => {
    const isCopy = below(1_000) < copies * 1_000;
    const [code, args] = isCopy ? ([Opcode.MEMCPY, [word(), word(), 1]] as const) : oneWord(slotIndex);
    return { slotIndex, slot: { opcode: code, tenant: 0, priority: Priority.NORMAL, args: [...args] } };
  });
  const scenario = scenarioOfSlots(contendedKernel, placed);
  const order = Uint32Array.from(placed, (_, slot) => slot);
  random.shuffle(order, order.length);
  const outcome = replayOrder(scenario, Array.from(order));
  if (isBroken) {
    const results = placed
      .filter(({ slot }) => slot.opcode === Opcode.LOAD_U32)
      .map(({ slotIndex }) => 340 + slotIndex);
    const told = [...Array.from({ length: words }, (_, index) => FIRST + index), ...results];
    // A number that is to be found there as often as not.
    outcome.words[told[below(told.length)]] = below(8);
  }
  return { scenario, outcome };
}

/** Whether two outcomes are the same under the kernel's regions. */
export function isSameOutcome(left: ScenarioOutcome, right: ScenarioOutcome): boolean {
  return compareOutcomes(resolveLayout(observationLayoutOf(contendedKernel)), left, right).isSame;
}
