import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RandomWords } from '../../src/base/random.ts';
import { cleanRunsToReject, Decider, type DecisionOptions, reduceList, type Subject } from '../../src/reduce/index.ts';

type Part = readonly number[];
const upTo = (length: number): number[] => Array.from({ length }, (_, index) => index);

/** A subject that fails as `failureOf` says, whenever it says anything. */
function subjectOf(failureOf: (part: Part) => string | undefined): Subject<Part> {
  return {
    name: 'predicate',
    isDeterministic: true,
    run(part) {
      const failure = failureOf(part);
      return { runs: 1, failures: new Map(failure === undefined ? [] : [[failure, 1]]), unresolved: undefined };
    },
  };
}

/** Fails with the probability that `rateOf` gives, and counts what was run. */
class LuckySubject implements Subject<Part> {
  readonly name = 'luck';
  readonly isDeterministic = false;
  elementsRun = 0;
  readonly #rateOf: (part: Part) => number;
  readonly #random: RandomWords;

  constructor(seed: number, rateOf: (part: Part) => number) {
    this.#rateOf = rateOf;
    this.#random = new RandomWords(seed);
  }

  run(part: Part, most: number, wanted: string | undefined) {
    const threshold = this.#rateOf(part) * 2 ** 32;
    let failed = 0;
    let runs = 0;
    while (runs < most && !(wanted !== undefined && failed > 0)) {
      runs += 1;
      this.elementsRun += part.length;
      if (this.#random.next() < threshold) failed += 1;
    }
    return { runs, failures: new Map(failed > 0 ? [['lucky', failed]] : []), unresolved: undefined };
  }
}

async function reduce(subject: Subject<Part>, list: Part, options: DecisionOptions = {}) {
  const decider = new Decider(subject, options);
  const rate = await decider.begin(list, {
    stage: 'original',
    what: 'all',
    sizeBefore: list.length,
    size: list.length,
  });
  const reduced = await reduceList(list, decider, { stage: 'list', unit: 'numbers', candidateOf: (part) => part });
  return { ...reduced, decider, rate };
}

const hasAll = (part: Part, needed: Part): boolean => needed.every((each) => part.includes(each));

describe('the runs that a rejection takes', () => {
  test('a candidate of that rate survives so many with no more than that probability, and fewer would not do', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 1e-6, max: 0.999, noNaN: true }),
        fc.double({ min: 1e-6, max: 0.5, noNaN: true }),
        (rate, alpha) => {
          const runs = cleanRunsToReject(rate, alpha);
          if (runs < 10_000_000) expect((1 - rate) ** runs).toBeLessThanOrEqual(alpha * (1 + 1e-9));
          if (runs > 1) expect((1 - rate) ** (runs - 1)).toBeGreaterThan(alpha * (1 - 1e-9));
        },
      ),
    );
  });

  test('about three over the rate at 95%, and one where every run fails', () => {
    expect(cleanRunsToReject(0.01, 0.05)).toBe(299);
    expect(cleanRunsToReject(1, 0.05)).toBe(1);
  });
});

describe('what fails whenever it is run', () => {
  test('a monotone predicate: exactly what it needs is left', async () => {
    const needs = fc.uniqueArray(fc.nat({ max: 199 }), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(needs, async (needed) => {
        const { list, isMinimal, decider } = await reduce(
          subjectOf((part) => (hasAll(part, needed) ? 'it' : undefined)),
          upTo(200),
        );
        expect(list).toEqual(needed.toSorted((left, right) => left - right));
        expect(isMinimal).toBe(true);
        // Far fewer than one an element: large parts go first.
        if (needed.length <= 2) expect(decider.runsUsed).toBeLessThan(80);
      }),
    );
  });

  test('any predicate: what is left fails, and nothing of it can be left out', async () => {
    // Any set of parts of eight elements that all of it belongs to.
    const predicates = fc.array(fc.nat({ max: 254 }), { maxLength: 120 }).map((masks) => new Set([255, ...masks]));
    const maskOf = (part: Part) => part.reduce((mask, each) => mask | (1 << each), 0);
    await fc.assert(
      fc.asyncProperty(predicates, async (failing) => {
        const { list } = await reduce(
          subjectOf((part) => (failing.has(maskOf(part)) ? 'it' : undefined)),
          upTo(8),
        );
        expect(failing.has(maskOf(list))).toBe(true);
        for (const each of list) expect(failing.has(maskOf(list) & ~(1 << each))).toBe(false);
      }),
      { numRuns: 300 },
    );
  });

  test('a failure with another signature is never taken for the one that is looked for', async () => {
    const needs = fc.uniqueArray(fc.nat({ max: 29 }), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(needs, needs, async (needed, easier) => {
        const failureOf = (part: Part) =>
          hasAll(part, needed) ? 'wanted' : hasAll(part, easier) ? 'another' : undefined;
        const { list, decider } = await reduce(subjectOf(failureOf), upTo(30));
        expect(failureOf(list)).toBe('wanted');
        for (const each of list) expect(failureOf(list.filter((other) => other !== each))).not.toBe('wanted');
        expect(decider.signature).toBe('wanted');
        const others = decider.ledger.filter(({ reason }) => reason === 'other failure');
        for (const entry of others) expect(entry).toMatchObject({ accepted: false, detail: 'another' });
      }),
    );
  });

  test('what cannot be told is not taken, and is counted', async () => {
    const needed = [3, 17];
    const subject: Subject<Part> = {
      name: 'choosy',
      isDeterministic: true,
      run: (part) => ({
        runs: 1,
        failures: new Map(hasAll(part, needed) && part.includes(5) ? [['it', 1]] : []),
        unresolved: part.includes(5) ? undefined : 'it needs the fifth',
      }),
    };
    const { list, unresolved, isMinimal } = await reduce(subject, upTo(40));
    expect(list).toEqual([3, 5, 17]);
    expect({ unresolved, isMinimal }).toEqual({ unresolved: 1, isMinimal: true });
  });
});

describe('what fails now and then', () => {
  /** Runs with other seeds, and says how many came to exactly what is needed. */
  async function shareRight(rate: number, alpha: number, times: number, size: number): Promise<number> {
    let right = 0;
    for (let seed = 1; seed <= times; seed += 1) {
      const random = new RandomWords(seed * 7919);
      const needed = [random.below(size), random.below(size)];
      const subject = new LuckySubject(seed, (part) => (hasAll(part, needed) ? rate : 0));
      const { list } = await reduce(subject, upTo(size), { alpha, rate });
      expect(hasAll(list, needed)).toBe(true);
      if (list.length === new Set(needed).size) right += 1;
    }
    return right / times;
  }

  test.each([
    [0.5, 0.05, 400, 60],
    [0.1, 0.05, 300, 60],
    [0.5, 0.3, 400, 60],
    [0.01, 0.2, 60, 60],
  ])('at a rate of %d and alpha %d it is right as often as promised', async (rate, alpha, times, size) => {
    expect(await shareRight(rate, alpha, times, size)).toBeGreaterThanOrEqual(1 - alpha);
  });

  test('two of 500 at a rate that nobody has told it', async () => {
    const needed = [123, 377];
    const subject = new LuckySubject(5, (part) => (hasAll(part, needed) ? 0.05 : 0));
    const { list, decider, rate } = await reduce(subject, upTo(500));
    expect(list).toEqual(needed);
    expect(rate.low).toBeLessThan(0.05);
    expect(rate.high).toBeGreaterThan(0.05);
    expect(decider.rate).toBe(rate.low);
    const clean = decider.ledger.filter(({ stage, reason }) => stage === 'list' && reason === 'clean');
    expect(clean.length).toBeGreaterThan(0);
    for (const { runs } of clean) expect(runs).toBeGreaterThanOrEqual(cleanRunsToReject(rate.low, 0.05));
  });

  test('what has become rarer than the original is not taken for it', async () => {
    // Without element 9 it still fails, but a hundred times less often.
    let kept = 0;
    for (let seed = 1; seed <= 40; seed += 1) {
      const rate = (part: Part) => (part.includes(4) ? (part.includes(9) ? 0.5 : 0.005) : 0);
      const { list } = await reduce(new LuckySubject(seed, rate), upTo(16), { rate: 0.5 });
      if (list.includes(9)) kept += 1;
    }
    expect(kept).toBeGreaterThanOrEqual(36);
  });

  test('a rate that has risen makes later decisions cheaper, and a measured one never gets below the first', async () => {
    const decider = new Decider(new LuckySubject(3, (part) => 1 / part.length));
    const label = { stage: 'test', what: 'rate', sizeBefore: 20, size: 20 };
    await decider.begin(upTo(20), label);
    const first = decider.rate;
    await decider.measure(upTo(1), label);
    // No more than a quarter, however often it fails: runs in a row are not independent.
    expect(decider.rate).toBe(0.25);
    await decider.measure(upTo(1_000), label);
    expect(decider.rate).toBe(first);
  });
});

describe('the runs that are allowed', () => {
  test('are not exceeded, and what is left then still fails', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 2_000 }), fc.integer(), async (maxRuns, seed) => {
        const needed = [2, 30];
        const subject = new LuckySubject(seed, (part) => (hasAll(part, needed) ? 0.3 : 0));
        const { list, decider, rate, isMinimal } = await reduce(subject, upTo(40), { maxRuns });
        expect(decider.runsUsed).toBeLessThanOrEqual(maxRuns);
        if (rate.count === 0) return;
        expect(hasAll(list, needed)).toBe(true);
        if (decider.ledger.at(-1)?.reason === 'out of runs') expect(isMinimal).toBe(false);
      }),
    );
  });

  test('what does not fail is said to fail never, and nothing is tried on it', async () => {
    const decider = new Decider(new LuckySubject(1, () => 0), { maxRuns: 400 });
    const rate = await decider.begin(upTo(3), { stage: 'original', what: 'all', sizeBefore: 3, size: 3 });
    expect(rate.count).toBe(0);
    expect(rate.total).toBe(100);
    expect(decider.signature).toBeUndefined();
  });

  test.each([
    [{ alpha: 0 }, 'alpha is 0'],
    [{ alpha: 1 }, 'alpha is 1'],
    [{ rate: 0 }, 'the rate is 0'],
    [{ rate: 1.5 }, 'the rate is 1.5'],
  ])('%j is refused', (options, what) => {
    expect(
      () =>
        new Decider(
          subjectOf(() => undefined),
          options,
        ),
    ).toThrow(what);
  });
});
