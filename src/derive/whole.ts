/** All of a source, as a draft. */

import type { Observations } from '../observe/index.ts';
import type { Draft, DraftEpoch, DraftObservations, RecordStore } from './draft.ts';
import type { EpochSpan } from './epochs.ts';
import { metadataOf } from './metadata.ts';
import { type DerivationSource, type RecordNumbers, restsOf } from './source.ts';

/** The records of a source as a store. */
export function storeOf(source: DerivationSource, numbers: RecordNumbers): RecordStore {
  return { columns: source.log.columns, rests: restsOf(source, numbers) };
}

/** Everything that is in a source, under its own numbers. */
export function wholeDraft(source: DerivationSource, numbers: RecordNumbers, spans: readonly EpochSpan[]): Draft {
  const { columns } = source.log;
  const store = storeOf(source, numbers);
  const first = columns.length === 0 ? numbers.oldest : Math.min(numbers.oldest, numbers.of[0]);
  return {
    metadata: metadataOf(source),
    capacity: source.log.capacity,
    firstSequence: first,
    newestSequence: numbers.newest,
    recordCount: columns.length,
    eachRecord(visit) {
      for (let index = 0; index < columns.length; index += 1) visit(store, index, numbers.of[index]);
    },
    observed: wholeObservations(source.observations, numbers.shift, spans),
  };
}

function wholeObservations(
  observations: Observations | undefined,
  shift: number,
  spans: readonly EpochSpan[],
): DraftObservations | undefined {
  if (observations === undefined) return undefined;
  const kept = spans.filter(({ stateKnown }) => stateKnown);
  // A journal that has wrapped begins with changes of a state that is gone.
  const firstKnown = spans.findIndex(({ stateKnown }) => stateKnown);
  const dropped = firstKnown < 0 ? spans.length : firstKnown;
  const start = startBefore(observations, dropped === 0 ? undefined : kept.at(0));
  const { overwrittenEpochs, firstLiveRecord, layout, initialMemory, cleanEnd } = observations;
  return {
    layout,
    startsAfter: {
      nextOrdinal: start.nextOrdinal,
      overwrittenEpochs: overwrittenEpochs + dropped,
      firstLiveRecord: firstLiveRecord === 0 ? 0 : firstLiveRecord + shift,
    },
    startWords: start.words,
    memory: initialMemory,
    epochs: draftEpochs(observations, kept, (number) => number),
    isEnded: cleanEnd,
  };
}

/** The state before an epoch of a source or, if none is given or it is the first, before all of them. */
export function startBefore(
  observations: Observations,
  span: EpochSpan | undefined,
): { readonly nextOrdinal: number; readonly words: Uint32Array | undefined } {
  if (span !== undefined && span.index > 0)
    return { nextOrdinal: span.ordinal, words: observations.wordsBefore(span.index) };
  const { initialOrdinal = 0, firstOrdinal, initialWords } = observations;
  // No writer makes a stream that begins behind its first epoch, but a file may come from anybody.
  if (initialOrdinal > firstOrdinal) return { nextOrdinal: firstOrdinal, words: undefined };
  return { nextOrdinal: initialOrdinal, words: initialWords };
}

/** Epochs of a source, whose records have other numbers in the new log. */
export function draftEpochs(
  observations: Observations,
  spans: readonly EpochSpan[],
  newNumber: (number: number) => number,
): DraftEpoch[] {
  return spans.map(({ index, first }) => ({ observations, index, firstRecord: newNumber(first) }));
}
