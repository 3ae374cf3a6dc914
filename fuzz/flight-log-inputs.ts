/** v2 logs to fuzz with: damaged ones, forged ones, two logs in one file, and plain noise. */

import { crc32c } from '../src/base/crc32c.ts';
import { VrrlError } from '../src/base/errors.ts';
import { FLIGHT_MAGIC, FLIGHT_RECORD_BYTES, type Id, PAGE_BYTES } from '../src/log-v2/index.ts';
import { type KnownLog, makeKnownLog } from '../test/log-v2/damage/known-log.ts';

export type Random = () => number;

/** What may be believed: the content of these logs, or, where somebody forged a sum, anything. */
export interface Input {
  readonly bytes: Uint8Array;
  readonly truth: readonly KnownLog[] | undefined;
}

const MAX_MICROSECONDS = 1_000_000;
const MAX_NOISE_BYTES = 20_000;
/** Where the first copy of the metadata is, in all logs. */
export const METADATA_OFFSET: number = 3 * PAGE_BYTES;
const SUMMED_SUPERBLOCK_BYTES = 508;

/** What an attempt gives, or `undefined` if it is refused with an error of ours. */
export function orRefused<Result>(attempt: () => Result): Result | undefined {
  try {
    return attempt();
  } catch (error) {
    if (error instanceof VrrlError && error.message.includes(' Fix: ')) return undefined;
    throw error;
  }
}

/** Fails if it takes far more than such inputs do. The processor's time is counted: a busy machine is no finding. */
export function inTime(run: () => void): void {
  const before = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(before);
  if (user + system > MAX_MICROSECONDS) throw new Error(`took ${((user + system) / 1000).toFixed(0)} ms`);
}

export function isEqual(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}

/** A log that something happened to, or none at all. */
export function makeInput(random: Random): Input {
  const kind = random() % 8;
  if (kind === 0) return { bytes: makeNoise(random), truth: [] };
  const one = makeLog(random, [1, 2, 3, 4], 0);
  if (kind <= 2) return { bytes: damage(one.bytes.slice(), random), truth: [one] };
  if (kind <= 4) return { bytes: forge(one, random), truth: undefined };
  const isSameFile = random() % 2 === 0;
  const other = makeLog(random, isSameFile ? [1, 2, 3, 4] : [5, 6, 7, 8], 1);
  const spliced = splice(one.bytes, other.bytes, random);
  if (kind <= 6) return { bytes: spliced, truth: [one, other] };
  return { bytes: damage(forge({ ...one, bytes: spliced }, random), random), truth: undefined };
}

/** Some of it begins as a log does. */
function makeNoise(random: Random): Uint8Array {
  const bytes = Uint8Array.from({ length: random() % MAX_NOISE_BYTES }, () => random());
  if (random() % 2 === 0 && bytes.length >= PAGE_BYTES) {
    bytes.set(new TextEncoder().encode(FLIGHT_MAGIC));
    if (random() % 2 === 0) resumSuperblocks(bytes);
  }
  return bytes;
}

function makeLog(random: Random, fileId: Id, variant: number): KnownLog {
  const capacity = 1 + (random() % 12);
  const hasJournal = random() % 4 !== 0;
  const records = Array.from({ length: 1 + (random() % 3) }, () => random() % (2 * capacity + 2));
  return makeKnownLog(
    {
      name: 'fuzz',
      capacity,
      journalBytes: hasJournal ? PAGE_BYTES : 0,
      records,
      framesPerRecord: hasJournal ? random() % 3 : 0,
      isClosed: random() % 2 === 0,
      isReopened: random() % 4 === 0,
      variant,
    },
    fileId,
  );
}

type Mutation = (bytes: Uint8Array, random: Random) => Uint8Array;

/** Up to three accidents. */
export function damage(bytes: Uint8Array, random: Random): Uint8Array {
  let damaged = bytes;
  const rounds = random() % 4;
  for (let round = 0; round < rounds; round += 1) damaged = MUTATIONS[random() % MUTATIONS.length](damaged, random);
  return damaged;
}

const MUTATIONS: readonly Mutation[] = [flipBit, flipBit, replaceWord, cutShort, addBytes, zeroStretch, moveStretch];

function flipBit(bytes: Uint8Array, random: Random): Uint8Array {
  if (bytes.length > 0) bytes[aim(bytes, random)] ^= 1 << (random() % 8);
  return bytes;
}

function replaceWord(bytes: Uint8Array, random: Random): Uint8Array {
  if (bytes.length < 8) return bytes;
  const offset = Math.min(bytes.length - 4, aim(bytes, random) & ~3);
  new DataView(bytes.buffer).setUint32(offset, makeWord(random), true);
  return bytes;
}

/** Where there is something, most of the time: most of a small log is zeros. */
function aim(bytes: Uint8Array, random: Random): number {
  for (let attempt = 0; attempt < 8; attempt += 1) {
    const index = random() % bytes.length;
    if (bytes[index] !== 0) return index;
  }
  return random() % bytes.length;
}

function cutShort(bytes: Uint8Array, random: Random): Uint8Array {
  return bytes.slice(0, random() % (bytes.length + 1));
}

function addBytes(bytes: Uint8Array, random: Random): Uint8Array {
  const longer = new Uint8Array(bytes.length + (random() % 600));
  longer.set(bytes);
  return longer.fill(random(), bytes.length);
}

function zeroStretch(bytes: Uint8Array, random: Random): Uint8Array {
  const start = random() % (bytes.length + 1);
  return bytes.fill(0, start, start + (random() % 700));
}

/** A write that went astray: a sector, a record, a page. */
function moveStretch(bytes: Uint8Array, random: Random): Uint8Array {
  const unit = [8, FLIGHT_RECORD_BYTES, 512, PAGE_BYTES][random() % 4];
  const from = unit * (random() % Math.ceil((bytes.length + 1) / unit));
  const to = unit * (random() % Math.ceil((bytes.length + 1) / unit));
  const moved = bytes.slice(from, from + unit);
  bytes.set(moved.subarray(0, Math.max(0, bytes.length - to)), Math.min(to, bytes.length));
  return bytes;
}

/** Stretches of one log in the other, as when two writers were at it or a disk mixed two files up. */
function splice(one: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  const bytes = one.slice();
  const stretches = 1 + (random() % 4);
  for (let stretch = 0; stretch < stretches; stretch += 1) {
    const unit = [4, FLIGHT_RECORD_BYTES, 512, PAGE_BYTES][random() % 4];
    const start = unit * (random() % Math.ceil(bytes.length / unit));
    const length = Math.min(unit * (1 + (random() % 4)), bytes.length - start);
    bytes.set(other.subarray(start, start + length), start);
  }
  return bytes;
}

// Forged sums

/** Numbers that get further than arbitrary ones. */
function makeWord(random: Random): number {
  const limits = [0, 1, 2, 0xffff_ffff, 0x1f_ffff, 0x20_0000, 0x8000_0000, PAGE_BYTES, 1 << 20, random()];
  return random() % 2 === 0 ? random() % 64 : limits[random() % limits.length];
}

/** A log with some numbers replaced and the sums made right again, so that what is behind the sums is reached. */
function forge(known: KnownLog, random: Random): Uint8Array {
  const bytes = known.bytes.slice();
  const changes = 1 + (random() % 3);
  for (let change = 0; change < changes; change += 1) {
    const part = random() % 4;
    if (part === 0) forgeSuperblock(bytes, random);
    else if (part === 1) forgeRecord(known, bytes, random);
    else if (part === 2) forgeFrame(known, bytes, random);
    else forgeMetadata(bytes, random);
  }
  return bytes;
}

function forgeSuperblock(bytes: Uint8Array, random: Random): void {
  const view = new DataView(bytes.buffer);
  const offset = 8 + 4 * (random() % 94);
  const word = makeWord(random);
  const copies = random() % 3;
  for (const copy of [0, 1])
    if (copies === 2 || copy === copies) view.setUint32(copy * PAGE_BYTES + offset, word, true);
  resumSuperblocks(bytes);
}

function resumSuperblocks(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer);
  for (const copy of [0, PAGE_BYTES]) {
    const end = copy + SUMMED_SUPERBLOCK_BYTES;
    if (end + 4 <= bytes.length) view.setUint32(end, crc32c(bytes, copy, end), true);
  }
}

function forgeRecord(known: KnownLog, bytes: Uint8Array, random: Random): void {
  const view = new DataView(bytes.buffer);
  const slots = slotsOffsetOf(known);
  const start = slots + FLIGHT_RECORD_BYTES * (random() % known.capacity);
  // Numbers, salt and what comes after it are what recovery goes by.
  const word = random() % 2 === 0 ? random() % 2 : 26 + (random() % 5);
  view.setUint32(start + 4 * word, makeWord(random), true);
  view.setUint32(start + FLIGHT_RECORD_BYTES - 4, crc32c(bytes, start, start + FLIGHT_RECORD_BYTES - 4), true);
}

/** Metadata of these logs takes one page. */
function slotsOffsetOf(_known: KnownLog): number {
  return METADATA_OFFSET + PAGE_BYTES;
}

function forgeFrame(known: KnownLog, bytes: Uint8Array, random: Random): void {
  const frames = [...known.frames.values()];
  if (frames.length === 0) return;
  const { position, bytes: old } = frames[random() % frames.length];
  const journal = slotsOffsetOf(known) + PAGE_BYTES;
  const start = journal + position;
  const view = new DataView(bytes.buffer);
  const isHeader = random() % 2 === 0;
  const word = isHeader ? random() % 6 : 8 + (random() % 18);
  view.setUint32(start + 4 * word, makeWord(random), true);
  const payloadEnd = start + 32 + Math.ceil(view.getUint32(start + 4, true) / 8) * 8;
  const end = payloadEnd <= journal + known.journalBytes && random() % 4 !== 0 ? payloadEnd : start + old.length;
  resum(bytes, start, end);
}

/** Makes the sums of a frame right again. */
export function resum(bytes: Uint8Array, start: number, end: number): void {
  const view = new DataView(bytes.buffer);
  view.setUint32(start + 24, crc32c(bytes, start + 32, end), true);
  view.setUint32(start + 28, crc32c(bytes, start, start + 28), true);
}

function forgeMetadata(bytes: Uint8Array, random: Random): void {
  const view = new DataView(bytes.buffer);
  const start = random() % 2 === 0 ? METADATA_OFFSET : bytes.length - PAGE_BYTES;
  if (start + PAGE_BYTES > bytes.length || start % 4 !== 0) return;
  const word = random() % 24;
  if (word !== 2) view.setUint32(start + 4 * word, makeWord(random), true);
  const end = Math.min(bytes.length, start + 16 + view.getUint32(start, true));
  const head = crc32c(bytes, start, start + 8);
  view.setUint32(start + 8, crc32c(bytes, start + 16, Math.max(end, start + 16), head), true);
}
