/** Logs of one race, kept for whoever comes next: the sound kernel and all mutants are run on the same ones. */

import { RandomWords } from '../base/random.ts';
import type { Kernel } from '../kernel/index.ts';
import type { Mutant } from './catalogue.ts';
import type { Layout } from './parallel-races.ts';
import { type RacesLog, recordRaces } from './races-log.ts';

/** Of each layout; then they come again. */
const MOST_LOGS = 32;

export class LogsOfRace {
  readonly #seed: number;
  readonly #logs = new Map<string, RacesLog>();
  #race: Mutant['race'] | undefined;

  constructor(seed: number) {
    this.#seed = seed;
  }

  /** The log of a round: those of one race are kept until another is asked for. */
  async log(mutant: Mutant, sound: Kernel, layout: Layout, round: number): Promise<RacesLog> {
    if (this.#race !== mutant.race) this.#logs.clear();
    this.#race = mutant.race;
    const number = round % MOST_LOGS;
    const key = `${layout} ${number}`;
    let log = this.#logs.get(key);
    if (log === undefined) {
      log = await recordRaces(mutant, sound, layout, wordOfRound(this.#seed, number));
      this.#logs.set(key, log);
    }
    return log;
  }
}

/** What is drawn from in a round. */
export function wordOfRound(seed: number, round: number): number {
  return new RandomWords((seed + Math.imul(round, 0x9e37_79b9)) >>> 0).next();
}
