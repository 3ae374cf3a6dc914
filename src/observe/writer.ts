import { InputError } from '../base/errors.ts';
import { isReplaceable, type ReplaceableStorage, type Storage } from '../storage/index.ts';
import { type EncodedFrames, FROM_THE_START, ObservationEncoder, type ObservationEncoderOptions } from './encoder.ts';
import type { EpochObservation, SlotRest } from './epoch.ts';
import type { Salt } from './frame-buffer.ts';
import { type DeadSegments, LiveSegments } from './live-segments.ts';
import { type ResolvedLayout, resolveLayout } from './observation.ts';
import { encodeHeader, type ObservationMetadata } from './stream-header.ts';
import { copyBytes, makePrefix, PREFIX_FRAMES, readBase } from './stream-prefix.ts';
import { checkPair } from './word-pairs.ts';

/** Settings that most writers leave alone. */
export interface ObservationWriterOptions extends ObservationEncoderOptions {
  /** All of the memory before the first epoch, if it is more than the snapshot shows. */
  readonly initialMemory?: Uint32Array;
  /** Dead bytes that are not worth a rewrite. */
  readonly maxDeadBytes?: number;
  /** Tells the frames of this stream from any other's; random unless a test wants the same bytes again. */
  readonly salt?: Salt;
}

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
  readonly #encoder: ObservationEncoder;
  readonly #maxDeadBytes: number;
  readonly #segments = new LiveSegments();
  /** Where the next frame goes. */
  #position = 0;
  #prefixBytes = 0;
  #sequence = 0;
  #overwrittenEpochs = 0;
  #bearableDeadBytes: number;
  #firstLiveRecord = 0;
  #syncError: unknown;
  #isClosed = false;

  private constructor(
    storage: Storage,
    metadata: ObservationMetadata,
    initialWords: Uint32Array | undefined,
    options: ObservationWriterOptions,
  ) {
    this.layout = resolveLayout(metadata.layout);
    this.#storage = storage;
    this.#headerPayload = encodeHeader(metadata);
    this.#maxDeadBytes = options.maxDeadBytes ?? DEFAULT_MAX_DEAD_BYTES;
    this.#bearableDeadBytes = this.#maxDeadBytes;
    this.#encoder = new ObservationEncoder(this.layout, initialWords, options.salt ?? randomSalt(), options);
  }

  /**
   * Starts a stream in an empty storage, which `close` closes.
   *
   * `initialWords` is the snapshot before the first epoch, if it is known.
   *
   * @throws InputError if the storage holds something, or the layout or the words cannot be used.
   * @throws StorageError if the storage cannot be written.
   */
  static create(
    storage: Storage,
    metadata: ObservationMetadata,
    initialWords: Uint32Array | undefined,
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
    const facts = options.startsAfter ?? FROM_THE_START;
    const { salt } = writer.#encoder;
    const prefix = makePrefix(salt, 0, writer.#headerPayload, facts, initialWords, options.initialMemory);
    writer.#write(prefix, PREFIX_FRAMES);
    writer.#prefixBytes = prefix.length;
    writer.#overwrittenEpochs = facts.overwrittenEpochs;
    writer.#firstLiveRecord = facts.firstLiveRecord;
    return writer;
  }

  /** Epochs appended, those dropped since included. */
  get epochCount(): number {
    return this.#encoder.epochCount;
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
    const { ordinal, firstRecord, recordCount } = observation;
    this.#writeFrames(this.#encoder.epoch(observation, this.#sequence));
    this.#segments.touch(recordCount > 0 ? firstRecord + recordCount - 1 : firstRecord);
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
    this.#writeFrames(this.#encoder.slotRests(rests, this.#sequence));
    this.#segments.touch(rests[rests.length - 1].sequence);
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
      this.#writeFrames(this.#encoder.end(this.#sequence));
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

  #writeFrames({ bytes, frames }: EncodedFrames): void {
    this.#write(bytes, frames);
    this.#encoder.accept();
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
    const prefix = makePrefix(this.#encoder.salt, sequence, this.#headerPayload, facts, base.snapshot, base.memory);
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
