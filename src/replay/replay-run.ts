/**
 * Replaying by steps: the host publishes, drains and observes every epoch of every replica. Where the backend can replay a
 * whole plan by itself, only those replicas are stepped of which the host wants to see more than what is odd.
 */

import {
  type Awaitable,
  asBackendFault,
  type Backend,
  BackendFaultError,
  DrainTally,
  isPromise,
  layoutOf,
  PublishError,
  type Slot,
  signatureWords,
} from '../backend/index.ts';
import { InputError } from '../base/errors.ts';
import { RECORD_ARGUMENT_COUNT } from '../log/index.ts';
import type { ResolvedLayout } from '../observe/index.ts';
import { ARGUMENT_COUNT, Opcode, Priority } from '../protocol/index.ts';
import type { BackendReplay, DeviceReplay, ReplayMode, ReplayOptions } from './backend-replay.ts';
import { type Comparison, countsFor, type EpochCounts } from './epoch-counts.ts';
import type { ObservationSaver } from './observation-saver.ts';
import {
  type ComparableOutcome,
  type Outcome,
  outcomeOfObserved,
  overflowedRegions,
  type Signature,
  signOutcome,
} from './outcome.ts';
import type { PlannedEpoch, ReplayPlan } from './plan.ts';
import { ProgramReplay } from './program-replay.ts';

/** The loop is given a turn this often, so that a program can show progress and be interrupted. */
const BREATH_MS = 100;
/** Snapshots that are kept for explaining differences. */
const DEFAULT_KEPT_BYTES = 64 * 2 ** 20;

export class ReplayRun {
  readonly #plan: ReplayPlan;
  readonly #backend: Backend;
  readonly #options: ReplayOptions;
  readonly #mode: ReplayMode;
  readonly #layout: ResolvedLayout;
  readonly #snapshot: Uint32Array;
  readonly #signature: Signature;
  readonly #slot: MutableSlot = { opcode: 0, tenant: 0, priority: 0, args: new Uint32Array(ARGUMENT_COUNT) };
  readonly #tally = new DrainTally();
  readonly #counts: readonly EpochCounts[];
  readonly #checksEpochWord: boolean;
  /** Slots that are PUBLISHED when the next epoch begins. */
  #pending: readonly number[] = [];
  #keptBytes = 0;
  #replicasRun = 0;
  #replicasCompared = 0;
  #replicasDiverged = 0;
  #epochsRun = 0;
  /** What is shown of it while a device runs, which tells how much it is through with and not yet what ran. */
  #epochsShown = 0;
  #lastBreathMs = 0;
  #onDevice: DeviceReplay | undefined;

  constructor(plan: ReplayPlan, backend: Backend, options: ReplayOptions) {
    this.#plan = plan;
    this.#backend = backend;
    this.#options = options;
    this.#mode = options.mode ?? 'chained';
    this.#layout = layoutOf(backend);
    this.#snapshot = new Uint32Array(this.#layout.snapshotWords);
    this.#signature = new Uint32Array(signatureWords(this.#layout));
    this.#checkFitness();
    this.#counts = countsFor(plan.epochs, (epoch) => this.#expectedOutcome(epoch), options.baseline);
    this.#checksEpochWord = plan.observations === undefined && plan.startsFresh && countsFences(plan);
  }

  async run(): Promise<BackendReplay> {
    const begin = performance.now();
    this.#lastBreathMs = begin;
    const replicas = this.#options.replicas ?? 1;
    let fault: BackendFaultError | undefined;
    try {
      await this.#runReplicas(replicas);
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
      replicasCompared: this.#replicasCompared,
      replicasDiverged: this.#replicasDiverged,
      epochs: this.#counts,
      epochsRun: this.#epochsRun,
      layout: this.#layout,
      baseline: this.#counts.map(({ baseline }) => baseline),
      fault,
      elapsedMs: performance.now() - begin,
      onDevice: this.#onDevice,
    };
  }

  async #runReplicas(replicas: number): Promise<void> {
    if (this.#backend.load !== undefined) {
      if (this.#stepsFirst()) await this.#step();
      if (this.#replicasRun < replicas) await this.#runOnDevice(replicas - this.#replicasRun);
    }
    while (this.#replicasRun < replicas) await this.#step();
  }

  /** The first replica is saved, or it says what the others are compared with, and what EPOCH was at every slot. */
  #stepsFirst(): boolean {
    return this.#options.saver !== undefined || this.#plan.observations === undefined;
  }

  async #step(): Promise<void> {
    await this.#replica(this.#replicasRun);
    this.#replicasRun += 1;
  }

  /** If the backend cannot take up this plan, nothing happens. */
  async #runOnDevice(replicas: number): Promise<void> {
    this.#epochsShown = this.#epochsRun;
    await this.#ask(() => this.#backend.start());
    await this.#ask(() => this.#backend.observe(this.#snapshot));
    const replay = new ProgramReplay({
      plan: this.#plan,
      backend: this.#backend,
      layout: this.#layout,
      counts: this.#counts,
      mode: this.#mode,
      options: this.#options,
      initialWords: this.#snapshot,
      takeRoom: (bytes) => this.#takeRoom(bytes),
      onEpochs: (epochs) => this.#showEpochs(epochs),
      onCounted: (epochs) => {
        this.#epochsRun += epochs;
      },
    });
    await this.#ask(async () => {
      const outcome = await replay.run(this.#replicasRun, replicas);
      if (outcome === undefined) return;
      this.#replicasRun += outcome.replicasRun;
      this.#replicasCompared += outcome.replicasCompared;
      this.#replicasDiverged += outcome.replicasDiverged;
      this.#onDevice = outcome.onDevice;
    });
  }

  #showEpochs(epochs: number): void {
    this.#epochsShown += epochs;
    const shown = this.#epochsShown;
    const replicas = this.#options.replicas ?? 1;
    const done = Math.floor(shown / Math.max(1, this.#counts.length));
    this.#options.onProgress?.(Math.min(done, replicas), replicas, shown);
  }

  #takeRoom(bytes: number): boolean {
    const hasRoom = this.#keptBytes + bytes <= (this.#options.keptSnapshotBytes ?? DEFAULT_KEPT_BYTES);
    if (hasRoom) this.#keptBytes += bytes;
    return hasRoom;
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
    this.#pending = [];
    const state = new ReplicaState(this.#plan.startsFresh);
    for (const counts of this.#counts) {
      await this.#breathe(replica);
      state.isKnown = await this.#enterEpoch(counts, state.isKnown);
      if (!state.isKnown) continue;
      if (!counts.epoch.isReplayable) {
        state.isKnown = false;
        continue;
      }
      await this.#beginSaving(replica);
      state.isKnown = await this.#runEpoch(counts);
      if (!state.isKnown) continue;
      this.#saverFor(replica)?.append(this.#plan, counts.epoch, this.#snapshot, this.#tally);
      // An echo of a divergence is kept, but not counted.
      if (!state.isEcho) this.#countEpoch(counts, replica, state);
      this.#pending = this.#tally.pendingSlots;
      if (state.isEcho && this.#saverFor(replica) === undefined) break;
    }
    if (state.wasCompared) this.#replicasCompared += 1;
    if (state.diverged) this.#replicasDiverged += 1;
  }

  #countEpoch(counts: EpochCounts, replica: number, state: ReplicaState): void {
    const comparison = this.#count(counts, replica);
    const differs = comparison === 'different';
    if (comparison !== 'nothing to compare with') state.wasCompared = true;
    if (differs && counts.epoch.unknownReasons.length === 0) {
      state.diverged = true;
      // What follows starts from what the divergence left.
      state.isEcho = this.#mode === 'chained';
    }
    // The kernel says what a fault does to its slot, not what a device would have done to the memory.
    state.isKnown = state.isEcho || (!differs && this.#tally.faulted === 0);
    counts.addFaultReasons(this.#tally.faults);
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
    this.#pending = [];
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
          const slotIndex = this.#plan.columns.slotIndex[record];
          if (slotIndex >= backend.slotCount) throw beyondRing(slotIndex, backend.slotCount);
          this.#loadSlot(record);
          const publishing = backend.publish(slotIndex, this.#slot);
          if (isPromise(publishing)) await publishing;
        }
        if (end === epoch.endRecord && backend.drainAndObserve !== undefined) break;
        const draining = backend.drain();
        this.#tally.add(isPromise(draining) ? await draining : draining);
      }
      const observing = this.#observe();
      if (isPromise(observing)) await observing;
    } catch (error) {
      if (!(error instanceof PublishError)) throw asBackendFault(error, backend.name);
      counts.addReason(`record ${record} cannot be published: ${error.what}`);
      return false;
    }
    this.#epochsRun += 1;
    return true;
  }

  /** Observes; drains the last batch with it where the backend does both in one go. */
  #observe(): Awaitable<void> {
    const backend = this.#backend;
    if (backend.drainAndObserve === undefined) return backend.observe(this.#snapshot);
    const draining = backend.drainAndObserve(this.#snapshot);
    if (isPromise(draining)) return draining.then((report) => this.#tally.add(report));
    this.#tally.add(draining);
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

  /** Counts the outcome of the epoch that just ran. */
  #count(counts: EpochCounts, replica: number): Comparison {
    signOutcome(this.#layout, this.#snapshot, this.#tally, this.#signature);
    const overflowed = overflowedRegions(this.#layout, this.#snapshot);
    const seen = { signature: this.#signature, overflowed, hasFaults: this.#tally.faulted > 0 };
    return counts.count(seen, (isExpected) => this.#newOutcome(replica, overflowed, isExpected));
  }

  #newOutcome(replica: number, overflowed: ComparableOutcome['overflowed'], isExpected: boolean): Outcome {
    const { done, faulted, pending, faults } = this.#tally;
    // The recorded outcome's words are in the stream already.
    const keeps = !isExpected && this.#takeRoom(this.#snapshot.byteLength);
    return {
      signature: this.#signature.slice(),
      overflowed,
      count: 1,
      firstReplica: replica,
      snapshot: keeps ? this.#snapshot.slice() : undefined,
      tally: { done, faulted, pending },
      faults,
      pendingBefore: this.#pending,
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

/** How it stands with a replica between two epochs. */
class ReplicaState {
  /** Whether the memory is what it has to be. */
  isKnown: boolean;
  diverged = false;
  /** A chained replica has diverged: whatever it shows now may come from that. */
  isEcho = false;
  wasCompared = false;

  constructor(isKnown: boolean) {
    this.isKnown = isKnown;
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

function beyondRing(slotIndex: number, slotCount: number): PublishError {
  const fix = 'replay on a backend with at least that many.';
  return new PublishError(`slot ${slotIndex} is beyond the ring, which has ${slotCount} slots`, fix);
}
