/**
 * Recording: a backend with a log around it.
 *
 * The record of a slot is written before the slot becomes PUBLISHED, so the slot that kills a device is in the log. When
 * an epoch has drained, what the backend shows is appended to the observation stream.
 */

import {
  type Awaitable,
  type Backend,
  type DrainReport,
  DrainTally,
  isPromise,
  layoutOf,
  PublishError,
  type Slot,
} from '../backend/index.ts';
import { type Clock, monotonicWallClock } from '../base/clock.ts';
import { isWord } from '../base/words.ts';
import { findOpcode, type Kernel, type SlotFault } from '../kernel/index.ts';
import { type LogRecord, RECORD_ARGUMENT_COUNT } from '../log/index.ts';
import type { EpochObservation, ResolvedLayout, SlotRest } from '../observe/index.ts';
import { ARGUMENT_COUNT, Opcode, Priority } from '../protocol/index.ts';
import { observedEnds } from './observed-ends.ts';
import { type PlacedSlot, type RecordedBatch, RecordsDigest } from './records-digest.ts';

/** A slot to publish. What is left out is zero, but for the priority, which is normal. */
export interface SlotRequest {
  readonly opcode: number;
  readonly tenant?: number;
  readonly priority?: number;
  readonly args?: readonly number[];
}

/** Where records go: a log of either version, or anything that keeps them in order. */
export type RecordSink = ShortRecordSink | WholeRecordSink;

/** Takes what a v1 record has room for; the rest goes to the observations. */
interface ShortRecordSink {
  /** Records that it keeps before the newest overwrites the oldest. */
  readonly capacity: number;
  appendMany(records: readonly LogRecord[]): unknown;
}

/** Takes all that a slot has, and makes the records itself, as `FlightLog` does. */
export interface WholeRecordSink {
  readonly capacity: number;
  /** The words of the slots were checked; they are published when this has returned. `epoch` is what EPOCH says. */
  appendSlots(slots: readonly PlacedSlot[], timestampNs: bigint, epoch: number): unknown;
  /** Called while lanes run: what can be done ahead for about so many records is done now. */
  prepare(records: number): void;
}

/** Where observations go: an `ObservationWriter`, or anything that keeps them. */
export interface ObservationSink {
  appendSlotRest(...rests: readonly SlotRest[]): void;
  appendEpoch(observation: EpochObservation): void;
  /** Told which records the log has overwritten. */
  dropBefore(recordSequence: number): void;
}

export interface SessionOptions {
  /** Makes the session check opcodes before it publishes them, and end epochs with a BATCH_FENCE. */
  readonly kernel?: Kernel;
  /** A log, or what gives it once the backend has started and the observations have somewhere to go. */
  readonly log?: RecordSink | (() => RecordSink);
  /** A sink, or what makes one given the words observed before the first epoch. */
  readonly observations?: ObservationSink | ((initialWords: Uint32Array) => ObservationSink);
  readonly clock?: Clock;
  /**
   * Write an epoch's observation while the backend runs the next epoch, instead of before `endEpoch` resolves. The newest
   * observation is then lost if the process is killed, and {@link RecordingSession.finish} has to be called at the end.
   * Records are never late. Backends that answer at once leave nothing to overlap with. Default false.
   */
  readonly overlapsObservations?: boolean;
}

/** What an epoch came to. */
export interface RecordedEpoch {
  /** Counted from 0 since the session began. */
  readonly ordinal: number;
  readonly recordCount: number;
  readonly done: number;
  readonly pending: number;
  readonly faults: readonly SlotFault[];
  /** What was observed: borrowed until the next epoch ends. */
  readonly snapshot: Uint32Array;
}

/**
 * A running backend whose slots are recorded. Make it with {@link RecordingSession.start}. Whoever made the backend, the log
 * and the observations stops the one and closes the others, after {@link RecordingSession.finish}.
 */
export class RecordingSession {
  readonly layout: ResolvedLayout;
  readonly #backend: Backend;
  readonly #options: SessionOptions;
  #observations: ObservationSink | undefined;
  #log: RecordSink | undefined;
  readonly #clock: Clock;
  #snapshot: Uint32Array;
  /** What was observed before that, which is being written while the next epoch runs. */
  #otherSnapshot: Uint32Array;
  /** Writes the newest observation. */
  #unwritten: (() => void) | undefined;
  readonly #recordsDigest = new RecordsDigest();
  /** Batches whose records are not in the digest yet: lanes need not wait for it. */
  #undigested: RecordedBatch[] = [];
  /** 1 for slots that the host may not write now. */
  readonly #busy: Uint8Array;
  #nextSlot = 0;
  #ordinal = 0;
  #recordCount = 0;
  #epoch = new EpochInProgress(1, 0);

  private constructor(backend: Backend, layout: ResolvedLayout, options: SessionOptions) {
    this.#backend = backend;
    this.#options = options;
    this.#clock = options.clock ?? monotonicWallClock();
    this.layout = layout;
    this.#snapshot = new Uint32Array(layout.snapshotWords);
    this.#otherSnapshot = new Uint32Array(options.overlapsObservations === true ? layout.snapshotWords : 0);
    this.#busy = new Uint8Array(backend.slotCount);
  }

  /** Starts the backend afresh and observes the state that it begins with. */
  static async start(backend: Backend, options: SessionOptions = {}): Promise<RecordingSession> {
    const session = new RecordingSession(backend, layoutOf(backend), options);
    await backend.start();
    await backend.observe(session.#snapshot);
    const { observations, log } = options;
    session.#observations = typeof observations === 'function' ? observations(session.#snapshot) : observations;
    session.#log = typeof log === 'function' ? log() : log;
    session.#epoch = new EpochInProgress(1, session.#deviceEpoch());
    return session;
  }

  /** Epochs that have ended. */
  get epochCount(): number {
    return this.#ordinal;
  }

  /** Records written. */
  get recordCount(): number {
    return this.#recordCount;
  }

  /** What was observed last: at the start, or when the newest epoch drained. */
  get snapshot(): Uint32Array {
    return this.#snapshot;
  }

  /**
   * Records and publishes slots, in order. Whenever the ring is full it is drained, within the same epoch.
   *
   * @throws PublishError if a slot is not one; it and those after it are not recorded, those before it are.
   * @throws what the log, the observations or the backend throw. If slots were recorded by then, or if a drain failed, the
   *   epoch's observation will be left out.
   */
  async publish(requests: Iterable<SlotRequest>): Promise<void> {
    let batch: PlacedSlot[] = [];
    const flush = () => {
      const full = batch;
      batch = [];
      return this.#recordAndPublish(full);
    };
    try {
      for (const request of requests) {
        const slot = this.#check(request);
        let slotIndex = this.#freeSlot();
        if (slotIndex === undefined) {
          await flush();
          await this.#drain();
          slotIndex = this.#freeSlot();
          if (slotIndex === undefined) throw ringIsStuck(this.#backend.slotCount);
        }
        this.#busy[slotIndex] = 1;
        batch.push({ slotIndex, slot });
      }
    } finally {
      // What came before a slot that was refused was accepted, so it is recorded and published.
      await flush();
    }
  }

  /**
   * Ends the epoch: publishes a BATCH_FENCE if the kernel is known to have one and was not shut down in it, drains,
   * observes, and appends what was seen to the observation stream.
   *
   * @param options.tag ends up in the first observable word; `fence: false` leaves the fence out.
   */
  async endEpoch(options: { tag?: number; fence?: boolean } = {}): Promise<RecordedEpoch> {
    if (options.fence ?? (this.#hasFence() && !this.#epoch.hasShutdown)) {
      const itemCount = this.#epoch.recordCount;
      await this.publish([{ opcode: Opcode.BATCH_FENCE, args: [itemCount, options.tag ?? 0] }]);
    }
    await this.#drainAndObserve();
    const epoch = this.#epoch;
    const recorded: RecordedEpoch = {
      ordinal: this.#ordinal,
      recordCount: epoch.recordCount,
      done: epoch.tally.done,
      pending: epoch.tally.pending,
      faults: epoch.tally.faults,
      snapshot: this.#snapshot,
    };
    const observation = this.#observation(epoch);
    // The epoch is over before it is written down: if that fails it is lost, and those after it are not.
    this.#ordinal += 1;
    this.#epoch = new EpochInProgress(this.#recordCount + 1, this.#deviceEpoch());
    this.#unwritten = () => this.#appendObservation(observation, epoch.isSpoiled);
    if (this.#options.overlapsObservations !== true) this.finish();
    return recorded;
  }

  /** Writes what has not been written yet. Nothing is written twice. */
  finish(): void {
    const write = this.#unwritten;
    this.#unwritten = undefined;
    write?.();
  }

  /** As a promise, so that a write that fails does not leave a drain behind that nobody waits for. */
  async #finishMeanwhile(): Promise<void> {
    this.#digestRecords();
    this.finish();
    if (keepsWholeSlots(this.#log)) this.#log.prepare(this.#epoch.recordCount);
  }

  #digestRecords(): void {
    for (const batch of this.#undigested) this.#recordsDigest.addBatch(batch);
    this.#undigested = [];
  }

  /** Where the next observation goes: never over one that is still to be written. */
  #turnSnapshot(): Uint32Array {
    if (this.#options.overlapsObservations === true) {
      [this.#snapshot, this.#otherSnapshot] = [this.#otherSnapshot, this.#snapshot];
    }
    return this.#snapshot;
  }

  #appendObservation(observation: EpochObservation, isSpoiled: boolean): void {
    const log = this.#log;
    const observations = this.#observations;
    if (observations === undefined) return;
    if (!isSpoiled) observations.appendEpoch(observation);
    if (log !== undefined && this.#recordCount > log.capacity) {
      observations.dropBefore(this.#recordCount - log.capacity + 1);
    }
  }

  #observation(epoch: EpochInProgress): EpochObservation {
    this.#digestRecords();
    return {
      ordinal: this.#ordinal,
      deviceEpoch: epoch.deviceEpoch,
      firstRecord: epoch.firstRecord,
      recordCount: epoch.recordCount,
      ...observedEnds(epoch.tally),
      recordsDigest: this.#recordsDigest.take(),
      words: this.#snapshot,
    };
  }

  /** All records of a batch first, then all slots: a record is never younger than its slot. */
  async #recordAndPublish(batch: readonly PlacedSlot[]): Promise<void> {
    if (batch.length === 0) return;
    const epoch = this.#epoch;
    const firstSequence = this.#recordCount + 1;
    const timestampNs = this.#appendRecords(batch);
    // They are in the log, and count, whatever becomes of their slots.
    this.#recordCount += batch.length;
    epoch.recordCount += batch.length;
    epoch.hasShutdown ||= batch.some(({ slot }) => slot.opcode === Opcode.SHUTDOWN);
    this.#undigested.push({ slots: batch, timestampNs, epoch: epoch.deviceEpoch });
    try {
      this.#keepRests(batch, firstSequence);
      for (const { slotIndex, slot } of batch) {
        const publishing = this.#backend.publish(slotIndex, slot);
        if (isPromise(publishing)) await publishing;
      }
    } catch (error) {
      epoch.isSpoiled = true;
      throw error;
    }
  }

  /** Writes the records of a batch, and returns the time that they have. */
  #appendRecords(batch: readonly PlacedSlot[]): bigint {
    const log = this.#log;
    const epoch = this.#epoch.deviceEpoch;
    // One time for all: they go out together, and reading a clock takes longer than writing a record.
    const timestampNs = this.#clock();
    if (keepsWholeSlots(log)) log.appendSlots(batch, timestampNs, epoch);
    else log?.appendMany(batch.map((placed) => shortRecord(placed, timestampNs, epoch)));
    return timestampNs;
  }

  /** A v1 record has no room for a priority and for more than four arguments; the stream keeps them where they matter. */
  #keepRests(batch: readonly PlacedSlot[], firstSequence: number): void {
    const observations = this.#observations;
    if (observations === undefined || keepsWholeSlots(this.#log)) return;
    const rests: SlotRest[] = [];
    for (const [index, { slot }] of batch.entries()) {
      if (hasRest(slot)) rests.push(restOf(slot, firstSequence + index));
    }
    // In pieces: an argument list has room for some ten thousand, a ring for a million.
    for (let start = 0; start < rests.length; start += RESTS_AT_ONCE) {
      observations.appendSlotRest(...rests.slice(start, start + RESTS_AT_ONCE));
    }
  }

  async #drainAndObserve(): Promise<void> {
    const backend = this.#backend;
    const snapshot = this.#turnSnapshot();
    if (backend.drainAndObserve !== undefined) return this.#drain(backend.drainAndObserve.bind(backend, snapshot));
    await this.#drain();
    const observing = backend.observe(snapshot);
    if (isPromise(observing)) await observing;
  }

  async #drain(drain: () => Awaitable<DrainReport> = () => this.#backend.drain()): Promise<void> {
    let report: DrainReport;
    try {
      const draining = drain();
      // While it runs there is time to write.
      if (isPromise(draining)) [report] = await Promise.all([draining, this.#finishMeanwhile()]);
      else report = draining;
      this.finish();
    } catch (error) {
      this.#epoch.isSpoiled = true;
      throw error;
    }
    this.#epoch.tally.add(report);
    this.#busy.fill(0);
    for (const slotIndex of report.pending) this.#busy[slotIndex] = 1;
    this.#nextSlot = 0;
  }

  /** The lowest free slot after the newest one, or undefined if the ring is full. */
  #freeSlot(): number | undefined {
    while (this.#nextSlot < this.#busy.length && this.#busy[this.#nextSlot] === 1) this.#nextSlot += 1;
    return this.#nextSlot < this.#busy.length ? this.#nextSlot : undefined;
  }

  #deviceEpoch(): number {
    const { epochWord } = this.#backend;
    return epochWord === undefined ? this.#ordinal >>> 0 : this.#snapshot[epochWord];
  }

  #hasFence(): boolean {
    const { kernel } = this.#options;
    return kernel !== undefined && findOpcode(kernel, Opcode.BATCH_FENCE) !== undefined;
  }

  #check(request: SlotRequest): Slot {
    const { opcode, tenant = 0, priority = Priority.NORMAL, args = [] } = request;
    for (const [name, value] of [
      ['opcode', opcode],
      ['tenant', tenant],
      ['priority', priority],
    ] as const) {
      if (!isWord(value)) throw notAWord(name, value);
    }
    if (args.length > ARGUMENT_COUNT) {
      const what = `a slot has ${ARGUMENT_COUNT} argument words, ${args.length} were given`;
      throw new PublishError(what, 'split the work over several slots.');
    }
    for (const [index, argument] of args.entries())
      if (!isWord(argument)) throw notAWord(`argument ${index}`, argument);
    const { kernel } = this.#options;
    if (kernel !== undefined && findOpcode(kernel, opcode) === undefined) throw noHandler(opcode, kernel);
    // A copy: the slot is published later, and the caller may have filled the same array for the next one by then.
    return { opcode, tenant, priority, args: [...args] };
  }
}

/** What a v1 record holds of the arguments, and what is left. */
const FIRST_REST_ARGUMENT = RECORD_ARGUMENT_COUNT;
const REST_ARGUMENT_COUNT: number = ARGUMENT_COUNT - FIRST_REST_ARGUMENT;

const RESTS_AT_ONCE = 4_096;

function keepsWholeSlots(log: RecordSink | undefined): log is WholeRecordSink {
  return log !== undefined && 'appendSlots' in log;
}

function hasRest(slot: Slot): boolean {
  if (slot.priority !== Priority.NORMAL) return true;
  for (let index = FIRST_REST_ARGUMENT; index < slot.args.length; index += 1) if (slot.args[index] !== 0) return true;
  return false;
}

function restOf(slot: Slot, sequence: number): SlotRest {
  const rest = new Uint32Array(REST_ARGUMENT_COUNT);
  for (let index = FIRST_REST_ARGUMENT; index < slot.args.length; index += 1) {
    rest[index - FIRST_REST_ARGUMENT] = slot.args[index];
  }
  return { sequence, priority: slot.priority, arguments: rest };
}

function shortRecord({ slotIndex, slot }: PlacedSlot, timestampNs: bigint, epoch: number): LogRecord {
  const { tenant: tenantId, opcode, args } = slot;
  return {
    timestampNs,
    slotIndex,
    tenantId,
    opcode,
    args: [args[0] ?? 0, args[1] ?? 0, args[2] ?? 0, args[3] ?? 0],
    epoch,
  };
}

/** An epoch that slots are still published in. */
class EpochInProgress {
  readonly firstRecord: number;
  /** EPOCH as seen when the epoch's first slot was published. */
  readonly deviceEpoch: number;
  readonly tally: DrainTally = new DrainTally();
  recordCount = 0;
  /** Behind a SHUTDOWN a fence may run or not, as the schedule will have it: a race that would be ours. */
  hasShutdown = false;
  /** A call failed, so that not every slot recorded was published, or not every end seen: nothing to compare with. */
  isSpoiled = false;

  constructor(firstRecord: number, deviceEpoch: number) {
    this.firstRecord = firstRecord;
    this.deviceEpoch = deviceEpoch;
  }
}

function notAWord(name: string, value: unknown): PublishError {
  return new PublishError(`the ${name} is ${String(value)}, not a whole number of 32 bits`, 'pass 0 … 4294967295.');
}

function noHandler(opcode: number, kernel: Kernel): PublishError {
  return new PublishError(
    `kernel ${kernel.name} has no handler for opcode 0x${opcode.toString(16)}`,
    `use one of ${kernel.opcodes.map((definition) => definition.name).join(', ')}, or add a handler to the kernel.`,
  );
}

function ringIsStuck(slotCount: number): PublishError {
  return new PublishError(
    `all ${slotCount} slots of the ring are PUBLISHED and none is served`,
    'allow the tenants whose slots wait, or stop publishing after SHUTDOWN.',
  );
}
