/** Candidates on a backend: run after run, or thousands at once where it takes up whole programs. */

import { type Awaitable, type Backend, BackendFaultError, layoutOf, PublishError } from '../backend/index.ts';
import type { Kernel } from '../kernel/index.ts';
import type { ObservationLayout } from '../observe/index.ts';
import { type LogCandidate, slotCountOf } from './candidate.ts';
import { type Failure, MajorityOracle, type OracleName, type ReferenceOracle, referenceOracle } from './oracle.ts';
import { ProgramRunner, type ProgramRuns } from './program-runs.ts';
import { runCandidate } from './run-candidate.ts';
import type { Runs, Subject } from './subject.ts';

export interface BackendSubjectOptions {
  readonly name: string;
  /** Makes a backend for a kernel; undefined where it brings its own. */
  readonly make: (kernel: Kernel | undefined) => Awaitable<Backend>;
  readonly oracle: OracleName;
  /** It shows the same every time. */
  readonly isDeterministic?: boolean;
}

/** The last candidate's oracle is kept: candidates are asked about more than once. */
interface Judged {
  readonly candidate: LogCandidate;
  readonly oracle: ReferenceOracle | MajorityOracle;
}

export class BackendSubject implements Subject<LogCandidate> {
  readonly name: string;
  readonly isDeterministic: boolean;
  readonly #options: BackendSubjectOptions;
  #backend: Backend | undefined;
  /** The kernel that the backend was made for. */
  #madeFor: string | undefined;
  #judged: Judged | undefined;
  #excused = 0;
  /** The newest candidate, where a device has taken it up; `refused` if it would not. */
  #runner: ProgramRunner | 'refused' | undefined;
  /** What the newest failing runs of candidates showed, by their signatures: one that was taken long ago may fail rarely. */
  readonly #seen = new WeakMap<LogCandidate, Map<string, Failure>>();

  constructor(options: BackendSubjectOptions) {
    this.name = options.name;
    this.isDeterministic = options.isDeterministic ?? false;
    this.#options = options;
  }

  /** @throws BackendFaultError if there is no backend to be had. */
  async run(candidate: LogCandidate, most: number, wanted: string | undefined): Promise<Runs> {
    const failures = new Map<string, number>();
    // Without slots nothing happens.
    if (slotCountOf(candidate) === 0) return { runs: Math.max(1, most), failures, unresolved: undefined };
    let runs = 0;
    try {
      const runSome = await this.#prepare(candidate);
      while (runs < most && !(wanted !== undefined && failures.has(wanted))) {
        const some = await runSome(most - runs);
        runs += some.runs;
        for (const [failure, count] of some.failures) {
          failures.set(failure.signature, (failures.get(failure.signature) ?? 0) + count);
          this.#keep(candidate, failure);
        }
      }
    } catch (error) {
      return await this.#afterError(error, runs, failures);
    }
    return { runs, failures, unresolved: undefined };
  }

  /**
   * Runs of all candidates that differed from the order of publishing and were no failures; of a device that takes up programs,
   * those that it handed back.
   */
  get excusedRuns(): number {
    return this.#excused;
  }

  /** What the newest failing run of a candidate with that signature showed. */
  failureOf(candidate: LogCandidate, signature: string): Failure | undefined {
    return this.#seen.get(candidate)?.get(signature);
  }

  /** Whether it can start from any state. Without that, candidates have to start afresh. */
  async canRestore(kernel: Kernel | undefined): Promise<boolean> {
    return (await this.#backendFor(kernel)).restore !== undefined;
  }

  /** Whether it takes up whole programs, which is what stress is for. */
  async takesPrograms(kernel: Kernel | undefined): Promise<boolean> {
    return (await this.#backendFor(kernel)).load !== undefined;
  }

  /** What it observes, and what that is when it has been started. */
  async startingState(
    kernel: Kernel | undefined,
  ): Promise<{ readonly layout: ObservationLayout; readonly words: Uint32Array }> {
    const backend = await this.#backendFor(kernel);
    const words = new Uint32Array(layoutOf(backend).snapshotWords);
    await backend.start();
    await backend.observe(words);
    return { layout: backend.layout, words };
  }

  /** Stops the backend. */
  async close(): Promise<void> {
    const backend = this.#backend;
    this.#backend = undefined;
    // What it had taken up goes with it.
    this.#runner = undefined;
    await backend?.stop();
  }

  #keep(candidate: LogCandidate, failure: Failure): void {
    const failures = this.#seen.get(candidate) ?? new Map<string, Failure>();
    this.#seen.set(candidate, failures.set(failure.signature, failure));
  }

  /** What runs a candidate, once or as often as it can at once. */
  async #prepare(candidate: LogCandidate): Promise<(most: number) => Promise<ProgramRuns>> {
    const backend = await this.#backendFor(candidate.kernel);
    const layout = layoutOf(backend);
    if (this.#judged?.candidate !== candidate) {
      await this.#release();
      this.#judged = { candidate, oracle: await this.#oracleFor(candidate, layout) };
    }
    const { oracle } = this.#judged;
    const words = layout.snapshotWords;
    if (oracle instanceof MajorityOracle) {
      while (oracle.needsRun) oracle.learn(await runCandidate(backend, words, candidate));
    } else {
      this.#runner ??= (await ProgramRunner.load(backend, candidate, oracle)) ?? 'refused';
      const runner = this.#runner;
      if (runner !== 'refused') return (most) => runner.run(most);
    }
    return async () => {
      const failure = oracle.failureOf(await runCandidate(backend, words, candidate));
      return { runs: 1, failures: failure === undefined ? [] : [[failure, 1]] };
    };
  }

  async #release(): Promise<void> {
    const runner = this.#runner;
    this.#runner = undefined;
    if (runner !== undefined && runner !== 'refused') await runner.release();
  }

  async #oracleFor(candidate: LogCandidate, layout: ReturnType<typeof layoutOf>): Promise<Judged['oracle']> {
    const { oracle } = this.#options;
    if (oracle === 'differs-from-itself') return new MajorityOracle(layout, candidate);
    try {
      return await referenceOracle(candidate, oracle, () => {
        this.#excused += 1;
      });
    } catch (error) {
      // What the reference cannot run is no failure of the backend.
      if (!(error instanceof BackendFaultError)) throw error;
      throw new PublishError(`the reference cannot run it: ${error.what}`, 'leave it out.');
    }
  }

  async #backendFor(kernel: Kernel | undefined): Promise<Backend> {
    if (this.#backend !== undefined && this.#madeFor === kernel?.identity) return this.#backend;
    await this.close();
    const backend = await this.#options.make(kernel);
    this.#backend = backend;
    this.#madeFor = kernel?.identity;
    await backend.start();
    return backend;
  }

  /** A slot that is refused says nothing about a failure. A backend that fails does: that may be what is looked for. */
  async #afterError(error: unknown, runs: number, failures: Map<string, number>): Promise<Runs> {
    if (error instanceof PublishError) return { runs, failures, unresolved: error.what };
    if (!(error instanceof BackendFaultError) || error.kind === 'unavailable') throw error;
    await this.close().catch(() => undefined);
    const signature = faultSignature(error);
    failures.set(signature, (failures.get(signature) ?? 0) + 1);
    return { runs: runs + 1, failures, unresolved: undefined };
  }
}

/** A backend that fails, as a failure like any other. */
function faultSignature({ kind }: BackendFaultError): string {
  return `the backend fails: ${kind}`;
}
