/** The crash states at length: histories of one seed after the other until so many different images were checked. */

import * as log from '../../../src/log-v2/index.ts';
import { type Counts, type Depth, describeBroken, Exploration, type Part } from './explore.ts';

export interface CrashSoakOptions {
  /** Different images, at least. */
  readonly images: number;
  /** Of the first history. */
  readonly seed: number;
  /** Told after every history. */
  readonly progress: (done: number, what: string) => void;
}

export interface CrashSoakResult {
  readonly distinct: number;
  readonly counts: Counts;
  /** The promise that was broken, and how to see it again. */
  readonly broken: string | undefined;
}

/** Ends at the first promise that is broken. */
export function runCrashSoak({ images, seed, progress }: CrashSoakOptions): CrashSoakResult {
  const exploration = new Exploration(log, 'long');
  for (let history = seed; exploration.distinct < images; history = (history + 1) % 2 ** 31) {
    const broken = exploration.explore(history);
    progress(exploration.distinct, `history ${history}`);
    if (broken !== undefined) return { ...resultOf(exploration), broken: describeBroken(broken) };
  }
  return { ...resultOf(exploration), broken: undefined };
}

/** One history again, or one image of it. */
export function runHistory(seed: number, depth: Depth, part: Part): CrashSoakResult {
  const exploration = new Exploration(log, depth);
  const broken = exploration.explore(seed, part);
  return { ...resultOf(exploration), broken: broken && describeBroken(broken) };
}

function resultOf({ distinct, counts }: Exploration): Pick<CrashSoakResult, 'distinct' | 'counts'> {
  return { distinct, counts };
}
