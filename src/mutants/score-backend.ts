/** Mutants on a backend: many races beside each other, on the mutant and on the sound kernel. */

import type { Backend } from '../backend/index.ts';
import { findOpcode, finishKernel, type Kernel } from '../kernel/index.ts';
import { Opcode } from '../protocol/index.ts';
import { Place, type Race } from './base-kernel.ts';
import { type Mutant, mutate } from './catalogue.ts';
import { type Comparison, DeviceSearch } from './device-search.ts';
import type { Oracle } from './oracles.ts';
import { PARALLEL_BLOCKS, PARALLEL_SLOTS } from './parallel-races.ts';
import type { RacesOptions, RacesRun, RunLimits } from './races-run.ts';
import { withPauses } from './rewrite/pauses.ts';
import { ObjectionCounts, type Score } from './score.ts';
import { SharedBackends } from './shared-backends.ts';
import { stepRaces } from './stepped-races.ts';

/** Slots of the ring where epochs are stepped: twenty races of four slots. */
const SLOTS = 80;

/** A backend that mutants are scored on. */
export interface ScoredBackend {
  readonly name: string;
  readonly make: (kernel: Kernel) => Backend | Promise<Backend>;
  /** Devices: where those that were made are kept; whoever has it stops them. Default: the scorer keeps them. */
  readonly shared?: SharedBackends;
  /** The kernel as the backend runs it. Kernels that come to the same text cannot be told apart there. */
  readonly lower: (kernel: Kernel) => string;
  /** Why what needs weak memory cannot show there; undefined if it can. */
  readonly strongMemory?: string;
  /** Whether it is a device that replays whole logs by itself, with a lane for every slot, and can be put under stress. */
  readonly isDevice: boolean;
}

/** What a sound kernel came to. */
interface Control {
  readonly objectors: readonly Oracle[];
  readonly runs: number;
}

/** Scores mutants on one backend. What the sound kernels show there is found out once for mutants of one race. */
export class BackendScorer {
  readonly #backend: ScoredBackend;
  readonly #options: RacesOptions;
  readonly #shared: SharedBackends;
  readonly #device: DeviceSearch;
  readonly #controls = new Map<string, Control>();

  constructor(backend: ScoredBackend, options: RacesOptions) {
    this.#backend = backend;
    this.#options = options;
    this.#shared = backend.shared ?? new SharedBackends(backend.make);
    const pausing = ({ race }: Mutant, kernel: Kernel) =>
      withPauses(withOpcodesOf(race, kernel), routinesOf(race, kernel));
    this.#device = new DeviceSearch(this.#shared, pausing, options);
  }

  /** Stops the backends that it has kept, those that it shares included. It may go on all the same. */
  async stop(): Promise<void> {
    await this.#shared.stop();
  }

  /** @throws BackendFaultError if the backend does not even run the sound kernel. */
  async score(mutant: Mutant): Promise<Score> {
    const { rarity } = this.#options;
    const { name, lower, strongMemory, isDevice } = this.#backend;
    const sound = isDevice ? mutant.base.kernel(PARALLEL_SLOTS, PARALLEL_BLOCKS) : mutant.base.kernel(SLOTS);
    const kernel = mutate(mutant, sound, rarity);
    if (kernel === undefined) throw new TypeError(`mutant ${mutant.number} does not apply to its base`);
    const fixed = {
      mutant,
      backend: name,
      oneIn: rarity?.oneIn,
      ...(isDevice ? { stress: this.#options.stress === true } : {}),
    };
    if (withoutComments(lower(kernel)) === withoutComments(lower(sound))) {
      const reason = 'its program is that of the sound kernel here';
      return { ...fixed, ...new ObjectionCounts().summary([]), elapsedMs: 0, fate: 'unobservable', reason };
    }
    const comparison = isDevice
      ? await this.#device.compare(mutant, sound, kernel)
      : await this.#compare(mutant, sound, kernel);
    const { counts, noJudges, elapsedMs, layout } = comparison;
    const summary = counts.summary(noJudges);
    const isKilled = summary.killed.count > 0;
    const reason = !isKilled && mutant.kind === 'weak' ? strongMemory : undefined;
    const fate = isKilled ? 'killed' : reason === undefined ? 'survived' : 'unobservable';
    return { ...fixed, ...(layout === undefined ? {} : { layout }), ...summary, fate, reason, elapsedMs };
  }

  /** Runs the mutant, and the sound kernel at least as often if anybody objects to the mutant. */
  async #compare(mutant: Mutant, sound: Kernel, kernel: Kernel): Promise<Comparison> {
    const { runs, seconds } = this.#options;
    const most = seconds ?? Number.POSITIVE_INFINITY;
    const control = await this.#control(mutant, sound, { runs, seconds: most, goesOn: () => false });
    const start = performance.now();
    const counts = await this.#run(mutant, sound, kernel, {
      runs,
      seconds: most,
      goesOn: (counted) => seconds !== undefined && !counted.isKilled(control.objectors),
    });
    const elapsedMs = performance.now() - start;
    if (!counts.isKilled(control.objectors)) return { counts, noJudges: control.objectors, elapsedMs };
    const limits = { runs: counts.runs, seconds: Number.POSITIVE_INFINITY, goesOn: () => false };
    return { counts, noJudges: (await this.#control(mutant, sound, limits)).objectors, elapsedMs };
  }

  /** What the sound kernel comes to in that many runs, which may have been more. */
  async #control(mutant: Mutant, sound: Kernel, limits: RunLimits): Promise<Control> {
    const key = `${mutant.base.name}: ${mutant.race.name}`;
    const known = this.#controls.get(key);
    if (known !== undefined && (known.runs >= limits.runs || Number.isFinite(limits.seconds))) return known;
    const { objectors, runs } = await this.#run(mutant, sound, sound, limits);
    const control = { objectors: [...new Set([...(known?.objectors ?? []), ...objectors])], runs };
    this.#controls.set(key, control);
    return control;
  }

  /** A backend that has to be stepped anyway is stepped from here: then every outcome can be judged. */
  async #run(mutant: Mutant, sound: Kernel, kernel: Kernel, limits: RunLimits): Promise<ObjectionCounts> {
    const run: RacesRun = { sound, kernel, backend: await this.#backend.make(kernel) };
    return stepRaces(mutant, run, this.#options, limits);
  }
}

/** The opcodes that a race is about. */
function routinesOf({ slots }: Race, kernel: Kernel): Set<string> {
  return new Set(slots(new Place(0)).map(({ opcode }) => findOpcode(kernel, opcode)?.name ?? ''));
}

/** Without opcodes that no slot of the race comes to: drivers take long to compile them, again for every mutant. */
function withOpcodesOf(race: Race, kernel: Kernel): Kernel {
  const names = routinesOf(race, kernel);
  const opcodes = kernel.opcodes.filter(({ name, code }) => code === Opcode.BATCH_FENCE || names.has(name));
  // What a packed slot has in it is known to its opcode only.
  if (opcodes.some(({ code }) => code === Opcode.PACKED_SLOT)) return kernel;
  const { identity: _, ...definition } = kernel;
  return finishKernel({ ...definition, opcodes });
}

/** Lines that are nothing but a comment say what a kernel is called, and what a language has no word for. */
function withoutComments(program: string): string {
  return program.replace(/^[ \t]*\/\/.*\n/gm, '');
}
