/** Several streams of one recording, one behind the other, as one. */

import { InputError } from '../base/errors.ts';
import type { FaultEntry, ObservedEpoch, SlotRest } from './epoch.ts';
import type { StreamFinding, StreamLoss } from './findings.ts';
import type { StreamTotals } from './frame-payloads.ts';
import type { ResolvedLayout } from './observation.ts';
import type { ObservationReader } from './reader.ts';
import type { ObservationHeader } from './stream-header.ts';

/** What was observed, in one stream or in several: an `ObservationReader`, or what answers as one does. */
export type Observations = Pick<ObservationReader, keyof ObservationReader>;

/** A stream, and which of its epochs count: those with ordinals from `firstOrdinal` on and below `endOrdinal`. */
export interface ObservationPart {
  readonly observations: Observations;
  readonly firstOrdinal: number;
  readonly endOrdinal: number;
}

interface Part {
  readonly observations: Observations;
  /** Of its epochs, those from `from` on; the first of them is epoch `start` of all. */
  readonly from: number;
  readonly start: number;
  readonly count: number;
}

/**
 * Streams of one recording in the order of their epochs. Epochs are counted over all of them; what is asked about one is
 * asked of the stream that it is in. A part that is missing in between is an epoch that is missing: the ordinals tell.
 */
export class JoinedObservations implements Observations {
  readonly header: ObservationHeader;
  readonly layout: ResolvedLayout;
  readonly findings: readonly StreamFinding[];
  readonly loss: StreamLoss;
  readonly cleanEnd: boolean;
  readonly epochCount: number;
  readonly #parts: readonly Part[];

  /**
   * @param parts at least one, of one layout, their ranges of ordinals rising and without overlap.
   * @throws InputError if there is none.
   */
  constructor(parts: readonly ObservationPart[]) {
    const first = parts.at(0);
    if (first === undefined) throw new InputError('there are no streams to join', 'pass at least one.');
    const { header, layout } = first.observations;
    this.header = header;
    this.layout = layout;
    this.findings = parts.flatMap(({ observations }) => observations.findings);
    this.loss = sumOfLosses(parts.map(({ observations }) => observations.loss));
    this.cleanEnd = parts.at(-1)?.observations.cleanEnd === true;
    this.#parts = placed(parts);
    this.epochCount = this.#parts.reduce((sum, { count }) => sum + count, 0);
  }

  get firstOrdinal(): number {
    return this.epochCount === 0 ? this.#first.firstOrdinal : this.epoch(0).ordinal;
  }

  get overwrittenEpochs(): number {
    return this.#first.overwrittenEpochs;
  }

  get firstLiveRecord(): number {
    return this.#first.firstLiveRecord;
  }

  get totals(): StreamTotals | undefined {
    return this.#parts.at(-1)?.observations.totals;
  }

  get initialWords(): Uint32Array | undefined {
    return this.#first.initialWords;
  }

  get initialOrdinal(): number | undefined {
    return this.#first.initialOrdinal;
  }

  get initialMemory(): Uint32Array | undefined {
    return this.#first.initialMemory;
  }

  epoch(index: number): ObservedEpoch {
    const [{ observations }, local] = this.#locate(index);
    return observations.epoch(local);
  }

  stateKnown(index: number): boolean {
    const [{ observations }, local] = this.#locate(index);
    return observations.stateKnown(local);
  }

  indexOfOrdinal(ordinal: number): number | undefined {
    return this.#findIn((observations) => observations.indexOfOrdinal(ordinal));
  }

  indexOfRecord(sequence: number): number | undefined {
    return this.#findIn((observations) => observations.indexOfRecord(sequence));
  }

  wordsAfter(index: number, into?: Uint32Array): Uint32Array | undefined {
    const [{ observations }, local] = this.#locate(index);
    return observations.wordsAfter(local, into);
  }

  wordsBefore(index: number, into?: Uint32Array): Uint32Array | undefined {
    const [{ observations }, local] = this.#locate(index);
    if (observations.stateBeforeKnown(local) || !this.#followsOn(index)) return observations.wordsBefore(local, into);
    return this.wordsAfter(index - 1, into);
  }

  stateBeforeKnown(index: number): boolean {
    const [{ observations }, local] = this.#locate(index);
    return observations.stateBeforeKnown(local) || (this.#followsOn(index) && this.stateKnown(index - 1));
  }

  faults(index: number): FaultEntry[] {
    const [{ observations }, local] = this.#locate(index);
    return observations.faults(local);
  }

  slotRest(sequence: number): SlotRest | undefined {
    for (const { observations } of this.#parts) {
      const rest = observations.slotRest(sequence);
      if (rest !== undefined) return rest;
    }
    return undefined;
  }

  get #first(): Observations {
    return this.#parts[0].observations;
  }

  /** Whether the epoch before it is here. */
  #followsOn(index: number): boolean {
    return index > 0 && this.epoch(index - 1).ordinal === this.epoch(index).ordinal - 1;
  }

  /** The part that an epoch is in, and which epoch it is there. */
  #locate(index: number): [Part, number] {
    if (!Number.isInteger(index) || index < 0 || index >= this.epochCount) {
      throw new InputError(
        `the streams have no epoch ${index}, they have ${this.epochCount}`,
        'count epochs from 0, or find one by its ordinal.',
      );
    }
    let [low, high] = [0, this.#parts.length];
    // The last part that starts at `index` or before it: parts without epochs start where the next one does.
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (this.#parts[middle].start <= index) low = middle;
      else high = middle;
    }
    const part = this.#parts[low];
    return [part, part.from + index - part.start];
  }

  #findIn(find: (observations: Observations) => number | undefined): number | undefined {
    for (const { observations, from, start, count } of this.#parts) {
      const local = find(observations);
      if (local !== undefined && local >= from && local < from + count) return start + local - from;
    }
    return undefined;
  }
}

function placed(parts: readonly ObservationPart[]): Part[] {
  let start = 0;
  return parts.map(({ observations, firstOrdinal, endOrdinal }) => {
    const from = firstEpochFrom(observations, firstOrdinal);
    const count = Math.max(0, firstEpochFrom(observations, endOrdinal) - from);
    start += count;
    return { observations, from, start: start - count, count };
  });
}

/** The index of the first epoch whose ordinal is not below `ordinal`. */
function firstEpochFrom(observations: Observations, ordinal: number): number {
  let [low, high] = [0, observations.epochCount];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (observations.epoch(middle).ordinal < ordinal) low = middle + 1;
    else high = middle;
  }
  return low;
}

function sumOfLosses(losses: readonly StreamLoss[]): StreamLoss {
  const sum = (count: keyof StreamLoss): number => losses.reduce((total, loss) => total + loss[count], 0);
  return {
    damagedBytes: sum('damagedBytes'),
    tornBytes: sum('tornBytes'),
    foreignFrames: sum('foreignFrames'),
    staleFrames: sum('staleFrames'),
    missingFrames: sum('missingFrames'),
    malformedFrames: sum('malformedFrames'),
    epochsWithoutState: sum('epochsWithoutState'),
  };
}
