/** Wall-clock time in nanoseconds since the Unix epoch. */
export type Clock = () => bigint;

/**
 * A clock that never goes back: the wall clock when it was made, plus what the monotonic clock has counted since. Its
 * steps are those of `performance.now()`, about a microsecond.
 */
export function monotonicWallClock(): Clock {
  const originNs = BigInt(Math.round(performance.timeOrigin * 1_000)) * 1_000n;
  return () => originNs + BigInt(Math.round(performance.now() * 1_000_000));
}
