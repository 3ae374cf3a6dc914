/** One thing to fuzz. The driver owns the seed and the budget, so that every finding can be run again. */
export interface FuzzTarget {
  readonly name: string;
  /**
   * One input, made from the generator; throws on a finding.
   *
   * `random` gives the next word, 0 … 2³² − 1. Nothing else may be random in here, not even the clock.
   */
  once(random: () => number): void | Promise<void>;
}
