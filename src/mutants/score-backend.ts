/** Mutants on a backend: many races beside each other, on the mutant and on the sound kernel. */

import type { Backend } from '../backend/index.ts';
import type { Kernel } from '../kernel/index.ts';
import { type Mutant, mutate } from './catalogue.ts';
import type { Oracle } from './oracles.ts';
import { type RacesOptions, replayRaces } from './races-log.ts';
import { ObjectionCounts, type Score } from './score.ts';
import { stepRaces } from './stepped-races.ts';

/** Slots of the ring: twenty races of four slots. */
const SLOTS = 80;

/** A backend that mutants are scored on. */
export interface ScoredBackend {
  readonly name: string;
  readonly make: (kernel: Kernel) => Backend | Promise<Backend>;
  /** The kernel as the backend runs it. Kernels that come to the same text cannot be told apart there. */
  readonly lower: (kernel: Kernel) => string;
  /** Why what needs weak memory cannot show there; undefined if it can. */
  readonly strongMemory?: string;
  /** Whether it can be put under stress. */
  readonly hasStress: boolean;
}

/** Scores mutants on one backend. What the sound kernels show there is found out once for mutants of one race. */
export class BackendScorer {
  readonly #backend: ScoredBackend;
  readonly #options: RacesOptions;
  readonly #controls = new Map<string, Promise<readonly Oracle[]>>();

  constructor(backend: ScoredBackend, options: RacesOptions) {
    this.#backend = backend;
    this.#options = options;
  }

  /** @throws BackendFaultError if the backend does not even run the sound kernel. */
  async score(mutant: Mutant): Promise<Score> {
    const { rarity } = this.#options;
    const sound = mutant.base.kernel(SLOTS);
    const kernel = mutate(mutant, sound, rarity);
    if (kernel === undefined) throw new TypeError(`mutant ${mutant.number} does not apply to its base`);
    const { name, lower, strongMemory, hasStress } = this.#backend;
    const fixed = {
      mutant,
      backend: name,
      oneIn: rarity?.oneIn,
      ...(hasStress ? { stress: this.#options.stress !== undefined } : {}),
    };
    if (withoutComments(lower(kernel)) === withoutComments(lower(sound))) {
      const reason = 'its program is that of the sound kernel here';
      return { ...fixed, ...new ObjectionCounts().summary([]), elapsedMs: 0, fate: 'unobservable', reason };
    }
    const noJudges = await this.#control(mutant, sound);
    const start = performance.now();
    const counts = await this.#run(mutant, sound, kernel);
    const summary = counts.summary(noJudges);
    const isKilled = summary.killed.count > 0;
    const reason = !isKilled && mutant.kind === 'weak' ? strongMemory : undefined;
    const fate = isKilled ? 'killed' : reason === undefined ? 'survived' : 'unobservable';
    return { ...fixed, ...summary, fate, reason, elapsedMs: performance.now() - start };
  }

  /** The oracles that object to the sound kernel. */
  #control(mutant: Mutant, sound: Kernel): Promise<readonly Oracle[]> {
    const key = `${mutant.base.name}: ${mutant.race.name}`;
    let control = this.#controls.get(key);
    if (control === undefined) {
      control = this.#run(mutant, sound, sound).then((counts) => counts.objectors);
      this.#controls.set(key, control);
    }
    return control;
  }

  /** A backend that has to be stepped anyway is stepped from here: then every outcome can be judged. */
  async #run(mutant: Mutant, sound: Kernel, kernel: Kernel): Promise<ObjectionCounts> {
    const backend = await this.#backend.make(kernel);
    const run = { sound, kernel, backend };
    return backend.load === undefined ? stepRaces(mutant, run, this.#options) : replayRaces(mutant, run, this.#options);
  }
}

/** Lines that are nothing but a comment say what a kernel is called, and what a language has no word for. */
function withoutComments(program: string): string {
  return program.replace(/^[ \t]*\/\/.*\n/gm, '');
}
