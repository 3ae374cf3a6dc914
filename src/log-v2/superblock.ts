/** The page that says what a log is: read from the better of two copies, written in turn. */

import { crc32c } from '../base/crc32c.ts';
import { WORD_BYTES } from '../base/words.ts';
import { LOG_MAGIC } from '../log/index.ts';
import type { Storage } from '../storage/index.ts';
import { FlightFlagsError, FlightFormatError, FlightVersionError } from './errors.ts';
import { type FlightGeometry, geometryOf, type Section, sectionsOf } from './geometry.ts';
import {
  FLIGHT_MAGIC,
  FLIGHT_VERSION,
  KNOWN_COMPAT_FLAGS,
  KNOWN_INCOMPAT_FLAGS,
  LOSS_KINDS,
  LogState,
  type LossKind,
  MAX_SECTIONS,
  PAGE_BYTES,
  SECTION_BYTES,
  SECTION_LAYOUT,
  SUPERBLOCK_BYTES,
  SUPERBLOCK_COPIES,
  SUPERBLOCK_LAYOUT,
  wordOf,
} from './layout.ts';
import { readPair, writePair } from './pairs.ts';

/** 128 bits as four words. */
export type Id = readonly [number, number, number, number];

/** An id that no other log has. */
export function randomId(): Id {
  const [first, second, third, fourth] = crypto.getRandomValues(new Uint32Array(4));
  return [first, second, third, fourth];
}

/** How much was lost, by kind. */
export type FlightLosses = Readonly<Record<LossKind, number>>;

/** A superblock that was checked. */
export interface Superblock {
  readonly compatFlags: number;
  /** Compat flags that this program does not know. */
  readonly unknownCompatFlags: number;
  readonly incarnation: number;
  readonly fileId: Id;
  readonly bootId: Id;
  readonly generation: number;
  readonly firstSequence: number;
  readonly syncedSequence: number;
  readonly syncedFrame: number;
  readonly countedSequence: number;
  readonly countedFrame: number;
  readonly state: number;
  /** What recoveries found lost so far. */
  readonly losses: FlightLosses;
  readonly geometry: FlightGeometry;
}

/** What a writer changes. */
export type SuperblockChanges = Partial<
  Pick<
    Superblock,
    | 'incarnation'
    | 'bootId'
    | 'syncedSequence'
    | 'syncedFrame'
    | 'countedSequence'
    | 'countedFrame'
    | 'state'
    | 'losses'
  >
>;

/** What reading the two copies came to. */
export interface SuperblockRead {
  readonly superblock: Superblock;
  /** The copy that counts, with all that this program does not know. */
  readonly words: Uint32Array;
  readonly copyIndex: number;
  /** The copies that are not intact. */
  readonly damagedCopies: readonly number[];
}

const WORDS = SUPERBLOCK_BYTES / WORD_BYTES;
const SECTION_WORDS = SECTION_BYTES / WORD_BYTES;
const MAGIC_WORDS: Uint32Array = new Uint32Array(new TextEncoder().encode(FLIGHT_MAGIC).buffer.slice(0, 8));

/** What is lost when nothing is. */
export function noLosses(): Record<LossKind, number> {
  return {
    unfinished: 0,
    overtaken: 0,
    torn: 0,
    corrupt: 0,
    foreign: 0,
    misplaced: 0,
    missing: 0,
    journalBytes: 0,
    missingFrames: 0,
  };
}

/**
 * Reads and judges both copies.
 *
 * @throws FlightFormatError, FlightVersionError, FlightFlagsError if the log cannot be read.
 * @throws StorageError if the file cannot be.
 */
export function readSuperblock(storage: Storage): SuperblockRead {
  const copies = Array.from({ length: SUPERBLOCK_COPIES }, (_, index) => readCopy(storage, index));
  const damagedCopies = [...copies.keys()].filter((index) => copies[index] === undefined);
  let copyIndex = -1;
  for (const [index, words] of copies.entries()) {
    if (words === undefined) continue;
    const best = copies[copyIndex];
    if (best === undefined || generationOf(words) > generationOf(best)) copyIndex = index;
  }
  const words = copies[copyIndex];
  if (words === undefined) throw noSuperblock(storage);
  return { superblock: parse(words, storage.label), words, copyIndex, damagedCopies };
}

/** The words of a copy; undefined if it is not intact. */
function readCopy(storage: Storage, index: number): Uint32Array | undefined {
  const words = new Uint32Array(WORDS);
  const bytes = new Uint8Array(words.buffer);
  if (storage.readAt(bytes, index * PAGE_BYTES) < SUPERBLOCK_BYTES) return undefined;
  const isOurs = words[0] === MAGIC_WORDS[0] && words[1] === MAGIC_WORDS[1];
  const isWhole = words[wordOf(SUPERBLOCK_LAYOUT.sum)] === crc32c(bytes, 0, SUPERBLOCK_LAYOUT.sum.offset);
  return isOurs && isWhole && words[wordOf(SUPERBLOCK_LAYOUT.copyIndex)] === index ? words : undefined;
}

function generationOf(words: Uint32Array): number {
  return readPair(words, wordOf(SUPERBLOCK_LAYOUT.generation));
}

function noSuperblock(storage: Storage): FlightFormatError {
  const head = new Uint8Array(SUPERBLOCK_LAYOUT.magic.bytes);
  storage.readAt(head, 0);
  const magic = String.fromCharCode(...head);
  if (magic === LOG_MAGIC) {
    return new FlightFormatError(storage.label, 'is a v1 log', 'read it with `scanLog`, or convert it (vrrl convert).');
  }
  return new FlightFormatError(
    storage.label,
    `has no intact superblock (two copies of magic ${FLIGHT_MAGIC} were expected, at 0 and ${PAGE_BYTES})`,
    'check the path; if it was a v2 log, `vrrl recover` finds its records by their own sums.',
  );
}

function parse(words: Uint32Array, path: string): Superblock {
  const word = (field: keyof typeof SUPERBLOCK_LAYOUT): number => words[wordOf(SUPERBLOCK_LAYOUT[field])];
  const pair = (field: keyof typeof SUPERBLOCK_LAYOUT): number => readPair(words, wordOf(SUPERBLOCK_LAYOUT[field]));
  if (word('version') !== FLIGHT_VERSION) throw new FlightVersionError(path, word('version'));
  const unknownIncompat = (word('incompatFlags') & ~KNOWN_INCOMPAT_FLAGS) >>> 0;
  if (unknownIncompat !== 0) throw new FlightFlagsError(path, unknownIncompat);
  const superblock = {
    compatFlags: word('compatFlags'),
    unknownCompatFlags: (word('compatFlags') & ~KNOWN_COMPAT_FLAGS) >>> 0,
    incarnation: word('incarnation'),
    fileId: idAt(words, wordOf(SUPERBLOCK_LAYOUT.fileId)),
    bootId: idAt(words, wordOf(SUPERBLOCK_LAYOUT.bootId)),
    generation: pair('generation'),
    firstSequence: pair('firstSequence'),
    syncedSequence: pair('syncedSequence'),
    syncedFrame: pair('syncedFrame'),
    countedSequence: pair('countedSequence'),
    countedFrame: pair('countedFrame'),
    state: word('state'),
    losses: readLosses(words),
  };
  const geometry = geometryOf(readSections(words));
  const problem = typeof geometry === 'string' ? geometry : numbersProblem(superblock);
  if (problem !== undefined || typeof geometry === 'string') {
    throw new FlightFormatError(path, `${problem}, though its sum is right`, 'report it: no vrrl writes that.');
  }
  return { ...superblock, geometry };
}

function numbersProblem(superblock: Omit<Superblock, 'geometry'>): string | undefined {
  const { incarnation, state, losses, firstSequence, ...numbers } = superblock;
  if (incarnation < 1) return 'has an incarnation of 0';
  if (state > LogState.RECOVERING) return `is in state ${state}`;
  const { generation, syncedSequence, syncedFrame, countedSequence, countedFrame } = numbers;
  const counts = [
    generation,
    syncedSequence,
    syncedFrame,
    countedSequence,
    countedFrame,
    firstSequence - 1,
    ...Object.values(losses),
  ];
  // One less than a number can be, so that the next one still can.
  const isCount = (value: number): boolean => value >= 0 && value < Number.MAX_SAFE_INTEGER;
  return counts.every(isCount) ? undefined : 'has a number that is none';
}

function idAt(words: Uint32Array, at: number): Id {
  return [words[at], words[at + 1], words[at + 2], words[at + 3]];
}

function readLosses(words: Uint32Array): FlightLosses {
  const losses = noLosses();
  const start = wordOf(SUPERBLOCK_LAYOUT.losses);
  for (const [index, kind] of LOSS_KINDS.entries()) losses[kind] = readPair(words, start + 2 * index);
  return losses;
}

function readSections(words: Uint32Array): Section[] {
  const count = Math.min(words[wordOf(SUPERBLOCK_LAYOUT.sectionCount)], MAX_SECTIONS);
  return Array.from({ length: count }, (_, index) => {
    const start = wordOf(SUPERBLOCK_LAYOUT.sections) + index * SECTION_WORDS;
    return {
      kind: words[start + wordOf(SECTION_LAYOUT.kind)],
      unitBytes: words[start + wordOf(SECTION_LAYOUT.unitBytes)],
      offset: readPair(words, start + wordOf(SECTION_LAYOUT.offset)),
      unitCount: readPair(words, start + wordOf(SECTION_LAYOUT.unitCount)),
    };
  });
}

/** The words of a log's first superblock, generation 0: it is never written as it is. */
export function newSuperblockWords(fileId: Id, geometry: FlightGeometry, firstSequence: number): Uint32Array {
  const words = new Uint32Array(WORDS);
  words.set(MAGIC_WORDS);
  words[wordOf(SUPERBLOCK_LAYOUT.version)] = FLIGHT_VERSION;
  words[wordOf(SUPERBLOCK_LAYOUT.incarnation)] = 1;
  words.set(fileId, wordOf(SUPERBLOCK_LAYOUT.fileId));
  writePair(words, wordOf(SUPERBLOCK_LAYOUT.firstSequence), firstSequence);
  const sections = sectionsOf(geometry);
  words[wordOf(SUPERBLOCK_LAYOUT.sectionCount)] = sections.length;
  for (const [index, section] of sections.entries()) {
    const start = wordOf(SUPERBLOCK_LAYOUT.sections) + index * SECTION_WORDS;
    words[start + wordOf(SECTION_LAYOUT.kind)] = section.kind;
    words[start + wordOf(SECTION_LAYOUT.unitBytes)] = section.unitBytes;
    writePair(words, start + wordOf(SECTION_LAYOUT.offset), section.offset);
    writePair(words, start + wordOf(SECTION_LAYOUT.unitCount), section.unitCount);
  }
  return words;
}

/** Writes superblocks in turn: the new one always goes over the older or damaged copy. */
export class SuperblockWriter {
  readonly #storage: Storage;
  readonly #words: Uint32Array;
  readonly #bytes: Uint8Array;
  #copyIndex: number;

  /** `words` is the superblock that counts now, in copy `copyIndex`. */
  constructor(storage: Storage, words: Uint32Array, copyIndex: number) {
    this.#storage = storage;
    this.#words = words.slice();
    this.#bytes = new Uint8Array(this.#words.buffer);
    this.#copyIndex = copyIndex;
  }

  /** Writes the next generation. It is not synced. */
  write(changes: SuperblockChanges): void {
    const words = this.#words;
    const { bootId, losses } = changes;
    for (const field of ['incarnation', 'state'] as const) {
      const value = changes[field];
      if (value !== undefined) words[wordOf(SUPERBLOCK_LAYOUT[field])] = value;
    }
    for (const field of ['syncedSequence', 'syncedFrame', 'countedSequence', 'countedFrame'] as const) {
      const value = changes[field];
      if (value !== undefined) writePair(words, wordOf(SUPERBLOCK_LAYOUT[field]), value);
    }
    if (bootId !== undefined) words.set(bootId, wordOf(SUPERBLOCK_LAYOUT.bootId));
    if (losses !== undefined) {
      const start = wordOf(SUPERBLOCK_LAYOUT.losses);
      for (const [index, kind] of LOSS_KINDS.entries()) writePair(words, start + 2 * index, losses[kind]);
    }
    const generation = wordOf(SUPERBLOCK_LAYOUT.generation);
    writePair(words, generation, readPair(words, generation) + 1);
    const copyIndex = 1 - this.#copyIndex;
    words[wordOf(SUPERBLOCK_LAYOUT.copyIndex)] = copyIndex;
    words[wordOf(SUPERBLOCK_LAYOUT.sum)] = crc32c(this.#bytes, 0, SUPERBLOCK_LAYOUT.sum.offset);
    this.#storage.writeAt(this.#bytes, copyIndex * PAGE_BYTES);
    this.#copyIndex = copyIndex;
  }
}
