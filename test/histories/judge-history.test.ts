import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findModel, type HistoryJudgement, judgeHistory, parseHistory } from '../../src/histories/index.ts';
import {
  asJsonLines,
  fits,
  hasOrder,
  histories,
  initialState,
  isPending,
  type Line,
  MODEL_NAMES,
  type ModelName,
} from './brute-force.ts';

const RUNS = Number(process.env['VRRL_HISTORY_RUNS'] ?? 2000);

function judge(model: ModelName, lines: readonly Line[], maxNodes?: number): HistoryJudgement {
  return judgeHistory(parseHistory(asJsonLines(model, lines), findModel(model)!), { maxNodes });
}

describe.each(MODEL_NAMES)('a history of %s', (model) => {
  it('is serializable exactly where trying everything finds an order, and the witness is one', () => {
    const seen = { serializable: 0, unserializable: 0, unknown: 0 };
    fc.assert(
      fc.property(histories(model), (lines) => {
        const judgement = judge(model, lines);
        seen[judgement.verdict] += 1;
        expect(judgement.verdict).toBe(hasOrder(model, lines) ? 'serializable' : 'unserializable');
        if (judgement.witness !== undefined) expectWitness(model, lines, judgement.witness);
      }),
      { numRuns: RUNS },
    );
    expect(seen.serializable).toBeGreaterThan(RUNS / 20);
    expect(seen.unserializable).toBeGreaterThan(RUNS / 20);
  });

  it('has a contradiction that is one, and of which nothing can be left out', () => {
    fc.assert(
      fc.property(histories(model), (lines) => {
        const { contradiction } = judge(model, lines);
        if (contradiction === undefined) return;
        expect(contradiction.isMinimal).toBe(true);
        expect(hasOrder(model, believing(lines, contradiction.operations))).toBe(false);
        for (const operation of contradiction.operations) {
          const fewer = contradiction.operations.filter((other) => other !== operation);
          expect(hasOrder(model, believing(lines, fewer))).toBe(true);
        }
        // What it says could not come next is among it, and does not fit.
        expect(contradiction.misfits.length).toBeGreaterThan(0);
        for (const { operation } of contradiction.misfits) expect(contradiction.operations).toContain(operation);
      }),
      { numRuns: RUNS / 2 },
    );
  });

  it('is unknown if the search gave up, and never anything that is not so', () => {
    fc.assert(
      fc.property(histories(model), fc.nat(6), (lines, maxNodes) => {
        const { verdict } = judge(model, lines, maxNodes);
        if (verdict !== 'unknown') expect(verdict).toBe(hasOrder(model, lines) ? 'serializable' : 'unserializable');
      }),
      { numRuns: RUNS / 4 },
    );
  });
});

/** Of all others only the calls. */
function believing(lines: readonly Line[], operations: readonly number[]): Line[] {
  return lines.map((line, each) => (operations.includes(each) ? line : { ...line, return: null, output: null }));
}

/** Runs it through a fresh model, and looks at the moments. */
function expectWitness(
  model: ModelName,
  lines: readonly Line[],
  witness: NonNullable<HistoryJudgement['witness']>,
): void {
  const state = initialState(model);
  let last = Number.NEGATIVE_INFINITY;
  for (const { operation, at } of witness) {
    const line = lines[operation];
    expect(fits(model, state, line)).toBe(true);
    expect(at).toBeGreaterThanOrEqual(Math.max(last, line.call));
    if (!isPending(line)) expect(at).toBeLessThanOrEqual(Number(line.return));
    last = at;
  }
  const done = witness.map(({ operation }) => operation);
  expect(new Set(done).size).toBe(done.length);
  lines.forEach((line, each) => {
    if (!isPending(line)) expect(done).toContain(each);
  });
}
