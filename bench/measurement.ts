/** What a benchmark hands to the driver: every sample, so that the driver can say how far to trust the median. */
export interface Measurement {
  /** What was measured, with its size: `log v1: read 1048576 records`. */
  readonly name: string;
  /** `ms`, `ns/record`, `MiB`: less is better. With a `/s` at its end, more is. */
  readonly unit: string;
  readonly samples: number[];
  /** Whether samples are of different work: how far they spread says nothing about the machine then. */
  readonly isVaried?: boolean;
  /** Whose way of doing it this is, if it is not ours. */
  readonly peer?: string;
}

/** Above this spread the machine was too busy to believe the row. */
export const MAX_SPREAD = 0.3;

/** What a measurement's samples come to. */
export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** (max − min) / median: above {@link MAX_SPREAD} the machine was too busy to believe the rest. */
  readonly spread: number;
}

/** Summarises at least one sample. */
export function summarise(samples: readonly number[]): Summary {
  const sorted = [...samples].sort((left, right) => left - right);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  const min = sorted[0];
  const max = sorted[sorted.length - 1];
  return { median, min, max, spread: (max - min) / median };
}

/** One way of doing the work that is compared. Returns nothing; the harness takes the time. */
export interface Contender {
  readonly name: string;
  readonly unit: string;
  readonly peer?: string;
  /** Turns the milliseconds of one run into the unit. */
  readonly scale: (milliseconds: number) => number;
  /** Run before the clock starts. */
  readonly prepare?: () => void;
  readonly run: () => void;
}

/** Runs the contenders in turn, so that what slows the machine down for a while slows all of them; the first round warms up. */
export function measureInTurn(contenders: readonly Contender[], rounds: number): Measurement[] {
  const measurements = contenders.map(({ name, unit, peer }): Measurement => {
    return peer === undefined ? { name, unit, samples: [] } : { name, unit, samples: [], peer };
  });
  for (let round = 0; round <= rounds; round += 1) {
    for (const [index, contender] of contenders.entries()) {
      contender.prepare?.();
      const start = performance.now();
      contender.run();
      const milliseconds = performance.now() - start;
      if (round > 0) measurements[index].samples.push(contender.scale(milliseconds));
    }
  }
  return measurements;
}

/** A way of doing work that has to be waited for, and knows by itself what it came to. */
export interface WaitingContender {
  readonly name: string;
  readonly unit: string;
  readonly peer?: string;
  /** One run; what it came to, in the unit. */
  readonly sample: () => number | Promise<number>;
}

/** As {@link measureInTurn}, for contenders that take the time themselves. */
export async function sampleInTurn(contenders: readonly WaitingContender[], rounds: number): Promise<Measurement[]> {
  const measurements = contenders.map(({ name, unit, peer }): Measurement => {
    return peer === undefined ? { name, unit, samples: [] } : { name, unit, samples: [], peer };
  });
  for (let round = 0; round <= rounds; round += 1) {
    for (const [index, contender] of contenders.entries()) {
      const sample = await contender.sample();
      if (round > 0) measurements[index].samples.push(sample);
    }
  }
  return measurements;
}

/** Things a second, in millions, from how many there were and how long they took. */
export function millionsPerSecond(count: number, milliseconds: number): number {
  return count / milliseconds / 1_000;
}

/** Things a second, in thousands. */
export function thousandsPerSecond(count: number, milliseconds: number): number {
  return count / milliseconds;
}
