/**
 * What to replay: a log cut into epochs and batches, each epoch with the state that it starts from, with what was seen
 * when it drained, or with the reasons why it cannot be judged.
 */

import { findOpcode, type Kernel } from '../kernel/index.ts';
import { type LogScan, RECORD_ARGUMENT_COUNT, type RecordColumns } from '../log/index.ts';
import type { ObservationReader, ObservedEpoch } from '../observe/index.ts';
import { ARGUMENT_COUNT, Priority } from '../protocol/index.ts';
import { RecordsDigest } from '../record/index.ts';

/** What a replay is made from. */
export interface Recording {
  readonly scan: LogScan;
  /** What was seen when it was recorded, if that was kept. */
  readonly observations?: ObservationReader;
}

export interface PlannedEpoch {
  /** Counted over the plan, from 0. */
  readonly index: number;
  /** Counted over the recording; equal to `index` unless older epochs were overwritten. */
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
  /** Slots that were still PUBLISHED when it drained. */
  readonly pendingAfter: number;
}

export interface ReplayPlan {
  readonly columns: RecordColumns;
  readonly observations: ObservationReader | undefined;
  readonly epochs: readonly PlannedEpoch[];
  /** Whether the memory before the first epoch is that of a fresh kernel, told by the log or by whoever asked. */
  readonly startsFresh: boolean;
  /** What the observation stream keeps of slots beyond their v1 records; undefined if nothing. */
  readonly slotRests: SlotRests | undefined;
  /** What was assumed and what is odd, for people. */
  readonly notes: readonly string[];
}

export interface PlanOptions {
  /** Lets the plan tell which slots it has no handler for. Without it every opcode is taken to be known. */
  readonly kernel?: Kernel;
  /** Slots of the ring, for backends without a kernel. */
  readonly slotCount?: number;
  /** Take the first record for the first of the recording even where the log may have wrapped. */
  readonly assumeFresh?: boolean;
}

/** Plans the replay of a recording. Nothing is run. */
export function planReplay(recording: Recording, options: PlanOptions = {}): ReplayPlan {
  const { scan, observations } = recording;
  const notes: string[] = [];
  const alignment = observations && alignWithStream(scan, observations);
  const cuts = alignment ? cutByStream(scan, observations, alignment, notes) : cutByEpochWord(scan);
  const judge = new EpochJudge(recording, options, alignment);
  const epochs: PlannedEpoch[] = [];
  for (const cut of cuts) epochs.push(judge.judge(cut, epochs.length));
  const startsFresh = options.assumeFresh === true || startsAtBeginning(scan, epochs, alignment);
  if (!startsFresh && observations === undefined && epochs.length > 0) {
    notes.push('the log does not begin with a fresh kernel: the memory before its first record is not known');
  }
  return {
    columns: scan.columns,
    observations,
    epochs,
    startsFresh,
    slotRests: alignment && SlotRests.collect(scan.columns, observations, (record) => alignment.sequenceOf(record)),
    notes,
  };
}

/** Which records of a log the epochs of a stream mean, told by positions: v1 records have no sequence numbers. */
class Alignment {
  readonly #scan: LogScan;
  /** The sequence number of the newest record in the log. */
  readonly newestSequence: number;

  constructor(scan: LogScan, newestSequence: number) {
    this.#scan = scan;
    this.newestSequence = newestSequence;
  }

  /** The sequence number of a record, given its index in the columns. */
  sequenceOf(index: number): number {
    const { header, nextPosition, columns } = this.#scan;
    if (columns.length === 0) return 1;
    const age = (nextPosition - columns.position[index] + header.capacity - 1) % header.capacity;
    return this.newestSequence - age;
  }
}

function alignWithStream(scan: LogScan, observations: ObservationReader): Alignment {
  const { capacity } = scan.header;
  const firstPosition = observations.header.log?.firstPosition ?? 0;
  const last = observations.epochCount === 0 ? undefined : observations.epoch(observations.epochCount - 1);
  const observedSequence = last === undefined ? 0 : last.firstRecord + last.recordCount - 1;
  // Records beyond the last observed epoch: a writer that was killed leaves some, always fewer than the log holds.
  const behind = mod(scan.nextPosition - firstPosition - observedSequence, capacity);
  return new Alignment(scan, observedSequence + behind);
}

function mod(value: number, by: number): number {
  return ((value % by) + by) % by;
}

/** Some records that belong together, before anybody asked whether they can be replayed. */
interface EpochCut {
  readonly ordinal: number;
  readonly deviceEpoch: number;
  readonly firstRecord: number;
  readonly endRecord: number;
  readonly observed: number | undefined;
  /** What cutting already found wrong. */
  readonly problems: readonly string[];
}

/** Without a stream, an epoch is a run of records with the same EPOCH. */
function cutByEpochWord(scan: LogScan): EpochCut[] {
  const { columns } = scan;
  const cuts: EpochCut[] = [];
  for (let first = 0; first < columns.length; ) {
    let end = first + 1;
    while (end < columns.length && columns.epoch[end] === columns.epoch[first]) end += 1;
    const problems = gapsWithin(scan, first, end);
    cuts.push({
      ordinal: cuts.length,
      deviceEpoch: columns.epoch[first],
      firstRecord: first,
      endRecord: end,
      observed: undefined,
      problems,
    });
    first = end;
  }
  return cuts;
}

/** With a stream, epochs are what it says, and records that it does not know are an epoch at the end. */
function cutByStream(
  scan: LogScan,
  observations: ObservationReader,
  alignment: Alignment,
  notes: string[],
): EpochCut[] {
  const { columns } = scan;
  const cuts: EpochCut[] = [];
  const digest = new RecordsDigest();
  let next = 0;
  let overwritten = 0;
  for (let observed = 0; observed < observations.epochCount; observed += 1) {
    const epoch = observations.epoch(observed);
    const endSequence = epoch.firstRecord + epoch.recordCount;
    const first = next;
    while (next < columns.length && alignment.sequenceOf(next) < endSequence) {
      digest.addFromColumns(columns, next);
      next += 1;
    }
    const [low, high] = digest.take();
    const found = next - first;
    if (found === 0 && epoch.recordCount > 0) {
      overwritten += 1;
      continue;
    }
    // The oldest epoch in a log that wrapped has usually lost its first records, like the epochs before it: nothing of it
    // is claimed. Anything else that is missing is a gap.
    if (cuts.length === 0 && found < epoch.recordCount && reachesEndOf(epoch, found, alignment.sequenceOf(first))) {
      overwritten += 1;
      continue;
    }
    const problems: string[] = [];
    if (found < epoch.recordCount) {
      problems.push(`${epoch.recordCount - found} of its ${epoch.recordCount} records are not in the log any more`);
    } else if (low !== epoch.recordsDigest[0] || high !== epoch.recordsDigest[1]) {
      problems.push('its records are not the ones that were observed: the log was changed or written by somebody else');
    }
    cuts.push({
      ordinal: epoch.ordinal,
      deviceEpoch: epoch.deviceEpoch,
      firstRecord: first,
      endRecord: next,
      observed,
      problems,
    });
  }
  if (overwritten > 0) notes.push(`${overwritten} older epochs were observed, but records of theirs are overwritten`);
  if (next < columns.length) {
    const ordinal = (cuts.at(-1)?.ordinal ?? -1) + 1;
    notes.push(`the last ${columns.length - next} records were published, but their epoch was never observed`);
    const deviceEpoch = columns.epoch[next];
    const problems = [
      ...gapsWithin(scan, next, columns.length),
      'it was never observed: the recording ended before it drained',
    ];
    cuts.push({ ordinal, deviceEpoch, firstRecord: next, endRecord: columns.length, observed: undefined, problems });
  }
  return cuts;
}

/** Whether the records that are left of an epoch are its last ones. */
function reachesEndOf(epoch: ObservedEpoch, found: number, firstFoundSequence: number): boolean {
  return firstFoundSequence + found === epoch.firstRecord + epoch.recordCount;
}

/**
 * Positions in or next to an epoch that hold no readable record. One between two epochs may have belonged to either, so it
 * counts against both.
 */
function gapsWithin({ columns, header, nextPosition }: LogScan, first: number, end: number): string[] {
  let lost = 0;
  for (let index = Math.max(1, first); index <= end; index += 1) {
    const position = index < columns.length ? columns.position[index] : nextPosition;
    lost += mod(position - columns.position[index - 1] - 1, header.capacity);
  }
  return lost === 0 ? [] : [`${lost} records in or next to it are lost`];
}

/** Whether the log's first record is the first that was ever published. */
function startsAtBeginning(scan: LogScan, epochs: readonly PlannedEpoch[], alignment: Alignment | undefined): boolean {
  const { columns, header, loss } = scan;
  if (columns.length === 0) return true;
  if (alignment !== undefined) return alignment.sequenceOf(0) === 1 && epochs[0].ordinal === 0;
  const isFull = columns.length + loss.lost >= header.capacity;
  // A log that began when the kernel was running already has records, but not the state before them.
  return !isFull && columns.position[0] === 0 && columns.epoch[0] === 0;
}

/** Decides for each epoch what stands against a verdict on it. */
class EpochJudge {
  readonly #recording: Recording;
  readonly #options: PlanOptions;
  readonly #alignment: Alignment | undefined;

  constructor(recording: Recording, options: PlanOptions, alignment: Alignment | undefined) {
    this.#recording = recording;
    this.#options = options;
    this.#alignment = alignment;
  }

  judge(cut: EpochCut, index: number): PlannedEpoch {
    const problems = new ReasonList(cut.problems);
    for (let record = cut.firstRecord; record < cut.endRecord; record += 1) this.#checkRecord(record, problems);
    const observed = cut.observed === undefined ? undefined : this.#recording.observations?.epoch(cut.observed);
    if ((observed?.faulted ?? 0) > 0) {
      problems.add(`${observed?.faulted} of its slots faulted when it was recorded`, false);
    }
    return {
      index,
      ordinal: cut.ordinal,
      deviceEpoch: cut.deviceEpoch,
      firstRecord: cut.firstRecord,
      endRecord: cut.endRecord,
      firstSequence: this.#alignment?.sequenceOf(cut.firstRecord) ?? cut.firstRecord + 1,
      batchEnds: this.#batchEnds(cut),
      observed: cut.observed,
      unknownReasons: problems.list(),
      isReplayable: !problems.breaksReplay,
      pendingAfter: observed?.pending ?? 0,
    };
  }

  #checkRecord(record: number, problems: ReasonList): void {
    const { columns } = this.#recording.scan;
    const { kernel } = this.#options;
    const slotCount = kernel?.slotCount ?? this.#options.slotCount;
    const slotIndex = columns.slotIndex[record];
    if (slotCount !== undefined && slotIndex >= slotCount) {
      problems.add(`slot ${slotIndex} is beyond the ring, which has ${slotCount} slots`);
    }
    if (kernel === undefined) return;
    const code = columns.opcode[record];
    const definition = findOpcode(kernel, code);
    if (definition === undefined) {
      problems.add(`kernel ${kernel.name} has no handler for opcode 0x${code.toString(16)}`);
    } else if (definition.argumentNames.length > RECORD_ARGUMENT_COUNT && !this.#hasAllArguments()) {
      const { name, argumentNames } = definition;
      problems.add(
        `${name} has ${argumentNames.length} arguments, of which a v1 record keeps ${RECORD_ARGUMENT_COUNT}`,
      );
    }
  }

  /** An observation stream keeps what a v1 record has no room for, and where it says nothing, that is zero. */
  #hasAllArguments(): boolean {
    return this.#alignment !== undefined;
  }

  /** A slot index that comes again means that the host waited for the slot in between, so the replay has to. */
  #batchEnds(cut: EpochCut): number[] {
    const { slotIndex } = this.#recording.scan.columns;
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

  constructor(reasons: readonly string[]) {
    for (const reason of reasons) this.#reasons.set(reason, 1);
    this.breaksReplay = reasons.length > 0;
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

/** What v1 records have no room for, looked up once for all replicas. */
export class SlotRests {
  /** Nine words a record: the priority, then arguments 4 to 11. */
  readonly #words: Uint32Array;

  private constructor(words: Uint32Array) {
    this.#words = words;
  }

  /** The rests of all records, or undefined if none has one. */
  static collect(
    columns: RecordColumns,
    observations: ObservationReader,
    sequenceOf: (record: number) => number,
  ): SlotRests | undefined {
    let rests: SlotRests | undefined;
    for (let record = 0; record < columns.length; record += 1) {
      const rest = observations.slotRest(sequenceOf(record));
      if (rest === undefined) continue;
      rests ??= SlotRests.#blank(columns.length);
      rests.#words[record * REST_WORDS] = rest.priority;
      rests.#words.set(Array.from(rest.arguments), record * REST_WORDS + 1);
    }
    return rests;
  }

  priority(record: number): number {
    return this.#words[record * REST_WORDS];
  }

  /** Argument 4 … 11. */
  argument(record: number, index: number): number {
    return this.#words[record * REST_WORDS + 1 + index - RECORD_ARGUMENT_COUNT];
  }

  static #blank(recordCount: number): SlotRests {
    const words = new Uint32Array(recordCount * REST_WORDS);
    for (let record = 0; record < recordCount; record += 1) words[record * REST_WORDS] = Priority.NORMAL;
    return new SlotRests(words);
  }
}

const REST_WORDS = 1 + ARGUMENT_COUNT - RECORD_ARGUMENT_COUNT;

/** All arguments of a record's slot that are known: four, or twelve where the stream has the rest. */
export function argumentsOf(plan: ReplayPlan, record: number): number[] {
  const { columns, slotRests } = plan;
  const kept = Array.from(columns.args.subarray(RECORD_ARGUMENT_COUNT * record, RECORD_ARGUMENT_COUNT * (record + 1)));
  if (slotRests === undefined) return kept;
  for (let index = RECORD_ARGUMENT_COUNT; index < ARGUMENT_COUNT; index += 1)
    kept.push(slotRests.argument(record, index));
  return kept;
}
