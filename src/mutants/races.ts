/** Races beside each other: each at a place of its own, judged by the words of that place. */

import type { RandomWords } from '../base/random.ts';
import type { Kernel } from '../kernel/index.ts';
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
export function placeRaces({ race }: Mutant, random: RandomWords, first: number, count: number): PlacedRace[] {
  return Array.from({ length: count }, (_, beside) => {
    const place = new Place(first + beside);
    return { place, slots: slotsOfRace(race, place, () => random.next()) };
  });
}

/** Which of these slots meet a defect of that rarity; the same text means that they come out alike. */
export function struckSlots(slots: readonly WithLot[], rarity: Rarity | undefined): string {
  if (rarity === undefined) return 'all';
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
  /** What a race can come to, by its place and by which of its slots are struck. */
  readonly #serial = new Map<string, ReadonlySet<string>>();

  /** @param runner of the kernel that is asked about. */
  constructor(base: BaseKernel, runner: SerialRunner, rarity: Rarity | undefined) {
    this.#base = base;
    this.#runner = runner;
    this.#rarity = rarity;
  }

  isSerial(race: PlacedRace, snapshot: Uint32Array): boolean {
    const key = `${race.place.index} ${struckSlots(race.slots, this.#rarity)}`;
    let serial = this.#serial.get(key);
    if (serial === undefined) {
      serial = this.#serialWords(race);
      this.#serial.set(key, serial);
    }
    return serial.has(this.#wordsOf(race, snapshot));
  }

  #serialWords(race: PlacedRace): Set<string> {
    const kernel: Kernel = this.#runner.kernel;
    const outcomes = this.#runner.allOrders(scenarioOfSlots(kernel, placedSlots(race.slots)));
    return new Set(outcomes.map(({ words }) => this.#wordsOf(race, words)));
  }

  #wordsOf({ place }: PlacedRace, snapshot: Uint32Array): string {
    let text = '';
    for (const row of this.#base.comparedRows) {
      const start = place.word(row);
      for (let word = start; word < start + COLUMNS; word += 1) text += `${snapshot[word]} `;
    }
    return text;
  }
}
