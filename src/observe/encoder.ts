import { InputError } from '../base/errors.ts';
import { WORD_BYTES } from '../base/words.ts';
import { DIGEST_WORDS } from './digest.ts';
import type { EpochObservation, SlotRest } from './epoch.ts';
import { FrameBuffer, type Salt } from './frame-buffer.ts';
import {
  checkWord,
  type InitialStateFacts,
  writeEnd,
  writeEpochFacts,
  writeFaults,
  writeInitialState,
  writeSlotRests,
} from './frame-payloads.ts';
import { checkSnapshot, hasOverflowed, type ResolvedLayout } from './observation.ts';
import { DELTA_SLACK_BYTES, encodeDelta, findChangedRuns } from './state-delta.ts';
import { StateDigests } from './state-sums.ts';
import { EpochWord, epochFixedWords, FrameKind, StateEncoding } from './stream-format.ts';
import { checkPair } from './word-pairs.ts';

/** Settings that most writers leave alone. */
export interface ObservationEncoderOptions {
  /** At least every so many epochs all words are written, so that a state is never far away. */
  readonly keyframeInterval?: number;
  /** What came before: more than nothing where a recording is cut out of another. */
  readonly startsAfter?: InitialStateFacts;
}

/** Whole frames, borrowed until the encoder makes the next ones. */
export interface EncodedFrames {
  readonly bytes: Uint8Array;
  readonly frames: number;
  /** The last of them holds a whole state. */
  readonly isKeyframe: boolean;
}

const DEFAULT_KEYFRAME_INTERVAL = 64;
const NO_WORDS = new Uint32Array(0);
/** What came before the first epoch of a recording that is made. */
export const FROM_THE_START: InitialStateFacts = { nextOrdinal: 0, overwrittenEpochs: 0, firstLiveRecord: 0 };

/**
 * Makes the frames of a recording, wherever they go. What was made counts once it was written: whoever wrote it calls
 * `accept`, and whoever could not may have the same made again.
 */
export class ObservationEncoder {
  readonly layout: ResolvedLayout;
  readonly #buffer: FrameBuffer;
  readonly #digests: StateDigests;
  /** The state after the last epoch. */
  readonly #state: Uint32Array;
  readonly #runs: Uint32Array;
  readonly #keyframeInterval: number;
  readonly #startsAfter: InitialStateFacts;
  readonly #isStartKnown: boolean;
  #epochs: number;
  #lastOrdinal: number;
  #nextRecord = 1;
  #sinceKeyframe = 0;
  /** Rests of records that no epoch covers yet, rising. */
  #pendingRests: number[] = [];
  #lastRest = 0;
  #accept: (() => void) | undefined;

  /**
   * `initialWords` is the snapshot before the first epoch; undefined if nobody knows it, which a recording that is cut out
   * of another may have to say.
   *
   * @throws InputError if the words or the interval cannot be used.
   */
  constructor(
    layout: ResolvedLayout,
    initialWords: Uint32Array | undefined,
    salt: Salt,
    { keyframeInterval = DEFAULT_KEYFRAME_INTERVAL, startsAfter = FROM_THE_START }: ObservationEncoderOptions = {},
  ) {
    const start = initialWords ?? new Uint32Array(layout.snapshotWords);
    checkSnapshot(layout, start, 'the initial snapshot');
    if (!Number.isInteger(keyframeInterval) || keyframeInterval < 1) {
      throw new InputError(`the keyframe interval is ${keyframeInterval}`, 'use a whole number of epochs, at least 1.');
    }
    this.layout = layout;
    this.#keyframeInterval = keyframeInterval;
    this.#buffer = new FrameBuffer(salt);
    this.#startsAfter = startsAfter;
    this.#isStartKnown = initialWords !== undefined;
    this.#epochs = startsAfter.overwrittenEpochs;
    this.#lastOrdinal = startsAfter.nextOrdinal - 1;
    this.#state = start.slice();
    this.#runs = new Uint32Array(layout.snapshotWords + 1);
    this.#digests = new StateDigests(layout, start);
    // Nothing can be told as a change of what nobody knows.
    if (!this.#isStartKnown) this.#sinceKeyframe = keyframeInterval;
  }

  get salt(): Salt {
    return this.#buffer.salt;
  }

  /** Epochs accepted, those that came before included. */
  get epochCount(): number {
    return this.#epochs;
  }

  /** The state before the first epoch, and all of the memory as it was then if it is known. */
  initialState(sequence: number, memory: Uint32Array = NO_WORDS): EncodedFrames {
    this.#buffer.clear();
    const words = this.#isStartKnown ? this.#state : NO_WORDS;
    writeInitialState(this.#buffer, sequence, this.#startsAfter, words, memory);
    this.#accept = undefined;
    return this.#made(1, this.#isStartKnown);
  }

  /**
   * An epoch that has drained, after its faults; the first frame has the number `sequence`.
   *
   * @throws InputError if its ordinal or records do not come after the last epoch's, or something does not fit a word.
   */
  epoch(observation: EpochObservation, sequence: number): EncodedFrames {
    this.#checkEpoch(observation);
    const { ordinal, firstRecord, recordCount, words, faults = [] } = observation;
    this.#buffer.clear();
    if (faults.length > 0) writeFaults(this.#buffer, sequence, ordinal, faults);
    const frames = faults.length > 0 ? 2 : 1;
    const runsLength = findChangedRuns(this.#state, words, this.#runs);
    this.#digests.advance(this.#state, words, this.#runs, runsLength);
    const isKeyframe = this.#makeEpoch(observation, runsLength, sequence + frames - 1);
    this.#accept = () => {
      this.#digests.commit();
      this.#state.set(words);
      this.#sinceKeyframe = isKeyframe ? 0 : this.#sinceKeyframe + 1;
      this.#epochs++;
      this.#lastOrdinal = ordinal;
      this.#nextRecord = firstRecord + recordCount;
      if (this.#pendingRests.length > 0) {
        this.#pendingRests = this.#pendingRests.filter((rest) => rest >= this.#nextRecord);
      }
    };
    return this.#made(frames, isKeyframe);
  }

  /**
   * What the log's records have no room for, for one or more slots, in the order of their records.
   *
   * @throws InputError if a record does not come after the last one, or is part of an epoch that was accepted.
   */
  slotRests(rests: readonly SlotRest[], sequence: number): EncodedFrames {
    let last = Math.max(this.#lastRest, this.#nextRecord - 1);
    for (const rest of rests) {
      if (rest.sequence <= last) {
        throw new InputError(
          `the rest of record ${rest.sequence} comes too late: record ${last} has had its turn`,
          'append the rests in the order of the records, and before their epoch.',
        );
      }
      last = rest.sequence;
    }
    this.#buffer.clear();
    writeSlotRests(this.#buffer, sequence, rests);
    this.#accept = () => {
      this.#lastRest = last;
      for (const rest of rests) this.#pendingRests.push(rest.sequence);
    };
    return this.#made(1, false);
  }

  /** The end of the recording. */
  end(sequence: number): EncodedFrames {
    this.#buffer.clear();
    writeEnd(this.#buffer, sequence, { epochs: this.#epochs, records: this.#nextRecord - 1 });
    this.#accept = undefined;
    return this.#made(1, false);
  }

  /** The newest frames are where they belong. */
  accept(): void {
    this.#accept?.();
    this.#accept = undefined;
  }

  #made(frames: number, isKeyframe: boolean): EncodedFrames {
    return { bytes: this.#buffer.bytes.subarray(0, this.#buffer.length), frames, isKeyframe };
  }

  #checkEpoch(observation: EpochObservation): void {
    const { ordinal, firstRecord, recordCount } = observation;
    checkWord(ordinal, 'the ordinal of an epoch');
    checkPair(firstRecord, 1, 'the first record of an epoch');
    checkWord(recordCount, 'the record count of an epoch');
    checkPair(firstRecord + recordCount, 1, 'the last record of an epoch');
    for (const field of ['deviceEpoch', 'done', 'faulted', 'pending'] as const) checkWord(observation[field], field);
    for (const digest of [observation.faultDigest, observation.recordsDigest]) {
      checkWord(digest[0], 'a word of a digest');
      checkWord(digest[1], 'a word of a digest');
    }
    checkSnapshot(this.layout, observation.words);
    if (ordinal <= this.#lastOrdinal || firstRecord < this.#nextRecord) {
      throw new InputError(
        `epoch ${ordinal} from record ${firstRecord} does not come after epoch ${this.#lastOrdinal}, which ended before record ${this.#nextRecord}`,
        'append epochs in the order of their records, each once.',
      );
    }
  }

  /** Makes an epoch's frame and returns whether it holds the whole state. */
  #makeEpoch(observation: EpochObservation, runsLength: number, sequence: number): boolean {
    const fixedBytes = epochFixedWords(this.layout.regions.length) * WORD_BYTES;
    const keyframeBytes = this.layout.snapshotWords * WORD_BYTES;
    const at = this.#buffer.reserve(fixedBytes + keyframeBytes + DELTA_SLACK_BYTES);
    this.#writeFixedPart(at, observation);
    const { bytes, words } = this.#buffer;
    const start = at * WORD_BYTES + fixedBytes;
    const isDue = this.#sinceKeyframe + 1 >= this.#keyframeInterval;
    const end = isDue
      ? -1
      : encodeDelta(this.#state, observation.words, this.#runs, runsLength, bytes, start, start + keyframeBytes);
    const isKeyframe = end < 0;
    if (isKeyframe) words.set(observation.words, start / WORD_BYTES);
    words[at + EpochWord.STATE_ENCODING] = isKeyframe ? StateEncoding.KEYFRAME : StateEncoding.DELTA;
    const stateBytes = isKeyframe ? keyframeBytes : end - start;
    this.#buffer.seal(FrameKind.EPOCH, fixedBytes + stateBytes, sequence);
    return isKeyframe;
  }

  #writeFixedPart(at: number, observation: EpochObservation): void {
    const { words } = this.#buffer;
    const { regions } = this.layout;
    const { firstRecord, recordCount, faults = [] } = observation;
    const digestWordCount = regions.length * DIGEST_WORDS;
    writeEpochFacts(words, at, observation);
    words.set(this.#digests.next.subarray(digestWordCount), at + EpochWord.STATE_DIGEST);
    words[at + EpochWord.REGION_COUNT] = regions.length;
    words[at + EpochWord.FAULT_ENTRY_COUNT] = faults.length;
    words[at + EpochWord.SLOT_REST_COUNT] = this.#countRests(firstRecord, firstRecord + recordCount);
    words.set(this.#digests.next.subarray(0, digestWordCount), at + EpochWord.REGION_DIGESTS);
    const overflowAt = at + EpochWord.REGION_DIGESTS + digestWordCount;
    words.fill(0, overflowAt, at + epochFixedWords(regions.length));
    for (let region = 0; region < regions.length; region++) {
      if (hasOverflowed(regions[region], observation.words)) words[overflowAt + (region >>> 5)] |= 1 << (region & 31);
    }
  }

  #countRests(firstRecord: number, endRecord: number): number {
    let count = 0;
    for (const sequence of this.#pendingRests) if (sequence >= firstRecord && sequence < endRecord) count++;
    return count;
  }
}
