/** A small generator of random words: good enough for schedules and seeds, not for secrets. */
export class RandomWords {
  #state: number;

  /** @param seed any u32. */
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** The next word: a counter through the 32-bit finaliser of the hash-prospector project, so every seed has the full period. */
  next(): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  }

  /** A whole number from 0 to `limit` − 1. The bias of a limit far below 2³² is of no account here. */
  below(limit: number): number {
    return Math.floor((this.next() / 2 ** 32) * limit);
  }

  /** Puts the first `count` words into a random order (Fisher and Yates). */
  shuffle(words: Uint32Array, count: number): void {
    for (let last = count - 1; last > 0; last -= 1) {
      const other = this.below(last + 1);
      const held = words[last];
      words[last] = words[other];
      words[other] = held;
    }
  }
}
