import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { DEFAULT_RUNS, explain } from '../../src/explain/index.ts';
import { exhaust, sample, type TracedAccess } from '../../src/explore/index.ts';
import { findOpcode } from '../../src/kernel/index.ts';
import { ControlWord, Opcode, Priority } from '../../src/protocol/index.ts';
import { freshSnapshot, type Scenario, type ScenarioOutcome, scenarioOfSlots } from '../../src/scenario/index.ts';
import { anyScenario, isSerial, Racy, racyKernel, sameAs } from './random-epochs.ts';

/** Random epochs of each kind in the default run; more with VRRL_EXPLAIN_RUNS. */
const RUNS = Number(process.env['VRRL_EXPLAIN_RUNS'] ?? 150);
const MAX_RUNS = 4_000;

/** Whether any interleaving of single accesses gives it; undefined if there are too many to look at. */
function isInterleaved(
  scenario: Scenario,
  outcome: ScenarioOutcome,
  memory: 'sequential' | 'relaxed',
): boolean | undefined {
  let isFound = false as boolean;
  const { complete } = exhaust(scenario, { memory, maxRuns: MAX_RUNS }, (run) => {
    isFound = sameAs(run.outcome, outcome);
    return isFound;
  });
  return isFound || (complete ? false : undefined);
}

/**
 * Whether an interleaving gives it in which nobody comes in between the accesses of an opcode that promised to happen at
 * once: every schedule is looked at, not one of each class. Undefined if there are too many.
 */
function isPromised(scenario: Scenario, outcome: ScenarioOutcome): boolean | undefined {
  let isFound = false as boolean;
  const { complete } = exhaust(scenario, { reduction: false, maxRuns: MAX_RUNS }, (run) => {
    isFound = sameAs(run.outcome, outcome) && keepsPromises(scenario, run.trace());
    return isFound;
  });
  return isFound || (complete ? false : undefined);
}

function keepsPromises({ kernel, slots }: Scenario, trace: readonly TracedAccess[]): boolean {
  const contended = trace.filter(({ isContended }) => isContended);
  return slots.every(({ slot }, slotRecord) => {
    if (!findOpcode(kernel, slot.opcode)?.promisesAtomicity) return true;
    const isOwn = ({ record, isTurn }: TracedAccess) => record === slotRecord && !isTurn;
    const own = contended.slice(contended.findIndex(isOwn), contended.findLastIndex(isOwn) + 1);
    return own.every(isOwn);
  });
}

function drawn(scenario: Scenario, seed: number, memory: 'sequential' | 'relaxed'): ScenarioOutcome | undefined {
  let outcome: ScenarioOutcome | undefined;
  sample(scenario, { runs: 1, seed, memory }, (run) => {
    if (!run.isHung) outcome = { ...run.outcome, words: run.outcome.words.slice() };
  });
  return outcome;
}

/** Epochs of which it was known whether an opcode broke its promise. */
let promisesAsked = 0;
afterAll(() => {
  expect(promisesAsked).toBeGreaterThan(RUNS / 30);
});

const POSSIBLE_LEVELS = [undefined, 'slot-serial'];

describe('explained level by level as running every interleaving says', () => {
  it.each(['sequential', 'relaxed'] as const)('for what %s memory gave', (memory) => {
    fc.assert(
      fc.property(anyScenario, fc.nat(0xffff), (scenario, seed) => {
        const outcome = drawn(scenario, seed, memory);
        fc.pre(outcome !== undefined);
        expectRight(scenario, outcome);
      }),
      { numRuns: RUNS },
    );
  });

  it('for a load of a word that only a slot of a disabled tenant would store to', () => {
    const slots = [
      { opcode: Racy.TAKE, tenant: 0, args: [162, 168] },
      { opcode: Racy.SWAP, tenant: 0, args: [162, 162] },
      { opcode: Opcode.LOAD_U32, tenant: 0, args: [164, 8] },
      { opcode: Opcode.COMPARE_SWAP, tenant: 2, args: [164, 0, 0] },
    ];
    const initial = freshSnapshot(racyKernel);
    initial[164] = 1;
    initial[ControlWord.TENANT_MASKS + 2] = 0;
    const placed = slots.map((slot, slotIndex) => ({ slotIndex, slot: { ...slot, priority: Priority.NORMAL } }));
    const scenario = scenarioOfSlots(racyKernel, placed, initial);
    exhaust(scenario, { maxRuns: MAX_RUNS }, ({ outcome }) => {
      expectRight(scenario, { ...outcome, words: outcome.words.slice() });
      return false;
    });
  });

  it('for what was made up', () => {
    const corruption = fc.tuple(fc.integer({ min: 162, max: 171 }), fc.nat(3));
    fc.assert(
      fc.property(anyScenario, fc.nat(0xffff), corruption, (scenario, seed, [word, value]) => {
        const outcome = drawn(scenario, seed, 'sequential');
        fc.pre(outcome !== undefined);
        outcome.words[word] = value;
        expectRight(scenario, outcome);
      }),
      { numRuns: RUNS },
    );
  });
});

function expectRight(scenario: Scenario, outcome: ScenarioOutcome): void {
  const { verdict, violated, notKnown, brokenPromises, runs } = explain(scenario, outcome);
  if (notKnown.some((reason) => reason.includes('another turn in a later batch'))) return;
  const serial = isSerial(scenario, outcome);
  expect({ serial, violated }).toEqual({ serial, violated: serial ? undefined : (violated ?? 'something') });
  if (serial) return void expect(verdict).toBe('serializable');
  const interleaved = isInterleaved(scenario, outcome, 'sequential');
  if (interleaved === undefined) return;
  const seen = { interleaved, verdict, violated };
  if (!interleaved) {
    expect(seen).toMatchObject({ verdict: 'unserializable' });
    if (runs >= DEFAULT_RUNS) return;
    expect(POSSIBLE_LEVELS).not.toContain(violated);
    if (isInterleaved(scenario, outcome, 'relaxed')) expect(violated).toBe('access-serial');
    return;
  }
  expect(seen).toMatchObject({ violated: 'slot-serial' });
  // It took most of the runs that it may and they were not all.
  if (verdict === 'unknown' && runs >= DEFAULT_RUNS / 2) return;
  if (verdict === 'unserializable') expect(brokenPromises).not.toEqual([]);
  else expect(seen).toMatchObject({ verdict: 'serializable' });
  const promised = isPromised(scenario, outcome);
  if (promised === undefined) return;
  promisesAsked += 1;
  expect({ promised, verdict }).toEqual({ promised, verdict: promised ? 'serializable' : 'unserializable' });
}
