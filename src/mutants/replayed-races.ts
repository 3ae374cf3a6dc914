/** Races on one kernel and one device, replayed round after round. */

import type { StressSettings } from '../backend/index.ts';
import { keptRunning, replayOn } from '../replay/index.ts';
import type { Mutant } from './catalogue.ts';
import { LogJudge } from './log-judge.ts';
import { type LogsOfRace, wordOfRound } from './logs-of-race.ts';
import { ALONE, stressOfLoneRound, stressOfRound } from './mutants-stress.ts';
import { type Layout, PARALLEL_EPOCHS } from './parallel-races.ts';
import type { RacesOptions, RacesRun } from './races-run.ts';
import { ObjectionCounts } from './score.ts';

/** Replicas of the first rounds; the words of as many odd outcomes come back. */
const FIRST_REPLICAS = 8;
const MOST_REPLICAS = 2_048;
/** Of races that have a dispatch to themselves: they run one after the other, so other logs are worth more. */
const MOST_LONE_REPLICAS = 4;
/** A round that took longer is followed by a shorter one: there are other logs and other settings to try. */
export const LONG_ROUND_MS: number = 500;
/** Of the runs of a round, those that differ in nobody knows what, if they are to be judged. */
const MOST_UNSEEN = 1 / 8;

/** With a backend that others use afterwards. */
export interface ReplayedRun extends RacesRun {
  /** Called at the end: whether the backend is broken. */
  readonly giveBack: (isBroken: boolean) => Promise<void>;
}

interface Progress {
  readonly counts: ObjectionCounts;
  rounds: number;
  replicas: number;
}

export class ReplayedRaces {
  readonly #mutant: Mutant;
  readonly #run: ReplayedRun;
  readonly #options: RacesOptions;
  readonly #logs: LogsOfRace;
  readonly #judge: LogJudge;
  readonly #progress = new Map<Layout, Progress>();
  readonly #start = performance.now();
  #isBroken = false;

  /** @param run with a backend that {@link stop} gives back. */
  constructor(mutant: Mutant, run: ReplayedRun, options: RacesOptions, logs: LogsOfRace) {
    this.#mutant = mutant;
    this.#run = run;
    this.#options = options;
    this.#logs = logs;
    this.#judge = new LogJudge(mutant.base, run, options.rarity);
  }

  /** Whether the kernel has taken the backend down: then there is nothing more to run. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  counts(layout: Layout): ObjectionCounts {
    return this.#in(layout).counts;
  }

  /**
   * Replays another log of races, with other lots, pauses and stress than before. The same round of a layout has the same
   * log for all mutants of a race.
   *
   * @param isDiffJudge whether an outcome is objectionable for being another one than recorded.
   * @param mostRuns more are not needed. Default: no limit.
   * @throws BackendFaultError if the backend failed in another way than a kernel can make it fail.
   */
  async round(layout: Layout, isDiffJudge: boolean, mostRuns: number = Number.POSITIVE_INFINITY): Promise<void> {
    const progress = this.#in(layout);
    const { seed, stress } = this.#options;
    const { rounds } = progress;
    const log = await this.#logs.log(this.#mutant, this.#run.sound, layout, rounds);
    const settings = settingsOf(layout, stress === true, wordOfRound(seed, rounds), rounds);
    const begin = performance.now();
    const replicas = Math.min(progress.replicas, Math.ceil(mostRuns / PARALLEL_EPOCHS));
    const options = { mode: 'isolated', shape: 'wide', replicas, stress: { settings } } as const;
    const replay = await replayOn(log.plan, keptRunning(this.#run.backend), options);
    const end = performance.now();
    this.#isBroken = replay.fault !== undefined;
    const unseen = this.#judge.count(log, replay, progress.counts, end - this.#start);
    progress.rounds += 1;
    const isFull = !isDiffJudge && unseen > MOST_UNSEEN * replicas * PARALLEL_EPOCHS;
    if (end - begin > LONG_ROUND_MS || isFull) progress.replicas = Math.max(1, replicas / 2);
    else progress.replicas = Math.min(layout === 'lone' ? MOST_LONE_REPLICAS : MOST_REPLICAS, replicas * 2);
  }

  async stop(): Promise<void> {
    await this.#run.giveBack(this.#isBroken);
  }

  #in(layout: Layout): Progress {
    let progress = this.#progress.get(layout);
    if (progress === undefined) {
      progress = { counts: new ObjectionCounts(), rounds: 0, replicas: layout === 'lone' ? 1 : FIRST_REPLICAS };
      this.#progress.set(layout, progress);
    }
    return progress;
  }
}

function settingsOf(layout: Layout, isStressed: boolean, word: number, round: number): StressSettings {
  if (layout === 'lone') return isStressed ? stressOfLoneRound(word, round) : ALONE;
  return isStressed ? stressOfRound(word, round) : {};
}
