/** Mutants on devices: races in one layout after the other, on the mutant and on the sound kernel. */

import type { Kernel } from '../kernel/index.ts';
import type { Mutant } from './catalogue.ts';
import { LogsOfRace } from './logs-of-race.ts';
import type { Oracle } from './oracles.ts';
import { LAYOUTS, type Layout } from './parallel-races.ts';
import type { RacesOptions } from './races-run.ts';
import { LONG_ROUND_MS, ReplayedRaces } from './replayed-races.ts';
import { ObjectionCounts } from './score.ts';
import type { SharedBackends } from './shared-backends.ts';

/** What a mutant came to. */
export interface Comparison {
  readonly counts: ObjectionCounts;
  readonly noJudges: readonly Oracle[];
  readonly elapsedMs: number;
  /** In which it was killed; undefined if it survived, or there are no layouts. */
  readonly layout?: Layout;
}

/** What the sound kernel came to in one layout. */
interface Control {
  readonly objectors: readonly Oracle[];
  readonly runs: number;
}

type Controls = Map<Layout, Control>;

export class DeviceSearch {
  readonly #backends: SharedBackends;
  readonly #pausing: (mutant: Mutant, kernel: Kernel) => Kernel;
  readonly #options: RacesOptions;
  /** Runs that are due in each layout. */
  readonly #share: number;
  readonly #controls = new Map<string, Controls>();
  readonly #logs: LogsOfRace;

  /** @param pausing the kernel as it is run, with pauses in what the race of the mutant is about. */
  constructor(backends: SharedBackends, pausing: (mutant: Mutant, kernel: Kernel) => Kernel, options: RacesOptions) {
    this.#backends = backends;
    this.#pausing = pausing;
    this.#options = options;
    this.#logs = new LogsOfRace(options.seed);
    this.#share = Math.ceil(options.runs / LAYOUTS.length);
  }

  /** @throws BackendFaultError if the backend failed in another way than a kernel can make it fail. */
  async compare(mutant: Mutant, sound: Kernel, kernel: Kernel): Promise<Comparison> {
    const controls = await this.#controlsOf(mutant, sound);
    const races = await this.#races(mutant, sound, kernel);
    const start = performance.now();
    try {
      const watch = new Stopwatch(this.#options.seconds);
      for (;;) {
        const layout = await this.#firstKill(races, controls, watch);
        const elapsedMs = performance.now() - start;
        if (layout === undefined) return { ...survived(races, controls), elapsedMs };
        await this.#fillUp(races, layout, controls, watch);
        const { runs } = races.counts(layout);
        await this.#learn(mutant, sound, controls, { [layout]: runs });
        const noJudges = objectorsIn(controls, layout);
        if (races.counts(layout).isKilled(noJudges)) {
          return { counts: races.counts(layout), noJudges, elapsedMs, layout };
        }
        if (races.isBroken) return { ...survived(races, controls), elapsedMs };
      }
    } finally {
      await races.stop();
    }
  }

  /** The layout in which somebody objected who is a judge; undefined if there is none when the time is over. */
  async #firstKill(races: ReplayedRaces, controls: Controls, watch: Stopwatch): Promise<Layout | undefined> {
    for (;;) {
      for (const layout of LAYOUTS) {
        await this.#turn(races, layout, controls, watch);
        if (races.counts(layout).isKilled(objectorsIn(controls, layout))) return layout;
        if (races.isBroken) return undefined;
      }
      const isEnough = LAYOUTS.every((layout) => races.counts(layout).runs >= this.#share);
      if (watch.isOver || (!watch.isLimited && isEnough)) return undefined;
    }
  }

  /** A round of a layout; of one that has short ones, as many as take as long as a long one. */
  async #turn(races: ReplayedRaces, layout: Layout, controls: Controls, watch: Stopwatch): Promise<void> {
    const begin = performance.now();
    do {
      const missing = this.#share - races.counts(layout).runs;
      if (watch.isLimited) await races.round(layout, isDiffJudge(controls, layout));
      else if (missing > 0) await races.round(layout, isDiffJudge(controls, layout), missing);
      watch.start();
      if (layout !== 'lone' || !watch.isLimited || watch.isOver || races.isBroken) return;
    } while (
      performance.now() - begin < LONG_ROUND_MS &&
      !races.counts(layout).isKilled(objectorsIn(controls, layout))
    );
  }

  /** Goes on in that layout, so that the rate of kills is one of many runs. */
  async #fillUp(races: ReplayedRaces, layout: Layout, controls: Controls, watch: Stopwatch): Promise<void> {
    for (;;) {
      const missing = this.#share - races.counts(layout).runs;
      if (missing <= 0 || races.isBroken || watch.isOver) return;
      await races.round(layout, isDiffJudge(controls, layout), missing);
    }
  }

  /** What the sound kernel of a race comes to is found out once for all of its mutants. */
  async #controlsOf(mutant: Mutant, sound: Kernel): Promise<Controls> {
    const key = `${mutant.base.name}: ${mutant.race.name}`;
    const known = this.#controls.get(key);
    if (known !== undefined) return known;
    const controls: Controls = new Map();
    this.#controls.set(key, controls);
    // Few mutants have to wait for the last layout, whose runs take long on devices: it is found out when one does.
    const runs = Object.fromEntries(
      LAYOUTS.filter((layout) => layout !== 'lone').map((layout) => [layout, this.#share]),
    );
    await this.#learn(mutant, sound, controls, runs, new Stopwatch(this.#options.seconds));
    return controls;
  }

  /** Runs the sound kernel in layouts in which it was not run so often yet. */
  async #learn(
    mutant: Mutant,
    sound: Kernel,
    controls: Controls,
    wanted: Partial<Record<Layout, number>>,
    watch: Stopwatch = new Stopwatch(undefined),
  ): Promise<void> {
    const layouts = LAYOUTS.filter((layout) => (wanted[layout] ?? 0) > (controls.get(layout)?.runs ?? 0));
    if (layouts.length === 0) return;
    const races = await this.#races(mutant, sound, sound);
    try {
      for (const layout of layouts) {
        const counts = races.counts(layout);
        while (counts.runs < (wanted[layout] ?? 0) && !watch.isOver && !races.isBroken) {
          const missing = (wanted[layout] ?? 0) - counts.runs;
          await races.round(layout, counts.count('diff') === 0, missing);
          watch.start();
        }
        const objectors = new Set([...objectorsIn(controls, layout), ...counts.objectors]);
        controls.set(layout, { objectors: [...objectors], runs: counts.runs });
      }
    } finally {
      await races.stop();
    }
  }

  async #races(mutant: Mutant, sound: Kernel, kernel: Kernel): Promise<ReplayedRaces> {
    const pausing = this.#pausing(mutant, kernel);
    const backend = await this.#backends.take(pausing);
    const giveBack = (isBroken: boolean) => this.#backends.giveBack(pausing, backend, isBroken);
    return new ReplayedRaces(mutant, { sound, kernel, backend, giveBack }, this.#options, this.#logs);
  }
}

/** Time that runs from when it is first started. */
class Stopwatch {
  readonly #seconds: number | undefined;
  #start: number | undefined;

  /** @param seconds undefined: it is never over. */
  constructor(seconds: number | undefined) {
    this.#seconds = seconds;
  }

  get isLimited(): boolean {
    return this.#seconds !== undefined;
  }

  get isOver(): boolean {
    if (this.#seconds === undefined || this.#start === undefined) return false;
    return performance.now() - this.#start >= this.#seconds * 1_000;
  }

  start(): void {
    this.#start ??= performance.now();
  }
}

/**
 * In lone races who comes first is up to threads, and seldom the same: that an outcome is another one than recorded says
 * nothing there. They have few runs too, so whoever objects to the sound kernel in any layout is no judge of them.
 */
function objectorsIn(controls: Controls, layout: Layout): readonly Oracle[] {
  if (layout === 'lone')
    return [...new Set<Oracle>(['diff', ...[...controls.values()].flatMap((all) => all.objectors)])];
  return controls.get(layout)?.objectors ?? [];
}

function isDiffJudge(controls: Controls, layout: Layout): boolean {
  return !objectorsIn(controls, layout).includes('diff');
}

/** Runs in which nobody objected whose word counts. */
function survived(races: ReplayedRaces, controls: Controls): Omit<Comparison, 'elapsedMs'> {
  const counts = new ObjectionCounts();
  for (const layout of LAYOUTS) counts.add(new Set(), 0, races.counts(layout).runs);
  return { counts, noJudges: [...new Set(LAYOUTS.flatMap((layout) => objectorsIn(controls, layout)))] };
}
