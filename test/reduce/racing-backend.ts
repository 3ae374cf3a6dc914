/** A backend with a planted race: of two additions to one word in one batch, one is lost now and then. */

import { type DrainReport, ReferenceBackend, type Slot } from '../../src/backend/index.ts';
import { RandomWords } from '../../src/base/random.ts';
import type { Kernel } from '../../src/kernel/index.ts';
import { Opcode } from '../../src/protocol/index.ts';

export class RacingBackend extends ReferenceBackend {
  readonly #random: RandomWords;
  /** How often the addition is lost. */
  rate: number;
  readonly #added = new Map<number, number>();
  #twice: { readonly word: number; readonly amount: number } | undefined;
  #lost: { readonly word: number; readonly amount: number }[] = [];
  /** Slots published over all runs. */
  published = 0;

  /** @param rate how often the addition is lost. */
  constructor(kernel: Kernel, rate: number, seed: number) {
    super(kernel);
    this.#random = new RandomWords(seed);
    this.rate = rate;
  }

  override publish(slotIndex: number, slot: Slot): void {
    super.publish(slotIndex, slot);
    this.published += 1;
    if (slot.opcode !== Opcode.ATOMIC_ADD) return;
    const [amount, word] = [slot.args[0], slot.args[1]];
    if (this.#added.has(word)) this.#twice = { word, amount };
    else this.#added.set(word, amount);
  }

  override drain(): DrainReport {
    if (this.#twice !== undefined && this.#random.next() < this.rate * 2 ** 32) this.#lost.push(this.#twice);
    this.#twice = undefined;
    this.#added.clear();
    return super.drain();
  }

  override observe(snapshot: Uint32Array): void {
    super.observe(snapshot);
    for (const { word, amount } of this.#lost) snapshot[word] -= amount;
    this.#lost = [];
  }
}
