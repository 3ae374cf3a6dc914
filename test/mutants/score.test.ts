import { describe, expect, test } from 'vitest';
import { ThreadsBackend } from '../../node/threads-backend.ts';
import { ReferenceBackend } from '../../src/backend/index.ts';
import { RandomWords } from '../../src/base/random.ts';
import { exhaust } from '../../src/explore/index.ts';
import { type Kernel, lowerToJavaScript, lowerToWgsl, type Statement } from '../../src/kernel/index.ts';
import {
  allOutcomes,
  BackendScorer,
  ExplorerScorer,
  MUTANTS,
  type Mutant,
  mutate,
  Place,
  type RacesOptions,
  type Score,
  SerialRunner,
  sameOutcome,
  summarize,
} from '../../src/mutants/index.ts';
import { isStruck } from '../../src/mutants/rewrite/rare.ts';
import { ObjectionCounts } from '../../src/mutants/score.ts';
import { memoryFor } from '../../src/mutants/score-explorer.ts';
import { scenarioOfRace } from '../../src/mutants/workload.ts';
import { freshSnapshot } from '../../src/scenario/index.ts';

const SLOTS = 8;

function mutantOf(number: number): Mutant {
  const mutant = MUTANTS.find((each) => each.number === number);
  if (mutant === undefined) throw new Error(`no mutant ${number}`);
  return mutant;
}

const races = MUTANTS.filter(
  ({ base, race, kind }, index) =>
    MUTANTS.findIndex((other) => other.base === base && other.race === race && other.kind === kind) === index,
);

describe('sound kernels', () => {
  test.each(races.map((mutant) => ({ mutant, title: `${mutant.base.name}: ${mutant.race.name}, ${mutant.kind}` })))(
    '$title: every schedule gives what an order of the slots gives',
    ({ mutant }) => {
      const kernel = mutant.base.kernel(SLOTS);
      const runner = new SerialRunner(kernel);
      const slots = mutant.race.slots(new Place(0)).map(({ opcode, tenant = 0, args = [] }, slotIndex) => ({
        slotIndex,
        slot: { opcode, tenant, priority: 2, args },
      }));
      const serial = runner.allOrders({ kernel, initial: freshSnapshot(kernel), slots, batchEnds: [slots.length] });
      const outcomes = allOutcomes(mutant, kernel);
      expect(outcomes).toBeDefined();
      for (const outcome of outcomes ?? []) {
        expect(serial.some((order) => sameOutcome(runner.layout, order, outcome))).toBe(true);
      }
      for (const order of serial) {
        expect(outcomes?.some((outcome) => sameOutcome(runner.layout, order, outcome))).toBe(true);
      }
    },
  );
});

describe('on the CPU model', () => {
  const scorer = new ExplorerScorer({ runs: 256, seconds: 20, seed: 1, explains: false });

  test.each(MUTANTS.filter(({ number }) => number !== 22).map((mutant) => ({ mutant, name: mutant.name })))(
    '$name is killed',
    ({ mutant }) => {
      const score = scorer.score(mutant);
      expect(score).toMatchObject({ fate: 'killed', backend: 'explorer', runs: expect.any(Number) });
      expect(score.killed.count).toBeGreaterThan(0);
      expect(score.oracles.map(({ oracle }) => oracle)).toContain('level');
    },
  );

  test.each([
    [16, 'coherence'],
    [26, 'provenance'],
    [34, 'weak'],
    [42, 'weak'],
  ])('what kills mutant %i is explained: %s', (number, violated) => {
    const { explanation } = new ExplorerScorer({ runs: 64, seconds: 20, seed: 1 }).score(mutantOf(number));
    expect(explanation).toMatchObject({ verdict: 'unserializable', violated });
    expect(explanation?.summary).toMatch(/control\[\d+\]/);
  });

  test('loads through plain reads change nothing in a model that keeps plain loads coherent', () => {
    const score = new ExplorerScorer({ runs: 256, seconds: 0, seed: 1 }).score(mutantOf(22));
    expect(score).toMatchObject({ fate: 'equivalent', killed: { count: 0 } });
  });

  test('a rare defect is killed less often, by as many oracles', () => {
    const rarity = { oneIn: 64 };
    const rare = new ExplorerScorer({ runs: 2_000, seconds: 20, seed: 1, rarity }).score(mutantOf(19));
    expect(rare).toMatchObject({ fate: 'killed', oneIn: 64 });
    expect(rare.killed.count / rare.runs).toBeLessThan(0.2);
    expect(rare.oracles.map(({ oracle }) => oracle)).toEqual(['diff', 'level', 'self']);
  });

  test('an oracle that objects to the sound kernel is no judge', () => {
    expect(scorer.score(mutantOf(4))).toMatchObject({ noJudges: ['diff'] });
  });

  test('what changes nothing is equivalent', () => {
    const same = changed(19, (stretch) => stretch);
    expect(new ExplorerScorer({ runs: 256, seconds: 0, seed: 1 }).score(same)).toMatchObject({ fate: 'equivalent' });
  });

  test('the watchdog objects to faults and to lanes without an end', () => {
    const faulting = scorer.score(changed(19, () => [{ kind: 'fault', code: { kind: 'constant', value: 9 } }]));
    expect(faulting.oracles.map(({ oracle }) => oracle)).toEqual(expect.arrayContaining(['watchdog', 'ends']));
    const spinning = scorer.score(changed(19, spin));
    expect(spinning.oracles.map(({ oracle }) => oracle)).toEqual(['watchdog']);
  });

  test('equal seeds give equal counts', () => {
    const counts = () => {
      const { killed, oracles } = new ExplorerScorer({ runs: 256, seconds: 0, seed: 7 }).score(mutantOf(9));
      return { killed, oracles };
    };
    expect(counts()).toEqual(counts());
  });
});

/** A mutant with another defect. */
function changed(number: number, defect: (stretch: readonly Statement[]) => readonly Statement[]): Mutant {
  const mutant = mutantOf(number);
  return { ...mutant, sites: mutant.sites.map((site) => ({ ...site, defect })) };
}

function spin(stretch: readonly Statement[]): Statement[] {
  const constant = (value: number) => ({ kind: 'constant', value }) as const;
  const word = constant(200);
  return [
    {
      kind: 'loop',
      name: 'turn',
      from: constant(0),
      below: constant(0xffff_ffff),
      atMost: 0xffff_ffff,
      body: [{ kind: 'load', name: 'again', memory: 'control', index: word, access: 'atomic' }],
    },
    ...stretch,
  ];
}

describe('on threads', () => {
  const scorer = new BackendScorer(
    {
      name: 'threads',
      make: (kernel: Kernel) => new ThreadsBackend(kernel, { seed: 1, workerCount: 2 }),
      lower: (kernel) => lowerToJavaScript(kernel, 'shared'),
      isDevice: false,
      strongMemory: 'their accesses have one order',
    },
    { runs: 20, seed: 1 } satisfies RacesOptions,
  );
  const scores: Score[] = [];

  test.each([2, 18, 21, 33])('mutant %i is killed in any schedule', async (number) => {
    const score = await scorer.score(mutantOf(number));
    expect(score).toMatchObject({ fate: 'killed', runs: 20, backend: 'threads' });
    scores.push(score);
  });

  test('what is the same program there cannot be observed', async () => {
    const score = await scorer.score(mutantOf(31));
    expect(score).toMatchObject({ fate: 'unobservable', runs: 0 });
    scores.push(score);
  });

  test('weak memory cannot be observed either', async () => {
    const score = await scorer.score(mutantOf(42));
    expect(score).toMatchObject({ fate: 'unobservable', reason: 'their accesses have one order' });
    scores.push(score);
  });

  test('a summary counts what can be killed', () => {
    expect(summarize(scores)).toEqual([
      {
        backend: 'threads',
        counts: { killed: 4, survived: 0, unobservable: 2, equivalent: 0 },
        killed: 4,
        killable: 4,
      },
    ]);
  });
});

describe('on what runs WGSL', () => {
  const never = () => {
    throw new Error('there is nothing to run');
  };
  const scorer = new BackendScorer(
    { name: 'dawn', make: never, lower: lowerToWgsl, isDevice: true },
    { runs: 20, seed: 1 },
  );

  test.each([8, 15, 22, 30, 31, 42])('mutant %i differs in nothing that is run', async (number) => {
    expect(await scorer.score(mutantOf(number))).toMatchObject({ fate: 'unobservable', runs: 0, stress: false });
  });

  test.each([19, 41])('mutant %i does', async (number) => {
    await expect(scorer.score(mutantOf(number))).rejects.toThrow('nothing to run');
  });
});

describe('on a device that serves slots one after the other', () => {
  const scorer = new BackendScorer(
    { name: 'dawn', make: (kernel) => new ReferenceBackend(kernel), lower: lowerToWgsl, isDevice: true },
    { runs: 64, seed: 1 },
  );

  test.each([12, 35])('mutant %i is killed in the first layout, which is said', async (number) => {
    const score = await scorer.score(mutantOf(number));
    expect(score).toMatchObject({ fate: 'killed', layout: 'dense', runs: 32, noJudges: [] });
    expect(score.oracles.map(({ oracle }) => oracle)).toEqual(expect.arrayContaining(['diff', 'level']));
  });

  test('what no order of whole slots shows survives in all layouts', async () => {
    const score = await scorer.score(mutantOf(34));
    expect(score).toMatchObject({ fate: 'survived', runs: 96, killed: { count: 0 } });
    expect(score.layout).toBeUndefined();
  });
});

test('a group of no runs is no kill', () => {
  const counts = new ObjectionCounts();
  counts.add(new Set(['diff']), 5, 0);
  counts.add(new Set(), 5, 3);
  expect(counts.summary([])).toMatchObject({ runs: 3, killed: { count: 0 }, oracles: [], firstKillMs: undefined });
});

describe('a rare mutant without a slot that meets its defect', () => {
  const rarity = { oneIn: 4_096 };
  const random = new RandomWords(1);
  const lots = Array.from({ length: 64 }, () => random.next()).filter((lot) => !isStruck(lot, rarity));

  /** What its race comes to in all schedules, as the words that it changes; in some where there are too many. */
  function unstruckOutcomes(mutant: Mutant, kernel: Kernel): readonly string[] {
    const fresh = freshSnapshot(kernel);
    let next = 0;
    const scenario = scenarioOfRace(kernel, mutant.race, () => lots[next++ % lots.length], fresh);
    const texts = new Set<string>();
    exhaust(scenario, { maxRuns: 3_000, memory: memoryFor(mutant), maxSteps: 1_000 }, ({ outcome, isHung }) => {
      const changed = Array.from(outcome.words, (word, index) => [index, word]).filter(
        ([at, word]) => word !== fresh[at],
      );
      texts.add(`${isHung ? 'hung' : outcome.done} ${changed.map((pair) => pair.join('=')).join(' ')}`);
    });
    return [...texts].sort();
  }

  // So scores count such a race without running it.
  test.each(MUTANTS)('$number $name: comes out as the sound kernel', (mutant) => {
    const sound = mutant.base.kernel(SLOTS);
    const rare = mutate(mutant, sound, rarity);
    if (rare === undefined) throw new Error('the mutant does not apply');
    expect(unstruckOutcomes(mutant, rare)).toEqual(unstruckOutcomes(mutant, sound));
  });
});
