/** A contiguous piece of a recording. */

import { EpochLookup, type EpochSpan } from './epochs.ts';
import { metadataOfPiece } from './metadata.ts';
import { firstFrom, type NumberRange, pieceDraft } from './piece.ts';
import { areNumbered, type Derivation, findingsOf, notKeptOf } from './report.ts';
import { nothingSelected, type Range, type TimeRange } from './selection.ts';
import { type DerivationSource, RecordNumbers } from './source.ts';

/** Which piece. Epochs are counted as `EpochLookup` says. */
export type TrimSelection =
  | { readonly epochs: Range }
  | { readonly lastEpochs: number }
  | { readonly records: Range }
  | { readonly times: TimeRange };

/** The same once the last epochs are found: the index of their first record, where nothing else tells them. */
type FoundSelection = TrimSelection | { readonly lastFrom: number };

/**
 * Cuts a piece out. Records keep their numbers. What was observed is kept of epochs that are there as a whole, with the state
 * before the first of them, so that the piece can be replayed from there.
 *
 * @throws InputError if the source has nothing of it.
 */
export function trimRecording(source: DerivationSource, selection: TrimSelection): Derivation {
  const numbers = new RecordNumbers(source);
  const lookup = new EpochLookup(source, numbers);
  const cut = new Cut(source, numbers, lookup);
  const wanted = resolveLast(cut, selection);
  const range = rangeOf(cut, wanted);
  const here = lookup.spans.filter((span) => isInside(span, range, wanted));
  const kept = here.filter(({ stateKnown }) => stateKnown);
  const draft = pieceDraft(source, numbers, range, kept, metadataOfPiece(source));
  const touched = lookup.spans.filter(({ first, end }) => first < end && end > range.first && first <= range.last);
  const recordsLost = range.last - range.first + 1 - draft.recordCount;
  return {
    draft,
    report: {
      recordsRead: source.log.columns.length,
      recordsWritten: draft.recordCount,
      recordsLost,
      epochsRead: lookup.spans.length,
      epochsWritten: kept.length,
      numbersKept: areNumbered(source, numbers),
      notKept: notKeptOf([
        {
          kind: 'cutEpochs',
          count: touched.filter(({ first, end }) => first < range.first || end - 1 > range.last).length,
          message: 'observations of epochs that are cut in two: they are not true of a part',
        },
        {
          kind: 'epochsWithoutState',
          count: here.length - kept.length,
          message: 'observations of epochs whose words are lost',
        },
      ]),
      findings: findingsOf(source),
      isIncomplete: recordsLost > 0,
    },
  };
}

/** Whether an epoch is there as a whole. One without records is if it lies in between, or was asked for. */
function isInside({ ordinal, first, end }: EpochSpan, range: NumberRange, selection: FoundSelection): boolean {
  if (first < end) return first >= range.first && end - 1 <= range.last;
  if ('epochs' in selection) return isBetween(ordinal, selection.epochs.from, selection.epochs.until);
  return first > range.first && first <= range.last;
}

/** What a range is found in. */
class Cut {
  readonly source: DerivationSource;
  readonly numbers: RecordNumbers;
  readonly lookup: EpochLookup;

  constructor(source: DerivationSource, numbers: RecordNumbers, lookup: EpochLookup) {
    this.source = source;
    this.numbers = numbers;
    this.lookup = lookup;
  }

  /** From the first record that is wanted to the last one, with what is lost in between and next to them. */
  hull(isWanted: (index: number) => boolean): NumberRange | undefined {
    const bare = this.bareHull(isWanted);
    if (bare === undefined) return undefined;
    const { log } = this.source;
    const { of } = this.numbers;
    const { first, last } = bare;
    return { first: of[first] - log.lostBefore(first), last: of[last] + log.lostBefore(last + 1) };
  }

  /** The indices of the first record that is wanted and of the last one. */
  bareHull(isWanted: (index: number) => boolean): NumberRange | undefined {
    const { length } = this.source.log.columns;
    let first = 0;
    while (first < length && !isWanted(first)) first += 1;
    let last = length - 1;
    while (last > first && !isWanted(last)) last -= 1;
    return first === length ? undefined : { first, last };
  }

  /** The part of a range that the log has room for; nothing if none of its records can be read. */
  clip({ first, last }: NumberRange): NumberRange | undefined {
    const { numbers } = this;
    const range = { first: Math.max(first, numbers.oldest), last: Math.min(last, numbers.newest) };
    return firstFrom(numbers, range.first) < firstFrom(numbers, range.last + 1) ? range : undefined;
  }
}

function rangeOf(cut: Cut, selection: FoundSelection): NumberRange {
  const { label } = cut.source;
  const found = findRange(cut, selection);
  if (found !== undefined) return found;
  throw nothingSelected(label, describe(selection));
}

function findRange(cut: Cut, selection: FoundSelection): NumberRange | undefined {
  if ('records' in selection) return cut.clip({ first: selection.records.from, last: selection.records.until });
  if ('epochs' in selection) return epochRange(cut, selection.epochs);
  if ('lastFrom' in selection) return cut.hull((index) => index >= selection.lastFrom);
  if ('lastEpochs' in selection) return undefined;
  const { fromNs, untilNs } = selection.times;
  const { timestampNs } = cut.source.log.columns;
  return cut.hull((index) => timestampNs[index] >= fromNs && timestampNs[index] <= untilNs);
}

function epochRange(cut: Cut, { from, until }: Range): NumberRange | undefined {
  const { lookup, numbers } = cut;
  if (!lookup.isObserved) return cut.hull((index) => isBetween(lookup.of(index), from, until));
  // By the numbers that the observations give, so that what is lost of an epoch is missed.
  let [first, last] = [Number.POSITIVE_INFINITY, 0];
  for (const span of lookup.spans) {
    if (!isBetween(span.ordinal, from, until) || span.first === span.end) continue;
    first = Math.min(first, span.first);
    last = Math.max(last, span.end - 1);
  }
  for (const number of [numbers.oldest, numbers.newest]) {
    // Records before the first epoch or after the last one that was observed.
    if (!isBetween(lookup.ofNumber(number), from, until)) continue;
    first = Math.min(first, number);
    last = Math.max(last, number);
  }
  const here = cut.bareHull((index) => isBetween(lookup.of(index), from, until));
  if (here === undefined) return undefined;
  const { of } = numbers;
  return cut.clip({ first: Math.min(first, of[here.first]), last: Math.max(last, of[here.last]) });
}

function isBetween(value: number, from: number, until: number): boolean {
  return value >= from && value <= until;
}

/** The last so many epochs by their numbers, as far as there are records of them. */
function resolveLast({ lookup, source }: Cut, selection: TrimSelection): FoundSelection {
  const { length } = source.log.columns;
  if (!('lastEpochs' in selection) || length === 0) return selection;
  let seen = 0;
  let first = length;
  for (let index = length - 1; index >= 0; index -= 1) {
    if (index === length - 1 || lookup.of(index) !== lookup.of(index + 1)) seen += 1;
    if (seen > selection.lastEpochs) break;
    first = index;
  }
  if (lookup.isObserved) return { epochs: { from: lookup.of(first), until: Number.POSITIVE_INFINITY } };
  // EPOCH may start over within a log, so what counts is where they lie.
  return { lastFrom: first };
}

function describe(selection: FoundSelection): string {
  if ('records' in selection) return `with a number from ${selection.records.from} to ${selection.records.until}`;
  if ('epochs' in selection) return `of epochs ${selection.epochs.from} to ${selection.epochs.until}`;
  return 'times' in selection ? 'of that time' : 'at all';
}
