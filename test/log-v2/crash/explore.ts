/** Goes through the crash images of histories and counts what it has seen. */

import { createHash } from 'node:crypto';
import { RandomWords } from '../../../src/base/random.ts';
import { BrokenPromise, type PromiseName } from './broken-promise.ts';
import { type Expectation, expectationOf, expectationWithin, ImageCheck, type Reading } from './check-image.ts';
import { type Choice, type CrashImage, crashImages, type ImageOptions, type Trace } from './crash-images.ts';
import { type History, type LogV2, planHistory, playHistory, type StepKind } from './history.ts';
import { TracedMedium, type TraceEvent } from './traced-medium.ts';

export interface ExploreOptions extends ImageOptions {
  /** Of so many images one is recovered with a trace, and crashes within that recovery are gone through too. */
  readonly nestedEvery: number;
  /** Of so many images one is also appended to. */
  readonly goesOnEvery: number;
}

/** How much is gone through. An image of a history has its number by one of these, so they have names. */
export const DEPTHS: Readonly<Record<'short' | 'kills' | 'hunt' | 'long', ExploreOptions>> = {
  short: { powerImages: 3, partialImages: 2, nestedEvery: 96, goesOnEvery: 4 },
  /** Kills between stores alone. */
  kills: { powerImages: 0, partialImages: 0, nestedEvery: 1_000_000, goesOnEvery: 2 },
  /** For those who look for one fault, and not for all there may be: every history to some depth. */
  hunt: { powerImages: 3, partialImages: 2, nestedEvery: 8, goesOnEvery: 2 },
  long: { powerImages: 24, partialImages: 8, nestedEvery: 48, goesOnEvery: 3 },
};

/** Of a recovery, and of so many crashes within one another recovery is gone through. */
const WITHIN_RECOVERY: ImageOptions = { powerImages: 2, partialImages: 1 };
const DEEP_EVERY = 16;

export type Depth = keyof typeof DEPTHS;

/** What is gone through of a history; everything unless something else is said. */
export interface Part {
  /** Stop after so many images. */
  readonly mostImages?: number;
  /** Check this image alone, and what is nested in it. */
  readonly only?: number;
}

/** A promise that was broken, and how to see it again. */
export interface Broken {
  readonly promise: PromiseName;
  readonly detail: string;
  readonly seed: number;
  readonly depth: Depth;
  /** −1 if it broke while the history was played, without a crash. */
  readonly image: number;
  readonly where: string;
}

/** Images that were checked, by where they come from. */
export interface Counts {
  histories: number;
  /** Stores, syncs and returns of the histories. */
  events: number;
  kills: number;
  powerLosses: number;
  /** Crashes within the recovery from a crash, and within the recovery from one of those. */
  nested: number;
  deep: number;
  readonly choices: Record<Choice, number>;
  readonly steps: Partial<Record<StepKind, number>>;
}

/** What was gone through so far. */
export class Exploration {
  readonly counts: Counts = {
    histories: 0,
    events: 0,
    kills: 0,
    powerLosses: 0,
    nested: 0,
    deep: 0,
    choices: { whole: 0, partial: 0, combination: 0, sample: 0, torn: 0 },
    steps: {},
  };
  readonly #log: LogV2;
  readonly #depth: Depth;
  readonly #seen = new Set<number>();
  /** What was checked of the history at hand: an image, and what was expected of it. */
  readonly #checked = new Set<string>();

  constructor(log: LogV2, depth: Depth) {
    this.#log = log;
    this.#depth = depth;
  }

  /** Different images, told apart by 48 bits of a SHA-256. */
  get distinct(): number {
    return this.#seen.size;
  }

  /** Plays the history of a seed and checks its images; the first promise that is broken ends it. */
  explore(seed: number, part: Part = {}): Broken | undefined {
    let image = -1;
    let where = 'while it was written';
    this.#checked.clear();
    try {
      const history = this.#play(seed);
      for (const each of this.#imagesOf(history, part)) {
        image = each.index;
        where = describe(each, history);
        this.#checkImage(history, each);
      }
      return undefined;
    } catch (error) {
      return { ...asBroken(error), seed, depth: this.#depth, image, where };
    }
  }

  #play(seed: number): History {
    const history = playHistory(this.#log, planHistory(seed));
    this.counts.histories += 1;
    this.counts.events += history.events.length;
    const { steps } = this.counts;
    for (const [kind, count] of Object.entries(history.steps) as [StepKind, number][]) {
      steps[kind] = (steps[kind] ?? 0) + count;
    }
    return history;
  }

  *#imagesOf(history: History, { only, mostImages = Number.POSITIVE_INFINITY }: Part): Generator<CrashImage> {
    const random = new RandomWords(history.plan.seed);
    for (const image of crashImages(traceOf(history), history.created, random, DEPTHS[this.#depth])) {
      if (image.index >= mostImages || image.index > (only ?? image.index)) return;
      if (only === undefined || image.index === only) yield image;
    }
  }

  #checkImage(history: History, image: CrashImage): void {
    const expectation = expectationOf(history.promises[image.event], image.cause, history);
    const isNested = image.index % DEPTHS[this.#depth].nestedEvery === 0;
    if (!this.#isNew(image.bytes, expectation)) return;
    this.counts[image.cause === 'kill' ? 'kills' : 'powerLosses'] += 1;
    this.counts.choices[image.choice] += 1;
    const reading = this.#check(history, expectation, image, new RandomWords(image.index));
    if (isNested) this.#nest(history, image.bytes, expectation, reading, 1);
  }

  #check(history: History, expectation: Expectation, image: CrashImage, random: RandomWords): Reading {
    const goesOn = image.index % DEPTHS[this.#depth].goesOnEvery === 0;
    return new ImageCheck(this.#log, history, expectation, image.bytes).run(goesOn ? random : undefined);
  }

  /** Crashes within the recovery of an image, and within the recoveries of those. */
  #nest(history: History, bytes: Uint8Array, outer: Expectation, reading: Reading, level: number): void {
    const initial = bytes.slice();
    const { isMapped } = history.plan;
    const events: TraceEvent[] = [];
    this.#log.FlightLog.open(new TracedMedium(initial, isMapped, (event) => events.push(event)));
    const random = new RandomWords(initial.length + level);
    for (const image of crashImages({ initial, events, isMapped }, 0, random, WITHIN_RECOVERY)) {
      const expectation = expectationWithin(outer, reading, image.cause);
      if (!this.#isNew(image.bytes, expectation)) continue;
      this.counts[level === 1 ? 'nested' : 'deep'] += 1;
      const inner = this.#check(history, expectation, image, random);
      if (level === 1 && image.index % DEEP_EVERY === 0) this.#nest(history, image.bytes, expectation, inner, 2);
    }
  }

  /** Notes an image; whether it has to be checked, since nobody has asked the same of the same bytes yet. */
  #isNew(bytes: Uint8Array, expectation: Expectation): boolean {
    const digest = createHash('sha256').update(bytes).digest();
    this.#seen.add(digest.readUIntBE(0, 6));
    const key = digest.toString('latin1') + JSON.stringify(expectation);
    if (this.#checked.has(key)) return false;
    this.#checked.add(key);
    return true;
  }
}

/** A sentence with everything that it takes to see it again. */
export function describeBroken({ promise, detail, seed, depth, image, where }: Broken): string {
  const again = `npm run soak:log -- --history ${seed} --depth ${depth}${image < 0 ? '' : ` --image ${image}`}`;
  return `${promise}: ${detail} (${where}). See it again: ${again}`;
}

function traceOf({ initial, events, plan }: History): Trace {
  return { initial, events, isMapped: plan.isMapped };
}

function describe(image: CrashImage, { plan, events }: History): string {
  const { capacity, isMapped, firstSequence } = plan;
  const of = `${isMapped ? 'mapping' : 'file'} of ${capacity} from record ${firstSequence}`;
  return `${of}, ${image.cause} at event ${image.event} of ${events.length}, ${image.what}`;
}

/** An error that no promise speaks of is a broken one too: nothing here may throw. */
function asBroken(error: unknown): Pick<Broken, 'promise' | 'detail'> {
  if (error instanceof BrokenPromise) return { promise: error.promise, detail: error.detail };
  return { promise: 'opens', detail: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}
