/** What exploring hands over, and what it is asked with. */

import type { AccessKind, AtomicOperation } from '../kernel/index.ts';
import type { ScenarioOutcome } from '../scenario/index.ts';

/**
 * What a load may return. `sequential`: the newest store. `relaxed`: what WGSL's relaxed atomics allow, see
 * docs/exploring.md.
 */
export type MemoryModel = 'sequential' | 'relaxed';

/**
 * How the next lane is drawn: evenly among those that can run (`uniform`), by priorities with a few changes (`pct`), by
 * priorities drawn anew for accesses that race (`pos`), or in proportion to how much a lane has still to do (`urw`).
 */
export type Sampler = 'uniform' | 'pct' | 'pos' | 'urw';

/** One access of a run. */
export interface TracedAccess {
  /** Index into `scenario.slots`: whose lane it was. */
  readonly record: number;
  /** `ring`, `control` or `debug`. */
  readonly memory: string;
  readonly word: number;
  readonly kind: 'load' | 'store' | 'compareExchange' | AtomicOperation;
  readonly access: AccessKind;
  /** `turn`, or the opcode whose handler it is of. */
  readonly routine: string;
  /** Whether it is of the kernel's turn around the opcode. */
  readonly isTurn: boolean;
  /** What it found: for a load what it returned, for a read-modify-write the value before, for a store undefined. */
  readonly found: number | undefined;
  /** Whether the slot has a use for what it found. */
  readonly usesFound: boolean;
  /** What it stored; undefined for a load, and for a compare-exchange that failed. */
  readonly stored: number | undefined;
  /** Whether another lane could have got in its way: only of these the schedule has a say. */
  readonly isContended: boolean;
}

/** One run's end. Borrowed until the callback returns: copy what you keep, the words of the outcome too. */
export interface Run {
  readonly outcome: ScenarioOutcome;
  /**
   * The run was ended before its lanes had: one took more steps than are allowed, or the host would have waited for ever
   * for a slot to become free. Its outcome is what memory held then.
   */
  readonly isHung: boolean;
  /** Accesses that were scheduled. */
  readonly steps: number;
  /** All accesses, but for those before the first that was scheduled: what a run costs. */
  readonly accesses: number;
  /** The text that replays exactly this run, see spec/schedule-token.md. */
  token(): string;
  /** Every access in the order taken. Made by running the schedule once more, so that runs pay nothing for it. */
  trace(): readonly TracedAccess[];
}

/** Called with every run; true ends the exploration. */
// biome-ignore lint/suspicious/noConfusingVoidType: a listener that never ends it should not have to return anything
export type RunListener = (run: Run) => boolean | void;

export interface SampleOptions {
  /** Default `uniform`. */
  readonly sampler?: Sampler;
  /** Default `sequential`. */
  readonly memory?: MemoryModel;
  /** A u32; equal seeds give equal runs. Default 1. */
  readonly seed?: number;
  readonly runs: number;
  /** Accesses over all runs, scheduled or not, after which no other run begins. Default: no bound. */
  readonly maxAccesses?: number;
  /** The d of PCT: how many orderings a bug needs to show. Default 3. */
  readonly depth?: number;
  /** Accesses and loop turns of a lane before the run counts as hung. Default 100,000. */
  readonly maxSteps?: number;
  /** Records in whose opcodes nobody comes in between. Default: none. */
  readonly whole?: ReadonlySet<number>;
}

/** Bounds of a search. */
export interface SerialOptions {
  /** Skips runs that differ from one that was taken only in the order of what commutes. Default true. */
  readonly reduction?: boolean;
  /** Default 1,000,000. */
  readonly maxRuns?: number;
  /** As in {@link SampleOptions}. */
  readonly maxAccesses?: number;
  /** As in {@link SampleOptions}. */
  readonly maxSteps?: number;
}

export interface ExhaustOptions extends SerialOptions {
  /** Default `sequential`. */
  readonly memory?: MemoryModel;
}

export interface SampleResult {
  readonly runs: number;
  /** Accesses over all runs, scheduled or not. */
  readonly accesses: number;
  /** The listener ended it. */
  readonly stopped: boolean;
}

export interface ExhaustResult extends SampleResult {
  /** Every outcome that is possible was seen: no run was left out, and none hung. */
  readonly complete: boolean;
}
