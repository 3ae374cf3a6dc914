/** The places that a search has been to: a set of operations done, and the state that they led to. */

import { RandomWords } from '../base/random.ts';
import type { SerialModel } from './model.ts';

/** At most this many places are kept. */
const MAX_PLACES = 2 ** 20;
/** And at most so many words of sets, 64 MiB of them: fewer places of larger problems. */
const MAX_SET_WORDS = 2 ** 24;
const FIRST_BUCKETS = 1024;
const EMPTY = -1;

/**
 * Bounded in memory: when it is full, what is new is not kept, and the search goes on and may come to the same place
 * twice. It compares sets and states exactly, so a hash that two places share costs time and nothing else.
 */
export class VisitedPlaces {
  readonly #model: SerialModel;
  /** A random word an operation; the hash of a set is the words of its members, xored (A. Zobrist 1970). */
  readonly #keys: Uint32Array;
  readonly #setWords: number;
  readonly #maxPlaces: number;
  /** The set of operations done now. */
  readonly #done: Uint32Array;
  #doneHash = 0;
  /** Hash table with linear probing: a place's number, or EMPTY. */
  #buckets: Int32Array = new Int32Array(FIRST_BUCKETS).fill(EMPTY);
  /** Of each place: its hash, its set, its state. */
  #hashes: Uint32Array = new Uint32Array(FIRST_BUCKETS / 2);
  #sets: Uint32Array;
  readonly #states: unknown[] = [];

  constructor(model: SerialModel) {
    this.#model = model;
    const words = new RandomWords(model.operationCount);
    this.#keys = Uint32Array.from({ length: model.operationCount }, () => words.next());
    this.#setWords = Math.ceil(model.operationCount / 32);
    this.#maxPlaces = Math.min(MAX_PLACES, Math.floor(MAX_SET_WORDS / Math.max(1, this.#setWords)));
    this.#done = new Uint32Array(this.#setWords);
    this.#sets = new Uint32Array((FIRST_BUCKETS / 2) * this.#setWords);
  }

  /** An operation comes to the set, or leaves it. */
  toggle(operation: number): void {
    this.#done[operation >>> 5] ^= 1 << (operation & 31);
    this.#doneHash ^= this.#keys[operation];
  }

  /** Keeps the place that the search is at; false if it has been there before. */
  enter(): boolean {
    const hash = mix(this.#doneHash, this.#model.stateHash());
    let bucket = hash & (this.#buckets.length - 1);
    for (let place = this.#buckets[bucket]; place !== EMPTY; place = this.#buckets[bucket]) {
      if (this.#hashes[place] === hash && this.#isHere(place)) return false;
      bucket = (bucket + 1) & (this.#buckets.length - 1);
    }
    if (this.#states.length < this.#maxPlaces) this.#keep(bucket, hash);
    return true;
  }

  #isHere(place: number): boolean {
    const start = place * this.#setWords;
    for (let word = 0; word < this.#setWords; word += 1) {
      if (this.#sets[start + word] !== this.#done[word]) return false;
    }
    return this.#model.equalsState(this.#states[place]);
  }

  #keep(bucket: number, hash: number): void {
    const place = this.#states.length;
    this.#buckets[bucket] = place;
    this.#hashes[place] = hash;
    this.#sets.set(this.#done, place * this.#setWords);
    this.#states.push(this.#model.captureState());
    if (this.#states.length * 2 === this.#buckets.length) this.#grow();
  }

  /** Half full: twice the room for everything. */
  #grow(): void {
    const places = this.#states.length;
    const hashes = new Uint32Array(places * 2);
    hashes.set(this.#hashes);
    const sets = new Uint32Array(places * 2 * this.#setWords);
    sets.set(this.#sets);
    const buckets = new Int32Array(places * 4).fill(EMPTY);
    for (let place = 0; place < places; place += 1) {
      let bucket = hashes[place] & (buckets.length - 1);
      while (buckets[bucket] !== EMPTY) bucket = (bucket + 1) & (buckets.length - 1);
      buckets[bucket] = place;
    }
    this.#hashes = hashes;
    this.#sets = sets;
    this.#buckets = buckets;
  }
}

/** States often have hashes that differ in a few bits, so they are spread before they meet the set's. */
function mix(set: number, state: number): number {
  let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
  return (set ^ mixed ^ (mixed >>> 15)) >>> 0;
}
