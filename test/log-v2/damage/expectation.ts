/**
 * What a reader has to say about a known log once some of its bytes were changed or cut off, told from the tables of
 * `spec/log-v2.md`, which are read out of it, and from the bytes that were there before. Nothing is summed: what differs from
 * what was written is damaged, and what does not is not.
 */

import { LOSS_KINDS, type LossKind } from '../../../src/log-v2/index.ts';
import { layoutAfter, tableAfter } from '../core/spec-tables.ts';
import { type KnownFrame, type KnownLog, sequenceAt } from './known-log.ts';

/** What has to come out. */
export interface Expectation {
  /** Nothing is left of the superblock: the log is refused, and all else here is empty. */
  readonly isRefused: boolean;
  readonly hasMetadata: boolean;
  /** Kinds of findings, sorted. */
  readonly kinds: readonly string[];
  readonly loss: Readonly<Record<LossKind, number>>;
  /** The part of it that no recovery has counted yet. */
  readonly fresh: Readonly<Record<LossKind, number>>;
  /** What earlier recoveries counted. */
  readonly before: Readonly<Record<LossKind, number>>;
  readonly newest: number;
  readonly oldest: number;
  readonly incarnation: number;
  /** Numbers of the records that are there, rising. */
  readonly records: readonly number[];
  /** Numbers of the frames that are there, rising. */
  readonly frames: readonly number[];
  /** What recovery has to hand over and zero, as far as the file goes: offset and length. */
  readonly scrubs: readonly (readonly [offset: number, bytes: number])[];
}

const PAGE_BYTES = 4096;
const SUPERBLOCK = layoutAfter('### Superblock');
const SUPERBLOCK_BYTES = 512;
const RECORD_BYTES = 128;
const METADATA_OFFSET = 3 * PAGE_BYTES;
const METADATA_HEAD_BYTES = 16;
/** Of the head, what is summed. */
const METADATA_SUMMED_BYTES = 12;
const FIRST_FRAME = 3;
const RECOVERING = 2;
const POSITION_ROWS = tableAfter('### What a position holds');
const LOSS_ROWS = tableAfter('### Which records are lost');
if (POSITION_ROWS.length !== 8 || LOSS_ROWS.length !== 12) {
  throw new Error('the tables of spec/log-v2.md have other rows. Fix: see whether this model still reads them right.');
}

/** Where the sections of a known log are. */
export interface Places {
  readonly metadata: number;
  readonly metadataUsed: number;
  readonly slots: number;
  readonly journal: number;
  readonly metadataCopy: number;
}

/** Told from the specification's first table. */
export function placesOf(known: KnownLog): Places {
  const pages = (bytes: number): number => Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES;
  const jsonBytes = new DataView(known.bytes.buffer, known.bytes.byteOffset).getUint32(METADATA_OFFSET, true);
  const metadataUsed = METADATA_HEAD_BYTES + jsonBytes;
  const slots = METADATA_OFFSET + pages(metadataUsed);
  const journal = slots + pages(RECORD_BYTES * known.capacity);
  return { metadata: METADATA_OFFSET, metadataUsed, slots, journal, metadataCopy: journal + pages(known.journalBytes) };
}

interface SuperblockFacts {
  readonly incarnation: number;
  readonly generation: number;
  readonly firstSequence: number;
  readonly syncedSequence: number;
  readonly syncedFrame: number;
  readonly countedSequence: number;
  readonly countedFrame: number;
  readonly state: number;
  readonly losses: Record<LossKind, number>;
}

/** Judges `bytes`, which come of the known log's. */
export function expectationOf(known: KnownLog, bytes: Uint8Array): Expectation {
  const places = placesOf(known);
  // What is cut off reads as zeros, and will be.
  const padded = new Uint8Array(known.bytes.length);
  padded.set(bytes);
  const isSame = (start: number, length: number): boolean => isUnchanged(known.bytes, bytes, start, length);
  const copies = [0, 1].filter((copy) => isSame(copy * PAGE_BYTES, SUPERBLOCK_BYTES));
  if (copies.length === 0) return REFUSED;
  const facts = copies
    .map((copy) => factsAt(known.bytes, copy * PAGE_BYTES))
    .reduce((best, other) => (other.generation > best.generation ? other : best));
  const metadataCopies = [places.metadata, places.metadataCopy].filter(
    (offset) =>
      isSame(offset, METADATA_SUMMED_BYTES) &&
      isSame(offset + METADATA_HEAD_BYTES, places.metadataUsed - METADATA_HEAD_BYTES),
  ).length;
  const journal = judgeJournal(known, bytes, padded, places, facts);
  const slots = judgeSlots(known, padded, places, facts, journal.newestRecord);
  const loss = { ...slots.loss, journalBytes: journal.strayBytes, missingFrames: journal.missing.length };
  const fresh = {
    ...slots.fresh,
    journalBytes: facts.state === RECOVERING ? 0 : journal.strayBytes,
    missingFrames: journal.missing.filter((sequence) => sequence > facts.countedFrame).length,
  };
  const kinds = [
    ...LOSS_KINDS.filter((kind) => loss[kind] > 0),
    ...(copies.length === 1 ? ['superblockDamaged'] : []),
    ...[['metadataLost'], ['metadataDamaged'], []][metadataCopies],
    ...(bytes.length < known.bytes.length ? ['fileTruncated'] : []),
    ...(facts.state === 0 ? [] : ['notClosed']),
    ...(Object.values(facts.losses).some((count) => count > 0) ? ['lostBefore'] : []),
    ...(slots.oldest > facts.firstSequence ? ['wrapped'] : []),
    ...(slots.older > 0 ? ['older'] : []),
  ];
  return {
    isRefused: false,
    hasMetadata: metadataCopies > 0,
    kinds: kinds.sort(),
    loss,
    fresh,
    before: facts.losses,
    newest: slots.newest,
    oldest: slots.oldest,
    incarnation: facts.incarnation,
    records: slots.records,
    frames: journal.frames,
    scrubs: [...slots.scrubs, ...journal.stray].map(([offset, length]) => [
      offset,
      Math.min(length, bytes.length - offset),
    ]),
  };
}

function noLosses(): Record<LossKind, number> {
  const none: Partial<Record<LossKind, number>> = {};
  for (const kind of LOSS_KINDS) none[kind] = 0;
  return none as Record<LossKind, number>;
}

const REFUSED: Expectation = {
  isRefused: true,
  hasMetadata: false,
  kinds: [],
  loss: noLosses(),
  fresh: noLosses(),
  before: noLosses(),
  newest: 0,
  oldest: 0,
  incarnation: 0,
  records: [],
  frames: [],
  scrubs: [],
};

function isUnchanged(before: Uint8Array, after: Uint8Array, start: number, length: number): boolean {
  if (start + length > after.length) return false;
  for (let index = start; index < start + length; index += 1) if (before[index] !== after[index]) return false;
  return true;
}

function factsAt(bytes: Uint8Array, start: number): SuperblockFacts {
  const view = new DataView(bytes.buffer, bytes.byteOffset + start);
  const field = (name: string, index = 0): number => {
    const { offset, bytes: length } = SUPERBLOCK[name];
    const low = view.getUint32(offset + 8 * index, true);
    return length === 4 ? low : low + 2 ** 32 * view.getUint32(offset + 8 * index + 4, true);
  };
  const losses = noLosses();
  for (const [index, kind] of LOSS_KINDS.entries()) losses[kind] = field('losses', index);
  return {
    incarnation: field('incarnation'),
    generation: field('generation'),
    firstSequence: field('firstSequence'),
    syncedSequence: field('syncedSequence'),
    syncedFrame: field('syncedFrame'),
    countedSequence: field('countedSequence'),
    countedFrame: field('countedFrame'),
    state: field('state'),
    losses,
  };
}

interface PositionFacts {
  readonly finding: string;
  /** Of a valid or torn one. */
  readonly sequence: number;
}

/** A row of the first table. Every record of a known log is its own and in its place. */
function judgePosition(
  known: KnownLog,
  bytes: Uint8Array,
  start: number,
  position: number,
  synced: number,
): PositionFacts {
  const isBlank = isZero(bytes, start, RECORD_BYTES);
  const isGood = !isBlank && isUnchanged(known.bytes, bytes, start, RECORD_BYTES);
  const sequence = sequenceAt(bytes, start);
  const isNumber = sequence >= 1 && sequence <= Number.MAX_SAFE_INTEGER;
  const facts = [
    isBlank ? 'yes' : 'no',
    isGood ? 'good' : 'bad',
    isGood ? 'yes' : 'no',
    isZero(bytes, start + RECORD_BYTES - 4, 4) ? 'yes' : 'no',
    isNumber && (sequence - 1) % known.capacity === position ? 'yes' : 'no',
    sequence > synced ? 'yes' : 'no',
  ];
  return {
    finding: onlyRow(POSITION_ROWS, (row) => facts.every((fact, cell) => row[cell] === 'any' || row[cell] === fact)),
    sequence,
  };
}

function isZero(bytes: Uint8Array, start: number, length: number): boolean {
  for (let index = start; index < start + length; index += 1) if (bytes[index] !== 0) return false;
  return true;
}

/** The last cell of the one row that holds. */
function onlyRow(rows: readonly string[][], holds: (row: string[]) => boolean): string {
  const found = rows.filter(holds);
  if (found.length !== 1) throw new Error(`${found.length} rows of a table of spec/log-v2.md hold at once`);
  return found[0][found[0].length - 1];
}

function judgeSlots(
  known: KnownLog,
  bytes: Uint8Array,
  places: Places,
  facts: SuperblockFacts,
  newestRecord: number,
): {
  loss: Record<LossKind, number>;
  fresh: Record<LossKind, number>;
  newest: number;
  oldest: number;
  older: number;
  records: number[];
  scrubs: [number, number][];
} {
  const { capacity } = known;
  const startOf = (position: number): number => places.slots + RECORD_BYTES * position;
  const positions = Array.from({ length: capacity }, (_, position) =>
    judgePosition(known, bytes, startOf(position), position, facts.syncedSequence),
  );
  const records = positions.filter(({ finding }) => finding === 'valid').map(({ sequence }) => sequence);
  const newest = Math.max(...records, facts.syncedSequence, newestRecord, facts.firstSequence - 1);
  const oldest = Math.max(facts.firstSequence, newest - capacity + 1);
  const [loss, fresh] = [noLosses(), noLosses()];
  const scrubs: [number, number][] = [];
  for (const [position, { finding, sequence }] of positions.entries()) {
    const expected = numberOf(position, newest, capacity);
    const answer = judgeNumber(finding, sequence, expected, expected >= facts.firstSequence, newest, capacity);
    const isWhole = finding === 'empty' || finding === 'valid';
    if (!isWhole) scrubs.push([startOf(position), RECORD_BYTES]);
    if (answer === 'the record' || answer === 'nothing') continue;
    const kind = LOSS_KINDS.find((each) => each === answer);
    if (kind === undefined) throw new Error(`"${answer}" is no loss`);
    loss[kind] += 1;
    const isCounted = isWhole ? expected <= facts.countedSequence : facts.state === RECOVERING;
    if (!isCounted) fresh[kind] += 1;
  }
  records.sort((left, right) => left - right);
  const older = records.filter((sequence) => sequence < oldest).length;
  return { loss, fresh, newest, oldest, older, records, scrubs };
}

/** The number above `newest` − `capacity` and up to `newest` that belongs to a position; it may be none. */
function numberOf(position: number, newest: number, capacity: number): number {
  for (let number = newest; ; number -= 1) {
    if ((((number - 1) % capacity) + capacity) % capacity === position) return number;
  }
}

/** A row of the second table. */
function judgeNumber(
  finding: string,
  sequence: number,
  expected: number,
  isInWindow: boolean,
  newest: number,
  capacity: number,
): string {
  const isOldest = expected === newest - capacity + 1;
  const isNext = sequence === expected + capacity;
  const holds: Readonly<Record<string, boolean>> = {
    any: true,
    e: sequence === expected,
    'below e': sequence < expected,
    'e + capacity': isNext,
    'any other, and e is N − capacity + 1': !isNext && isOldest,
    'any other, and e is not': !isNext && !isOldest,
  };
  return onlyRow(
    LOSS_ROWS,
    ([of, window, number]) =>
      of === finding && (window === 'any' || window === (isInWindow ? 'yes' : 'no')) && holds[number],
  );
}

function judgeJournal(
  known: KnownLog,
  bytes: Uint8Array,
  padded: Uint8Array,
  places: Places,
  facts: SuperblockFacts,
): {
  frames: number[];
  missing: number[];
  stray: [number, number][];
  strayBytes: number;
  newestRecord: number;
} {
  const held = Math.max(0, Math.min(known.journalBytes, bytes.length - places.journal));
  const intact = [...known.frames.values()].filter(
    (frame) =>
      frame.position + frame.bytes.length <= held &&
      isUnchanged(known.bytes, bytes, places.journal + frame.position, frame.bytes.length),
  );
  const frames = intact.map(({ sequence }) => sequence).sort((left, right) => left - right);
  const newest = Math.max(FIRST_FRAME - 1, facts.syncedFrame, ...frames);
  const present = new Set(frames);
  const missing: number[] = [];
  for (let sequence = frames[0] ?? FIRST_FRAME; sequence <= newest; sequence += 1) {
    if (!present.has(sequence)) missing.push(sequence);
  }
  const stray = findStray(padded, places.journal, known.journalBytes, intact);
  return {
    frames,
    missing,
    stray,
    strayBytes: stray.reduce((total, [, length]) => total + length, 0),
    newestRecord: Math.max(0, ...intact.map((frame) => frame.newestRecord)),
  };
}

/** From the first to the last of the groups of 8 between two intact frames that are not zero. */
function findStray(bytes: Uint8Array, start: number, size: number, intact: readonly KnownFrame[]): [number, number][] {
  const stray: [number, number][] = [];
  const byPosition = [...intact].sort((left, right) => left.position - right.position);
  let gapStart = 0;
  for (const frame of [...byPosition, { position: size, bytes: new Uint8Array(0) }]) {
    const groups: number[] = [];
    for (let group = gapStart; group < frame.position; group += 8) {
      if (!isZero(bytes, start + group, 8)) groups.push(group);
    }
    const last = groups.at(-1);
    if (last !== undefined) stray.push([start + groups[0], last + 8 - groups[0]]);
    gapStart = frame.position + frame.bytes.length;
  }
  return stray;
}
