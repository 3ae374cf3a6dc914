/** A contiguous piece of a source, as a draft. */

import type { FlightMetadata } from '../log-v2/index.ts';
import type { Draft, DraftObservations } from './draft.ts';
import type { EpochSpan } from './epochs.ts';
import type { DerivationSource, RecordNumbers } from './source.ts';
import { draftEpochs, startBefore, storeOf } from './whole.ts';

/** The records that are here with numbers from `first` to `last`, under these, and what was observed of epochs that are whole. */
export function pieceDraft(
  source: DerivationSource,
  numbers: RecordNumbers,
  { first, last }: NumberRange,
  kept: readonly EpochSpan[],
  metadata: FlightMetadata,
): Draft {
  const store = storeOf(source, numbers);
  const start = firstFrom(numbers, first);
  const end = firstFrom(numbers, last + 1);
  return {
    metadata,
    capacity: Math.max(1, last - first + 1),
    firstSequence: first,
    newestSequence: last,
    recordCount: end - start,
    eachRecord(visit) {
      for (let index = start; index < end; index += 1) visit(store, index, numbers.of[index]);
    },
    observed: observedOf(source, kept, first, (number) => number),
  };
}

/** Numbers, both ends included. */
export interface NumberRange {
  readonly first: number;
  readonly last: number;
}

/** The index of the first record with a number that is not below `number`. */
export function firstFrom({ of }: RecordNumbers, number: number): number {
  let [low, high] = [0, of.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (of[middle] < number) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Observations of some epochs in a row, beginning with the state before the first of them.
 *
 * @param newNumber of a record, given its number in the source.
 */
export function observedOf(
  { observations }: DerivationSource,
  kept: readonly EpochSpan[],
  firstSequence: number,
  newNumber: (number: number) => number,
): DraftObservations | undefined {
  if (observations === undefined || kept.length === 0) return undefined;
  const { nextOrdinal, words } = startBefore(observations, kept[0]);
  const isWhole = kept[0].index === 0 && nextOrdinal === observations.initialOrdinal;
  return {
    layout: observations.layout,
    startsAfter: {
      nextOrdinal,
      overwrittenEpochs: isWhole ? observations.overwrittenEpochs : 0,
      firstLiveRecord: firstSequence === 1 ? 0 : firstSequence,
    },
    startWords: words,
    memory: observations.initialMemory,
    epochs: draftEpochs(observations, kept, newNumber),
    isEnded: observations.cleanEnd || kept[kept.length - 1].index < observations.epochCount - 1,
  };
}
