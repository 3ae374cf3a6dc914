import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkedStress, ReferenceBackend } from '../../src/backend/index.ts';
import { RandomWords } from '../../src/base/random.ts';
import { drawPauses } from '../../src/mutants/drawn-pauses.ts';
import { MUTANTS, type Mutant, Place, SerialRunner } from '../../src/mutants/index.ts';
import { ALONE, stressOfLoneRound, stressOfRound } from '../../src/mutants/mutants-stress.ts';
import { LAYOUTS, PARALLEL_BLOCKS, PARALLEL_SLOTS, parallelEpochs } from '../../src/mutants/parallel-races.ts';
import { PlaceJudge, placeRaces } from '../../src/mutants/races.ts';
import { recordRaces } from '../../src/mutants/races-log.ts';
import { MOST_PAUSE_TURNS, PAUSE_ARGUMENT, pauseArgument, withPauses } from '../../src/mutants/rewrite/pauses.ts';
import { placedSlots } from '../../src/mutants/workload.ts';
import { Opcode, Priority } from '../../src/protocol/index.ts';
import type { PlacedSlot } from '../../src/record/index.ts';
import { replayOn } from '../../src/replay/index.ts';
import { freshSnapshot } from '../../src/scenario/index.ts';

const races = MUTANTS.filter(
  ({ base, race }, index) => MUTANTS.findIndex((other) => other.base === base && other.race === race) === index,
).map((mutant) => ({ mutant, title: `${mutant.base.name}: ${mutant.race.name}` }));

describe.each(races)('$title, many beside each other', ({ mutant }) => {
  const { base, race } = mutant;
  const kernel = base.kernel(PARALLEL_SLOTS, PARALLEL_BLOCKS);
  const runner = new SerialRunner(kernel);
  const initial = freshSnapshot(kernel);

  test.each(LAYOUTS)('%s: every epoch has all slots of its races once, and they are serial one by one', (layout) => {
    const epochs = parallelEpochs(mutant, layout, new RandomWords(5));
    for (const { races: placed, slots } of epochs) {
      expect(slots.map(withoutPause).sort()).toEqual(placed.flatMap((each) => each.slots.map(withoutPause)).sort());
      const { words, done, faults } = runner.run(initial, placedSlots(slots));
      expect({ done, faults }).toEqual({ done: slots.length, faults: [] });
      const judge = new PlaceJudge(base, runner, undefined);
      expect(placed.every((each) => judge.isSerial(each, words))).toBe(true);
    }
  });

  test('a pause changes nothing that a slot does', () => {
    const names = new Set(kernel.opcodes.map(({ name }) => name));
    const pausing = new SerialRunner(withPauses(kernel, names));
    const slots = race.slots(new Place(3, base.rows));
    fc.assert(
      fc.property(fc.array(fc.nat(255), { minLength: 4, maxLength: 4 }), fc.nat(MOST_PAUSE_TURNS), (choices, turns) => {
        const paused = slots.map((slot, index) => {
          const args = [...(slot.args ?? [])];
          while (args.length < PAUSE_ARGUMENT) args.push(0);
          return { ...slot, args: [...args, pauseArgument(choices[index], turns)] };
        });
        const outcome = pausing.run(initial, placedSlots(paused));
        expect(outcome).toEqual(runner.run(initial, placedSlots(slots)));
      }),
      { numRuns: 10 },
    );
  });

  test('what a race can come to is judged alike in every place', () => {
    const judge = new PlaceJudge(base, runner, undefined);
    const random = new RandomWords(1);
    const [first, ...others] = [0, 7, 41, 63].map((place) => placeRaces(mutant, random, place, 1)[0]);
    expect(judge.isSerial(first, runner.run(initial, placedSlots(first.slots)).words)).toBe(true);
    for (const other of others) {
      const { words } = runner.run(initial, placedSlots([...other.slots].reverse()));
      expect(judge.isSerial(other, words)).toBe(true);
      // A word that nothing stores.
      words[other.place.word(base.comparedRows[0])] = 0xdead_beef;
      expect(judge.isSerial(other, words)).toBe(false);
    }
  });
});

function fence(slotIndex: number): PlacedSlot {
  return { slotIndex, slot: { opcode: Opcode.BATCH_FENCE, tenant: 0, priority: Priority.NORMAL, args: [] } };
}

function withoutPause({ args = [], ...slot }: { readonly args?: ArrayLike<number> }): string {
  return JSON.stringify({
    ...slot,
    args: Array.from(args).map((word, index) => (index === PAUSE_ARGUMENT ? 0 : word)),
  });
}

test.each([1, 14, 25])(
  'every epoch of a log for mutant %i begins with fresh memory, and is replayed so',
  async (number) => {
    const mutant = MUTANTS[number - 1];
    const kernel = mutant.base.kernel(PARALLEL_SLOTS, PARALLEL_BLOCKS);
    const runner = new SerialRunner(kernel);
    const initial = freshSnapshot(kernel);
    const { plan, epochs } = await recordRaces(mutant, kernel, 'dense', 5);
    for (const { index, observed } of plan.epochs) {
      const before = observed === undefined ? undefined : plan.observations?.wordsBefore(observed);
      expect(before).toEqual(initial);
      const { slots, words } = epochs[index];
      expect(words).toEqual(runner.run(initial, [...placedSlots(slots), fence(slots.length)]).words);
    }
    const replay = await replayOn(plan, new ReferenceBackend(kernel), { mode: 'isolated' });
    expect(replay).toMatchObject({ replicasCompared: 1, replicasDiverged: 0, fault: undefined });
    expect(replay.epochs.every(({ replicas, replicasDiffering }) => replicas === 1 && replicasDiffering === 0)).toBe(
      true,
    );
  },
);

test('the same seed gives the same epochs, whatever the mutant of a race', () => {
  const [, , , , , , , , first] = MUTANTS;
  const other = MUTANTS.find(({ number }) => number === 42);
  expect(other?.race).toBe(first.race);
  const epochsOf = (mutant: Mutant) => LAYOUTS.map((layout) => parallelEpochs(mutant, layout, new RandomWords(3)));
  expect(epochsOf(first)).toEqual(epochsOf({ ...first, ...other }));
});

test('the slots of a race are apart in half of the epochs', () => {
  const counts = parallelEpochs(MUTANTS[8], 'spread', new RandomWords(1)).map(({ races: placed, slots }) => {
    const at = new Map(slots.map((slot, position) => [withoutPause(slot), Math.floor(position / 16)]));
    return placed.filter((each) => new Set(each.slots.map((slot) => at.get(withoutPause(slot)))).size === 1).length;
  });
  expect(counts.filter((count) => count === 0).length).toBeGreaterThanOrEqual(counts.length / 2);
});

test('a lone race has its slots once each; what pauses has the others beside it, in whatever way workgroups are shared', () => {
  fc.assert(
    fc.property(fc.constantFrom(...races), fc.nat(0xffff_ffff), ({ mutant }, seed) => {
      const epochs = parallelEpochs(mutant, 'lone', new RandomWords(seed));
      const lengths = new Set(epochs.map(({ slots }) => slots.length));
      expect(lengths.size).toBe(1);
      for (const [index, { races: placed, slots }] of epochs.entries()) {
        const turns = slots.map(({ args = [] }) => (args[PAUSE_ARGUMENT] ?? 0) >>> 8);
        const longest = Math.max(...turns);
        expect(longest).toBeGreaterThanOrEqual(MOST_PAUSE_TURNS / 4);
        const stopped = [...turns.keys()].filter((position) => turns[position] === longest);
        expect(stopped).toHaveLength(placed.length);
        // Two threads, with half of the workgroups each or every other one, have one that pauses each.
        const threadOf = (position: number) =>
          index % 2 === 0 ? Math.floor((2 * position) / slots.length) : position % 2;
        expect(new Set(stopped.map(threadOf)).size).toBe(placed.length);
      }
    }),
    { numRuns: 30 },
  );
});

test('in an epoch with a preemption one role pauses until all others have begun, one after the other', () => {
  fc.assert(
    fc.property(fc.nat(0xffff_ffff), fc.integer({ min: 1, max: 4 }), (seed, roles) => {
      const slots = Array.from({ length: 2 * roles }, (_, index) => ({ slot: { opcode: 0 }, role: index % roles }));
      const drawn = drawPauses(slots, 'preempted', 1, new RandomWords(seed));
      const turns = drawn.map(({ args = [] }) => (args[PAUSE_ARGUMENT] ?? 0) >>> 8);
      const ofRoles = turns.slice(0, roles);
      expect(turns.slice(roles)).toEqual(ofRoles);
      const step = Math.min(...ofRoles);
      const expected = Array.from({ length: roles }, (_, rank) => (rank + 1) * (roles === 1 ? ofRoles[0] : step));
      expect([...ofRoles].sort((left, right) => left - right)).toEqual(expected);
      expect(Math.max(...ofRoles)).toBeLessThanOrEqual(MOST_PAUSE_TURNS);
    }),
  );
});

describe('stress', () => {
  test('a round has the settings of its word; as a rule racing lanes stay beside each other', () => {
    fc.assert(
      fc.property(fc.nat(0xffff_ffff), fc.nat(100), (word, round) => {
        const settings = checkedStress(stressOfRound(word, round));
        expect(stressOfRound(word, round)).toEqual(stressOfRound(word, round));
        expect([1, 16]).toContain(settings.lanes);
        if (round % 4 !== 3) expect(settings).toMatchObject({ shuffleGroups: 0 });
        if (round % 4 !== 3) expect(settings.stressGroups).toBeLessThanOrEqual(4);
      }),
    );
  });

  test('lone races keep their dispatch and their places', () => {
    fc.assert(
      fc.property(fc.nat(0xffff_ffff), fc.nat(100), (word, round) => {
        const settings = checkedStress(stressOfLoneRound(word, round));
        expect(settings).toMatchObject({ ...ALONE, shuffleLanes: 0, shuffleGroups: 0, stressGroups: 0 });
      }),
    );
  });
});
