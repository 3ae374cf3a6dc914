import { addToSums, DIGEST_WORDS, finishDigest, replaceTerm } from './digest.ts';
import { applyDelta, type ChangeListener } from './state-delta.ts';

/**
 * The words of a state as a reader follows them from epoch to epoch, and the sums that prove them.
 *
 * Every step is checked against the digest that was written with the epoch, so a delta that is applied to anything but
 * the state it was made from is noticed, whatever got lost in between.
 */
export class StateTracker implements ChangeListener {
  readonly #snapshotWords: number;
  readonly #sums = new Uint32Array(DIGEST_WORDS);
  readonly #digest = new Uint32Array(DIGEST_WORDS);
  /** Made when the first whole state is met: that one has been checked against the size of the storage. */
  #words: Uint32Array | undefined;
  #isKnown = false;

  constructor(snapshotWords: number) {
    this.#snapshotWords = snapshotWords;
  }

  /** The state; borrowed, and `undefined` while it is not known. */
  get words(): Uint32Array | undefined {
    return this.#isKnown ? this.#words : undefined;
  }

  /** Takes over a whole state, whose digest nobody vouches for. */
  start(words: Uint32Array): void {
    this.#words ??= new Uint32Array(this.#snapshotWords);
    this.#words.set(words);
    this.#sums.fill(0);
    addToSums(words, 0, words.length, 0, this.#sums, 0);
    this.#isKnown = true;
  }

  /** Takes over an epoch's whole state. Returns whether it has the digest that is in `expected[at]` and the next. */
  keyframe(words: Uint32Array, expected: Uint32Array, at: number): boolean {
    this.start(words);
    return this.#prove(expected, at);
  }

  /** Applies an epoch's delta. Returns whether the state is known after it. */
  delta(source: Uint8Array, start: number, expected: Uint32Array, at: number): boolean {
    const { words } = this;
    if (words === undefined) return false;
    this.#isKnown = applyDelta(words, source, start, source.length, this);
    return this.#isKnown && this.#prove(expected, at);
  }

  /** The state is not known any more. */
  forget(): void {
    this.#isKnown = false;
  }

  onChange(index: number, previous: number, next: number): void {
    replaceTerm(previous, next, index, this.#sums, 0);
  }

  #prove(expected: Uint32Array, at: number): boolean {
    finishDigest(this.#sums[0], this.#sums[1], this.#snapshotWords, this.#digest, 0);
    this.#isKnown = this.#digest[0] === expected[at] && this.#digest[1] === expected[at + 1];
    return this.#isKnown;
  }
}
