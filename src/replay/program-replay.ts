/**
 * Replaying by handing the whole plan to the backend, which counts by itself and hands back the odd outcomes.
 *
 * A digest finds what differs; the words prove it. So the words of every outcome that comes back are digested again here,
 * and those of a few epochs that came out as recorded are compared with the recording.
 */

import {
  type Backend,
  BackendFaultError,
  type CapturedOutcome,
  EPOCH_TOTAL_WORDS,
  EpochTotal,
  type LoadedProgram,
  type ProgramResult,
  type ProgramShape,
  type StressSettings,
} from '../backend/index.ts';
import { compareSnapshots, DIGEST_WORDS, digestSnapshot, type ResolvedLayout } from '../observe/index.ts';
import type { DeviceReplay, ReplayMode, ReplayOptions } from './backend-replay.ts';
import type { EpochCounts } from './epoch-counts.ts';
import { type ComparableOutcome, type Outcome, overflowedRegions, sameSignature, tallyOf } from './outcome.ts';
import type { PlannedEpoch, ReplayPlan } from './plan.ts';
import { programOf } from './program.ts';
import { replicasOfTurn, StressSearch } from './stress-search.ts';

/** States of an isolated program; a plan that has more is handed over piece by piece, since its epochs are independent. */
const STATE_BYTES = 256 * 2 ** 20;

export interface ProgramReplayContext {
  readonly plan: ReplayPlan;
  readonly backend: Backend;
  readonly layout: ResolvedLayout;
  readonly counts: readonly EpochCounts[];
  readonly mode: ReplayMode;
  readonly options: ReplayOptions;
  /** What a fresh kernel shows. */
  readonly initialWords: Uint32Array;
  /** Whether there is room to keep another snapshot; if so, it is taken. */
  readonly takeRoom: (bytes: number) => boolean;
  /** Told as it goes on, and not to the last epoch: a device knows how much it was asked to do. */
  readonly onEpochs: (epochs: number) => void;
  /** Told how many epochs were run, once that has been counted. */
  readonly onCounted: (epochs: number) => void;
}

/** What a replay on the device adds to what was stepped before. */
export interface ProgramOutcome {
  readonly replicasRun: number;
  readonly replicasCompared: number;
  readonly replicasDiverged: number;
  readonly onDevice: DeviceReplay;
}

/** How some replicas of a program are to be run, one turn after the other. */
interface Turn {
  readonly firstReplica: number;
  readonly replicas: number;
  readonly stress: StressSettings;
}

export class ProgramReplay {
  readonly #context: ProgramReplayContext;
  readonly #search: StressSearch | undefined;
  /** Of a plan without epochs nothing is laid anywhere. */
  #shape: ProgramShape;
  #loadMs = 0;
  #runMs = 0;
  #deviceMs: number | undefined = 0;

  constructor(context: ProgramReplayContext) {
    this.#context = context;
    const { stress, shape = 'wide' } = context.options;
    this.#shape = shape;
    if (stress !== undefined && 'seed' in stress) this.#search = new StressSearch(stress.seed, stress.candidates);
  }

  /**
   * Replays so many replicas, counted from `firstReplica`.
   *
   * @returns undefined if the backend cannot take this plan up; then nothing was counted.
   */
  async run(firstReplica: number, replicas: number): Promise<ProgramOutcome | undefined> {
    const flags = new ReplicaFlags(replicas);
    for (const epochs of this.#pieces()) {
      const begin = performance.now();
      const program = await this.#context.backend.load?.(this.#programOf(epochs));
      this.#loadMs += performance.now() - begin;
      if (program === undefined) return undefined;
      try {
        await this.#runPiece(program, epochs, firstReplica, flags);
      } finally {
        await program.release();
      }
    }
    return {
      replicasRun: replicas,
      replicasCompared: flags.compared,
      replicasDiverged: flags.diverged,
      onDevice: {
        shape: this.#shape,
        replicas,
        loadMs: this.#loadMs,
        runMs: this.#runMs,
        deviceMs: this.#deviceMs,
        stress: this.#search?.summary(),
      },
    };
  }

  /** Chained epochs stay together; isolated ones need not. */
  *#pieces(): Iterable<readonly PlannedEpoch[]> {
    const { plan, mode, layout } = this.#context;
    const most = mode === 'chained' ? plan.epochs.length : Math.floor(STATE_BYTES / (layout.snapshotWords * 4));
    const size = Math.max(1, most);
    for (let first = 0; first < plan.epochs.length; first += size) yield plan.epochs.slice(first, first + size);
  }

  #programOf(epochs: readonly PlannedEpoch[]): ReturnType<typeof programOf> {
    const { plan, layout, mode, counts, initialWords, backend } = this.#context;
    const { slotIndex } = plan.columns;
    const beyondRing = new Set(epochs.filter((epoch) => epoch.isReplayable && !fits(epoch, slotIndex, backend)));
    for (const { index } of beyondRing) {
      counts[index].addReason(`a slot is beyond the ring, which has ${backend.slotCount} slots`);
    }
    const isReplayable = (epoch: PlannedEpoch) => epoch.isReplayable && !beyondRing.has(epoch);
    const expectations = counts.map(({ expected, baseline }) => expected ?? baseline);
    return programOf(plan, layout, { epochs, mode, isReplayable, expectations, initialWords });
  }

  async #runPiece(
    program: LoadedProgram,
    epochs: readonly PlannedEpoch[],
    firstReplica: number,
    flags: ReplicaFlags,
  ): Promise<void> {
    for (let done = 0; done < flags.replicas; ) {
      const turn = this.#nextTurn(firstReplica + done, flags.replicas - done, flags.replicas);
      const begin = performance.now();
      const result = await this.#runTurn(program, turn);
      this.#runMs += performance.now() - begin;
      const sum = sumOf(result.totals);
      this.#search?.report({ settings: turn.stress, ...sum });
      this.#shape = result.shape;
      this.#deviceMs = addKnown(this.#deviceMs, result.deviceMs);
      this.#count(result, epochs);
      this.#context.onCounted(sum.epochs);
      flags.add(done, turn.replicas, result);
      done += turn.replicas;
    }
  }

  #nextTurn(firstReplica: number, left: number, all: number): Turn {
    const { stress } = this.#context.options;
    if (this.#search !== undefined) {
      const replicas = Math.min(left, replicasOfTurn(all));
      return { firstReplica, replicas, stress: this.#search.next() };
    }
    return {
      firstReplica,
      replicas: left,
      stress: stress !== undefined && 'settings' in stress ? stress.settings : {},
    };
  }

  #runTurn(program: LoadedProgram, { firstReplica, replicas, stress }: Turn): Promise<ProgramResult> {
    const { mode, options, plan, onEpochs } = this.#context;
    let reported = 0;
    return program.run({
      mode,
      replicas,
      firstReplica,
      stress,
      expectationsAreReplays: plan.observations === undefined,
      ...(options.shape === undefined ? {} : { shape: options.shape }),
      onProgress: (epochs) => {
        onEpochs(epochs - reported);
        reported = epochs;
      },
    });
  }

  #count({ totals, captured }: ProgramResult, epochs: readonly PlannedEpoch[]): void {
    const odd = new Map<number, Outcome[]>();
    for (const outcome of captured) {
      const counts = this.#context.counts[epochs[outcome.epoch].index];
      this.#prove(outcome, counts);
      if (outcome.relation !== 'same') this.#keep(outcome, counts, odd);
    }
    for (const [position, epoch] of epochs.entries()) {
      const counts = this.#context.counts[epoch.index];
      const total = totals.subarray(position * EPOCH_TOTAL_WORDS, (position + 1) * EPOCH_TOTAL_WORDS);
      this.#countEpoch(counts, total, odd.get(epoch.index) ?? []);
    }
  }

  #countEpoch(counts: EpochCounts, total: Uint32Array, odd: readonly Outcome[]): void {
    const same = total[EpochTotal.SAME];
    const expectation = counts.expected ?? counts.baseline;
    const expected = same === 0 || expectation === undefined ? undefined : outcomeAsExpected(expectation);
    counts.addCounted({ replicas: total[EpochTotal.RUN], same, differing: total[EpochTotal.DIFFERENT] }, expected, odd);
    if (total[EpochTotal.REFUSED] > 0) counts.addReason('a slot was not free when it had to be published');
    if (total[EpochTotal.UNREACHED] > 0) counts.addReason('the state that it starts from is not known');
  }

  #keep(outcome: CapturedOutcome, counts: EpochCounts, odd: Map<number, Outcome[]>): void {
    const { index } = counts.epoch;
    const kept = odd.get(index) ?? [];
    odd.set(index, kept);
    counts.addFaultReasons(outcome.faults);
    const known = kept.find(({ signature }) => sameSignature(signature, outcome.signature));
    if (known === undefined) kept.push(this.#outcomeFrom(outcome));
    else known.count += 1;
  }

  #outcomeFrom({ signature, snapshot, replica, done, faulted, pending, faults }: CapturedOutcome): Outcome {
    const keeps = this.#context.takeRoom(snapshot.byteLength);
    return {
      signature,
      overflowed: overflowedRegions(this.#context.layout, snapshot),
      count: 1,
      firstReplica: replica,
      snapshot: keeps ? snapshot : undefined,
      tally: { done, faulted, pending },
      faults,
      pendingBefore: [],
    };
  }

  /** @throws BackendFaultError if the words are not what the device made of them. */
  #prove({ signature, snapshot, relation, replica }: CapturedOutcome, { epoch }: EpochCounts): void {
    const { layout, plan } = this.#context;
    const digests = new Uint32Array(layout.regions.length * DIGEST_WORDS);
    digestSnapshot(layout, snapshot, digests);
    if (!digests.every((word, index) => word === signature[index])) {
      throw this.#breach(`its digest of epoch ${epoch.ordinal}, replica ${replica}, is not that of its words`);
    }
    if (relation !== 'same' || epoch.observed === undefined) return;
    const recorded = plan.observations?.wordsAfter(epoch.observed);
    if (recorded === undefined || compareSnapshots(layout, recorded, snapshot).differences.length === 0) return;
    throw this.#breach(`epoch ${epoch.ordinal}, replica ${replica}, has the digest of the recording and other words`);
  }

  #breach(what: string): BackendFaultError {
    return new BackendFaultError(this.#context.backend.name, 'protocol', what, 'mend the digest of the backend.');
  }
}

function fits({ firstRecord, endRecord }: PlannedEpoch, slotIndex: Uint32Array, { slotCount }: Backend): boolean {
  for (let record = firstRecord; record < endRecord; record += 1) if (slotIndex[record] >= slotCount) return false;
  return true;
}

/** What came out as expected, as an outcome; its words are where the expectation's are. */
function outcomeAsExpected({ signature, overflowed }: ComparableOutcome): Outcome {
  return {
    signature,
    overflowed,
    count: 0,
    firstReplica: 0,
    snapshot: undefined,
    tally: tallyOf(signature),
    faults: [],
    pendingBefore: [],
  };
}

/** Epochs run, and those that differ, over all epochs and replicas. */
function sumOf(totals: Uint32Array): { epochs: number; differing: number } {
  let epochs = 0;
  let differing = 0;
  for (let at = 0; at < totals.length; at += EPOCH_TOTAL_WORDS) {
    epochs += totals[at + EpochTotal.RUN];
    differing += totals[at + EpochTotal.DIFFERENT];
  }
  return { epochs, differing };
}

function addKnown(left: number | undefined, right: number | undefined): number | undefined {
  return left === undefined || right === undefined ? undefined : left + right;
}

/**
 * Replicas that were compared and that diverged, over the pieces of a plan: counts of pieces cannot be added up, since a
 * replica may diverge in more than one, so the greatest is what is known for certain.
 */
class ReplicaFlags {
  readonly replicas: number;
  readonly #turns = new Map<number, { compared: number; diverged: number }>();

  constructor(replicas: number) {
    this.replicas = replicas;
  }

  get compared(): number {
    return this.#sum('compared');
  }

  get diverged(): number {
    return this.#sum('diverged');
  }

  /** Adds what a turn showed that began with that replica. Every piece has the same turns. */
  add(first: number, replicas: number, { replicasCompared, replicasDiverged }: ProgramResult): void {
    const known = this.#turns.get(first) ?? { compared: 0, diverged: 0 };
    this.#turns.set(first, {
      compared: Math.min(replicas, Math.max(known.compared, replicasCompared)),
      diverged: Math.min(replicas, Math.max(known.diverged, replicasDiverged)),
    });
  }

  #sum(field: 'compared' | 'diverged'): number {
    return [...this.#turns.values()].reduce((sum, turn) => sum + turn[field], 0);
  }
}
