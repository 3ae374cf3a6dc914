import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ReferenceBackend } from '../../src/backend/index.ts';
import { defineKernel } from '../../src/kernel/index.ts';
import { columnsOf, type LogRecord } from '../../src/log/index.ts';
import { MAX_SLOT_COUNT, MIN_CONTROL_WORDS, Opcode } from '../../src/protocol/index.ts';
import { inferSizes } from '../../src/replay/index.ts';

function record(opcode: number, args: readonly [number, number, number, number], slotIndex = 0): LogRecord {
  return { timestampNs: 1n, slotIndex, tenantId: 0, opcode, args, epoch: 0 };
}

describe('the sizes of a kernel that nobody recorded', () => {
  it('are modest for an empty log', () => {
    expect(inferSizes(columnsOf([]))).toEqual({ slotCount: 16, controlWords: 1_024 });
  });

  it.each([
    [15, 16],
    [16, 32],
    [1_000, 1_024],
    [1_024, 2_048],
    [MAX_SLOT_COUNT - 1, MAX_SLOT_COUNT],
    [MAX_SLOT_COUNT, 16],
    [2 ** 32 - 1, 16],
  ])('hold slot %i in a ring of %i', (slotIndex, slotCount) => {
    expect(inferSizes(columnsOf([record(Opcode.NOP, [0, 0, 0, 0], slotIndex)])).slotCount).toBe(slotCount);
  });

  it.each([
    ['STORE_U32', Opcode.STORE_U32, [9, 1_024, 0, 0], 2_048],
    ['ATOMIC_ADD', Opcode.ATOMIC_ADD, [9, 1_023, 0, 0], 1_024],
    ['LOAD_U32 by its source', Opcode.LOAD_U32, [2_048, 0, 0, 0], 4_096],
    ['LOAD_U32 by its result', Opcode.LOAD_U32, [0, 2_048 - 160, 0, 0], 4_096],
    ['COMPARE_SWAP by its result', Opcode.COMPARE_SWAP, [1_024 - 160, 0, 0, 0], 2_048],
    ['MEMCPY by its last word', Opcode.MEMCPY, [1_000, 0, 25, 0], 2_048],
    ['MEMCPY of nothing', Opcode.MEMCPY, [5_000, 5_000, 0, 0], 1_024],
    ['an address that is wild', Opcode.STORE_U32, [0, 2 ** 20, 0, 0], 1_024],
    ['the last address that is not', Opcode.STORE_U32, [0, 2 ** 20 - 1, 0, 0], 2 ** 20],
    ['a copy beyond all words', Opcode.MEMCPY, [2 ** 32 - 1, 0, 2 ** 32 - 1, 0], 1_024],
  ] as const)('hold what %s reaches', (_case, opcode, args, controlWords) => {
    expect(inferSizes(columnsOf([record(opcode, args)])).controlWords).toBe(controlWords);
  });

  it('are large enough that no slot that looks meant faults', () => {
    const anyRecord = fc
      .tuple(fc.constantFrom(1, 2, 3, 4, 5), fc.nat(3_000), fc.nat(3_000), fc.nat(40), fc.nat(40))
      .map(([opcode, first, second, third, slotIndex]) => record(opcode, [first, second, third, 0], slotIndex));
    const property = fc.property(anyRecord, (slot) => {
      const { slotCount, controlWords } = inferSizes(columnsOf([slot]));
      const kernel = defineKernel({ name: 'inferred', slotCount, observableWords: controlWords - MIN_CONTROL_WORDS });
      const backend = new ReferenceBackend(kernel);
      backend.publish(slot.slotIndex, { opcode: slot.opcode, tenant: 0, priority: 2, args: slot.args });
      expect(backend.drain().faults).toEqual([]);
    });
    fc.assert(property, { numRuns: 100 });
  });
});
