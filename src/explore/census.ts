/** Outcomes of many runs, counted. */

import { observationLayoutOf } from '../kernel/index.ts';
import { DIGEST_WORDS, digestSnapshot, type ResolvedLayout, resolveLayout } from '../observe/index.ts';
import type { Scenario, ScenarioOutcome } from '../scenario/index.ts';
import type { Run } from './run.ts';

/** Different outcomes that are kept; what comes after is counted together. */
const MAX_KEPT = 10_000;
/** Runs of an outcome whose tokens are looked at for the shortest. */
const TOKENS_LOOKED_AT = 50;

/** Runs that came out alike, under the equivalences of the kernel's regions. */
export interface CountedOutcome {
  readonly outcome: ScenarioOutcome;
  readonly isHung: boolean;
  readonly count: number;
  /** Of one of these runs, a short one. */
  readonly token: string;
}

interface Counted extends CountedOutcome {
  count: number;
  token: string;
}

/** Counts the outcomes of runs of one scenario. */
export class OutcomeCensus {
  readonly #layout: ResolvedLayout;
  readonly #digests: Uint32Array;
  readonly #counted = new Map<string, Counted>();
  runs = 0;
  /** Runs whose outcome was new when there were too many to keep. */
  uncounted = 0;

  constructor({ kernel }: Scenario) {
    this.#layout = resolveLayout(observationLayoutOf(kernel));
    this.#digests = new Uint32Array(this.#layout.regions.length * DIGEST_WORDS);
  }

  add(run: Run): void {
    this.runs += 1;
    const key = this.keyOf(run.outcome, run.isHung);
    const known = this.#counted.get(key);
    if (known === undefined) {
      if (this.#counted.size >= MAX_KEPT) this.uncounted += 1;
      else this.#counted.set(key, { outcome: copied(run.outcome), isHung: run.isHung, count: 1, token: run.token() });
      return;
    }
    known.count += 1;
    if (known.count > TOKENS_LOOKED_AT) return;
    const token = run.token();
    if (token.length < known.token.length) known.token = token;
  }

  /** The most frequent first. */
  outcomes(): CountedOutcome[] {
    return [...this.#counted.values()].sort((left, right) => right.count - left.count);
  }

  has(outcome: ScenarioOutcome, isHung: boolean): boolean {
    return this.#counted.has(this.keyOf(outcome, isHung));
  }

  /** Equal for outcomes that are equivalent. */
  keyOf({ words, done, pending, faults }: ScenarioOutcome, isHung: boolean): string {
    digestSnapshot(this.#layout, words, this.#digests);
    const faulted = faults.map(({ slotIndex, opcode, words: fault }) => `${slotIndex}:${opcode}:${fault.join(':')}`);
    return `${this.#digests.join()} ${done} ${pending} ${isHung} ${faulted.sort().join()}`;
  }
}

function copied({ words, done, pending, faults }: ScenarioOutcome): ScenarioOutcome {
  return { words: words.slice(), done, pending, faults };
}
