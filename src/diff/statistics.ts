/** How often, and how sure. */

/** `count` of `total`, with the interval that holds the true rate with 95% confidence. */
export interface Rate {
  readonly count: number;
  readonly total: number;
  /** Bounds of the interval, 0 … 1. */
  readonly low: number;
  readonly high: number;
}

/** The 97.5% quantile of the standard normal distribution. */
const Z = 1.959963984540054;

/**
 * The rate of `count` in `total` trials with Wilson's score interval, which stays sensible for no successes, for nothing
 * but successes, and for few trials (E. B. Wilson, 1927).
 */
export function rateOf(count: number, total: number): Rate {
  if (total === 0) return { count, total, low: 0, high: 1 };
  const share = count / total;
  const spread = Z * Math.sqrt((share * (1 - share)) / total + Z ** 2 / (4 * total ** 2));
  const middle = share + Z ** 2 / (2 * total);
  const scale = 1 + Z ** 2 / total;
  return {
    count,
    total,
    low: count === 0 ? 0 : Math.max(0, (middle - spread) / scale),
    high: count === total ? 1 : Math.min(1, (middle + spread) / scale),
  };
}
