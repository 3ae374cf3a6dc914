import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { commonRows, type LaneAccess, laneRows, laneTable } from '../../src/explore/index.ts';

const load = (slot: number, word: string, read: number): LaneAccess => ({
  slot,
  kind: 'load',
  word,
  read,
  written: undefined,
});
const store = (slot: number, word: string, written: number): LaneAccess => ({
  slot,
  kind: 'store',
  word,
  read: undefined,
  written,
});
const names = { long: (slot: number) => `${slot}: WAIT_FOR_SOMEBODY`, short: (slot: number) => String(slot) };
const waits = (times: number) => Array.from({ length: times }, () => load(0, 'control[171]', 0));
const message = [...waits(199), store(1, 'control[170]', 7), store(1, 'control[171]', 1), load(0, 'control[171]', 1)];

describe('rows of accesses', () => {
  it('have equal loads of a waiting lane in one row that says how often', () => {
    const rows = laneRows(message);
    expect(rows).toHaveLength(4);
    expect(rows[0]).toEqual({ ...load(0, 'control[171]', 0), times: 199 });
    expect(laneTable(rows, { names, width: 80 }).join('\n')).toContain('control[171] is 0, 199 times');
  });

  it('lose no access, and merge nothing but loads', () => {
    const access = fc.tuple(fc.boolean(), fc.nat(1), fc.constantFrom('control[1]', 'debug[2]'), fc.nat(1));
    fc.assert(
      fc.property(fc.array(access), (drawn) => {
        const accesses = drawn.map(([isLoad, ...rest]) => (isLoad ? load(...rest) : store(...rest)));
        const rows = laneRows(accesses);
        expect(rows.flatMap(({ times, ...row }) => Array.from({ length: times }, () => row))).toEqual(accesses);
        expect(rows.filter(({ kind, times }) => kind !== 'load' && times > 1)).toEqual([]);
        expect(commonRows(rows, laneRows(accesses))).toBe(rows.length);
      }),
    );
  });

  it('are drawn within the width there is, wherever words allow it', () => {
    const rows = laneRows(message);
    for (const width of [120, 70, 45]) {
      for (const line of laneTable(rows, { names, width, partsAtRow: 2 }))
        expect(line.length).toBeLessThanOrEqual(width);
    }
    expect(laneTable(rows, { names, width: 120 })[0]).toMatch(/^ +0: WAIT_FOR_SOMEBODY +1: WAIT_FOR_SOMEBODY$/);
    expect(laneTable(rows, { names, width: 45 }).join('\n')).toContain('[171] is 0, 199 times');
  });

  it('say where they part from another order', () => {
    const lines = laneTable(laneRows(message), { names, width: 120, partsAtRow: 2 });
    expect(lines[3]).toBe('-- from here on the orders differ');
  });
});
