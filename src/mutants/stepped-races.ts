/** Races on backends that are stepped from here: every epoch of races has lots of its own, every outcome is judged. */

import { asBackendFault, type DrainReport } from '../backend/index.ts';
import { RandomWords } from '../base/random.ts';
import { compareSnapshots } from '../observe/index.ts';
import { freshSnapshot, type ScenarioOutcome } from '../scenario/index.ts';
import { PLACES } from './base-kernel.ts';
import type { Mutant } from './catalogue.ts';
import type { Objections, Oracle } from './oracles.ts';
import { type PlacedRace, PlaceJudge, placeRaces } from './races.ts';
import { isOfTheKernel, isOver, type RacesOptions, type RacesRun, type RunLimits } from './races-run.ts';
import type { Rarity } from './rewrite/site.ts';
import { ObjectionCounts } from './score.ts';
import { SerialRunner } from './serial-outcomes.ts';
import { placedSlots } from './workload.ts';

/** Many, so that lanes which start at slightly different times still meet; as many as PRINTF has room for. */
const RACES_OF_EPOCH = 20;

/**
 * Runs epochs of races on a backend, each from a fresh kernel's memory.
 *
 * @throws BackendFaultError if the backend failed in another way than a kernel can make it fail.
 */
export async function stepRaces(
  mutant: Mutant,
  run: RacesRun,
  options: RacesOptions,
  limits: RunLimits,
): Promise<ObjectionCounts> {
  const counts = new ObjectionCounts();
  const start = performance.now();
  try {
    await new SteppedRaces(mutant, run, options).count(counts, start, limits);
  } catch (error) {
    const fault = asBackendFault(error, run.backend.name);
    if (!isOfTheKernel(fault)) throw fault;
    counts.add(new Set<Oracle>(['watchdog']), performance.now() - start);
  } finally {
    await run.backend.stop();
  }
  return counts;
}

class SteppedRaces {
  readonly #mutant: Mutant;
  readonly #run: RacesRun;
  readonly #options: RacesOptions;
  readonly #judge: EpochJudge;

  constructor(mutant: Mutant, run: RacesRun, options: RacesOptions) {
    this.#mutant = mutant;
    this.#run = run;
    this.#options = options;
    this.#judge = new EpochJudge(mutant, run, options.rarity);
  }

  async count(counts: ObjectionCounts, start: number, limits: RunLimits): Promise<void> {
    const { backend, sound } = this.#run;
    const random = new RandomWords(this.#options.seed);
    const initial = freshSnapshot(sound);
    const words = new Uint32Array(initial.length);
    await backend.start();
    while (!isOver(limits, counts, performance.now() - start)) {
      const races = placeRaces(
        this.#mutant,
        random,
        random.below(PLACES / RACES_OF_EPOCH) * RACES_OF_EPOCH,
        RACES_OF_EPOCH,
      );
      if (backend.restore === undefined) await backend.start();
      else await backend.restore(initial);
      const slots = placedSlots(races.flatMap((race) => race.slots));
      for (const { slotIndex, slot } of slots) await backend.publish(slotIndex, slot);
      const report = await backend.drain();
      await backend.observe(words);
      counts.add(this.#judge.objections(initial, races, outcomeOf(words, report)), performance.now() - start);
    }
  }
}

function outcomeOf(words: Uint32Array, { done, pending, faults }: DrainReport): ScenarioOutcome {
  return { words, done, pending: pending.length, faults };
}

/** Judges epochs of races. */
class EpochJudge {
  readonly #sound: SerialRunner;
  readonly #soundPlaces: PlaceJudge;
  readonly #ownPlaces: PlaceJudge;
  /** What the sound kernel gives, by the first place: lots mean nothing to it. */
  readonly #recorded = new Map<number, ScenarioOutcome>();
  /** One set for the same objections, since they are counted by the million. */
  readonly #sets = new Map<string, Objections>();

  constructor({ base }: Mutant, { sound, kernel }: RacesRun, rarity: Rarity | undefined) {
    this.#sound = new SerialRunner(sound);
    this.#soundPlaces = new PlaceJudge(base, this.#sound, rarity);
    this.#ownPlaces = new PlaceJudge(base, new SerialRunner(kernel), rarity);
  }

  objections(initial: Uint32Array, races: readonly PlacedRace[], outcome: ScenarioOutcome): Objections {
    const recorded = this.#recordedOutcome(initial, races);
    const isSerial = (judge: PlaceJudge) => races.every((race) => judge.isSerial(race, outcome.words));
    const objections: Oracle[] = [];
    if (!compareSnapshots(this.#sound.layout, recorded.words, outcome.words).equal) objections.push('diff');
    if (!isSerial(this.#soundPlaces)) objections.push('level');
    if (!isSerial(this.#ownPlaces)) objections.push('self');
    if (outcome.faults.length > 0) objections.push('watchdog');
    if (outcome.done !== recorded.done || outcome.pending > 0) objections.push('ends');
    return this.#setOf(objections);
  }

  #recordedOutcome(initial: Uint32Array, races: readonly PlacedRace[]): ScenarioOutcome {
    const first = races[0].place.index;
    let recorded = this.#recorded.get(first);
    if (recorded === undefined) {
      recorded = this.#sound.run(initial, placedSlots(races.flatMap(({ slots }) => slots)));
      this.#recorded.set(first, recorded);
    }
    return recorded;
  }

  #setOf(objections: readonly Oracle[]): Objections {
    const key = objections.join();
    let set = this.#sets.get(key);
    if (set === undefined) {
      set = new Set(objections);
      this.#sets.set(key, set);
    }
    return set;
  }
}
