/** What no crash brings about, done on purpose: damage, bytes of other files, second writers, failing calls. */

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { FlightEntry, FlightLog, Medium } from '../../../src/log-v2/index.ts';
import { ObservationEncoder, resolveLayout } from '../../../src/observe/index.ts';
import { commitOf, encodeRecord, FILE_ID, makeEntry } from '../core/model.ts';
import { demand, type PromiseName } from '../crash/broken-promise.ts';
import type { LogV2 } from '../crash/history.ts';
import { PlainMedium, TracedMedium, type TraceEvent } from '../crash/traced-medium.ts';
import type { Variant } from './variant.ts';

/** @throws BrokenPromise unless the promise is kept. */
type DirectedCheck = (variant: Variant) => void;

const CAPACITY = 8;
const RECORD_BYTES = 128;
const PAGE_BYTES = 4096;
const SLOTS_AT = 4 * PAGE_BYTES;
const METADATA_AT = 3 * PAGE_BYTES;
const JOURNAL_AT = SLOTS_AT + PAGE_BYTES;
const SYNCED_SEQUENCE_AT = 72;
const OTHER_ID = [5, 6, 7, 8] as const;
const LAYOUT = {
  areas: [{ name: 'control', words: 16 }],
  regions: [{ name: 'all', area: 'control', start: 0, count: 16, equivalence: 'exact' as const }],
};

interface Made {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly medium: PlainMedium;
  readonly log: FlightLog;
}

/** A log of that many records in memory. */
function make(log: LogV2, records: number, fileId: readonly [number, number, number, number] = FILE_ID): Made {
  const options = {
    capacity: CAPACITY,
    journalBytes: PAGE_BYTES,
    metadata: { tool: 'safeguard test', layout: LAYOUT },
    fileId,
  };
  const bytes = new Uint8Array(log.flightLogBytes(options));
  const medium = new PlainMedium(bytes, true);
  const made = log.FlightLog.create(medium, options);
  for (let index = 0; index < records; index += 1) made.append(makeEntry(index));
  return { bytes, medium, log: made };
}

function row(bytes: Uint8Array, position: number): Uint8Array {
  return bytes.subarray(SLOTS_AT + position * RECORD_BYTES, SLOTS_AT + (position + 1) * RECORD_BYTES);
}

function sequencesOf(log: LogV2, bytes: Uint8Array): string {
  return `${log.scanFlightLogBytes(bytes).columns.sequence}`;
}

function demandRecords(log: LogV2, bytes: Uint8Array, expected: string, promise: PromiseName): void {
  const found = sequencesOf(log, bytes);
  demand(found === expected, promise, () => `records ${found} are read, not ${expected}`);
}

function demandFork(log: LogV2, bytes: Uint8Array, sequence: number): void {
  const { forks } = log.scanFlightLogBytes(bytes);
  demand(`${forks}` === `${sequence}`, 'forkReported', () => `forks are reported at [${forks}], not at ${sequence}`);
}

/** Both believe that they are the only one. */
function twoWritersBreakTheChain({ log }: Variant): void {
  const { bytes, medium } = make(log, 2);
  const [first, second] = [log.FlightLog.open(medium), log.FlightLog.open(medium)];
  second.append(makeEntry(20));
  first.append(makeEntry(10));
  second.append(makeEntry(21));
  demandFork(log, bytes, 4);
}

/** One writer's records, of which one was written over with an older version of itself. */
function oneWriterBreaksTheChain({ log }: Variant): void {
  const { bytes } = make(log, 2);
  const third = encodeRecord(makeEntry(2), { sequence: 3, incarnation: 1, previousCommit: commitOf(row(bytes, 1)) });
  row(bytes, 2).set(third);
  row(bytes, 3).set(encodeRecord(makeEntry(3), { sequence: 4, incarnation: 1, previousCommit: ~commitOf(third) }));
  demandFork(log, bytes, 4);
}

/** The older writer goes on behind a record of the newer one. */
function incarnationsNeverFall({ log }: Variant): void {
  const { bytes, medium } = make(log, 2);
  for (let count = 0; count < 2; count += 1) log.FlightLog.open(medium);
  const previousCommit = commitOf(row(bytes, 1));
  const third = encodeRecord(makeEntry(2), { sequence: 3, incarnation: 3, previousCommit });
  row(bytes, 2).set(third);
  row(bytes, 3).set(encodeRecord(makeEntry(3), { sequence: 4, incarnation: 2, previousCommit: commitOf(third) }));
  demandFork(log, bytes, 4);
}

/** Two writers of one history, of which one came in when the other had begun. */
function writersHaveIncarnations({ log }: Variant): void {
  const { bytes, medium } = make(log, 1);
  log.FlightLog.open(medium).append(makeEntry(1));
  const incarnation = new Uint32Array(bytes.slice().buffer)[(SLOTS_AT + RECORD_BYTES) / 4 + 27];
  demand(incarnation === 2, 'forkReported', () => `the second writer has incarnation ${incarnation}`);
}

/** A sector of another log was written here, or has been here all along. */
function recordsOfOtherFiles({ log }: Variant): void {
  const [own, other] = [make(log, 2), make(log, 3, OTHER_ID)];
  row(own.bytes, 2).set(row(other.bytes, 2));
  demandRecords(log, own.bytes, '1,2', 'foreignRefused');
}

/** Or a record that fits in every other respect. */
function recordsOfOtherFilesThatFollow({ log }: Variant): void {
  const { bytes } = make(log, 2);
  const third = encodeRecord(makeEntry(2), { sequence: 3, incarnation: 1, previousCommit: commitOf(row(bytes, 1)) });
  row(bytes, 2).set(third);
  const fourth = { sequence: 4, incarnation: 1, previousCommit: commitOf(third), salt: 1 };
  row(bytes, 3).set(encodeRecord(makeEntry(3), fourth));
  demandRecords(log, bytes, '1,2,3', 'foreignRefused');
}

function framesOfOtherFiles({ log }: Variant): void {
  const [own, other] = [make(log, 1), make(log, 1, OTHER_ID)];
  const words = new Uint32Array(16);
  const encoder = new ObservationEncoder(resolveLayout(LAYOUT), words, [1, 2], { keyframeInterval: 1 });
  other.log.appendFrames(encoder.initialState(0).bytes);
  own.bytes.set(other.bytes.subarray(JOURNAL_AT, JOURNAL_AT + PAGE_BYTES), JOURNAL_AT);
  const { frames } = log.scanFlightLogBytes(own.bytes).journal;
  demand(frames.length === 0, 'foreignRefused', () => `${frames.length} frames of another file are read`);
}

/** A record of a copy of this file, which went its own way. */
function recordsOfLaterWriters({ log }: Variant): void {
  const own = make(log, 2);
  const copy = own.bytes.slice();
  log.FlightLog.open(new PlainMedium(copy, true)).append(makeEntry(2));
  row(own.bytes, 2).set(row(copy, 2));
  demandRecords(log, own.bytes, '1,2', 'foreignRefused');
}

function recordsInOtherPlaces({ log }: Variant): void {
  const { bytes } = make(log, 2);
  row(bytes, 5).set(row(bytes, 1));
  demandRecords(log, bytes, '1,2', 'misplacedRefused');
}

function metadataHasASecondCopy({ log }: Variant): void {
  const { bytes } = make(log, 1);
  const copyAt = bytes.length - PAGE_BYTES;
  for (const at of [METADATA_AT, copyAt]) {
    const damaged = bytes.slice();
    damaged[at + 16 + '{"tool":"'.length] ^= 1;
    const tool = log.scanFlightLogBytes(damaged).metadata?.tool;
    demand(tool === 'safeguard test', 'secondCopy', () => `the metadata says ${tool}`);
  }
}

function superblockHasASecondCopy({ log }: Variant): void {
  const made = make(log, 3);
  made.log.sync();
  for (const copy of [0, 1]) {
    const damaged = made.bytes.slice();
    damaged[copy * PAGE_BYTES + SYNCED_SEQUENCE_AT] ^= 0x40;
    const { superblock } = log.scanFlightLogBytes(damaged);
    const isKnown = superblock.syncedSequence === 3 || superblock.syncedSequence === 0;
    demand(isKnown, 'secondCopy', () => `${superblock.syncedSequence} are said to be synced`);
  }
}

/** A sector that went to the wrong place is not the copy that belongs there. */
function superblockInTheOtherPlace({ log }: Variant): void {
  const { bytes } = make(log, 1);
  bytes.copyWithin(PAGE_BYTES, 0, 512);
  const kinds = log.scanFlightLogBytes(bytes).findings.map(({ kind }) => kind);
  demand(kinds.includes('superblockDamaged'), 'secondCopy', () => `found is [${kinds}]`);
}

/** Whichever copy of the superblock is lost, the records of the newest writer are its own. */
function incarnationIsInBothCopies({ log }: Variant): void {
  const { bytes, medium } = make(log, 1);
  log.FlightLog.open(medium).append(makeEntry(1));
  for (const copy of [0, 1]) {
    const damaged = bytes.slice();
    damaged.fill(0xff, copy * PAGE_BYTES, copy * PAGE_BYTES + 512);
    demandRecords(log, damaged, '1,2', 'secondCopy');
  }
}

/** Words that look at their own commit when the body of a record arrives. */
class WatchedWords extends Int32Array {
  readonly commits: number[] = [];

  override set(source: ArrayLike<number>, offset = 0): void {
    const commitAt = offset + RECORD_BYTES / 4 - 1;
    this.commits.push(this[commitAt]);
    super.set(source, offset);
    this.commits.push(this[commitAt]);
  }
}

/** The quick way of a real mapping, which nothing can trace. */
function commitIsClearedFirstAndSetLast({ log }: Variant): void {
  const options = { capacity: 1, metadata: { tool: 'safeguard test' }, fileId: FILE_ID };
  const bytes = new Uint8Array(log.flightLogBytes(options));
  const words = new WatchedWords(bytes.buffer);
  const plain = new PlainMedium(bytes, true);
  const medium: Medium = {
    label: '[watched]',
    mapping: { words },
    size: () => plain.size(),
    readAt: (target, position) => plain.readAt(target, position),
    writeAt: (source, position) => plain.writeAt(source, position),
    resize: (size) => plain.resize(size),
    sync: () => plain.sync(),
    close: () => plain.close(),
  };
  const made = log.FlightLog.create(medium, options);
  for (let index = 0; index < 3; index += 1) made.append(makeEntry(index));
  const { commits } = words;
  demand(`${commits}` === '0,0,0,0,0,0', 'commitOrder', () => `while bodies arrive the commit is ${commits}`);
}

/** A whole state in a frame. */
function stateFrame(ordinal: number): Uint8Array {
  const words = new Uint32Array(16).fill(ordinal);
  const encoder = new ObservationEncoder(resolveLayout(LAYOUT), words, [0, 0], { keyframeInterval: 1 });
  return encoder.epoch({ ...factsOf(ordinal), words }, 0).bytes.slice();
}

function factsOf(ordinal: number): Omit<Parameters<ObservationEncoder['epoch']>[0], 'words'> {
  const records = { firstRecord: 1, recordCount: 0, recordsDigest: [0, 0] as const };
  return { ordinal, ...records, deviceEpoch: 0, done: 0, faulted: 0, pending: 0, faultDigest: [0, 0] };
}

/** A frame of that length that holds a state. */
function frameOfBytes(bytes: number): Uint8Array {
  const own = frameOfWords(2).length - 2 * 4;
  return frameOfWords((bytes - own) / 4);
}

function frameOfWords(stateWords: number): Uint8Array {
  const layout = resolveLayout({
    areas: [{ name: 'control', words: stateWords }],
    regions: [{ name: 'all', area: 'control', start: 0, count: stateWords, equivalence: 'exact' }],
  });
  const words = new Uint32Array(stateWords).fill(0x5a5a_5a5a);
  const encoder = new ObservationEncoder(layout, words, [0, 0], { keyframeInterval: 1 });
  return encoder.epoch({ ...factsOf(0), words }, 0).bytes.slice();
}

interface TracedLog {
  readonly log: FlightLog;
  /** What is on stable storage. */
  readonly safe: Uint8Array;
  /** Stores since the last sync. */
  readonly stores: Extract<TraceEvent, { kind: 'store' }>[];
}

/** A mapped log whose stores and syncs are noted. */
function makeTraced(log: LogV2): TracedLog {
  const { bytes } = make(log, 1);
  const safe = bytes.slice();
  const stores: Extract<TraceEvent, { kind: 'store' }>[] = [];
  const medium = new TracedMedium(bytes, true, (event) => {
    if (event.kind === 'store') stores.push(event);
    if (event.kind !== 'sync') return;
    for (const store of stores.splice(0)) safe.set(store.bytes, store.offset);
  });
  return { log: log.FlightLog.open(medium), safe, stores };
}

/** Before anything of a frame arrives its sum is 0, and it is there last. */
function frameIsClearedFirstAndCountsLast({ log }: Variant): void {
  const traced = makeTraced(log);
  for (let ordinal = 0; ordinal < 20; ordinal += 1) {
    traced.stores.length = 0;
    traced.log.appendFrames(stateFrame(ordinal));
    const stores = traced.stores.filter(({ offset }) => offset >= JOURNAL_AT && offset < JOURNAL_AT + PAGE_BYTES);
    const sums = stores.flatMap(({ bytes }, index) => (bytes.length === 4 ? [index] : []));
    const [first, last] = [stores[sums.at(-2) ?? 0], stores[sums.at(-1) ?? 0]];
    const isClearedFirst = stores
      .slice(0, 1 + (sums.at(-2) ?? 0))
      .every(({ bytes }) => !bytes.some((byte) => byte > 0));
    const isInOrder = first.offset === last.offset && first !== last && sums.at(-1) === stores.length - 1;
    demand(isClearedFirst && isInOrder, 'commitOrder', () => `sums of frame ${ordinal} are stores ${sums}`);
  }
}

/** A kill in the middle of a payload of which only the end has arrived, as it may in a mapping. */
function framesAreTakenOldestFirst({ log }: Variant): void {
  const { medium, bytes } = make(log, 1);
  const journal = () => log.scanFlightLogBytes(left).journal;
  const left = bytes;
  const writer = log.FlightLog.open(medium);
  // Of different sizes, so that a frame begins in zeros and destroys more than one of them.
  for (const size of [304, 504, 504, 504, 1000, 1232, 184]) writer.appendFrames(frameOfBytes(size));
  const events: TraceEvent[] = [];
  log.FlightLog.open(new TracedMedium(bytes, true, (event) => events.push(event))).appendFrames(frameOfBytes(1104));
  for (const event of events) {
    if (event.kind !== 'store' || event.offset < JOURNAL_AT) continue;
    const arrived = event.bytes.length - (event.bytes.length >>> 2);
    left.set(event.bytes.subarray(arrived), event.offset + arrived);
    demand(journal().missingFrames === 0, 'killIsNoRot', () => 'a frame is said to be missing');
    left.set(event.bytes, event.offset);
  }
}

/** A loss of power of which nothing came down but the newest frame, and what was synced. */
function newestSyncedStateIsKept({ log }: Variant): void {
  const traced = makeTraced(log);
  const words = new Uint32Array(16);
  const encoder = new ObservationEncoder(resolveLayout(LAYOUT), words, [0, 0], { keyframeInterval: 20 });
  traced.log.appendFrames(encoder.initialState(0).bytes);
  traced.log.sync();
  traced.log.sync();
  for (let ordinal = 0; ordinal < 60; ordinal += 1) {
    const before = traced.stores.length;
    words[ordinal % 16] += 1;
    traced.log.appendFrames(encoder.epoch({ ...factsOf(ordinal), words }, 0).bytes);
    encoder.accept();
    const left = traced.safe.slice();
    for (const { bytes, offset } of traced.stores.slice(traced.stores.length < before ? 0 : before)) {
      left.set(bytes, offset);
    }
    const { frames } = log.scanFlightLogBytes(left).journal;
    const hasState = frames.some(({ isBase }) => isBase);
    demand(hasState, 'baseIsThere', () => `of frames [${frames.map(({ sequence }) => sequence)}] none has a state`);
  }
}

/** A medium whose next sync fails, or whose next write does when all of it has arrived. */
class FailingMedium extends PlainMedium {
  failing: 'sync' | 'write' | undefined;

  override sync(): void {
    this.#failIf('sync');
  }

  override writeAt(source: Uint8Array, position: number): void {
    super.writeAt(source, position);
    this.#failIf('write');
  }

  #failIf(call: 'sync' | 'write'): void {
    if (this.failing !== call) return;
    this.failing = undefined;
    throw new Error(`EIO: i/o error, ${call}`);
  }
}

function failsToAppend(log: FlightLog, entry: FlightEntry): boolean {
  try {
    log.append(entry);
    return false;
  } catch {
    return true;
  }
}

function syncThatFailedIsFinal({ log }: Variant): void {
  const medium = new FailingMedium(make(log, 2).bytes, true);
  const writer = log.FlightLog.open(medium);
  medium.failing = 'sync';
  try {
    writer.sync();
  } catch {}
  demand(failsToAppend(writer, makeEntry(2)), 'syncIsFinal', () => 'an append goes on after it');
}

function writeThatFailedDoesNotCount({ log }: Variant): void {
  const { bytes } = make(log, 2);
  const medium = new FailingMedium(bytes, false);
  const writer = log.FlightLog.open(medium);
  medium.failing = 'write';
  demand(failsToAppend(writer, makeEntry(2)), 'failedWrite', () => 'an append does not say that it failed');
  demandRecords(log, bytes, '1,2', 'failedWrite');
}

/** With the kernel's lock, and where there is none with the note. */
function secondWriterIsRefused(variant: Variant, isByNote: boolean): void {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'vrrl-safeguards-'));
  const file = path.join(folder, 'run.vrrl');
  const { systemCalls } = variant.calls;
  const calls = isByNote ? Object.create(systemCalls, { withoutNative: { value: 'left out' } }) : systemCalls;
  const writers: FlightLog[] = [];
  try {
    writers.push(variant.files.createFlightLogFile(file, { capacity: 4, metadata: { tool: 'test' } }, { calls }).log);
    try {
      writers.push(variant.files.openFlightLogFile(file, {}, { calls }).log);
    } catch {}
    demand(writers.length === 1, 'lockRefuses', () => `there are two${isByNote ? ' where the lock is a note' : ''}`);
  } finally {
    for (const writer of writers) writer.close();
    fs.rmSync(folder, { recursive: true });
  }
}

/** All of them, by what they do. */
export const DIRECTED_CHECKS: Readonly<Record<string, DirectedCheck>> = {
  twoWritersBreakTheChain,
  oneWriterBreaksTheChain,
  incarnationsNeverFall,
  writersHaveIncarnations,
  recordsOfOtherFiles,
  recordsOfOtherFilesThatFollow,
  framesOfOtherFiles,
  recordsOfLaterWriters,
  recordsInOtherPlaces,
  metadataHasASecondCopy,
  superblockHasASecondCopy,
  superblockInTheOtherPlace,
  incarnationIsInBothCopies,
  commitIsClearedFirstAndSetLast,
  frameIsClearedFirstAndCountsLast,
  framesAreTakenOldestFirst,
  newestSyncedStateIsKept,
  syncThatFailedIsFinal,
  writeThatFailedDoesNotCount,
  secondWriterIsRefusedByTheKernel: (variant: Variant): void => secondWriterIsRefused(variant, false),
  secondWriterIsRefusedByTheNote: (variant: Variant): void => secondWriterIsRefused(variant, true),
};
