/** Races beside each other: each at a place of its own, judged by the words of that place. */

import type { RandomWords } from '../base/random.ts';
import type { SlotRequest } from '../record/index.ts';
import { scenarioOfSlots } from '../scenario/index.ts';
import { type BaseKernel, COLUMNS, Place } from './base-kernel.ts';
import type { Mutant } from './catalogue.ts';
import { isStruck, LOT_ARGUMENT } from './rewrite/rare.ts';
import type { Rarity } from './rewrite/site.ts';
import type { SerialRunner } from './serial-outcomes.ts';
import { placedSlots, slotsOfRace } from './workload.ts';

/** A race somewhere, and its slots. */
export interface PlacedRace {
  readonly place: Place;
  readonly slots: readonly SlotRequest[];
}

/** Races at consecutive places, each with lots drawn anew. */
export function placeRaces({ base, race }: Mutant, random: RandomWords, first: number, count: number): PlacedRace[] {
  return Array.from({ length: count }, (_, beside) => {
    const place = new Place(first + beside, base.rows);
    return { place, slots: slotsOfRace(race, place, () => random.next()) };
  });
}

const ALL_STRUCK = 'all';

/** Whether any slot meets the defect, by what {@link struckSlots} says: without, a mutant is its sound kernel. */
export function isAnyStruck(struck: string): boolean {
  return struck === ALL_STRUCK || struck.includes('1');
}

/** Which of these slots meet a defect of that rarity; the same text means that they come out alike. */
export function struckSlots(slots: readonly WithLot[], rarity: Rarity | undefined): string {
  if (rarity === undefined) return ALL_STRUCK;
  return slots.map(({ args }) => (isStruck(args?.[LOT_ARGUMENT] ?? 0, rarity) ? '1' : '0')).join('');
}

/** A slot with its lot, published or about to be. */
interface WithLot {
  readonly args?: ArrayLike<number>;
}

/** Tells whether some order of a race's slots gives what its words are. Races share no words, so each is asked by itself. */
export class PlaceJudge {
  readonly #base: BaseKernel;
  readonly #runner: SerialRunner;
  readonly #rarity: Rarity | undefined;
  /** What a race can come to, by which of its slots are struck: it is the same in all places. */
  readonly #serial = new Map<string, readonly Uint32Array[]>();

  /** @param runner of the kernel that is asked about. */
  constructor(base: BaseKernel, runner: SerialRunner, rarity: Rarity | undefined) {
    this.#base = base;
    this.#runner = runner;
    this.#rarity = rarity;
  }

  isSerial(race: PlacedRace, snapshot: Uint32Array): boolean {
    const key = struckSlots(race.slots, this.#rarity);
    let serial = this.#serial.get(key);
    if (serial === undefined) {
      serial = this.#serialWords(race);
      this.#serial.set(key, serial);
    }
    return serial.some((words) => this.#isThere(race.place, words, snapshot));
  }

  /** The compared words of the race's place, after each order of its slots. */
  #serialWords({ place, slots }: PlacedRace): Uint32Array[] {
    const outcomes = this.#runner.allOrders(scenarioOfSlots(this.#runner.kernel, placedSlots(slots)));
    const { comparedRows } = this.#base;
    return outcomes.map(({ words }) =>
      Uint32Array.from({ length: comparedRows.length * COLUMNS }, (_, index) => {
        return words[place.word(comparedRows[Math.floor(index / COLUMNS)], index % COLUMNS)];
      }),
    );
  }

  /** Asked for every race of every outcome that comes back from a device, so nothing is made on the way. */
  #isThere(place: Place, words: Uint32Array, snapshot: Uint32Array): boolean {
    let index = 0;
    for (const row of this.#base.comparedRows) {
      const start = place.word(row);
      for (let word = start; word < start + COLUMNS; word += 1, index += 1) {
        if (snapshot[word] !== words[index]) return false;
      }
    }
    return true;
  }
}
