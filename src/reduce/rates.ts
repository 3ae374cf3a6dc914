/** How many clean runs it takes to say that a candidate does not fail. */

/** No decision takes more: what is rarer than that is not told from what never happens. */
const MOST_CLEAN_RUNS = 10_000_000;

/**
 * The runs that all have to be clean before a candidate is rejected. One that fails with at least `rate` passes them all, and
 * is rejected wrongly, with a probability of at most `alpha`: (1 − rate)ⁿ ≤ alpha.
 *
 * @param rate 0 < rate ≤ 1.
 * @param alpha 0 < alpha < 1.
 */
export function cleanRunsToReject(rate: number, alpha: number): number {
  if (rate >= 1) return 1;
  return Math.min(MOST_CLEAN_RUNS, Math.max(1, Math.ceil(Math.log(alpha) / Math.log1p(-rate))));
}
