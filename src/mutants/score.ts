/** How a mutant fared on a backend. */

import { type Rate, rateOf } from '../diff/index.ts';
import type { ContradictionShape, ExplainVerdict, Level } from '../explain/index.ts';
import type { MemoryModel } from '../explore/index.ts';
import type { Mutant } from './catalogue.ts';
import { type Objections, ORACLES, type Oracle } from './oracles.ts';
import type { Layout } from './parallel-races.ts';

/**
 * - `killed`: an oracle objected to the mutant, and had nothing against the sound kernel on the same scenarios.
 * - `survived`: none did.
 * - `unobservable`: it cannot show on this backend; `reason` says why.
 * - `equivalent`: the mutant has the outcomes that the sound kernel has on these scenarios, all schedules tried.
 */
export const FATES = ['killed', 'survived', 'unobservable', 'equivalent'] as const;
export type Fate = (typeof FATES)[number];

/** What an oracle said in a series of runs. */
export interface OracleScore {
  readonly oracle: Oracle;
  /** Runs that it objected to. */
  readonly rate: Rate;
}

export interface Score {
  readonly mutant: Mutant;
  readonly backend: string;
  /** Of the CPU model: the memory that the mutant was run with. */
  readonly memory?: MemoryModel;
  /** Whether the backend was put under stress; undefined where there is nothing to stress. */
  readonly stress?: boolean;
  /** Of devices: how the races were laid out that killed it; the counts are of those. */
  readonly layout?: Layout;
  /** With the defect in about one slot of so many; undefined: in all. */
  readonly oneIn: number | undefined;
  readonly fate: Fate;
  /** Why, where that is not plain. */
  readonly reason: string | undefined;
  /** Runs of a race, or of an epoch of races, on the mutant. */
  readonly runs: number;
  /** Runs that any oracle objected to that has nothing against the sound kernel. */
  readonly killed: Rate;
  /** Those that objected, in the order of {@link ORACLES}. */
  readonly oracles: readonly OracleScore[];
  /** Oracles that are no judges here: they object to the sound kernel too. */
  readonly noJudges: readonly Oracle[];
  /** What `vrrl explain` says of the first run that was killed, with the sound kernel for what is right. */
  readonly explanation?: KillExplanation;
  /** Of running the mutant: until the first objection, and in all. */
  readonly firstKillMs: number | undefined;
  readonly elapsedMs: number;
}

/** An explanation, in short. */
export interface KillExplanation {
  readonly verdict: ExplainVerdict;
  /** The weakest demand that the run does not meet. */
  readonly violated: Level | undefined;
  readonly shape: ContradictionShape | undefined;
  readonly summary: string;
}

/** Counts what oracles say over many runs. */
export class ObjectionCounts {
  readonly #byOracle = new Map<Oracle, number>();
  /** Of each run or group of runs that was objected to: who did, and how many runs it stands for. */
  readonly #objected: { readonly objections: Objections; readonly runs: number; readonly atMs: number }[] = [];
  runs = 0;

  /** @param atMs when, from the beginning. */
  add(objections: Objections, atMs: number, runs = 1): void {
    this.runs += runs;
    // Where runs are counted in groups, a group may be empty: nobody objected to anything then.
    if (objections.size === 0 || runs === 0) return;
    for (const oracle of objections) this.#byOracle.set(oracle, this.count(oracle) + runs);
    const last = this.#objected.at(-1);
    // The judge hands out one set for equal outcomes; what follows the first of them says nothing new about time.
    if (last?.objections === objections) {
      this.#objected[this.#objected.length - 1] = { ...last, runs: last.runs + runs };
    } else this.#objected.push({ objections, runs, atMs });
  }

  count(oracle: Oracle): number {
    return this.#byOracle.get(oracle) ?? 0;
  }

  /** Whether an oracle has objected that is a judge. */
  isKilled(noJudges: readonly Oracle[]): boolean {
    return ORACLES.some((oracle) => this.count(oracle) > 0 && !noJudges.includes(oracle));
  }

  /** Who has objected to anything. */
  get objectors(): readonly Oracle[] {
    return ORACLES.filter((oracle) => this.count(oracle) > 0);
  }

  /** The part of a score that these counts tell, without the oracles that are no judges. */
  summary(noJudges: readonly Oracle[]): Pick<Score, 'runs' | 'killed' | 'oracles' | 'noJudges' | 'firstKillMs'> {
    const judges = ORACLES.filter((oracle) => !noJudges.includes(oracle));
    const kills = this.#objected.filter(({ objections }) => judges.some((oracle) => objections.has(oracle)));
    const killed = kills.reduce((sum, { runs }) => sum + runs, 0);
    return {
      runs: this.runs,
      killed: rateOf(killed, this.runs),
      oracles: judges
        .filter((oracle) => this.count(oracle) > 0)
        .map((oracle) => ({ oracle, rate: rateOf(this.count(oracle), this.runs) })),
      noJudges,
      firstKillMs: kills.length === 0 ? undefined : Math.min(...kills.map(({ atMs }) => atMs)),
    };
  }
}
