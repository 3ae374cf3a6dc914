/**
 * Which words lanes can disturb each other at.
 *
 * Where only one lane of a batch reaches a word, or nobody writes it, or everybody only adds to it and looks at nothing,
 * an access there commutes with everything that other lanes do: no scheduler has to decide anything, and a search that
 * did would only find the same outcomes again. Told from footprints, which are upper bounds, so that a word that could
 * matter is never left out.
 */

import {
  type FoldRange,
  type Footprint,
  footprintOf,
  type Kernel,
  type KnownWord,
  type WordRange,
} from '../kernel/index.ts';
import type { Scenario } from '../scenario/index.ts';
import { type FlatMemory, flatWord } from './flat-memory.ts';

/** Footprints of a scenario's slots, and what follows for sets of them that run at the same time. */
export class Contention {
  readonly #memory: FlatMemory;
  readonly #footprints: readonly Footprint[];

  /** That of a scenario: made once, however many machines run it, since many slots that loop have costly footprints. */
  static of(scenario: Scenario, memory: FlatMemory): Contention {
    const known = contentions.get(scenario) ?? new Contention(scenario, memory);
    contentions.set(scenario, known);
    return known;
  }

  constructor(scenario: Scenario, memory: FlatMemory) {
    this.#memory = memory;
    this.#footprints = sharpFootprints(scenario);
  }

  /** Flat words at which those lanes (records of the scenario) may disturb each other, in rising order. */
  contendedWords(records: Iterable<number>): Uint32Array {
    const words = new Map<number, Reach>();
    for (const record of records) {
      const { folds, others, writes } = this.#footprints[record];
      for (const range of folds) this.#reach(words, record, range, range.operation);
      for (const range of others) this.#reach(words, record, range, 'other');
      for (const range of writes) this.#markWritten(words, range);
    }
    const contended = [...words].filter(([, reach]) => reach.isShared && reach.isWritten && reach.how === 'other');
    return Uint32Array.from(contended, ([word]) => word).sort();
  }

  #reach(words: Map<number, Reach>, record: number, range: WordRange, how: Reach['how']): void {
    const first = flatWord(this.#memory, range.memory);
    if (first === undefined) return;
    for (let word = first + range.first; word <= first + range.last; word += 1) {
      const known = words.get(word);
      if (known === undefined) words.set(word, { record, isShared: false, isWritten: false, how });
      else {
        if (known.record !== record) known.isShared = true;
        if (known.how !== how) known.how = 'other';
      }
    }
  }

  #markWritten(words: Map<number, Reach>, range: WordRange): void {
    const first = flatWord(this.#memory, range.memory);
    if (first === undefined) return;
    for (let word = first + range.first; word <= first + range.last; word += 1) words.get(word)!.isWritten = true;
  }
}

/** Scenarios are never written to. */
const contentions = new WeakMap<Scenario, Contention>();

/** Who reaches a word, and how. */
interface Reach {
  readonly record: number;
  isShared: boolean;
  isWritten: boolean;
  /** One commuting operation if that is all that anybody does there. */
  how: FoldRange['operation'] | 'other';
}

/** Footprints that follow what is loaded from words that no slot of the scenario writes, such as TENANT_BASE. */
function sharpFootprints({ kernel, slots, initial }: Scenario): Footprint[] {
  const blunt = slots.map((placed) => footprintOf(kernel, footprintSlot(placed)));
  const written = new Set<number>();
  for (const { writes } of blunt) {
    for (const range of writes) {
      const area = areaStart(kernel, range.memory);
      if (area === undefined) continue;
      for (let word = range.first; word <= range.last; word += 1) written.add(area + word);
    }
  }
  const knownWord: KnownWord = (memory, index) => {
    const area = areaStart(kernel, memory);
    return area === undefined || written.has(area + index) ? undefined : initial[area + index];
  };
  return slots.map((placed) => footprintOf(kernel, footprintSlot(placed), knownWord));
}

function footprintSlot({ slotIndex, slot }: Scenario['slots'][number]) {
  return { slotIndex, opcode: slot.opcode, tenant: slot.tenant, args: slot.args };
}

/** Where a memory begins in a snapshot. */
function areaStart(kernel: Kernel, memory: string): number | undefined {
  if (memory === 'control') return 0;
  return memory === 'debug' ? kernel.controlWords : undefined;
}
