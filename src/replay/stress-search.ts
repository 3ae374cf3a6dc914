/**
 * Looks for stress settings that make a race show, while replicas are replayed anyway.
 *
 * Settings are tried for a few replicas each. Those that find nothing are dropped at once; the best of those that found
 * something gets every other turn, and the others go to settings that nobody has tried.
 */

import { drawStress, type StressSettings } from '../backend/index.ts';
import { RandomWords } from '../base/random.ts';

/** What is asked for: settings to use throughout, or a seed to draw settings from. */
export type StressRequest =
  | { readonly settings: StressSettings }
  | {
      readonly seed: number;
      /** Tried first, such as what `vrrl tune` has found. */
      readonly candidates?: readonly StressSettings[];
    };

/** How settings did. */
export interface StressTrial {
  readonly settings: StressSettings;
  /** Epochs run with them, over all replicas, and how many of these came out different. */
  readonly epochs: number;
  readonly differing: number;
}

export interface StressReport {
  /** Settings that were tried, and how many of them found nothing. */
  readonly tried: number;
  readonly dropped: number;
  /** The best of those that found something. */
  readonly best: StressTrial | undefined;
}

/** Turns that the replicas of a run are dealt out in, at least; more of them try more settings. */
const LEAST_TURNS = 24;
const MOST_TURNS = 240;
/** Replicas of a turn that still say something about a rate. */
const FEW_REPLICAS = 16;

export class StressSearch {
  readonly #random: RandomWords;
  readonly #candidates: StressSettings[];
  readonly #found: StressTrial[] = [];
  #tried = 0;
  #turns = 0;

  constructor(seed: number, candidates: readonly StressSettings[] = []) {
    this.#random = new RandomWords(seed);
    // No stress is a setting too, and often the best one.
    this.#candidates = [{}, ...candidates];
  }

  /** The settings for the next turn. */
  next(): StressSettings {
    this.#turns += 1;
    const best = this.#best();
    if (best !== undefined && this.#turns % 2 === 0) return { ...best.settings, seed: this.#random.next() };
    return this.#candidates.shift() ?? drawStress(this.#random.next());
  }

  /** Tells how a turn went. */
  report(trial: StressTrial): void {
    const known = this.#found.findIndex(({ settings }) => isSameButSeed(settings, trial.settings));
    if (known >= 0) {
      const { settings, epochs, differing } = this.#found[known];
      this.#found[known] = { settings, epochs: epochs + trial.epochs, differing: differing + trial.differing };
      return;
    }
    this.#tried += 1;
    if (trial.differing > 0) this.#found.push(trial);
  }

  summary(): StressReport {
    return { tried: this.#tried, dropped: this.#tried - this.#found.length, best: this.#best() };
  }

  #best(): StressTrial | undefined {
    return this.#found.reduce<StressTrial | undefined>(
      (best, trial) => (best === undefined || rate(trial) > rate(best) ? trial : best),
      undefined,
    );
  }
}

/** How many replicas a turn has, so that a run has enough turns to try something and enough replicas to see it. */
export function replicasOfTurn(replicas: number): number {
  const turns = Math.min(MOST_TURNS, Math.max(LEAST_TURNS, Math.floor(replicas / FEW_REPLICAS)));
  return Math.max(1, Math.ceil(replicas / turns));
}

/** Few epochs say little: one more that did not differ is assumed of each. */
function rate({ epochs, differing }: StressTrial): number {
  return differing / (epochs + 1);
}

function isSameButSeed(left: StressSettings, right: StressSettings): boolean {
  const names = new Set([...Object.keys(left), ...Object.keys(right)] as (keyof StressSettings)[]);
  names.delete('seed');
  return [...names].every((name) => left[name] === right[name]);
}
