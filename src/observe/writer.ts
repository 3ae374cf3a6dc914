import { InputError } from '../base/errors.ts';
import { WORD_BYTES } from '../base/words.ts';
import { isReplaceable, type ReplaceableStorage, type Storage } from '../storage/index.ts';
import { DIGEST_WORDS } from './digest.ts';
import type { EpochObservation, SlotRest } from './epoch.ts';
import { FrameBuffer, type Salt } from './frame-buffer.ts';
import { checkWord, writeEnd, writeEpochFacts, writeFaults, writeSlotRests } from './frame-payloads.ts';
import { type DeadSegments, LiveSegments } from './live-segments.ts';
import { checkSnapshot, hasOverflowed, type ResolvedLayout, resolveLayout } from './observation.ts';
import { DELTA_SLACK_BYTES, encodeDelta, findChangedRuns } from './state-delta.ts';
import { StateDigests } from './state-sums.ts';
import { EpochWord, epochFixedWords, FrameKind, StateEncoding } from './stream-format.ts';
import { encodeHeader, type ObservationMetadata } from './stream-header.ts';
import { copyBytes, makePrefix, PREFIX_FRAMES, readBase } from './stream-prefix.ts';
import { checkPair } from './word-pairs.ts';

/** Settings that most writers leave alone. */
export interface ObservationWriterOptions {
  /** At least every so many epochs all words are written, so that a state is never far away. */
  readonly keyframeInterval?: number;
  /** All of the memory before the first epoch, if it is more than the snapshot shows. */
  readonly initialMemory?: Uint32Array;
  /** Dead bytes that are not worth a rewrite. */
  readonly maxDeadBytes?: number;
  /** Tells the frames of this stream from any other's; random unless a test wants the same bytes again. */
  readonly salt?: Salt;
}

const DEFAULT_KEYFRAME_INTERVAL = 64;
const DEFAULT_MAX_DEAD_BYTES = 0x10_0000;

/**
 * Writes an observation stream.
 *
 * Every append is one write of whole frames: when it returns, the frames are with the storage and survive the process.
 * `sync` makes them survive the machine. An append that throws has changed nothing, and the next one takes its place.
 */
export class ObservationWriter {
  readonly layout: ResolvedLayout;
  readonly #storage: Storage;
  readonly #headerPayload: Uint8Array;
  readonly #buffer: FrameBuffer;
  readonly #digests: StateDigests;
  /** The state after the last epoch. */
  readonly #state: Uint32Array;
  readonly #runs: Uint32Array;
  readonly #keyframeInterval: number;
  readonly #maxDeadBytes: number;
  readonly #segments = new LiveSegments();
  /** Where the next frame goes. */
  #position = 0;
  #prefixBytes = 0;
  #sequence = 0;
  #epochs = 0;
  #overwrittenEpochs = 0;
  #bearableDeadBytes: number;
  #lastOrdinal = -1;
  #nextRecord = 1;
  #firstLiveRecord = 0;
  #sinceKeyframe = 0;
  /** Rests of records that no epoch covers yet, rising. */
  #pendingRests: number[] = [];
  #lastRest = 0;
  #syncError: unknown;
  #isClosed = false;

  private constructor(
    storage: Storage,
    metadata: ObservationMetadata,
    initialWords: Uint32Array,
    options: ObservationWriterOptions,
  ) {
    this.layout = resolveLayout(metadata.layout);
    checkSnapshot(this.layout, initialWords, 'the initial snapshot');
    const keyframeInterval = options.keyframeInterval ?? DEFAULT_KEYFRAME_INTERVAL;
    if (!Number.isInteger(keyframeInterval) || keyframeInterval < 1) {
      throw new InputError(`the keyframe interval is ${keyframeInterval}`, 'use a whole number of epochs, at least 1.');
    }
    this.#storage = storage;
    this.#headerPayload = encodeHeader(metadata);
    this.#keyframeInterval = keyframeInterval;
    this.#maxDeadBytes = options.maxDeadBytes ?? DEFAULT_MAX_DEAD_BYTES;
    this.#bearableDeadBytes = this.#maxDeadBytes;
    this.#buffer = new FrameBuffer(options.salt ?? randomSalt());
    this.#state = initialWords.slice();
    this.#runs = new Uint32Array(this.layout.snapshotWords + 1);
    this.#digests = new StateDigests(this.layout, initialWords);
  }

  /**
   * Starts a stream in an empty storage, which `close` closes.
   *
   * `initialWords` is the snapshot before the first epoch.
   *
   * @throws InputError if the storage holds something, or the layout or the words cannot be used.
   * @throws StorageError if the storage cannot be written.
   */
  static create(
    storage: Storage,
    metadata: ObservationMetadata,
    initialWords: Uint32Array,
    options: ObservationWriterOptions = {},
  ): ObservationWriter {
    const writer = new ObservationWriter(storage, metadata, initialWords, options);
    const size = storage.size();
    if (size > 0) {
      throw new InputError(
        `\`${storage.label}\` holds ${size} bytes already`,
        'name a file that does not exist yet, or remove it first.',
      );
    }
    const facts = { nextOrdinal: 0, overwrittenEpochs: 0, firstLiveRecord: 0 };
    const { salt } = writer.#buffer;
    const prefix = makePrefix(salt, 0, writer.#headerPayload, facts, initialWords, options.initialMemory);
    writer.#write(prefix, PREFIX_FRAMES);
    writer.#prefixBytes = prefix.length;
    return writer;
  }

  /** Epochs appended, those dropped since included. */
  get epochCount(): number {
    return this.#epochs;
  }

  /** Epochs that are not in the storage any more. */
  get overwrittenEpochs(): number {
    return this.#overwrittenEpochs;
  }

  /** Bytes of the stream as it is now. */
  get sizeBytes(): number {
    return this.#position;
  }

  /**
   * Appends an epoch that has drained, with its faults.
   *
   * @throws InputError if its ordinal or records do not come after the last epoch's, or something does not fit a word.
   * @throws StorageError if the storage cannot be written; the epoch is not there then.
   */
  appendEpoch(observation: EpochObservation): void {
    this.#checkOpen();
    this.#checkEpoch(observation);
    const { ordinal, firstRecord, recordCount, words, faults = [] } = observation;
    this.#buffer.clear();
    if (faults.length > 0) writeFaults(this.#buffer, this.#sequence, ordinal, faults);
    const runsLength = findChangedRuns(this.#state, words, this.#runs);
    this.#digests.advance(this.#state, words, this.#runs, runsLength);
    const isKeyframe = this.#makeEpoch(observation, runsLength, this.#sequence + (faults.length > 0 ? 1 : 0));
    this.#writeBuffer(faults.length > 0 ? 2 : 1);

    this.#digests.commit();
    this.#state.set(words);
    this.#sinceKeyframe = isKeyframe ? 0 : this.#sinceKeyframe + 1;
    this.#epochs++;
    this.#lastOrdinal = ordinal;
    this.#nextRecord = firstRecord + recordCount;
    if (this.#pendingRests.length > 0) {
      this.#pendingRests = this.#pendingRests.filter((sequence) => sequence >= this.#nextRecord);
    }
    this.#segments.touch(recordCount > 0 ? this.#nextRecord - 1 : firstRecord);
    this.#segments.close(ordinal, this.#position, this.#sequence);
  }

  /**
   * Appends what the log's records have no room for, for one or more slots, in the order of their records.
   *
   * Written before the slots are published, it is there when they kill the process.
   *
   * @throws InputError if a record does not come after the last one, or is part of an epoch that was appended.
   * @throws StorageError if the storage cannot be written; none of the rests is there then.
   */
  appendSlotRest(...rests: readonly SlotRest[]): void {
    this.#checkOpen();
    if (rests.length === 0) return;
    let last = Math.max(this.#lastRest, this.#nextRecord - 1);
    for (const { sequence } of rests) {
      if (sequence <= last) {
        throw new InputError(
          `the rest of record ${sequence} comes too late: record ${last} has had its turn`,
          'append the rests in the order of the records, and before their epoch.',
        );
      }
      last = sequence;
    }
    this.#buffer.clear();
    writeSlotRests(this.#buffer, this.#sequence, rests);
    this.#writeBuffer(1);
    this.#lastRest = last;
    this.#segments.touch(last);
    for (const { sequence } of rests) this.#pendingRests.push(sequence);
  }

  /**
   * Declares every record before `recordSequence` dead, as those are that a wrapping log has written over.
   *
   * Once more is dead than alive and it is worth the effort, the stream is rewritten without the epochs that are dead
   * as a whole. That takes as long as copying what is alive. A storage that cannot be replaced grows for ever.
   *
   * @throws StorageError if the rewrite failed; the stream is what it was, and can be appended to.
   * @throws ObservationFormatError if somebody else spoilt the stream, so that it cannot be rewritten.
   */
  dropBefore(recordSequence: number): void {
    this.#checkOpen();
    checkPair(recordSequence, 0, 'the first live record');
    this.#firstLiveRecord = Math.max(this.#firstLiveRecord, recordSequence);
    this.#segments.dropBefore(recordSequence);
    const { dead } = this.#segments;
    if (dead === undefined || !isReplaceable(this.#storage)) return;
    const deadBytes = dead.end - this.#prefixBytes;
    if (deadBytes <= this.#bearableDeadBytes || deadBytes <= this.#position - deadBytes) return;
    // If it fails, every call until there is twice as much to gain would only fail again.
    this.#bearableDeadBytes = deadBytes * 2;
    this.#rewrite(this.#storage, dead);
    this.#bearableDeadBytes = this.#maxDeadBytes;
  }

  /**
   * Returns once everything that was appended is on stable storage.
   *
   * @throws StorageError if it is not. That is final: what the system dropped then, a second try would not bring back.
   */
  sync(): void {
    this.#checkOpen();
    if (this.#syncError !== undefined) throw this.#syncError;
    try {
      this.#storage.sync();
    } catch (error) {
      this.#syncError = error;
      throw error;
    }
  }

  /** Ends the stream, syncs it and closes the storage. Idempotent; after an error the stream has no clean end. */
  close(): void {
    if (this.#isClosed) return;
    try {
      this.#buffer.clear();
      writeEnd(this.#buffer, this.#sequence, { epochs: this.#epochs, records: this.#nextRecord - 1 });
      this.#writeBuffer(1);
      this.sync();
    } finally {
      this.#isClosed = true;
      this.#storage.close();
    }
  }

  #checkOpen(): void {
    if (!this.#isClosed) return;
    throw new InputError(`the observation stream \`${this.#storage.label}\` is closed`, 'append before you close it.');
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

  #writeBuffer(frames: number): void {
    this.#write(this.#buffer.bytes.subarray(0, this.#buffer.length), frames);
  }

  /** Writes whole frames where the stream ends. */
  #write(bytes: Uint8Array, frames: number): void {
    try {
      this.#storage.writeAt(bytes, this.#position);
    } catch (error) {
      this.#cutOffRest();
      throw error;
    }
    this.#position += bytes.length;
    this.#sequence += frames;
  }

  /** Tries to remove what a failed write left; a reader would step over it anyway. */
  #cutOffRest(): void {
    try {
      this.#storage.resize(this.#position);
    } catch {
      // The error of the write is the one that counts.
    }
  }

  #rewrite(storage: ReplaceableStorage, dead: DeadSegments): void {
    const overwrittenEpochs = this.#overwrittenEpochs + dead.count;
    const facts = { nextOrdinal: dead.lastOrdinal + 1, overwrittenEpochs, firstLiveRecord: this.#firstLiveRecord };
    const base = readBase(storage, dead.lastOrdinal);
    const sequence = dead.nextSequence - PREFIX_FRAMES;
    const prefix = makePrefix(this.#buffer.salt, sequence, this.#headerPayload, facts, base.snapshot, base.memory);
    storage.replaceWith((fresh) => {
      fresh.writeAt(prefix, 0);
      copyBytes(storage, dead.end, this.#position, fresh, prefix.length);
    });
    this.#overwrittenEpochs = overwrittenEpochs;
    this.#prefixBytes = prefix.length;
    this.#position += prefix.length - dead.end;
    this.#segments.forgetDead(prefix.length - dead.end);
  }
}

function randomSalt(): Salt {
  const [low, high] = crypto.getRandomValues(new Uint32Array(2));
  return [low, high];
}
