/** Which records of a source belong to which epoch. */

import type { Observations } from '../observe/index.ts';
import type { DerivationSource, RecordNumbers } from './source.ts';

/** An epoch that was observed. */
export interface EpochSpan {
  /** Counted over the observations that are here. */
  readonly index: number;
  readonly ordinal: number;
  /** The number of its first record, and the one behind its last. */
  readonly first: number;
  readonly end: number;
  readonly stateKnown: boolean;
}

/** The observed epochs of a source, in order; none if nothing was observed. */
export function epochSpans(observations: Observations | undefined, shift: number): EpochSpan[] {
  const spans: EpochSpan[] = [];
  if (observations === undefined) return spans;
  for (let index = 0; index < observations.epochCount; index += 1) {
    const { ordinal, firstRecord, recordCount, stateKnown } = observations.epoch(index);
    const first = firstRecord + shift;
    spans.push({ index, ordinal, first, end: first + recordCount, stateKnown });
  }
  return spans;
}

/**
 * Epochs as `replay` counts them: by the ordinals of the observations, or by EPOCH where nothing was observed. Records that
 * no observation covers are in the epoch before the next one that was observed, or after the last one.
 */
export class EpochLookup {
  readonly spans: readonly EpochSpan[];
  readonly #source: DerivationSource;
  readonly #numbers: RecordNumbers;

  constructor(source: DerivationSource, numbers: RecordNumbers) {
    this.#source = source;
    this.#numbers = numbers;
    this.spans = epochSpans(source.observations, numbers.shift);
  }

  get isObserved(): boolean {
    return this.#source.observations !== undefined;
  }

  /** The epoch of the record at an index. */
  of(index: number): number {
    return this.isObserved ? this.ofNumber(this.#numbers.of[index]) : this.#source.log.columns.epoch[index];
  }

  /** The epoch of a number, where there are observations; of lost records too. */
  ofNumber(number: number): number {
    const { spans } = this;
    let [low, high] = [0, spans.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (spans[middle].first <= number) low = middle + 1;
      else high = middle;
    }
    const before = spans.at(low === 0 ? spans.length : low - 1);
    if (before !== undefined && number < before.end) return before.ordinal;
    const after = spans.at(low);
    return after === undefined ? (before?.ordinal ?? -1) + 1 : after.ordinal - 1;
  }
}
