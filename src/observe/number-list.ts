/** Numbers in a typed array that grows: an index over a million frames in eight bytes an entry. */
export class NumberList {
  length = 0;
  #numbers = new Float64Array(64);

  push(value: number): void {
    if (this.length === this.#numbers.length) {
      const grown = new Float64Array(this.length * 2);
      grown.set(this.#numbers);
      this.#numbers = grown;
    }
    this.#numbers[this.length++] = value;
  }

  /** The number at `index`; `undefined` beyond the end. */
  at(index: number): number | undefined {
    return index >= 0 && index < this.length ? this.#numbers[index] : undefined;
  }

  /** How many numbers of a rising list are at most `value`: the index after the last of them. */
  countAtMost(value: number): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#numbers[middle] <= value) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
