/**
 * Replays a plan on a backend, as often as asked, and counts what came out of each epoch.
 *
 * *Chained* carries the memory from epoch to epoch, as the original did; a replica ends at its first divergence, because
 * whatever follows may be its echo. *Isolated* starts every epoch from its recorded state, so that every epoch of every
 * replica is an observation of its own.
 */

import {
  type Awaitable,
  type Backend,
  BackendFaultError,
  isPromise,
  PublishError,
  type Slot,
} from '../backend/index.ts';
import { InputError } from '../base/errors.ts';
import { RECORD_ARGUMENT_COUNT } from '../log/index.ts';
import { type ResolvedLayout, resolveLayout } from '../observe/index.ts';
import { ARGUMENT_COUNT, Opcode, Priority } from '../protocol/index.ts';
import type { ObservationSaver } from './observation-saver.ts';
import {
  type ComparableOutcome,
  type Outcome,
  outcomeOfObserved,
  overflowedRegions,
  relate,
  type Signature,
  sameSignature,
  signatureWords,
  signOutcome,
  TallyInProgress,
} from './outcome.ts';
import type { PlannedEpoch, ReplayPlan } from './plan.ts';

export type ReplayMode = 'chained' | 'isolated';

export interface ReplayOptions {
  /** Default chained. */
  readonly mode?: ReplayMode;
  /** Default 1. */
  readonly replicas?: number;
  /** Bytes of snapshots to keep for explaining differences. Default 64 MiB. */
  readonly keptSnapshotBytes?: number;
  /** Keeps what the first replica shows; that replica then goes on after a divergence. */
  readonly saver?: ObservationSaver;
  /** Called now and then with what is done of what there is to do. */
  readonly onProgress?: (replicasDone: number, replicas: number, epochsRun: number) => void;
}

/** One epoch over all replicas of one backend. */
export interface EpochReplay {
  readonly epoch: PlannedEpoch;
  /** The recorded outcome, if it was recorded. */
  readonly expected: ComparableOutcome | undefined;
  /** Every different outcome that was seen, up to a limit, in the order in which they were first seen. */
  readonly outcomes: readonly Outcome[];
  /** Replicas whose outcome was different from all that are listed, once the limit was reached. */
  readonly unlistedCount: number;
  /** Replicas that ran it from a known state. */
  readonly replicas: number;
  /** Why it cannot be judged; the plan's reasons and what replaying found. */
  readonly unknownReasons: readonly string[];
  /** What EPOCH was when its first slot was published, where that contradicts the log. */
  readonly contradictedEpochWord: number | undefined;
}

/** Everything that replaying on one backend brought. */
export interface BackendReplay {
  readonly backend: string;
  readonly mode: ReplayMode;
  /** Replicas asked for. */
  readonly replicas: number;
  /** Replicas that ran to their end. */
  readonly replicasRun: number;
  /** Replicas with at least one epoch that differs from the recorded one. */
  readonly replicasDiverged: number;
  readonly epochs: readonly EpochReplay[];
  /** Epochs run, over all replicas. */
  readonly epochsRun: number;
  readonly layout: ResolvedLayout;
  /** What the backend failed with, if it did. What was counted before stands. */
  readonly fault: BackendFaultError | undefined;
  readonly elapsedMs: number;
}

/** Different outcomes listed for an epoch, one of them only if it differs in more than what an overflow dropped. */
const MAX_OUTCOMES = 16;
/** The loop is given a turn this often, so that a program can show progress and be interrupted. */
const BREATH_MS = 100;

/**
 * Replays on one backend. The backend is started, and stopped at the end whatever happens; if it fails, the failure is in
 * the result.
 *
 * @throws InputError if the backend cannot do what the mode asks, or does not observe what was recorded.
 */
export async function replayOn(
  plan: ReplayPlan,
  backend: Backend,
  options: ReplayOptions = {},
): Promise<BackendReplay> {
  let replay: BackendReplay;
  try {
    replay = await new ReplayRun(plan, backend, options).run();
  } catch (error) {
    // Whatever stopping brings, this is the error that counts.
    await stop(backend);
    throw error;
  }
  const stopFault = await stop(backend);
  return { ...replay, fault: replay.fault ?? stopFault };
}

/** Stops a backend, and says what it failed with if it did. */
async function stop(backend: Backend): Promise<BackendFaultError | undefined> {
  try {
    await backend.stop();
    return undefined;
  } catch (error) {
    return asBackendFault(error, backend.name);
  }
}

class EpochCounts implements EpochReplay {
  readonly epoch: PlannedEpoch;
  readonly expected: ComparableOutcome | undefined;
  readonly outcomes: Outcome[] = [];
  unlistedCount = 0;
  replicas = 0;
  unknownReasons: readonly string[];
  contradictedEpochWord: number | undefined;

  constructor(epoch: PlannedEpoch, expected: ComparableOutcome | undefined) {
    this.epoch = epoch;
    this.expected = expected;
    this.unknownReasons = epoch.unknownReasons;
  }

  addReason(reason: string): void {
    if (!this.unknownReasons.includes(reason)) this.unknownReasons = [...this.unknownReasons, reason];
  }
}

class ReplayRun {
  readonly #plan: ReplayPlan;
  readonly #backend: Backend;
  readonly #options: ReplayOptions;
  readonly #mode: ReplayMode;
  readonly #layout: ResolvedLayout;
  readonly #snapshot: Uint32Array;
  readonly #signature: Signature;
  readonly #slot: MutableSlot = { opcode: 0, tenant: 0, priority: 0, args: new Uint32Array(ARGUMENT_COUNT) };
  readonly #tally = new TallyInProgress();
  readonly #counts: readonly EpochCounts[];
  readonly #checksEpochWord: boolean;
  #keptBytes = 0;
  #replicasRun = 0;
  #replicasDiverged = 0;
  #epochsRun = 0;
  #lastBreathMs = 0;

  constructor(plan: ReplayPlan, backend: Backend, options: ReplayOptions) {
    this.#plan = plan;
    this.#backend = backend;
    this.#options = options;
    this.#mode = options.mode ?? 'chained';
    this.#layout = resolveLayout(backend.layout);
    this.#snapshot = new Uint32Array(this.#layout.snapshotWords);
    this.#signature = new Uint32Array(signatureWords(this.#layout));
    this.#checkFitness();
    this.#counts = plan.epochs.map((epoch) => new EpochCounts(epoch, this.#expectedOutcome(epoch)));
    this.#checksEpochWord = plan.observations === undefined && plan.startsFresh && countsFences(plan);
  }

  async run(): Promise<BackendReplay> {
    const begin = performance.now();
    this.#lastBreathMs = begin;
    const replicas = this.#options.replicas ?? 1;
    let fault: BackendFaultError | undefined;
    try {
      for (let replica = 0; replica < replicas; replica += 1) {
        await this.#replica(replica);
        this.#replicasRun += 1;
      }
    } catch (error) {
      if (!(error instanceof BackendFaultError)) throw error;
      fault = error;
    }
    this.#options.onProgress?.(this.#replicasRun, replicas, this.#epochsRun);
    return {
      backend: this.#backend.name,
      mode: this.#mode,
      replicas,
      replicasRun: this.#replicasRun,
      replicasDiverged: this.#replicasDiverged,
      epochs: this.#counts,
      epochsRun: this.#epochsRun,
      layout: this.#layout,
      fault,
      elapsedMs: performance.now() - begin,
    };
  }

  #checkFitness(): void {
    const { observations } = this.#plan;
    const { name } = this.#backend;
    if (this.#mode === 'isolated' && this.#backend.restore === undefined) {
      throw new InputError(`backend ${name} cannot restore a state`, 'replay chained, or give it a restore method.');
    }
    if (this.#mode === 'isolated' && observations === undefined) {
      throw new InputError(
        'there are no recorded states to start epochs from',
        'replay chained, or keep the observation stream (run.vrrl.obs) beside the log.',
      );
    }
    if (observations === undefined || sameLayout(this.#layout, observations.layout)) return;
    throw new InputError(
      `backend ${name} observes other words than were recorded`,
      'replay with the kernel that recorded; leave --kernel, --slot-count and --control-words out to use it.',
    );
  }

  #expectedOutcome(epoch: PlannedEpoch): ComparableOutcome | undefined {
    if (epoch.observed === undefined || this.#plan.observations === undefined) return undefined;
    return outcomeOfObserved(this.#layout, this.#plan.observations.epoch(epoch.observed));
  }

  async #replica(replica: number): Promise<void> {
    await this.#ask(() => this.#backend.start());
    let diverged = false;
    let isStateKnown = this.#plan.startsFresh;
    for (const counts of this.#counts) {
      await this.#breathe(replica);
      isStateKnown = await this.#enterEpoch(counts, isStateKnown);
      if (!isStateKnown) continue;
      if (!counts.epoch.isReplayable) {
        isStateKnown = false;
        continue;
      }
      await this.#beginSaving(replica);
      isStateKnown = await this.#runEpoch(counts);
      if (!isStateKnown) continue;
      this.#saverFor(replica)?.append(this.#plan, counts.epoch, this.#snapshot, this.#tally);
      // An echo of a divergence is kept, but not counted.
      if (diverged && this.#mode === 'chained') continue;
      const differs = this.#count(counts, replica);
      if (differs && counts.epoch.unknownReasons.length === 0) {
        diverged = true;
        if (this.#mode === 'chained' && this.#saverFor(replica) === undefined) break;
        // The echo starts from what the divergence left.
        if (this.#mode === 'chained') continue;
      }
      // The kernel says what a fault does to its slot, not what a device would have done to the memory.
      isStateKnown = !differs && this.#tally.faulted === 0;
      if (counts.expected === undefined) {
        for (const fault of this.#tally.faults.slice(0, 4))
          counts.addReason(`slot ${fault.slotIndex}: ${fault.message}`);
      }
    }
    if (diverged) this.#replicasDiverged += 1;
  }

  #saverFor(replica: number): ObservationSaver | undefined {
    return replica === 0 ? this.#options.saver : undefined;
  }

  async #beginSaving(replica: number): Promise<void> {
    const saver = this.#saverFor(replica);
    if (saver === undefined) return;
    // After a restore the snapshot holds what was restored; before the first epoch it holds nothing yet.
    if (this.#epochsRun === 0 && this.#plan.startsFresh) await this.#ask(() => this.#backend.observe(this.#snapshot));
    saver.begin(this.#backend, this.#snapshot);
  }

  /** Brings the memory into the state that the epoch starts from; false if that state is not known. */
  async #enterEpoch(counts: EpochCounts, isStateKnown: boolean): Promise<boolean> {
    const { epoch } = counts;
    if (this.#mode === 'chained' && isStateKnown) return true;
    if (epoch.index === 0 && this.#plan.startsFresh) return true;
    const recorded = this.#recordedStateBefore(epoch);
    if (recorded === undefined || this.#backend.restore === undefined) {
      counts.addReason(
        recorded === undefined
          ? 'the state that it starts from is not known'
          : `backend ${this.#backend.name} cannot restore the state that it starts from`,
      );
      return false;
    }
    await this.#ask(() => this.#backend.restore?.(recorded));
    this.#snapshot.set(recorded);
    return true;
  }

  /** Slots that were still PUBLISHED belong to the state, but no snapshot holds them. */
  #recordedStateBefore(epoch: PlannedEpoch): Uint32Array | undefined {
    if (epoch.observed === undefined || epoch.pendingBefore > 0) return undefined;
    return this.#plan.observations?.wordsBefore(epoch.observed);
  }

  /** Runs an epoch and observes it; false if its slots could not be published, so that nothing was learnt. */
  async #runEpoch(counts: EpochCounts): Promise<boolean> {
    const { epoch } = counts;
    const backend = this.#backend;
    this.#checkEpochWord(counts);
    this.#tally.clear();
    let record = epoch.firstRecord;
    try {
      for (const end of epoch.batchEnds) {
        for (; record < end; record += 1) {
          this.#loadSlot(record);
          const publishing = backend.publish(this.#plan.columns.slotIndex[record], this.#slot);
          if (isPromise(publishing)) await publishing;
        }
        const draining = backend.drain();
        this.#tally.add(isPromise(draining) ? await draining : draining);
      }
      const observing = backend.observe(this.#snapshot);
      if (isPromise(observing)) await observing;
    } catch (error) {
      if (!(error instanceof PublishError)) throw asBackendFault(error, backend.name);
      counts.addReason(`record ${record} cannot be published: ${error.message}`);
      return false;
    }
    this.#epochsRun += 1;
    return true;
  }

  /** Calls the backend where speed does not matter; whatever it throws is its fault. */
  async #ask(call: () => Awaitable<void> | undefined): Promise<void> {
    try {
      await call();
    } catch (error) {
      throw asBackendFault(error, this.#backend.name);
    }
  }

  /**
   * A log without observations still says what EPOCH was whenever a slot was published. It can be less than here, if the
   * host did not wait for its fences; if it is more, more fences ran than were published.
   */
  #checkEpochWord(counts: EpochCounts): void {
    const { epochWord } = this.#backend;
    // A fresh kernel has run no fence, and the first epoch says so too.
    if (!this.#checksEpochWord || epochWord === undefined || counts.epoch.index === 0) return;
    const seen = this.#snapshot[epochWord];
    if (counts.epoch.deviceEpoch > seen) counts.contradictedEpochWord = seen;
  }

  #loadSlot(record: number): void {
    const { columns, slotRests } = this.#plan;
    const slot = this.#slot;
    const { args } = slot;
    slot.opcode = columns.opcode[record];
    slot.tenant = columns.tenantId[record];
    slot.priority = slotRests === undefined ? Priority.NORMAL : slotRests.priority(record);
    for (let index = 0; index < RECORD_ARGUMENT_COUNT; index += 1) {
      args[index] = columns.args[RECORD_ARGUMENT_COUNT * record + index];
    }
    if (slotRests === undefined) return;
    for (let index = RECORD_ARGUMENT_COUNT; index < ARGUMENT_COUNT; index += 1) {
      args[index] = slotRests.argument(record, index);
    }
  }

  /** Counts the outcome of the epoch that just ran; whether it differs from the recorded one. */
  #count(counts: EpochCounts, replica: number): boolean {
    counts.replicas += 1;
    signOutcome(this.#layout, this.#snapshot, this.#tally, this.#tally.faults, this.#signature);
    const { expected, outcomes } = counts;
    const known = outcomes.find((outcome) => sameSignature(outcome.signature, this.#signature));
    const seen = known ?? this.#comparable();
    const reference = expected ?? outcomes.at(0) ?? seen;
    const differs = relate(reference, seen) === 'different';
    // The last place is kept for one that really differs: those that dropped other records may be many.
    const room = differs ? MAX_OUTCOMES : MAX_OUTCOMES - 1;
    if (known !== undefined) known.count += 1;
    else if (outcomes.length >= room) counts.unlistedCount += 1;
    else
      outcomes.push(
        this.#newOutcome(replica, expected !== undefined && sameSignature(expected.signature, this.#signature)),
      );
    return expected !== undefined && differs;
  }

  #comparable(): ComparableOutcome {
    return { signature: this.#signature, overflowed: overflowedRegions(this.#layout, this.#snapshot) };
  }

  #newOutcome(replica: number, isExpected: boolean): Outcome {
    const { done, faulted, pending, faults } = this.#tally;
    const budget = this.#options.keptSnapshotBytes ?? 64 * 2 ** 20;
    // The recorded outcome's words are in the stream already.
    const keeps = !isExpected && this.#keptBytes + this.#snapshot.byteLength <= budget;
    if (keeps) this.#keptBytes += this.#snapshot.byteLength;
    return {
      ...this.#comparable(),
      signature: this.#signature.slice(),
      count: 1,
      firstReplica: replica,
      snapshot: keeps ? this.#snapshot.slice() : undefined,
      tally: { done, faulted, pending },
      faults,
    };
  }

  async #breathe(replica: number): Promise<void> {
    const now = performance.now();
    if (now - this.#lastBreathMs < BREATH_MS) return;
    this.#lastBreathMs = now;
    this.#options.onProgress?.(replica, this.#options.replicas ?? 1, this.#epochsRun);
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
}

interface MutableSlot extends Slot {
  opcode: number;
  tenant: number;
  priority: number;
  readonly args: Uint32Array;
}

/**
 * Whether EPOCH in the log counts the fences in the log. Without a fence it is the host's own count and says nothing about
 * the device; if it does not begin with 0, there were fences before, whoever says that the kernel was fresh.
 */
function countsFences({ columns, epochs }: ReplayPlan): boolean {
  return columns.opcode.includes(Opcode.BATCH_FENCE) && epochs.at(0)?.deviceEpoch === 0;
}

function sameLayout(left: ResolvedLayout, right: ResolvedLayout): boolean {
  return JSON.stringify([left.areas, left.regions]) === JSON.stringify([right.areas, right.regions]);
}

/** Whatever a backend throws is its fault; only the words differ. */
function asBackendFault(error: unknown, backend: string): BackendFaultError {
  if (error instanceof BackendFaultError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  const fix = 'see the cause; the other backends are not affected.';
  return new BackendFaultError(backend, 'crash', `it threw: ${reason}`, fix, {}, { cause: error });
}
