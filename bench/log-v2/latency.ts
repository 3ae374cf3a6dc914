/** How long single calls took. */

/** Of the calls of one run, in nanoseconds. */
export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
  readonly p9999: number;
}

/** Sorts what it is given. */
export function percentilesOf(nanoseconds: Float64Array): Percentiles {
  nanoseconds.sort();
  const at = (share: number): number =>
    nanoseconds[Math.min(nanoseconds.length - 1, Math.floor(share * nanoseconds.length))];
  return { p50: at(0.5), p99: at(0.99), p9999: at(0.9999) };
}

/** What it takes to look at the clock twice: the least that any call can seem to take. */
export function clockFloorNs(): number {
  const times = new Float64Array(100_000);
  for (let index = 0; index < times.length; index += 1) {
    const start = performance.now();
    times[index] = (performance.now() - start) * 1e6;
  }
  return percentilesOf(times).p50;
}
