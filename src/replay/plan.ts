/**
 * What to replay: a log cut into epochs and batches, each epoch with the state that it starts from, with what was seen
 * when it drained, or with the reasons why it cannot be judged.
 */

import { faultExplainer, findOpcode, type Kernel, type OpcodeDefinition, readsOnlyRecorded } from '../kernel/index.ts';
import { RECORD_ARGUMENT_COUNT, type RecordColumns } from '../log/index.ts';
import type { Observations, ObservedEpoch } from '../observe/index.ts';
import { ARGUMENT_COUNT, Opcode, opcodeName, Priority } from '../protocol/index.ts';
import { knownArguments, type RecordedLog, type SlotRests } from '../reading/index.ts';
import { cutByEpochWord, cutByStream, type EpochCut } from './cut.ts';

/** What a replay is made from. */
export interface Recording {
  readonly log: RecordedLog;
  /** What was seen when it was recorded, if that was kept. */
  readonly observations?: Observations;
}

export interface PlannedEpoch {
  /** Counted over the plan, from 0. */
  readonly index: number;
  /**
   * Counted over the recording; equal to `index` unless older epochs were overwritten. −1 for records that were in the log
   * before the recording began.
   */
  readonly ordinal: number;
  /** EPOCH as its records have it. */
  readonly deviceEpoch: number;
  /** The epoch's records are the columns' `firstRecord` … `endRecord` − 1. */
  readonly firstRecord: number;
  readonly endRecord: number;
  /** The sequence number of its first record, counted from 1 as far as the recording tells. */
  readonly firstSequence: number;
  /** Records are published up to the first of these, then drained, and so on; the last one is `endRecord`. */
  readonly batchEnds: readonly number[];
  /** Which epoch of the observation stream it is. */
  readonly observed: number | undefined;
  /** Why a verdict on it would be a guess; empty if it would not. */
  readonly unknownReasons: readonly string[];
  /** Whether the state after it follows from the state before it; not so if something of it is lost. */
  readonly isReplayable: boolean;
  /** Slots that were PUBLISHED already when it began, as far as the recording tells. */
  readonly pendingBefore: number;
}

export interface ReplayPlan {
  readonly columns: RecordColumns;
  readonly observations: Observations | undefined;
  readonly epochs: readonly PlannedEpoch[];
  /** Whether the memory before the first epoch is that of a fresh kernel, told by the log or by whoever asked. */
  readonly startsFresh: boolean;
  /** What is kept of slots beyond their v1 records; undefined if nothing. */
  readonly slotRests: SlotRests | undefined;
  /** What was assumed and what is odd, for people. */
  readonly notes: readonly string[];
}

export interface PlanOptions {
  /** Lets the plan tell which slots it has no handler for. Without it every opcode is taken to be known. */
  readonly kernel?: Kernel;
  /** Slots of the ring, for backends without a kernel. */
  readonly slotCount?: number;
  /**
   * Take the first record for the first of the recording even where the log may have wrapped. Where there are observations
   * they know better, and this changes nothing.
   */
  readonly assumeFresh?: boolean;
}

/** Plans the replay of a recording. Nothing is run. */
export function planReplay(recording: Recording, options: PlanOptions = {}): ReplayPlan {
  const { log, observations } = recording;
  const { columns } = log;
  const notes: string[] = [];
  const alignment = observations && log.align(observations);
  const cuts = alignment ? cutByStream(log, observations, alignment, notes) : cutByEpochWord(log);
  const judge = new EpochJudge(recording, options);
  const epochs: PlannedEpoch[] = [];
  for (const cut of cuts) epochs.push(judge.judge(cut, epochs.length));
  const startsFresh = alignment
    ? startsRecording(epochs)
    : options.assumeFresh === true || epochs.length === 0 || log.startsFresh;
  if (!startsFresh && observations === undefined) {
    notes.push('the log does not begin with a fresh kernel: the memory before its first record is not known');
  }
  if (!startsFresh && options.assumeFresh === true) {
    notes.push('a fresh start was assumed, but the observations say that the log begins later');
  }
  if (!alignment && !log.hasWholeSlots && options.kernel === undefined && epochs.length > 0) {
    notes.push(
      `a v1 record keeps ${RECORD_ARGUMENT_COUNT} arguments and no priority: the slots are published with those`,
    );
  }
  return {
    columns,
    observations,
    epochs,
    startsFresh,
    slotRests:
      log.slotRests ??
      (alignment && StreamedRests.collect(columns, observations, (record) => alignment.sequenceOf(record))),
    notes,
  };
}

/** Whether the plan begins where the observed recording did. */
function startsRecording(epochs: readonly PlannedEpoch[]): boolean {
  const first = epochs.at(0);
  return first === undefined || (first.ordinal === 0 && first.firstSequence === 1);
}

/** Decides for each epoch what stands against a verdict on it. */
class EpochJudge {
  readonly #recording: Recording;
  readonly #options: PlanOptions;
  /** By opcode, whether its handler makes do with what a v1 record keeps. */
  readonly #readsRecorded = new Map<number, boolean>();

  constructor(recording: Recording, options: PlanOptions) {
    this.#recording = recording;
    this.#options = options;
  }

  judge(cut: EpochCut, index: number): PlannedEpoch {
    const problems = new ReasonList(cut.problems, cut.isRunnable !== true);
    for (let record = cut.firstRecord; record < cut.endRecord; record += 1) this.#checkRecord(record, problems);
    const observed = cut.observed === undefined ? undefined : this.#recording.observations?.epoch(cut.observed);
    if (observed?.slotRestsKnown === false) problems.add('what its slots had beyond their v1 records is lost');
    if (observed !== undefined && observed.faulted > 0) {
      const first = cut.observed === undefined ? '' : this.#explainFirstFault(cut.observed);
      problems.add(`${observed.faulted} of its slots faulted when it was recorded${first}`, false);
    }
    return {
      index,
      ordinal: cut.ordinal,
      deviceEpoch: cut.deviceEpoch,
      firstRecord: cut.firstRecord,
      endRecord: cut.endRecord,
      firstSequence: cut.firstSequence,
      batchEnds: this.#batchEnds(cut),
      observed: cut.observed,
      unknownReasons: problems.list(),
      isReplayable: !problems.breaksReplay,
      pendingBefore: this.#pendingBefore(cut, observed),
    };
  }

  /** What the epoch before says, and if that is gone, what is left over of the epoch itself: every slot ends somehow. */
  #pendingBefore({ ordinal, observed }: EpochCut, epoch: ObservedEpoch | undefined): number {
    const { observations } = this.#recording;
    if (observations === undefined || observed === undefined || epoch === undefined || ordinal === 0) return 0;
    const before = observed === 0 ? undefined : observations.epoch(observed - 1);
    if (before?.ordinal === ordinal - 1) return before.pending;
    return Math.max(0, epoch.done + epoch.faulted + epoch.pending - epoch.recordCount);
  }

  /** In brackets, as far as the kernel that would say it is known. */
  #explainFirstFault(observed: number): string {
    const { kernel } = this.#options;
    const fault = this.#recording.observations?.faults(observed).at(0);
    if (kernel === undefined || fault === undefined) return '';
    const words = [fault.code, fault.detail[0] ?? 0] as const;
    return ` (slot ${fault.slotIndex}: ${faultExplainer(kernel)(fault.slotIndex, fault.opcode, words).message})`;
  }

  #checkRecord(record: number, problems: ReasonList): void {
    const { columns } = this.#recording.log;
    const { kernel } = this.#options;
    const slotCount = kernel?.slotCount ?? this.#options.slotCount;
    const slotIndex = columns.slotIndex[record];
    if (slotCount !== undefined && slotIndex >= slotCount) {
      problems.add(`slot ${slotIndex} is beyond the ring, which has ${slotCount} slots`);
    }
    const code = columns.opcode[record];
    const definition = kernel && findOpcode(kernel, code);
    if (kernel !== undefined && definition === undefined) {
      problems.add(`kernel ${kernel.name} has no handler for opcode 0x${code.toString(16)}`);
      return;
    }
    if (this.#hasAllArguments()) return;
    // Whoever runs it, the protocol's own opcode takes all of them.
    const count = definition?.argumentNames.length ?? (code === Opcode.PACKED_SLOT ? ARGUMENT_COUNT : 0);
    const name = definition?.name ?? opcodeName(code);
    if (count > RECORD_ARGUMENT_COUNT) {
      problems.add(`${name} has ${count} arguments, of which a v1 record keeps ${RECORD_ARGUMENT_COUNT}`);
    } else if (definition !== undefined && !this.#readsOnlyRecorded(definition)) {
      problems.add(`${name} may read words of its slot that a v1 record does not keep`);
    }
  }

  #readsOnlyRecorded(definition: OpcodeDefinition): boolean {
    const known = this.#readsRecorded.get(definition.code);
    if (known !== undefined) return known;
    const turn = this.#options.kernel?.turn ?? [];
    const found = [turn, definition.body].every((routine) => readsOnlyRecorded(routine, RECORD_ARGUMENT_COUNT));
    this.#readsRecorded.set(definition.code, found);
    return found;
  }

  /** An observation stream keeps what a v1 record has no room for, and where it says nothing, that is zero. */
  #hasAllArguments(): boolean {
    const { log, observations } = this.#recording;
    return log.hasWholeSlots || observations !== undefined;
  }

  /** A slot index that comes again means that the host waited for the slot in between, so the replay has to. */
  #batchEnds(cut: EpochCut): number[] {
    const { slotIndex } = this.#recording.log.columns;
    const ends: number[] = [];
    const seen = new Set<number>();
    for (let record = cut.firstRecord; record < cut.endRecord; record += 1) {
      if (seen.has(slotIndex[record])) {
        ends.push(record);
        seen.clear();
      }
      seen.add(slotIndex[record]);
    }
    ends.push(cut.endRecord);
    return ends;
  }
}

const MAX_REASONS = 8;

/** Reasons without repetition, a few of them in words and the rest as a number. */
class ReasonList {
  readonly #reasons = new Map<string, number>();
  breaksReplay: boolean;

  constructor(reasons: readonly string[], breakReplay: boolean) {
    for (const reason of reasons) this.#reasons.set(reason, 1);
    this.breaksReplay = breakReplay && reasons.length > 0;
  }

  add(reason: string, breaksReplay = true): void {
    this.#reasons.set(reason, (this.#reasons.get(reason) ?? 0) + 1);
    this.breaksReplay ||= breaksReplay;
  }

  list(): string[] {
    const all = [...this.#reasons].map(([reason, times]) => (times === 1 ? reason : `${reason} (${times} slots)`));
    if (all.length <= MAX_REASONS) return all;
    return [...all.slice(0, MAX_REASONS), `and ${all.length - MAX_REASONS} more reasons`];
  }
}

/** What an observation stream keeps for a v1 log, looked up once for all replicas. */
class StreamedRests implements SlotRests {
  /** Nine words a record: the priority, then arguments 4 to 11. */
  readonly #words: Uint32Array;

  private constructor(words: Uint32Array) {
    this.#words = words;
  }

  /** The rests of all records, or undefined if none has one. */
  static collect(
    columns: RecordColumns,
    observations: Observations,
    sequenceOf: (record: number) => number,
  ): StreamedRests | undefined {
    let rests: StreamedRests | undefined;
    for (let record = 0; record < columns.length; record += 1) {
      const rest = observations.slotRest(sequenceOf(record));
      if (rest === undefined) continue;
      rests ??= StreamedRests.#blank(columns.length);
      rests.#words[record * REST_WORDS] = rest.priority;
      rests.#words.set(Array.from(rest.arguments), record * REST_WORDS + 1);
    }
    return rests;
  }

  priority(record: number): number {
    return this.#words[record * REST_WORDS];
  }

  argument(record: number, index: number): number {
    return this.#words[record * REST_WORDS + 1 + index - RECORD_ARGUMENT_COUNT];
  }

  static #blank(recordCount: number): StreamedRests {
    const words = new Uint32Array(recordCount * REST_WORDS);
    for (let record = 0; record < recordCount; record += 1) words[record * REST_WORDS] = Priority.NORMAL;
    return new StreamedRests(words);
  }
}

const REST_WORDS = 1 + ARGUMENT_COUNT - RECORD_ARGUMENT_COUNT;

/** All arguments of a record's slot that are known: four, or twelve where the rest was kept. */
export function argumentsOf(plan: ReplayPlan, record: number): number[] {
  return knownArguments(plan.columns, plan.slotRests, record);
}
