/**
 * LOAD and SEGMENT: a program on its way to a runner.
 *
 * Everything is words, and lies in the payload as it lies in a segment. Whoever replays a program goes by its indexes
 * without asking again, perhaps on a device that checks none, so here they are all checked.
 */

import {
  LONG_SLOT_WORDS,
  NONE,
  PROGRAM_EPOCH_WORDS,
  ProgramEpochFlag,
  ProgramEpochWord,
  type ProgramHead,
  type ProgramSegment,
  SHORT_SLOT_WORDS,
  signatureWords as wordsOfSignature,
} from '../backend/index.ts';
import type { ResolvedLayout } from '../observe/index.ts';
import { WireError } from './errors.ts';
import { RunWord } from './run.ts';
import { WordReader } from './word-reader.ts';

/** Where in a LOAD what is. */
export const LoadWord = { EPOCH_COUNT: 0, SLOT_COUNT: 1, SLOT_WORDS: 2, SIGNATURE_WORDS: 3 } as const;

/** Where in a SEGMENT what is; after these words the lists follow, in another order than their counts. */
export const SegmentWord = {
  EPOCH_COUNT: 0,
  SLOT_COUNT: 1,
  BATCH_COUNT: 2,
  EXPECTATION_COUNT: 3,
  STATE_COUNT: 4,
  EPOCHS: 5,
} as const;

/** Regions that the mask of an expectation has room for; a layout with more has no programs. */
export const MAX_PROGRAM_REGIONS = 32;

const ALL_FLAGS = Object.values(ProgramEpochFlag).reduce((sum, flag) => sum + flag, 0);

/** What a runner's programs have to fit. */
export interface ProgramFit {
  /** Slots of the ring. */
  readonly slotCount: number;
  readonly layout: ResolvedLayout;
}

export function encodeLoad({ epochCount, slotCount, slotWords, signatureWords }: ProgramHead): Uint8Array {
  return new Uint8Array(Uint32Array.of(epochCount, slotCount, slotWords, signatureWords).buffer);
}

/** @throws WireError if it is no head of a program for this layout. */
export function decodeLoad(payload: Uint8Array, { layout }: ProgramFit): ProgramHead {
  const words = new WordReader(payload, 'LOAD');
  const [epochCount, slotCount, slotWords, signatureWords] = words.take(4, 'words');
  words.expectEnd();
  if (slotWords !== SHORT_SLOT_WORDS && slotWords !== LONG_SLOT_WORDS) {
    throw new WireError(`LOAD: slots of ${slotWords} words, expected ${SHORT_SLOT_WORDS} or ${LONG_SLOT_WORDS}`);
  }
  const expected = wordsOfSignature(layout);
  if (signatureWords !== expected) {
    throw new WireError(`LOAD: signatures of ${signatureWords} words, and those of its layout have ${expected}`);
  }
  return { epochCount, slotCount, slotWords, signatureWords };
}

/** The payload, as long as it may be: whether the runner takes one that long is for whoever sends it to see. */
export function encodeSegment(segment: ProgramSegment, head: ProgramHead, snapshotWords: number): Uint8Array {
  const { epochCount, epochs, batchEnds, expectations, slots, states } = segment;
  const lists = [epochs, batchEnds, expectations, slots, states];
  const length = lists.reduce<number>((sum, list) => sum + list.length, SegmentWord.EPOCHS);
  const words = new Uint32Array(length);
  words[SegmentWord.EPOCH_COUNT] = epochCount;
  words[SegmentWord.SLOT_COUNT] = slots.length / head.slotWords;
  words[SegmentWord.BATCH_COUNT] = batchEnds.length;
  words[SegmentWord.EXPECTATION_COUNT] = expectations.length / (1 + head.signatureWords);
  words[SegmentWord.STATE_COUNT] = states.length / snapshotWords;
  let at: number = SegmentWord.EPOCHS;
  for (const list of lists) {
    words.set(list, at);
    at += list.length;
  }
  return new Uint8Array(words.buffer);
}

/** Reads the segments of one program in their order. */
export class SegmentReader {
  readonly head: ProgramHead;
  readonly #fit: ProgramFit;
  #epochsRead = 0;
  #slotsRead = 0;

  constructor(head: ProgramHead, fit: ProgramFit) {
    this.head = head;
    this.#fit = fit;
  }

  /** Whether that was all of it. */
  get isComplete(): boolean {
    return this.#epochsRead === this.head.epochCount;
  }

  /**
   * The next segment, copied out of the payload.
   *
   * @throws WireError if something in it cannot be. Then the reader still waits for the segment that it waited for.
   */
  read(payload: Uint8Array): ProgramSegment {
    const segment = cutSegment(payload, this.head, this.#fit.layout.snapshotWords);
    const epochsRead = this.#epochsRead + segment.epochCount;
    const slotsRead = this.#slotsRead + segment.slots.length / this.head.slotWords;
    const { epochCount, slotCount } = this.head;
    if (segment.epochCount === 0) throw problem('it has no epoch');
    if (epochsRead > epochCount)
      throw problem(`with it the program has ${epochsRead} epochs, and LOAD said ${epochCount}`);
    if (slotsRead > slotCount) throw problem(`with it the program has ${slotsRead} slots, and LOAD said ${slotCount}`);
    new SegmentCheck(segment, this.head, this.#fit).check(this.#epochsRead);
    this.#epochsRead = epochsRead;
    this.#slotsRead = slotsRead;
    return segment;
  }
}

/** Takes a payload apart by its counts, which have to use it up. */
function cutSegment(payload: Uint8Array, head: ProgramHead, snapshotWords: number): ProgramSegment {
  const words = new WordReader(payload, 'SEGMENT');
  const counts = words.take(SegmentWord.EPOCHS, 'counts');
  const epochCount = counts[SegmentWord.EPOCH_COUNT];
  const segment = {
    epochCount,
    epochs: words.takeArray(epochCount * PROGRAM_EPOCH_WORDS, 'epochs'),
    batchEnds: words.takeArray(counts[SegmentWord.BATCH_COUNT], 'batchEnds'),
    expectations: words.takeArray(counts[SegmentWord.EXPECTATION_COUNT] * (1 + head.signatureWords), 'expectations'),
    slots: words.takeArray(counts[SegmentWord.SLOT_COUNT] * head.slotWords, 'slots'),
    states: words.takeArray(counts[SegmentWord.STATE_COUNT] * snapshotWords, 'states'),
  };
  words.expectEnd();
  return segment;
}

/** Whether the epochs of a segment mean nothing that is not in it. */
class SegmentCheck {
  readonly #segment: ProgramSegment;
  readonly #slotWords: number;
  readonly #slotCount: number;
  readonly #expectationCount: number;
  readonly #stateCount: number;
  readonly #ringSlots: number;
  /** Where the epoch before ended. */
  #slot = 0;
  #batch = 0;

  constructor(segment: ProgramSegment, { slotWords, signatureWords }: ProgramHead, { slotCount, layout }: ProgramFit) {
    this.#segment = segment;
    this.#slotWords = slotWords;
    this.#slotCount = segment.slots.length / slotWords;
    this.#expectationCount = segment.expectations.length / (1 + signatureWords);
    this.#stateCount = segment.states.length / layout.snapshotWords;
    this.#ringSlots = slotCount;
  }

  /** @throws WireError that names the first epoch that is wrong. */
  check(firstIndex: number): void {
    const { epochCount, batchEnds } = this.#segment;
    for (let position = 0; position < epochCount; position += 1) {
      const wrong = this.#problemWith(position, firstIndex + position);
      if (wrong !== undefined) throw problem(`epoch ${firstIndex + position}: ${wrong}`);
    }
    if (this.#batch !== batchEnds.length) throw problem('there are more batches than its epochs have');
  }

  #problemWith(position: number, index: number): string | undefined {
    const word = (at: number) => this.#segment.epochs[position * PROGRAM_EPOCH_WORDS + at];
    if (word(ProgramEpochWord.INDEX) !== index) return `its index is ${word(ProgramEpochWord.INDEX)}`;
    if ((word(ProgramEpochWord.FLAGS) & ~ALL_FLAGS) !== 0) return 'it has a flag that there is not';
    if (word(ProgramEpochWord.RESERVED) !== 0) return 'its last word is not 0';
    if (!isNoneOrBelow(word(ProgramEpochWord.EXPECTATION), this.#expectationCount)) return 'it has no such expectation';
    if (!isNoneOrBelow(word(ProgramEpochWord.STATE), this.#stateCount)) return 'it has no such state';
    const end = this.#slotEnd(position);
    if (word(ProgramEpochWord.FIRST_SLOT) !== this.#slot || end < this.#slot || end > this.#slotCount) {
      return 'its slots do not begin where those of the epoch before end';
    }
    const wrong = this.#problemWithBatches(word(ProgramEpochWord.FIRST_BATCH), word(ProgramEpochWord.END_BATCH), end);
    if (wrong !== undefined) return wrong;
    const isReplayable = (word(ProgramEpochWord.FLAGS) & ProgramEpochFlag.REPLAYABLE) !== 0;
    const outside = isReplayable ? this.#slotOutsideOfRing(end) : undefined;
    this.#slot = end;
    return outside === undefined ? undefined : `slot ${outside} is beyond the ring, which has ${this.#ringSlots} slots`;
  }

  /** Where the next epoch's slots begin. */
  #slotEnd(position: number): number {
    const { epochs, epochCount } = this.#segment;
    if (position + 1 === epochCount) return this.#slotCount;
    return epochs[(position + 1) * PROGRAM_EPOCH_WORDS + ProgramEpochWord.FIRST_SLOT];
  }

  #problemWithBatches(first: number, end: number, slotEnd: number): string | undefined {
    const { batchEnds } = this.#segment;
    if (first !== this.#batch || end < first || end > batchEnds.length) {
      return 'its batches do not begin where those of the epoch before end';
    }
    let before = this.#slot;
    for (let batch = first; batch < end; batch += 1) {
      if (batchEnds[batch] < before || batchEnds[batch] > slotEnd) return `batch ${batch} ends outside of its slots`;
      before = batchEnds[batch];
    }
    this.#batch = end;
    return undefined;
  }

  #slotOutsideOfRing(end: number): number | undefined {
    const { slots } = this.#segment;
    for (let slot = this.#slot; slot < end; slot += 1) {
      const slotIndex = slots[slot * this.#slotWords + RunWord.SLOT_INDEX];
      if (slotIndex >= this.#ringSlots) return slotIndex;
    }
    return undefined;
  }
}

function isNoneOrBelow(value: number, count: number): boolean {
  return value === NONE || value < count;
}

function problem(what: string): WireError {
  return new WireError(`SEGMENT: ${what}`);
}
