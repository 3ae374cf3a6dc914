/** Some records of a recording, wherever they are. */

import type { FlightMetadata } from '../log-v2/index.ts';
import type { Draft } from './draft.ts';
import { EpochLookup, type EpochSpan } from './epochs.ts';
import { contentId, metadataOfPiece } from './metadata.ts';
import { observedOf } from './piece.ts';
import { areNumbered, type Derivation, findingsOf, type NotKept, notKeptOf } from './report.ts';
import { isWithin, nothingSelected, type Range, type TimeRange } from './selection.ts';
import { type DerivationSource, RecordNumbers } from './source.ts';
import { storeOf } from './whole.ts';

/** All that is given has to hold. Epochs are counted as `EpochLookup` says. */
export interface FilterSelection {
  readonly epochs?: readonly Range[] | undefined;
  readonly tenants?: readonly Range[] | undefined;
  readonly opcodes?: readonly Range[] | undefined;
  readonly times?: TimeRange | undefined;
}

/**
 * Keeps the records for which a selection holds. They are numbered anew, one after the other, from the number of the first
 * one on: what was left out is not lost. Lost records that may have been wanted keep a number, and count as lost.
 *
 * Observations are kept of the longest run of epochs that lost no record: of those that did they are not true, and those
 * behind a gap start from a state that the new log does not lead to.
 *
 * @throws InputError if no record is left.
 */
export function filterRecording(source: DerivationSource, selection: FilterSelection): Derivation {
  const numbers = new RecordNumbers(source);
  const lookup = new EpochLookup(source, numbers);
  const survey = new Survey(source, numbers, lookup, selection);
  if (survey.recordCount === 0) throw nothingSelected(source.label, 'that fits');
  const whole = lookup.spans.filter((span) => survey.isWhole(span));
  const kept = longestRun(whole);
  const { metadata, draft } = draftOf(source, numbers, survey, kept);
  return {
    draft: { ...draft, metadata },
    report: {
      recordsRead: source.log.columns.length,
      recordsWritten: survey.recordCount,
      recordsLost: survey.lost,
      epochsRead: lookup.spans.length,
      epochsWritten: kept.length,
      numbersKept: survey.numbersKept && areNumbered(source, numbers),
      notKept: notKeptOf(droppedEpochs(lookup.spans.length, whole, kept)),
      findings: findingsOf(source),
      isIncomplete: survey.lost > 0,
    },
  };
}

function droppedEpochs(total: number, whole: readonly EpochSpan[], kept: readonly EpochSpan[]): NotKept[] {
  const knownStates = whole.filter(({ stateKnown }) => stateKnown).length;
  return [
    {
      kind: 'filteredEpochs',
      count: total - whole.length,
      message: 'observations of epochs that lost records or were left out: they are not true of what is left',
    },
    {
      kind: 'detachedEpochs',
      count: knownStates - kept.length,
      message:
        'observations of epochs apart from the longest run: the state that they start from would be missing (vrrl trim keeps it)',
    },
    {
      kind: 'epochsWithoutState',
      count: whole.length - knownStates,
      message: 'observations of epochs whose words are lost',
    },
  ];
}

/** Of the epochs that follow each other without a gap, those with the most records; none if no epoch has any. */
function longestRun(whole: readonly EpochSpan[]): readonly EpochSpan[] {
  let longest: readonly EpochSpan[] = [];
  let most = 0;
  for (let first = 0; first < whole.length; ) {
    let end = first + 1;
    while (end < whole.length && follows(whole[end - 1], whole[end])) end += 1;
    const records = whole[end - 1].end - whole[first].first;
    if (whole[first].stateKnown && records > most) {
      longest = whole.slice(first, end);
      most = records;
    }
    first = end;
  }
  return longest;
}

function follows(before: EpochSpan, after: EpochSpan): boolean {
  return before.stateKnown === after.stateKnown && after.ordinal === before.ordinal + 1;
}

function draftOf(
  source: DerivationSource,
  numbers: RecordNumbers,
  survey: Survey,
  kept: readonly EpochSpan[],
): { readonly metadata: Draft['metadata']; readonly draft: Omit<Draft, 'metadata'> } {
  const store = storeOf(source, numbers);
  const { firstSequence, newestSequence } = survey;
  return {
    metadata: survey.numbersKept ? metadataOfPiece(source) : renumberedMetadata(source, survey),
    draft: {
      capacity: newestSequence - firstSequence + 1,
      firstSequence,
      newestSequence,
      recordCount: survey.recordCount,
      eachRecord(visit) {
        survey.each((index, number) => visit(store, index, number));
      },
      observed: observedOf(source, kept, firstSequence, (number) => survey.newNumberOf(number)),
    },
  };
}

/** The same number is another record than in the source, so they must not be taken for pieces of one recording. */
function renumberedMetadata(source: DerivationSource, survey: Survey): FlightMetadata {
  const kept = function* () {
    for (let index = 0; index < source.log.columns.length; index += 1) if (survey.keeps(index)) yield index;
  };
  return { ...metadataOfPiece(source), recording: `filtered ${contentId(source, kept())}` };
}

/** Which records are kept, and which lost ones would have to be. */
class Survey {
  readonly firstSequence: number;
  readonly newestSequence: number;
  recordCount = 0;
  /** Lost records that may have been wanted. */
  lost = 0;
  readonly #source: DerivationSource;
  readonly #numbers: RecordNumbers;
  readonly #lookup: EpochLookup;
  readonly #selection: FilterSelection;
  /** By index: how many numbers are given away before the record, and whether it gets one. */
  readonly #before: Float64Array;
  readonly #isKept: Uint8Array;

  constructor(source: DerivationSource, numbers: RecordNumbers, lookup: EpochLookup, selection: FilterSelection) {
    this.#source = source;
    this.#numbers = numbers;
    this.#lookup = lookup;
    this.#selection = selection;
    const { length } = source.log.columns;
    this.#before = new Float64Array(length + 1);
    this.#isKept = new Uint8Array(length);
    let given = 0;
    let first = numbers.newest + 1;
    for (let index = 0; index <= length; index += 1) {
      const lost = this.#lostBefore(index);
      if (lost > 0) first = Math.min(first, this.#endBefore(index) - source.log.lostBefore(index));
      given += lost;
      this.lost += lost;
      this.#before[index] = given;
      if (index === length || !this.#isWanted(index)) continue;
      this.#isKept[index] = 1;
      first = Math.min(first, numbers.of[index]);
      this.recordCount += 1;
      given += 1;
    }
    this.firstSequence = first;
    this.newestSequence = first + given - 1;
  }

  keeps(index: number): boolean {
    return this.#isKept[index] === 1;
  }

  /** Whether every record has the number that it had. */
  get numbersKept(): boolean {
    return this.#isKept.every(
      (isKept, index) => isKept === 0 || this.firstSequence + this.#before[index] === this.#numbers.of[index],
    );
  }

  /** Told the index and the new number of every record that is kept. */
  each(visit: (index: number, number: number) => void): void {
    for (let index = 0; index < this.#isKept.length; index += 1) {
      if (this.#isKept[index] === 1) visit(index, this.firstSequence + this.#before[index]);
    }
  }

  /** Whether nothing of an epoch is missing that was not lost before. */
  isWhole({ ordinal, first, end }: EpochSpan): boolean {
    const { epochs, times } = this.#selection;
    if (first < end) return first >= this.#numbers.oldest && this.#givenFrom(first, end) === end - first;
    // Without records it leaves no trace, unless its number is asked for.
    return times === undefined && (epochs === undefined || isWithin(epochs, ordinal));
  }

  /** The new number of a record of an epoch that is whole, or of one that follows it. */
  newNumberOf(number: number): number {
    return this.firstSequence + this.#givenFrom(Number.NEGATIVE_INFINITY, number);
  }

  /** How many numbers are given to records that had numbers from `first` to below `end`, whether or not they are there. */
  #givenFrom(first: number, end: number): number {
    const [from, to] = [first, end].map((number) => this.#givenBefore(number));
    return to - from;
  }

  #givenBefore(number: number): number {
    if (number === Number.NEGATIVE_INFINITY) return 0;
    const { of } = this.#numbers;
    let [low, high] = [0, of.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (of[middle] < number) low = middle + 1;
      else high = middle;
    }
    const beyond = this.#before[low];
    // Lost records right before that one may have numbers above.
    const lostAbove = this.#lostIn(low, number, this.#endBefore(low));
    return beyond - lostAbove;
  }

  /** The number behind the lost ones that lie right before an index. */
  #endBefore(index: number): number {
    const { of, newest } = this.#numbers;
    return index < of.length ? of[index] : newest + 1;
  }

  #lostBefore(index: number): number {
    const end = this.#endBefore(index);
    return this.#lostIn(index, end - this.#source.log.lostBefore(index), end);
  }

  /** Lost records right before an index, with numbers from `first` to below `end`, that may have been wanted. */
  #lostIn(index: number, first: number, end: number): number {
    const lost = this.#source.log.lostBefore(index);
    const from = Math.max(first, this.#endBefore(index) - lost);
    if (from >= end || !this.#mayHaveBeenInTime(index) || !this.#mayHaveHadEpoch(index)) return 0;
    const { epochs } = this.#selection;
    if (epochs === undefined || !this.#lookup.isObserved) return end - from;
    let count = 0;
    for (let number = from; number < end; number += 1) {
      if (isWithin(epochs, this.#lookup.ofNumber(number))) count += 1;
    }
    return count;
  }

  /** Time goes on between the records on both sides. */
  #mayHaveBeenInTime(index: number): boolean {
    const { times } = this.#selection;
    if (times === undefined) return true;
    const { timestampNs, length } = this.#source.log.columns;
    return (
      (index === 0 || timestampNs[index - 1] <= times.untilNs) &&
      (index === length || timestampNs[index] >= times.fromNs)
    );
  }

  #mayHaveHadEpoch(index: number): boolean {
    const { epochs } = this.#selection;
    if (epochs === undefined || this.#lookup.isObserved) return true;
    const { epoch, length } = this.#source.log.columns;
    const [low, high] = [
      index === 0 ? 0 : epoch[index - 1],
      index === length ? Number.POSITIVE_INFINITY : epoch[index],
    ];
    return epochs.some(({ from, until }) => from <= high && until >= low);
  }

  #isWanted(index: number): boolean {
    const { epochs, tenants, opcodes, times } = this.#selection;
    const { columns } = this.#source.log;
    if (epochs !== undefined && !isWithin(epochs, this.#lookup.of(index))) return false;
    if (tenants !== undefined && !isWithin(tenants, columns.tenantId[index])) return false;
    if (opcodes !== undefined && !isWithin(opcodes, columns.opcode[index])) return false;
    const time = columns.timestampNs[index];
    return times === undefined || (time >= times.fromNs && time <= times.untilNs);
  }
}
