import { expect, test } from 'vitest';
import { reduceLog } from '../../src/reduce/index.ts';
import { plantedLog, racingSubject } from './planted.ts';

test('a race of two in 10,000 slots that shows every time comes down to those two', async () => {
  const { candidate } = plantedLog(10_000, 1_234, 8_765);
  const { subject } = racingSubject(1, 1);
  const reduction = await reduceLog(candidate, subject);
  expectTwoSlots(reduction.reproducer);
  expect(reduction).toMatchObject({ signature: 'word in the observables', isMinimal: true, unresolved: 0 });
  expect(reduction.runs).toBeLessThan(200);
  expect(reduction.ledger.length).toBeLessThanOrEqual(reduction.runs);
});

test('the same at a rate of 1%, in a log of 300', async () => {
  const { candidate } = plantedLog(300, 17, 251);
  const { subject } = racingSubject(0.01, 7);
  const reduction = await reduceLog(candidate, subject);
  expectTwoSlots(reduction.reproducer);
  expect(reduction.isMinimal).toBe(true);
  expect(reduction.rateBefore.low).toBeLessThan(0.01);
  expect(reduction.rateAfter?.high).toBeGreaterThan(0.01);
});

/** Two additions to the first observable, on the first two lanes of a ring of two, from a fresh kernel. */
function expectTwoSlots(reproducer: Awaited<ReturnType<typeof reduceLog>>['reproducer']): void {
  expect(reproducer).toMatchObject({ slotCount: 2, initial: undefined, stress: undefined });
  expect(reproducer?.epochs).toHaveLength(1);
  const [{ slots, batchEnds }] = reproducer?.epochs ?? [];
  expect(batchEnds).toEqual([2]);
  expect(slots.map(({ slotIndex, slot }) => [slotIndex, slot.opcode, slot.tenant])).toEqual([
    [0, 2, 0],
    [1, 2, 0],
  ]);
  expect(slots.map(({ slot }) => slot.args[1])).toEqual([160, 160]);
  // What is lost is the second one's amount, which has to be something.
  expect(slots.map(({ slot }) => slot.args[0])).toEqual([0, 1]);
}
