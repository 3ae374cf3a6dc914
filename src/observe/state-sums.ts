/**
 * Digests of a state that changes a little at a time.
 *
 * The digest is a sum over words, so a changed word is one term taken out and one put in: following an epoch costs as
 * much as it changed, not as much as there is.
 */

import { addToSums, DIGEST_WORDS, finishDigest, replaceTerm } from './digest.ts';
import { type ResolvedLayout, type ResolvedRegion, usedRecords } from './observation.ts';
import { digestRegion } from './snapshot-digest.ts';
import { changedWords } from './state-delta.ts';

/** Following a word costs about four times what summing it afresh does: beyond this share of changed words, start over. */
const START_OVER_FRACTION = 0.25;

/**
 * The digests of the writer's state: one a region, then one of the whole snapshot as a single exact region.
 *
 * `advance` computes what they will be, `commit` makes it so: an epoch that could not be written leaves no trace.
 */
export class StateDigests {
  readonly #layout: ResolvedLayout;
  /** Sums of each exact region, then of the whole; other regions leave theirs at zero. */
  readonly #sums: Uint32Array;
  readonly #nextSums: Uint32Array;
  readonly #digests: Uint32Array;
  /** As `advance` left them: two words a region, then two of the whole. */
  readonly next: Uint32Array;

  constructor(layout: ResolvedLayout, words: Uint32Array) {
    const length = (layout.regions.length + 1) * DIGEST_WORDS;
    this.#layout = layout;
    this.#sums = new Uint32Array(length);
    this.#nextSums = new Uint32Array(length);
    this.#digests = new Uint32Array(length);
    this.next = new Uint32Array(length);
    this.#sumAfresh(words);
    this.#finish(words, undefined);
    this.commit();
  }

  /** Follows a change from the committed state `previous` to `next`, which differ in `runs`. */
  advance(previous: Uint32Array, next: Uint32Array, runs: Uint32Array, runsLength: number): void {
    if (changedWords(runs, runsLength) > next.length * START_OVER_FRACTION) this.#sumAfresh(next);
    else this.#follow(previous, next, runs, runsLength);
    this.#finish(next, previous);
  }

  commit(): void {
    this.#sums.set(this.#nextSums);
    this.#digests.set(this.next);
  }

  #sumAfresh(words: Uint32Array): void {
    const { regions } = this.#layout;
    this.#nextSums.fill(0);
    for (let region = 0; region < regions.length; region++) {
      const { equivalence, start, count } = regions[region];
      if (equivalence === 'exact') addToSums(words, start, count, 0, this.#nextSums, region * DIGEST_WORDS);
    }
    addToSums(words, 0, words.length, 0, this.#nextSums, regions.length * DIGEST_WORDS);
  }

  #follow(previous: Uint32Array, next: Uint32Array, runs: Uint32Array, runsLength: number): void {
    const { regions } = this.#layout;
    const whole = regions.length * DIGEST_WORDS;
    this.#nextSums.set(this.#sums);
    let region = 0;
    for (let run = 0; run < runsLength; run += 2) {
      for (let index = runs[run]; index < runs[run + 1]; index++) {
        while (index >= regions[region].start + regions[region].count) region++;
        const { equivalence, start } = regions[region];
        replaceTerm(previous[index], next[index], index, this.#nextSums, whole);
        if (equivalence !== 'exact') continue;
        replaceTerm(previous[index], next[index], index - start, this.#nextSums, region * DIGEST_WORDS);
      }
    }
  }

  #finish(words: Uint32Array, previous: Uint32Array | undefined): void {
    const { regions } = this.#layout;
    const sums = this.#nextSums;
    for (let region = 0; region < regions.length; region++) {
      const at = region * DIGEST_WORDS;
      const { equivalence, count } = regions[region];
      if (equivalence === 'exact') finishDigest(sums[at], sums[at + 1], count, this.next, at);
      else if (previous === undefined || usedWordsDiffer(regions[region], previous, words)) {
        digestRegion(regions[region], words, this.next, at);
      } else this.next.set(this.#digests.subarray(at, at + DIGEST_WORDS), at);
    }
    const whole = regions.length * DIGEST_WORDS;
    finishDigest(sums[whole], sums[whole + 1], words.length, this.next, whole);
  }
}

/** Whether a region's records have to be digested again. */
function usedWordsDiffer(region: ResolvedRegion, previous: Uint32Array, next: Uint32Array): boolean {
  const used = usedRecords(region, next);
  if (used !== usedRecords(region, previous)) return true;
  for (let index = region.start, end = region.start + used * region.recordWords; index < end; index++) {
    if (previous[index] !== next[index]) return true;
  }
  return false;
}
