/** Races recorded as a log, many beside each other, to be replayed on any backend. */

import { ReferenceBackend } from '../backend/index.ts';
import { RandomWords } from '../base/random.ts';
import type { Kernel } from '../kernel/index.ts';
import type { SlotRequest } from '../record/index.ts';
import { planReplay, type ReplayPlan, recordInMemory } from '../replay/index.ts';
import { PLACES, Place } from './base-kernel.ts';
import type { Mutant } from './catalogue.ts';
import { slotsOfRace } from './workload.ts';

/** Races of an epoch: a few, so that lanes of different races keep each other busy and still meet. */
const RACES_OF_EPOCH = 4;
export const RACE_EPOCHS: number = PLACES / RACES_OF_EPOCH;
/** Slots of the ring that such a log needs; the fence takes one. */
export const LOG_SLOTS = 32;

/** A race of a log: where, and its slots. */
export interface PlacedRace {
  readonly place: Place;
  readonly slots: readonly SlotRequest[];
}

export interface RacesLog {
  readonly plan: ReplayPlan;
  /** By the plan's epoch. */
  readonly races: readonly (readonly PlacedRace[])[];
}

/** Records races on the sound kernel, slot after slot. Each has words of its own, so none depends on those before it. */
export async function recordRaces({ race }: Mutant, sound: Kernel, seed: number): Promise<RacesLog> {
  const random = new RandomWords(seed);
  const races = Array.from({ length: RACE_EPOCHS }, (_, epoch) =>
    Array.from({ length: RACES_OF_EPOCH }, (__, beside): PlacedRace => {
      const place = new Place(epoch * RACES_OF_EPOCH + beside);
      return { place, slots: slotsOfRace(race, place, random) };
    }),
  );
  const epochs = races.map((placed) => ({ slots: placed.flatMap(({ slots }) => slots) }));
  const capacity = epochs.reduce((sum, { slots }) => sum + slots.length + 1, 0);
  const recording = await recordInMemory(new ReferenceBackend(sound), sound, epochs, {
    capacity,
    tool: 'vrrl mutants',
  });
  return { plan: planReplay(recording, { kernel: sound }), races };
}
