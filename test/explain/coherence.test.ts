import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { coherentOrder, type WordOperation } from '../../src/explain/index.ts';

const value = fc.nat(3);
const operation: fc.Arbitrary<WordOperation> = fc.oneof(
  fc.record({ kind: fc.constant('store' as const), value }),
  fc.record({ kind: fc.constant('change' as const), from: value, to: value }),
);

/** Every order, tried. */
function isPossible(operations: readonly WordOperation[], current: number, last: number | undefined): boolean {
  if (operations.length === 0) return last === undefined || current === last;
  return operations.some((each, index) => {
    if (each.kind === 'change' && each.from !== current) return false;
    const rest = operations.filter((_, other) => other !== index);
    return isPossible(rest, each.kind === 'store' ? each.value : each.to, last);
  });
}

function walksTo(operations: readonly WordOperation[], order: readonly number[], first: number): number | undefined {
  let current = first;
  for (const index of order) {
    const each = operations[index];
    if (each.kind === 'change' && each.from !== current) return undefined;
    current = each.kind === 'store' ? each.value : each.to;
  }
  return current;
}

const RUNS = Math.max(3_000, Number(process.env['VRRL_EXPLAIN_RUNS'] ?? 0));

describe('an order of the operations on one word', () => {
  it('is found exactly where trying all of them finds one', () => {
    const anything = fc.tuple(fc.array(operation, { maxLength: 6 }), value, fc.option(value, { nil: undefined }));
    fc.assert(
      fc.property(anything, ([operations, first, last]) => {
        const result = coherentOrder(operations, first, last);
        expect(result.isCoherent).toBe(isPossible(operations, first, last));
        if (!result.isCoherent) return;
        expect([...result.order].sort()).toEqual(operations.map((_, index) => index));
        const end = walksTo(operations, result.order, first);
        expect(end).toBeDefined();
        if (last !== undefined) expect(end).toBe(last);
      }),
      { numRuns: RUNS },
    );
  });

  it('names the value that two found, though it was there once', () => {
    const taken = [0, 0].map((from, index) => ({ kind: 'change' as const, from, to: index + 1 }));
    expect(coherentOrder(taken, 0)).toEqual({
      isCoherent: false,
      problem: { kind: 'found too often', value: 0, found: 2, left: 1, operations: [0, 1] },
    });
  });

  it('takes long histories in its stride', () => {
    const operations = Array.from({ length: 50_000 }, (_, from) => ({ kind: 'change' as const, from, to: from + 1 }));
    expect(coherentOrder(operations.toReversed(), 0, 50_000).isCoherent).toBe(true);
  });
});
