/** What it takes to run races on a backend, and when it is over. */

import type { Backend, BackendFaultError } from '../backend/index.ts';
import type { Kernel } from '../kernel/index.ts';
import type { Rarity } from './rewrite/site.ts';
import type { ObjectionCounts } from './score.ts';

export interface RacesRun {
  readonly sound: Kernel;
  /** What is judged: the mutant, or the sound kernel too. */
  readonly kernel: Kernel;
  /** For that kernel, which may pause on the way. */
  readonly backend: Backend;
}

export interface RacesOptions {
  /** Epochs of races. */
  readonly runs: number;
  /**
   * After so many no further epoch is begun; until then, a mutant that nothing has killed is run on. Default: no limit,
   * and nothing is run on.
   */
  readonly seconds?: number;
  readonly seed: number;
  readonly rarity?: Rarity;
  /** On devices: whether other settings are drawn for each round. Default: no stress. */
  readonly stress?: boolean;
}

export interface RunLimits {
  readonly runs: number;
  /** After so many it is over in any case. */
  readonly seconds: number;
  /** Whether to run on after `runs`, from what was counted by then. */
  readonly goesOn: (counts: ObjectionCounts) => boolean;
}

export function isOver({ runs, seconds, goesOn }: RunLimits, counts: ObjectionCounts, elapsedMs: number): boolean {
  return elapsedMs >= seconds * 1_000 || (counts.runs >= runs && !goesOn(counts));
}

/** A kernel can hang a backend, take its device away, or use more than there is; it cannot make it speak nonsense. */
export function isOfTheKernel({ kind }: BackendFaultError): boolean {
  return kind === 'hang' || kind === 'device-lost' || kind === 'out-of-memory';
}
