/**
 * What a medium may hold after a crash, told from a trace of stores and syncs.
 *
 * A killed process leaves every store up to some point, the last of them in part. A loss of power leaves what the last
 * completed sync covered; of every sector that was stored to since, any of the states that it went through; and a sector
 * that was being written may be a mixture of two of them.
 */

import type { RandomWords } from '../../../src/base/random.ts';
import type { TraceEvent } from './traced-medium.ts';

const SECTOR_BYTES = 512;
const PAGE_BYTES = 4096;
const SECTORS_PER_PAGE = PAGE_BYTES / SECTOR_BYTES;
const WORD_BYTES = 4;

export interface Trace {
  /** Stores go to a mapping, where a processor may have done them in any order within a group; else to a file. */
  readonly isMapped: boolean;
  /** What the medium held before the first event. */
  readonly initial: Uint8Array;
  readonly events: readonly TraceEvent[];
}

export interface ImageOptions {
  /** Images a store after a loss of power: all that there are if they are no more, else so many at random. */
  readonly powerImages: number;
  /** Images in which the store itself arrived in part, after a kill and after a loss of power each. */
  readonly partialImages: number;
}

/**
 * How an image was chosen: as it was after an event; a store in part; one of all combinations of the states of sectors; a
 * few of them at random, where there are too many; a sector as a mixture of two of its states.
 */
export type Choice = 'whole' | 'partial' | 'combination' | 'sample' | 'torn';

/** What a crash left. */
export interface CrashImage {
  /** Counts the images of a trace from 0, whatever is skipped: with the seed it names the image. */
  readonly index: number;
  /** The event that was the last before the crash, or during which it came. */
  readonly event: number;
  readonly cause: 'kill' | 'power';
  readonly choice: Choice;
  /** How it came about, for people. */
  readonly what: string;
  /** Borrowed until the next image. */
  readonly bytes: Uint8Array;
}

/** All images of a trace from its event `first` on, in an order that follows from `random` alone. */
export function* crashImages(
  trace: Trace,
  first: number,
  random: RandomWords,
  options: ImageOptions,
): Generator<CrashImage> {
  const disk = new Disk(trace, random, options);
  let index = 0;
  for (const [event, each] of trace.events.entries()) {
    for (const image of disk.take(each, event >= first)) {
      yield { ...image, index, event };
      index += 1;
    }
  }
}

type Image = Omit<CrashImage, 'index' | 'event'>;

/** A disk with a cache above it. */
class Disk {
  readonly #isMapped: boolean;
  readonly #random: RandomWords;
  readonly #options: ImageOptions;
  /** What programs see. */
  readonly #current: Uint8Array;
  /** What the last completed sync made sure of. */
  readonly #safe: Uint8Array;
  /** The states of each sector that was stored to since, the safe one first. */
  readonly #states = new Map<number, Uint8Array[]>();
  readonly #image: Uint8Array;

  constructor({ initial, isMapped }: Trace, random: RandomWords, options: ImageOptions) {
    this.#isMapped = isMapped;
    this.#random = random;
    this.#options = options;
    this.#current = initial.slice();
    this.#safe = initial.slice();
    this.#image = initial.slice();
  }

  /** The images of a crash during or right after an event. */
  *take(event: TraceEvent, isWanted: boolean): Generator<Image> {
    if (event.kind === 'sync') {
      this.#safe.set(this.#current);
      this.#states.clear();
    }
    if (event.kind !== 'store') {
      if (isWanted) yield this.#all(event.kind === 'sync' ? 'power' : 'kill');
      return;
    }
    if (isWanted) yield* this.#partialStores(event.offset, event.bytes);
    const touched = this.#store(event.offset, event.bytes);
    if (!isWanted) return;
    yield this.#all('kill');
    if (touched.length > 0) yield* this.#losses(touched);
  }

  #all(cause: Image['cause']): Image {
    this.#image.set(this.#current);
    return { cause, choice: 'whole', what: 'every store so far', bytes: this.#image };
  }

  /** A killed process has got through a part of a store: of its words the first so many, or in a mapping just any. */
  *#partialStores(offset: number, bytes: Uint8Array): Generator<Image> {
    const words = bytes.length / WORD_BYTES;
    for (let count = Math.min(this.#options.partialImages, words - 1); count > 0; count -= 1) {
      this.#image.set(this.#current);
      const isPrefix = !this.#isMapped || this.#random.below(2) === 0;
      const arrived = 1 + this.#random.below(words - 1);
      for (let word = 0; word < words; word += 1) {
        const isThere = isPrefix ? word < arrived : this.#random.below(words) < arrived;
        if (isThere) this.#copyUnit(bytes, word * WORD_BYTES, offset + word * WORD_BYTES, WORD_BYTES);
      }
      const what = `about ${arrived} of ${words} words of a store at ${offset}${isPrefix ? ', the first' : ''}`;
      yield { cause: 'kill', choice: 'partial', what, bytes: this.#image };
    }
  }

  #copyUnit(from: Uint8Array, at: number, to: number, count: number): void {
    for (let byte = 0; byte < count; byte += 1) this.#image[to + byte] = from[at + byte];
  }

  /** Returns the sectors that it changed. */
  #store(offset: number, bytes: Uint8Array): number[] {
    const touched: number[] = [];
    const first = Math.floor(offset / SECTOR_BYTES);
    const end = Math.ceil((offset + bytes.length) / SECTOR_BYTES);
    for (let sector = first; sector < end; sector += 1) {
      if (!this.#states.has(sector)) this.#states.set(sector, [sectorOf(this.#safe, sector).slice()]);
    }
    this.#current.set(bytes, offset);
    for (let sector = first; sector < end; sector += 1) {
      const states = this.#states.get(sector) ?? [];
      const state = sectorOf(this.#current, sector);
      if (states.some((other) => isSame(other, state))) continue;
      states.push(state.slice());
      touched.push(sector);
    }
    return touched;
  }

  /** Losses of power in which what was stored last is there: those without it were had before. */
  *#losses(touched: readonly number[]): Generator<Image> {
    const others = [...this.#states.keys()].filter((sector) => !touched.includes(sector) && this.#count(sector) > 1);
    const combinations = others.reduce((product, sector) => Math.min(1e9, product * this.#count(sector)), 1);
    if (combinations <= this.#options.powerImages) {
      for (let choice = 0; choice < combinations; choice += 1) yield this.#combination(touched, others, choice);
    } else {
      for (let count = 0; count < this.#options.powerImages; count += 1) yield this.#sample(touched, others);
    }
    for (let count = 0; count < this.#options.partialImages; count += 1) yield this.#torn(touched, others);
  }

  #combination(touched: readonly number[], others: readonly number[], choice: number): Image {
    this.#begin(touched);
    let left = choice;
    for (const sector of others) {
      this.#put(sector, left % this.#count(sector));
      left = Math.floor(left / this.#count(sector));
    }
    return { cause: 'power', choice: 'combination', what: `combination ${choice} of all`, bytes: this.#image };
  }

  /** What was stored last, over what is safe. */
  #begin(touched: readonly number[]): void {
    this.#image.set(this.#safe);
    for (const sector of touched) this.#put(sector, this.#count(sector) - 1);
  }

  /** Sectors by themselves, whole pages, or all but one: losses that come about in different ways. */
  #sample(touched: readonly number[], others: readonly number[]): Image {
    this.#begin(touched);
    const way = this.#random.below(4);
    const odd = others[this.#random.below(others.length)];
    const pages = new Map<number, number>();
    for (const sector of others) {
      const count = this.#count(sector);
      if (way === 0) this.#put(sector, sector === odd ? this.#random.below(count - 1) : count - 1);
      else if (way === 1) this.#put(sector, sector === odd ? 1 + this.#random.below(count - 1) : 0);
      else if (way === 2) this.#put(sector, this.#random.below(count));
      else this.#put(sector, Math.floor(this.#progressOf(sector, pages) * count));
    }
    const what = ['all but one sector', 'one sector more', 'any sectors', 'any pages'][way];
    return { cause: 'power', choice: 'sample', what, bytes: this.#image };
  }

  /** How far a page had come when it was written; its sectors go together. */
  #progressOf(sector: number, pages: Map<number, number>): number {
    const page = Math.floor(sector / SECTORS_PER_PAGE);
    const progress = pages.get(page) ?? this.#random.below(1000) / 1000;
    pages.set(page, progress);
    return progress;
  }

  /** One of the sectors stored last is a mixture of what it is and something that it was. */
  #torn(touched: readonly number[], others: readonly number[]): Image {
    if (others.length > 0) this.#sample(touched, others);
    else this.#begin(touched);
    const sector = touched[this.#random.below(touched.length)];
    const older = this.#random.below(this.#count(sector) - 1);
    const unit = this.#random.below(2) === 0 ? 2 * WORD_BYTES : WORD_BYTES;
    const isPrefix = this.#random.below(3) === 0;
    const arrived = this.#random.below(SECTOR_BYTES);
    const from = this.#states.get(sector)?.[older] ?? this.#safe;
    for (let at = 0; at < SECTOR_BYTES; at += unit) {
      const isNew = isPrefix ? at < arrived : this.#random.below(2) === 0;
      if (!isNew) this.#copyUnit(from, at, sector * SECTOR_BYTES + at, unit);
    }
    return { cause: 'power', choice: 'torn', what: `sector ${sector} torn by ${unit} bytes`, bytes: this.#image };
  }

  #count(sector: number): number {
    return this.#states.get(sector)?.length ?? 0;
  }

  #put(sector: number, state: number): void {
    const bytes = this.#states.get(sector)?.[state];
    if (bytes !== undefined) this.#image.set(bytes, sector * SECTOR_BYTES);
  }
}

function sectorOf(bytes: Uint8Array, sector: number): Uint8Array {
  return bytes.subarray(sector * SECTOR_BYTES, (sector + 1) * SECTOR_BYTES);
}

function isSame(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.compare(left, right) === 0;
}
