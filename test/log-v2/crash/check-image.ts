/**
 * Whether a log that a crash left keeps its promises.
 *
 * What is read is compared with the ledger. What is lost is counted again from the bytes: a position that is neither
 * zero nor a record that was read holds damage, whatever the code under test calls it.
 */

import type { RandomWords } from '../../../src/base/random.ts';
import type { FlightEntry, FlightLog, FlightLosses, FlightRecord, FlightScan } from '../../../src/log-v2/index.ts';
import {
  FRAME_HEADER_BYTES,
  FrameKind,
  ObservationEncoder,
  ObservationReader,
  resolveLayout,
} from '../../../src/observe/index.ts';
import { BrokenPromise, demand, type PromiseName } from './broken-promise.ts';
import { type History, type LogV2, layoutOf, randomEntry } from './history.ts';
import type { Promises } from './ledger.ts';
import { PlainMedium } from './traced-medium.ts';

/** What has to be there, and what may be. */
export interface Expectation {
  readonly cause: 'kill' | 'power';
  /** Nothing but the crash itself can have gone wrong: no earlier crash was recovered from only in part. */
  readonly isFirstCrash: boolean;
  readonly requiredRecords: readonly number[];
  readonly requiredFrames: readonly number[];
  /** Frames that may be missing among others after a kill. */
  readonly spoiltFrames: readonly number[];
  readonly newestAtLeast: number;
  readonly newestAtMost: number;
  readonly markAtLeast: number;
  readonly markAtMost: number;
  readonly frameMarkAtMost: number;
  readonly needsBase: boolean;
  /** What the superblock has to count once recovery is through, if that is known. */
  readonly lossesAfter?: FlightLosses;
}

/** What was read of a log, and what recovery made of it. */
export interface Reading {
  readonly sequences: readonly number[];
  readonly frames: readonly number[];
  readonly newestSequence: number;
  readonly newestFrame: number;
  readonly lossesAfter: FlightLosses;
}

const RECORD_BYTES = 128;
const FIRST_FRAME = 3;
const RECOVERING = 2;
const SLOT_LOSSES = ['unfinished', 'overtaken', 'torn', 'corrupt', 'foreign', 'misplaced', 'missing'] as const;
const LOSSES = [...SLOT_LOSSES, 'journalBytes', 'missingFrames'] as const;

/** What the promises of a moment come to after a crash. */
export function expectationOf(promises: Promises, cause: 'kill' | 'power', history: History): Expectation {
  const { capacity, firstSequence } = history.plan;
  const isKill = cause === 'kill';
  const newest = isKill ? promises.returned : promises.synced;
  const newestFrame = isKill ? promises.frameReturned : promises.frameSynced;
  const oldest = Math.max(firstSequence, promises.started - capacity + 1);
  const markAtLeast = isKill ? promises.markWritten : promises.markDurable;
  return {
    cause,
    isFirstCrash: true,
    requiredRecords: Array.from({ length: Math.max(0, newest - oldest + 1) }, (_, index) => oldest + index),
    requiredFrames: promises.liveFrames.filter(({ number }) => number <= newestFrame).map(({ number }) => number),
    spoiltFrames: promises.spoiltFrames,
    // Where every record was overwritten by appends that did not complete, the mark is all that tells their numbers.
    newestAtLeast: newest >= oldest ? newest : markAtLeast,
    newestAtMost: promises.started,
    markAtLeast,
    markAtMost: promises.markAtMost,
    frameMarkAtMost: promises.frameMarkAtMost,
    needsBase: isKill ? promises.baseReturned : promises.baseSynced,
  };
}

/** After a crash within a recovery: all that was read before it has to be read again. */
export function expectationWithin(outer: Expectation, reading: Reading, cause: 'kill' | 'power'): Expectation {
  return {
    ...outer,
    cause,
    isFirstCrash: false,
    requiredRecords: reading.sequences,
    requiredFrames: reading.frames,
    newestAtLeast: reading.newestSequence,
    markAtMost: reading.newestSequence,
    frameMarkAtMost: reading.newestFrame,
    lossesAfter: reading.lossesAfter,
  };
}

/** Checks one image; `bytes` is only read. */
export class ImageCheck {
  readonly #log: LogV2;
  readonly #history: History;
  readonly #expectation: Expectation;
  readonly #bytes: Uint8Array;

  constructor(log: LogV2, history: History, expectation: Expectation, bytes: Uint8Array) {
    this.#log = log;
    this.#history = history;
    this.#expectation = expectation;
    this.#bytes = bytes;
  }

  /**
   * Reads, recovers, recovers again and, if there is something `random` to append, goes on.
   *
   * @throws BrokenPromise naming the first promise that does not hold.
   */
  run(random: RandomWords | undefined): Reading {
    const bytes = new Uint8Array(this.#bytes);
    const medium = new PlainMedium(bytes, this.#history.plan.isMapped);
    const scan = this.#open('read', () => this.#log.scanFlightLog(medium));
    const before = this.#checkScan(scan, bytes);
    this.#checkStates(scan, bytes);
    this.#checkExpectation(scan, before);
    const { lossesAfter, log } = this.#recover(medium, bytes, scan, before);
    if (random !== undefined) this.#goOn(log, bytes, before, random);
    const { newestSequence, journal } = scan;
    return { ...before, newestSequence, newestFrame: journal.newestFrame, lossesAfter };
  }

  #open<Result>(what: string, open: () => Result): Result {
    try {
      return open();
    } catch (error) {
      throw new BrokenPromise('opens', `it cannot be ${what}: ${error instanceof Error ? error.message : error}`);
    }
  }

  /** What holds of any scan: everything that is read is true, and the losses add up. */
  #checkScan(scan: FlightScan, bytes: Uint8Array, added?: Added): Read {
    const sequences = this.#checkRecords(scan, added);
    const frames = this.#checkFrames(scan, bytes, added);
    demand(scan.forks.length === 0, 'noFork', () => `records ${scan.forks} are said not to follow`);
    demand(scan.metadata?.tool === 'crash test', 'secondCopy', () => 'the metadata is gone');
    const damage = countDamage(scan, bytes, this.#history.plan.firstSequence);
    const { loss, newestSequence, oldestSequence } = scan;
    const missing = newestSequence - oldestSequence + 1 - sequences.filter((each) => each >= oldestSequence).length;
    demand(
      loss.lost + loss.unfinished === missing + damage.outside,
      'lossesAddUp',
      () => `${missing} of ${oldestSequence} … ${newestSequence} are not there, ${lossText(loss)} are counted`,
    );
    return { sequences, frames, damaged: damage.all };
  }

  #checkRecords(scan: FlightScan, added: Added | undefined): number[] {
    const { columns, capacity } = scan;
    const { records, formerRecords } = this.#history.ledger;
    const sequences: number[] = [];
    for (let index = 0; index < columns.length; index += 1) {
      const record = columns.fullRecord(index);
      const { sequence } = record;
      const entry = added?.records.get(sequence) ?? records.get(sequence);
      if (entry === undefined) throw new BrokenPromise('neverWrong', `record ${sequence} was never appended`);
      const former = formerRecords.get(sequence) ?? [];
      const isTrue = isSameEntry(record, entry) || former.some((other) => isSameEntry(record, other));
      demand(isTrue, 'neverWrong', () => `record ${sequence} is not what was appended`);
      demand(
        columns.position[index] === (sequence - 1) % capacity && sequence > (sequences.at(-1) ?? 0),
        'placed',
        () => `record ${sequence} was read from position ${columns.position[index]} after ${sequences.at(-1)}`,
      );
      sequences.push(sequence);
    }
    return sequences;
  }

  #checkFrames({ journal, superblock }: FlightScan, bytes: Uint8Array, added: Added | undefined): number[] {
    const { frames } = this.#history.ledger;
    const numbers: number[] = [];
    for (const { sequence, position, end, kind } of journal.frames) {
      const at = superblock.geometry.journalOffset + position;
      const payload = bytes.subarray(at + FRAME_HEADER_BYTES, at + end - position);
      const frame = added?.frame.number === sequence ? added.frame : frames.get(sequence);
      const isSame = kind === frame?.kind && Buffer.compare(payload, frame.payload) === 0;
      demand(isSame, 'frameNeverWrong', () => `frame ${sequence} is not what was appended`);
      numbers.push(sequence);
    }
    const lowest = numbers.at(0) ?? FIRST_FRAME;
    const expected = journal.newestFrame - lowest + 1 - numbers.length;
    demand(journal.missingFrames === expected, 'lossesAddUp', () => `${journal.missingFrames} frames, not ${expected}`);
    demand(journal.forked.length === 0, 'noFork', () => `frames ${journal.forked.map(({ sequence }) => sequence)}`);
    return numbers;
  }

  #checkStates(scan: FlightScan, bytes: Uint8Array): void {
    const stream = this.#log.journalStream(new PlainMedium(new Uint8Array(bytes), false), scan);
    if (stream === undefined) throw new BrokenPromise('stateIsTrue', 'there is no stream of observations');
    const reader = ObservationReader.open(stream);
    for (let index = 0; index < reader.epochCount; index += 1) {
      const { ordinal, firstRecord, recordCount } = reader.epoch(index);
      const epoch = this.#history.ledger.epochs.get(ordinal);
      if (epoch === undefined) {
        demand(ordinal >= LAST_ORDINAL, 'stateIsTrue', () => `epoch ${ordinal} was never observed`);
        continue;
      }
      const isSame = firstRecord === epoch.firstRecord && recordCount === epoch.recordCount;
      demand(isSame, 'stateIsTrue', () => `epoch ${ordinal} has other records`);
      const words = reader.wordsAfter(index);
      const isTrue = words === undefined || words.every((word, at) => word === epoch.words[at]);
      demand(isTrue, 'stateIsTrue', () => `the state after epoch ${ordinal} is another one`);
    }
  }

  /** What this crash must have left. */
  #checkExpectation(scan: FlightScan, { sequences, frames }: Read): void {
    const expected = this.#expectation;
    const kept = (isFirst: PromiseName): PromiseName => (expected.isFirstCrash ? isFirst : 'recoveryKeeps');
    const promise = kept(expected.cause === 'kill' ? 'keptAfterKill' : 'keptAfterSync');
    const lostRecord = expected.requiredRecords.find((each) => !sequences.includes(each));
    demand(lostRecord === undefined, promise, () => `record ${lostRecord} is gone; ${sequences} are there`);
    const lostFrame = expected.requiredFrames.find((each) => !frames.includes(each));
    demand(lostFrame === undefined, promise, () => `frame ${lostFrame} is gone; ${frames} are there`);
    const { newestSequence, journal, superblock } = scan;
    const isPossible = newestSequence >= expected.newestAtLeast && newestSequence <= expected.newestAtMost;
    demand(isPossible, 'numbersOnce', () => `the newest is said to be ${newestSequence}, of ${text(expected)}`);
    demand(
      superblock.syncedSequence <= expected.markAtMost && superblock.syncedFrame <= expected.frameMarkAtMost,
      'markNeverLeads',
      () => `${superblock.syncedSequence} and frame ${superblock.syncedFrame}, of ${text(expected)}`,
    );
    const hasMark = superblock.syncedSequence >= expected.markAtLeast;
    demand(hasMark, 'markTrailsByOne', () => `${superblock.syncedSequence}, at least ${expected.markAtLeast}`);
    if (expected.cause === 'kill' && expected.isFirstCrash) this.#checkKilledFrames(frames);
    const hasBase = frames.some((number) => this.#history.ledger.frames.get(number)?.isBase);
    demand(hasBase || !expected.needsBase, 'baseIsThere', () => `of frames ${frames} none has a whole state`);
    const isSeen = journal.frames.some(({ isBase }) => isBase) === hasBase;
    demand(isSeen, 'baseIsThere', () => `whether frames ${frames} hold a whole state is told wrong`);
  }

  /** Frames that were destroyed as they should be leave no gap. */
  #checkKilledFrames(frames: readonly number[]): void {
    const gap = frames.flatMap((number, index) => {
      const before = frames[index - 1] ?? number - 1;
      return Array.from({ length: number - before - 1 }, (_, missing) => before + 1 + missing);
    });
    const lost = gap.filter((number) => !this.#expectation.spoiltFrames.includes(number));
    demand(lost.length === 0, 'killIsNoRot', () => `of frames ${frames} ${lost} are said to be missing`);
  }

  /** Opens it twice: the first time puts everything right, so the second finds nothing. */
  #recover(medium: PlainMedium, bytes: Uint8Array, scan: FlightScan, before: Read): Recovered {
    const scrubbed: { readonly offset: number; readonly bytes: Uint8Array }[] = [];
    const log = this.#open('opened', () =>
      this.#log.FlightLog.open(medium, { onScrub: (each) => scrubbed.push(each) }),
    );
    this.#checkFreshLoss(log, scan, before);
    this.#checkNextNumbers(log, scan, before);
    this.#checkHandedOver(bytes, scrubbed);
    const after = this.#log.scanFlightLog(medium);
    const left = this.#checkScan(after, bytes);
    demand(left.damaged.length === 0, 'recoveryKeeps', () => `positions ${left.damaged} are still damaged`);
    demand(`${left.sequences}` === `${before.sequences}`, 'recoveryKeeps', () => `records ${left.sequences}`);
    demand(`${left.frames}` === `${before.frames}`, 'recoveryKeeps', () => `frames ${left.frames}`);
    this.#checkSuperblockLosses(log, scan, after);
    const again = this.#open('opened again', () => this.#log.FlightLog.open(medium));
    const { recoveredLoss } = again;
    const isNew = recoveredLoss === undefined || LOSSES.some((kind) => recoveredLoss[kind] > 0);
    demand(!isNew, 'countedOnce', () => `opening again finds lost: ${recoveredLoss && lossText(recoveredLoss)}`);
    demand(again.nextSequence === log.nextSequence, 'numbersOnce', () => `${again.nextSequence} comes next`);
    return { lossesAfter: after.superblock.losses, log: again };
  }

  /** Damage counts unless a recovery was at it; what else is not there counts unless one has counted that number. */
  #checkFreshLoss({ recoveredLoss }: FlightLog, scan: FlightScan, { sequences, frames, damaged }: Read): void {
    if (recoveredLoss === undefined) throw new BrokenPromise('countedOnce', 'nothing is told of losses');
    const { superblock, oldestSequence, newestSequence, journal } = scan;
    const wasRecovering = superblock.state === RECOVERING;
    let expected = wasRecovering ? 0 : damaged.length;
    for (let number = Math.max(oldestSequence, superblock.countedSequence + 1); number <= newestSequence; number += 1) {
      const position = (number - 1) % scan.capacity;
      if (!sequences.includes(number) && !damaged.includes(position)) expected += 1;
    }
    const found = SLOT_LOSSES.reduce((total, kind) => total + recoveredLoss[kind], 0);
    demand(
      found === expected,
      'countedOnce',
      () => `${expected} are newly lost, counted are ${lossText(recoveredLoss)}`,
    );
    const lowest = Math.max(frames.at(0) ?? FIRST_FRAME, superblock.countedFrame + 1);
    const here = frames.filter((number) => number >= lowest).length;
    const missing = Math.max(0, journal.newestFrame - lowest + 1 - here);
    demand(recoveredLoss.missingFrames === missing, 'countedOnce', () => `${missing} frames are newly missing`);
    if (this.#expectation.cause === 'kill' && this.#expectation.isFirstCrash) this.#checkKillLoss(recoveredLoss);
  }

  #checkKillLoss(loss: FlightLosses): void {
    // A write to a file that arrives in part may end within the sequence number, and then looks like anything.
    const ofOneAppend = this.#history.plan.isMapped
      ? (['unfinished', 'overtaken'] as const)
      : (['unfinished', 'overtaken', 'torn', 'corrupt'] as const);
    const isOfOneAppend = (kind: (typeof LOSSES)[number]): boolean => ofOneAppend.some((other) => other === kind);
    const odd = LOSSES.filter((kind) => loss[kind] > 0 && !isOfOneAppend(kind) && kind !== 'journalBytes');
    const count = ofOneAppend.reduce((total, kind) => total + loss[kind], 0);
    demand(odd.length === 0 && count <= 1, 'killIsNoRot', () => `lost are ${lossText(loss)}`);
  }

  #checkNextNumbers({ nextSequence }: FlightLog, scan: FlightScan, { sequences, frames }: Read): void {
    const used = Math.max(
      sequences.at(-1) ?? 0,
      ...frames.map((number) => this.#history.ledger.frames.get(number)?.newestRecord ?? 0),
    );
    demand(nextSequence > used, 'numbersOnce', () => `${nextSequence} comes next though ${used} is spoken of`);
    demand(nextSequence === scan.newestSequence + 1, 'numbersOnce', () => `${nextSequence} comes next`);
  }

  /** Whatever recovery set to zero was handed over as it was. */
  #checkHandedOver(
    now: Uint8Array,
    scrubbed: readonly { readonly offset: number; readonly bytes: Uint8Array }[],
  ): void {
    const before = this.#bytes;
    const handed = before.slice();
    for (const { offset, bytes } of scrubbed) {
      const isSame = Buffer.compare(bytes, before.subarray(offset, offset + bytes.length)) === 0;
      demand(isSame, 'handedOver', () => `what was handed over of ${offset} is not what was there`);
      handed.fill(0, offset, offset + bytes.length);
    }
    if (Buffer.compare(now.subarray(SECTIONS_START), handed.subarray(SECTIONS_START)) === 0) return;
    for (let at = SECTIONS_START; at < before.length; at += 1) {
      if (now[at] === handed[at]) continue;
      demand(now[at] !== 0 || before[at] === 0, 'handedOver', () => `byte ${at} was zeroed and not handed over`);
    }
  }

  #checkSuperblockLosses({ recoveredLoss }: FlightLog, before: FlightScan, after: FlightScan): void {
    const { losses } = after.superblock;
    for (const kind of LOSSES) {
      const expected = before.superblock.losses[kind] + (recoveredLoss?.[kind] ?? 0);
      demand(losses[kind] === expected, 'countedOnce', () => `${kind}: ${losses[kind]}, expected ${expected}`);
      const known = this.#expectation.lossesAfter;
      const isAsKnown = known === undefined || known[kind] === losses[kind];
      demand(isAsKnown, 'countedOnce', () => `${kind}: ${losses[kind]}, without the second crash ${known?.[kind]}`);
    }
  }

  /** The process that recovered it appends up to a whole round, and everything is proven again. */
  #goOn(log: FlightLog, bytes: Uint8Array, before: Read, random: RandomWords): void {
    const { plan } = this.#history;
    const first = log.nextSequence;
    const added = new Map<number, FlightEntry>();
    for (let count = 1 + random.below(plan.capacity); count > 0; count -= 1) {
      const entry = randomEntry(random);
      added.set(log.nextSequence, entry);
      log.append(entry);
    }
    const last = log.nextSequence - 1;
    const frame = this.#appendKeyframe(log, first, last - first + 1, random);
    if (random.below(2) === 0) log.sync();
    const scan = log.scan();
    const { sequences, frames } = this.#checkScan(scan, bytes, { records: added, frame });
    this.#checkStates(scan, bytes);
    demand(frames.at(-1) === frame.number, 'goesOn', () => `frame ${frame.number} is not the newest of ${frames}`);
    const expected = [...before.sequences.filter((each) => each > last - plan.capacity), ...added.keys()];
    // A record of before the window stays until its position is needed.
    const isThere = (each: number): boolean => sequences.includes(each);
    demand(expected.every(isThere), 'goesOn', () => `records ${expected} were expected, ${sequences} are there`);
    demand(scan.newestSequence === last, 'goesOn', () => `${last} was the last, said to be ${scan.newestSequence}`);
    demand(scan.journal.strayBytes === 0, 'goesOn', () => `${scan.journal.strayBytes} bytes are no frame`);
  }

  #appendKeyframe(log: FlightLog, firstRecord: number, recordCount: number, random: RandomWords): AddedFrame {
    const { stateWords } = this.#history.plan;
    const words = Uint32Array.from({ length: stateWords }, () => random.next());
    const layout = resolveLayout(layoutOf(stateWords));
    const encoder = new ObservationEncoder(layout, words, [0, 0], { keyframeInterval: 1 });
    const facts = { ordinal: LAST_ORDINAL, deviceEpoch: 0, firstRecord, recordCount, done: 0, faulted: 0, pending: 0 };
    const { bytes } = encoder.epoch({ ...facts, faultDigest: [0, 0], recordsDigest: [0, 0], words }, 0);
    const { newestFrame } = log.scan().journal;
    try {
      log.appendFrames(bytes);
    } catch (error) {
      throw new BrokenPromise('goesOn', `no frame can be appended: ${error instanceof Error ? error.message : error}`);
    }
    return { number: newestFrame + 1, kind: FrameKind.EPOCH, payload: bytes.slice(FRAME_HEADER_BYTES) };
  }
}

/** Beyond the ordinals of any history. */
const LAST_ORDINAL = 1_000_000;
/** Superblocks and hints come before it; they change in other ways. */
const SECTIONS_START = 12_288;

interface AddedFrame {
  readonly number: number;
  readonly kind: number;
  readonly payload: Uint8Array;
}

/** What the check itself appended. */
interface Added {
  readonly records: ReadonlyMap<number, FlightEntry>;
  readonly frame: AddedFrame;
}

interface Recovered {
  readonly lossesAfter: FlightLosses;
  /** The log, open. */
  readonly log: FlightLog;
}

interface Read {
  readonly sequences: readonly number[];
  readonly frames: readonly number[];
  /** Positions that are neither zero nor a record. */
  readonly damaged: readonly number[];
}

/** Positions that are neither zero nor a record that was read, and how many of them no number of the window belongs to. */
function countDamage(scan: FlightScan, bytes: Uint8Array, firstSequence: number): { all: number[]; outside: number } {
  const { capacity, columns, newestSequence } = scan;
  const read = new Set(columns.position);
  const all: number[] = [];
  let outside = 0;
  for (let position = 0; position < capacity; position += 1) {
    const at = scan.superblock.geometry.slotsOffset + position * RECORD_BYTES;
    if (read.has(position) || bytes.subarray(at, at + RECORD_BYTES).every((byte) => byte === 0)) continue;
    all.push(position);
    const age = (((newestSequence - 1 - position) % capacity) + capacity) % capacity;
    if (newestSequence - age < firstSequence) outside += 1;
  }
  return { all, outside };
}

function isSameEntry(record: FlightRecord, entry: FlightEntry): boolean {
  const { args, failure } = entry;
  return (
    record.timestampNs === entry.timestampNs &&
    record.slotIndex === entry.slotIndex &&
    record.tenantId === entry.tenantId &&
    record.opcode === entry.opcode &&
    record.priority === entry.priority &&
    record.epoch === entry.epoch &&
    record.args.every((word, index) => word === (args[index] ?? 0)) &&
    record.failure?.slotStatus === failure?.slotStatus &&
    record.failure?.failureClass === failure?.failureClass &&
    record.failure?.backendCode === failure?.backendCode &&
    record.failure?.outputDigest === failure?.outputDigest
  );
}

function lossText(loss: FlightLosses): string {
  return LOSSES.filter((kind) => loss[kind] > 0)
    .map((kind) => `${kind} ${loss[kind]}`)
    .join(', ');
}

function text(expectation: Expectation): string {
  return JSON.stringify(expectation);
}
