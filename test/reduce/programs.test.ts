import { describe, expect, test } from 'vitest';
import type { StressSettings } from '../../src/backend/index.ts';
import { BackendSubject, type LogCandidate, reduceLog } from '../../src/reduce/index.ts';
import { LoadingBackend, type RateUnder } from './loading-backend.ts';
import { plantedLog } from './planted.ts';

const STRESS: StressSettings = { seed: 5, lanes: 64, shuffleLanes: 1, meetTurns: 64, warmUpTurns: 8 };

/** A device on which the race shows as often as the stress says. */
function device(rateUnder: RateUnder) {
  const made: LoadingBackend[] = [];
  const make = (kernel: LogCandidate['kernel']) => {
    if (kernel === undefined) throw new Error('the planted log has a kernel');
    const backend = new LoadingBackend(kernel, 0, 1 + made.length);
    backend.rateUnder = rateUnder;
    made.push(backend);
    return backend;
  };
  const subject = new BackendSubject({ name: 'device', make, oracle: 'differs-from-reference' });
  return { subject, turns: () => made.flatMap(({ turns }) => turns) };
}

describe('on a device that takes up programs', () => {
  test('a race that only stress shows comes down to its two slots and the one setting that it needs', async () => {
    const { subject, turns } = device(({ meetTurns = 0 }) => (meetTurns >= 16 ? 0.05 : 0));
    const original = { ...plantedLog(40, 7, 31).candidate, stress: STRESS };
    const { reproducer, isMinimal, ledger } = await reduceLog(original, subject);
    expect(isMinimal).toBe(true);
    expect(reproducer?.epochs[0].slots).toHaveLength(2);
    expect(reproducer?.stress?.meetTurns).toBe(16);
    // The seed stays: another one is no less stress.
    expect(Object.keys(reproducer?.stress ?? {}).toSorted()).toEqual(['meetTurns', 'seed']);
    expect(ledger.filter(({ stage }) => stage === 'stress')[0]).toMatchObject({ what: 'no stress', accepted: false });
    // Clean runs are taken many at a time.
    expect(Math.max(...turns().map(({ replicas }) => replicas))).toBeGreaterThanOrEqual(64);
  });

  test('stress that is not needed goes at once', async () => {
    const { subject } = device(() => 0.5);
    const { reproducer } = await reduceLog({ ...plantedLog(12, 3, 8).candidate, stress: STRESS }, subject);
    expect(reproducer?.epochs[0].slots).toHaveLength(2);
    expect(reproducer?.stress).toBeUndefined();
  });

  test('failures that were too many to be handed back are counted all the same', async () => {
    const { subject } = device(() => 0.5);
    const { candidate } = plantedLog(8, 1, 6);
    const { runs, failures } = await subject.run(candidate, 2_000, undefined);
    expect(runs).toBe(2_000);
    expect([...failures.keys()]).toEqual(['word in the observables']);
    expect(failures.get('word in the observables')).toBeGreaterThan(850);
    expect(failures.get('word in the observables')).toBeLessThan(1_150);
  });

  test('of several epochs the first that differs says how a run failed', async () => {
    const { subject } = device(() => 1);
    const { candidate } = plantedLog(8, 1, 6);
    const [{ slots }] = candidate.epochs;
    const twice = { ...candidate, epochs: [{ slots: slots.slice(0, 4), batchEnds: [4] }, ...candidate.epochs] };
    const { failures } = await subject.run(twice, 5, undefined);
    expect([...failures]).toEqual([['word in the observables', 5]]);
    expect(subject.failureOf(twice, 'word in the observables')).toMatchObject({ epoch: 1, outcomes: { length: 2 } });
  });

  test('what a candidate showed is known when others, and runs of it that pass, came after', async () => {
    let rate = 1;
    const { subject } = device(() => rate);
    const { candidate } = plantedLog(8, 1, 6);
    await subject.run(candidate, 5, undefined);
    rate = 0;
    await subject.run(plantedLog(8, 2, 5).candidate, 5, undefined);
    expect((await subject.run(candidate, 5, undefined)).failures.size).toBe(0);
    expect(subject.failureOf(candidate, 'word in the observables')).toMatchObject({ outcomes: { length: 1 } });
  });
});
