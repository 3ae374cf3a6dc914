/** Random small epochs of a kernel with sound and racy opcodes, and what brute force says about them. */

import fc from 'fast-check';
import { PublishError } from '../../src/backend/index.ts';
// The pieces of the room that are compared with brute force are no part of its face.
import { compareOutcomes, replayOrder } from '../../src/explain/replay-order.ts';
import { defineKernel, type Kernel, observationLayoutOf, opcode } from '../../src/kernel/index.ts';
import { type ResolvedLayout, resolveLayout } from '../../src/observe/index.ts';
import { ControlWord, Opcode, Priority } from '../../src/protocol/index.ts';
import type { PlacedSlot } from '../../src/record/index.ts';
import { freshSnapshot, type Scenario, type ScenarioOutcome, scenarioOfSlots } from '../../src/scenario/index.ts';

export const Racy = {
  LOST_UPDATE: 0x4000_0000,
  CHECK_THEN_SET: 0x4000_0001,
  SWAP: 0x4000_0002,
  DOUBLE: 0x4000_0003,
  TAKE: 0x4000_0004,
  GUARD: 0x4000_0005,
  INDIRECT: 0x4000_0006,
  TRACE: 0x4000_0007,
  CLAIM: 0x4000_0008,
  PEEK: 0x4000_0009,
  SNAPSHOT: 0x4000_000a,
} as const;

const FIRST = 162;
const WORDS = 4;

/** Looks at a word and at how many slots are done, which lanes count after their opcodes. */
function looking(name: string, code: number, promisesAtomicity: boolean) {
  return opcode(
    name,
    code,
    ['word', 'result'],
    ($, word, result) => {
      const value = $.load('control', word);
      $.store('control', result, $.load('control', ControlWord.DONE_COUNT).times(10).plus(value));
    },
    { promisesAtomicity },
  );
}

/** Words 162 … 165 are fought over, one of them ignored; 166 … 170 and 322 … 325 are for results. */
export const racyKernel: Kernel = defineKernel({
  name: 'racy',
  slotCount: 6,
  observableWords: 176,
  tenantCount: 3,
  opcodes: [
    opcode('LOST_UPDATE', Racy.LOST_UPDATE, ['amount', 'word'], ($, amount, word) => {
      $.store('control', word, $.load('control', word).plus(amount));
    }),
    opcode('CHECK_THEN_SET', Racy.CHECK_THEN_SET, ['word', 'takers'], ($, word, takers) => {
      $.if($.load('control', word).equals(0), () => {
        $.store('control', word, 1);
        $.atomicAdd('control', takers, 1);
      });
    }),
    opcode(
      'SWAP',
      Racy.SWAP,
      ['left', 'right'],
      ($, left, right) => {
        const first = $.load('control', left);
        $.store('control', left, $.load('control', right));
        $.store('control', right, first);
      },
      { promisesAtomicity: true },
    ),
    opcode('DOUBLE', Racy.DOUBLE, ['word'], ($, word) => $.store('control', word, $.load('control', word).times(2))),
    opcode('TAKE', Racy.TAKE, ['word', 'result'], ($, word, result) => {
      $.store('control', result, $.atomicAdd('control', word, 1));
    }),
    opcode('GUARD', Racy.GUARD, ['word', 'limit'], ($, word, limit) => {
      $.if($.load('control', word).isAbove(limit), () => $.fault(7));
      $.atomicAdd('control', word, 1);
    }),
    opcode('INDIRECT', Racy.INDIRECT, ['pointer', 'value'], ($, pointer, value) => {
      $.store('control', $.load('control', pointer).remainder(WORDS).plus(FIRST), value);
    }),
    opcode('TRACE', Racy.TRACE, ['word'], ($, word) => $.printf(1, $.load('control', word), 2, 3)),
    opcode('CLAIM', Racy.CLAIM, ['word', 'result'], ($, word, result) => {
      const before = $.compareExchange('control', word, 0, 1);
      $.store('control', result, before.equals(0).select(5, 6));
    }),
    looking('PEEK', Racy.PEEK, false),
    looking('SNAPSHOT', Racy.SNAPSHOT, true),
  ],
  regions: [{ name: 'scratch', area: 'control', start: 165, count: 1, equivalence: 'ignored' }],
});

export const racyLayout: ResolvedLayout = resolveLayout(observationLayoutOf(racyKernel));

const word = fc.integer({ min: FIRST, max: FIRST + WORDS - 1 });
const small = fc.integer({ min: 0, max: 2 });
const result = fc.integer({ min: 166, max: 170 });

const anyArgs: fc.Arbitrary<readonly [opcode: number, args: readonly number[]]> = fc.oneof(
  fc.tuple(fc.constant(Opcode.STORE_U32), fc.tuple(small, word)),
  fc.tuple(fc.constant(Opcode.ATOMIC_ADD), fc.tuple(small, word)),
  fc.tuple(fc.constant(Opcode.LOAD_U32), fc.tuple(word, fc.integer({ min: 6, max: 10 }))),
  fc.tuple(fc.constant(Opcode.COMPARE_SWAP), fc.tuple(word, small, small)),
  fc.tuple(fc.constant(Opcode.MEMCPY), fc.tuple(word, word, small)),
  fc.tuple(fc.constant(Racy.LOST_UPDATE), fc.tuple(small, word)),
  fc.tuple(fc.constant(Racy.CHECK_THEN_SET), fc.tuple(word, result)),
  fc.tuple(fc.constant(Racy.SWAP), fc.tuple(word, word)),
  fc.tuple(fc.constant(Racy.DOUBLE), fc.tuple(word)),
  fc.tuple(fc.constant(Racy.TAKE), fc.tuple(word, result)),
  fc.tuple(fc.constant(Racy.GUARD), fc.tuple(word, small)),
  fc.tuple(fc.constant(Racy.CLAIM), fc.tuple(word, result)),
  fc.tuple(fc.constantFrom(Racy.PEEK, Racy.SNAPSHOT), fc.tuple(word, result)),
);

const rareArgs: fc.Arbitrary<readonly [opcode: number, args: readonly number[]]> = fc.oneof(
  fc.tuple(fc.constant(Racy.INDIRECT), fc.tuple(word, small)),
  // Its results are words that others fight over, and what it changes may be the word that tenants are found by.
  fc.tuple(fc.constant(Opcode.COMPARE_SWAP), fc.tuple(fc.integer({ min: 2, max: 5 }), small, small)),
  fc.tuple(fc.constant(Racy.TRACE), fc.tuple(word)),
  fc.tuple(fc.constant(Opcode.PRINTF), fc.tuple(small, small, small)),
  fc.tuple(fc.constant(Opcode.BATCH_FENCE), fc.tuple(small, small)),
  fc.tuple(fc.constant(Opcode.SHUTDOWN), fc.constant([])),
  fc.tuple(fc.constant(Opcode.STORE_U32), fc.tuple(small, fc.constant(ControlWord.TENANT_MASKS))),
  fc.tuple(fc.constant(Opcode.NOP), fc.constant([])),
);

const anySlot = fc
  .tuple(fc.oneof({ weight: 9, arbitrary: anyArgs }, { weight: 2, arbitrary: rareArgs }), fc.nat(20))
  .map(([[code, args], tenant]) => ({
    opcode: code,
    tenant: tenant === 20 ? 2 : tenant % 2,
    priority: Priority.NORMAL,
    args: [...args],
  }));

export const anyScenario: fc.Arbitrary<Scenario> = fc
  .record({
    slots: fc.array(anySlot, { minLength: 1, maxLength: 5 }),
    perBatch: fc.constantFrom(6, 6, 6, 2, 3),
    first: fc.array(small, { minLength: WORDS, maxLength: WORDS }),
  })
  .map(({ slots, perBatch, first }) => {
    const placed: PlacedSlot[] = slots.map((slot, index) => ({ slotIndex: index % perBatch, slot }));
    const initial = freshSnapshot(racyKernel);
    initial.set(first, FIRST);
    // Tenant 2 is disabled.
    initial[ControlWord.TENANT_MASKS + 2] = 0;
    return printable(scenarioOfSlots(racyKernel, placed, initial));
  });

/** As a failing test shows it: the slots instead of pages of kernel. */
function printable(scenario: Scenario): Scenario {
  const text = () => {
    const slots = scenario.slots.map(({ slotIndex, slot }, index) => {
      const name = racyKernel.opcodes.find(({ code }) => code === slot.opcode)?.name ?? slot.opcode;
      return `${index}: ring ${slotIndex}, tenant ${slot.tenant}, ${name}(${Array.from(slot.args).join(', ')})`;
    });
    const first = Array.from(scenario.initial.subarray(FIRST, FIRST + WORDS)).join(', ');
    return `batches to ${scenario.batchEnds.join(', ')}; control[162…] = ${first}\n${slots.join('\n')}`;
  };
  return Object.assign(scenario, { [fc.toStringMethod]: text });
}

/** What an order of the slots gives; undefined where it would publish into a slot that still waits. */
export function replayed(scenario: Scenario, order: readonly number[]): ScenarioOutcome | undefined {
  try {
    return replayOrder(scenario, order);
  } catch (error) {
    if (error instanceof PublishError) return undefined;
    throw error;
  }
}

/** An order that keeps the batches, by a key for each slot. */
export function orderBy({ slots, batchEnds }: Scenario, keys: readonly number[]): number[] {
  const batchOf = (slot: number) => batchEnds.findIndex((end) => slot < end);
  return [...slots.keys()].sort((left, right) => batchOf(left) - batchOf(right) || keys[left] - keys[right]);
}

/** Every order of the slots that keeps the batches. */
export function* serialOrders({ slots, batchEnds }: Scenario): Generator<number[]> {
  const batchOf = (slot: number) => batchEnds.findIndex((end) => slot < end);
  function* extend(order: readonly number[]): Generator<number[]> {
    if (order.length === slots.length) return void (yield [...order]);
    const rest = [...slots.keys()].filter((slot) => !order.includes(slot));
    for (const slot of rest) if (batchOf(slot) === batchOf(rest[0])) yield* extend([...order, slot]);
  }
  yield* extend([]);
}

export function isSerial(scenario: Scenario, outcome: ScenarioOutcome): boolean {
  for (const order of serialOrders(scenario)) {
    const given = replayed(scenario, order);
    if (given !== undefined && sameAs(given, outcome)) return true;
  }
  return false;
}

export function sameAs(left: ScenarioOutcome, right: ScenarioOutcome): boolean {
  return compareOutcomes(racyLayout, left, right).isSame;
}
