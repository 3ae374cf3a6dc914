import { InputError } from '../base/errors.ts';
import type { Storage } from '../storage/index.ts';
import type { FaultEntry, ObservedEpoch, SlotRest } from './epoch.ts';
import { ObservationFormatError } from './errors.ts';
import { FindingList, type StreamFinding, type StreamLoss } from './findings.ts';
import {
  type EpochPayload,
  epochFacts,
  parseEpoch,
  parseFaults,
  parseSlotRest,
  type StreamTotals,
} from './frame-payloads.ts';
import { type Frame, FrameReader, type Payload } from './frame-reader.ts';
import { findHeader, scanFrames } from './frame-scan.ts';
import { checkSnapshot, type ResolvedLayout } from './observation.ts';
import { StateTracker } from './state-tracker.ts';
import { EpochWord, FrameKind, InitialStateWord, OBSERVATION_FORMAT_VERSION } from './stream-format.ts';
import { type ObservationHeader, parseHeader } from './stream-header.ts';
import { followEpoch, readFrameWords, StateSource, StreamIndex } from './stream-index.ts';

/**
 * Reads an observation stream, damaged or not.
 *
 * `open` goes through all of it once, checks every frame and every state, and keeps an index; everything else is read
 * when it is asked for and checked again. Memory is a few numbers a frame, one state, and the largest frame.
 *
 * Epochs are counted from 0 as they are here; `firstOrdinal` says how many came before and were dropped.
 */
export class ObservationReader {
  readonly header: ObservationHeader;
  readonly layout: ResolvedLayout;
  /** What is wrong with the stream, in the order of the bytes; at most `MAX_LISTED_FINDINGS`. */
  readonly findings: readonly StreamFinding[];
  /** What was lost, counted in full. */
  readonly loss: StreamLoss;
  /** The writer closed the stream, and nothing was lost after that. */
  readonly cleanEnd: boolean;
  readonly #frames: FrameReader;
  readonly #index: StreamIndex;
  readonly #state: StateTracker;
  /** The epoch whose state `#state` holds; −1 for the initial state. */
  #stateIndex = -1;
  /** The frame of slot rests that was read last. */
  #rests: { readonly position: number; readonly payload: Payload } | undefined;

  private constructor(frames: FrameReader) {
    const { label } = frames.storage;
    const first = findHeader(frames);
    if (first === undefined) throw noHeader(label, frames.size);
    const headerPayload = frames.copyPayload(first);
    if (headerPayload === undefined) throw changedSinceOpened(label, first.position);
    const { header, layout } = parseHeader(headerPayload, label);
    const findings = new FindingList();
    const index = new StreamIndex(frames, layout, findings);
    const last = scanFrames(frames, first.salt, findings, (frame) => index.add(frame));
    noteMissingEpochs(index, findings, frames.size);
    this.header = header;
    this.layout = layout;
    this.findings = findings.listed;
    this.loss = findings.loss;
    this.cleanEnd = last?.kind === FrameKind.END && last.end === frames.size && index.totals !== undefined;
    this.#frames = frames;
    this.#index = index;
    this.#state = new StateTracker(layout.snapshotWords);
  }

  /**
   * Opens a stream; the storage stays the caller's, and has to stay open.
   *
   * @throws ObservationFormatError if there is no intact header, or one that cannot be used.
   * @throws StorageError if the storage cannot be read.
   */
  static open(storage: Storage): ObservationReader {
    return new ObservationReader(new FrameReader(storage));
  }

  /** Epochs that are here. */
  get epochCount(): number {
    return this.#index.epochPositions.length;
  }

  /** The ordinal of the first epoch that is here, or of the first that would be. */
  get firstOrdinal(): number {
    return this.#index.epochOrdinals.at(0) ?? this.#index.initial?.facts.nextOrdinal ?? 0;
  }

  /** Epochs that were written and dropped since, because the log had wrapped over their records. */
  get overwrittenEpochs(): number {
    return this.#index.initial?.facts.overwrittenEpochs ?? 0;
  }

  /** Records before this sequence number were declared dead when the stream was last rewritten; 0 if none were. */
  get firstLiveRecord(): number {
    return this.#index.initial?.facts.firstLiveRecord ?? 0;
  }

  /** What the writer counted, if it closed the stream. */
  get totals(): StreamTotals | undefined {
    return this.#index.totals;
  }

  /** The snapshot from which the first epoch started; `undefined` if it is lost. A copy. */
  get initialWords(): Uint32Array | undefined {
    const initial = this.#index.initial;
    if (initial === undefined || initial.facts.snapshotWords === 0) return undefined;
    return this.#initialPart(initial.frame, 0, initial.facts.snapshotWords);
  }

  /** The ordinal of the epoch that starts from `initialWords`; undefined if the stream has lost its beginning. */
  get initialOrdinal(): number | undefined {
    return this.#index.initial?.facts.nextOrdinal;
  }

  /** All of the memory as it was before the first epoch of the recording, if the writer was given it. A copy. */
  get initialMemory(): Uint32Array | undefined {
    const initial = this.#index.initial;
    if (initial === undefined || initial.facts.memoryWords === 0) return undefined;
    return this.#initialPart(initial.frame, initial.facts.snapshotWords, initial.facts.memoryWords);
  }

  /**
   * What is known of an epoch besides its state.
   *
   * @throws InputError if there is no such epoch.
   * @throws ObservationFormatError if the storage changed since it was opened.
   */
  epoch(index: number): ObservedEpoch {
    const payload = this.#epochPayload(index);
    const { words, firstRecord, recordCount, ordinal } = payload;
    return epochFacts(payload, this.layout, {
      stateKnown: this.#source(index) !== StateSource.NONE,
      slotRestsKnown: this.#index.slotRests.countWithin(firstRecord, recordCount) >= words[EpochWord.SLOT_REST_COUNT],
      faultsKnown: this.#index.faultEntryCount(ordinal) >= words[EpochWord.FAULT_ENTRY_COUNT],
    });
  }

  /** Whether `wordsAfter` has an answer. */
  stateKnown(index: number): boolean {
    this.#checkIndex(index);
    return this.#source(index) !== StateSource.NONE;
  }

  /** The index of the epoch with an ordinal; `undefined` if it is not here. */
  indexOfOrdinal(ordinal: number): number | undefined {
    const index = this.#index.epochOrdinals.countAtMost(ordinal) - 1;
    return this.#index.epochOrdinals.at(index) === ordinal ? index : undefined;
  }

  /** The index of the epoch that covers a record; `undefined` if none here does. */
  indexOfRecord(sequence: number): number | undefined {
    // Epochs without records share their first record with the epoch after them, which is the last of them.
    const index = this.#index.epochFirstRecords.countAtMost(sequence) - 1;
    if (index < 0) return undefined;
    const { firstRecord, recordCount } = this.#epochPayload(index);
    return sequence < firstRecord + recordCount ? index : undefined;
  }

  /**
   * The snapshot after an epoch; `undefined` if it cannot be rebuilt. Walking forwards costs what changed.
   *
   * The words are a copy, in `into` if it is given.
   *
   * @throws InputError if there is no such epoch, or `into` has not as many words as a snapshot.
   */
  wordsAfter(index: number, into?: Uint32Array): Uint32Array | undefined {
    this.#checkIndex(index);
    if (into !== undefined) checkSnapshot(this.layout, into, 'the array for a snapshot');
    if (this.#source(index) === StateSource.NONE) return undefined;
    this.#follow(index);
    const { words } = this.#state;
    if (words === undefined) throw this.#changed(this.#index.epochPositions.at(index) ?? 0);
    if (into === undefined) return words.slice();
    into.set(words);
    return into;
  }

  /** The snapshot from which an epoch started; `undefined` if it is lost or was never observed. As `wordsAfter`. */
  wordsBefore(index: number, into?: Uint32Array): Uint32Array | undefined {
    this.#checkIndex(index);
    const ordinal = this.#index.epochOrdinals.at(index) ?? 0;
    if (index > 0) {
      const followsOn = this.#index.epochOrdinals.at(index - 1) === ordinal - 1;
      return followsOn ? this.wordsAfter(index - 1, into) : undefined;
    }
    if (into !== undefined) checkSnapshot(this.layout, into, 'the array for a snapshot');
    const words = this.#index.initial?.facts.nextOrdinal === ordinal ? this.initialWords : undefined;
    if (into === undefined || words === undefined) return words;
    into.set(words);
    return into;
  }

  /** Whether `wordsBefore` has an answer. */
  stateBeforeKnown(index: number): boolean {
    this.#checkIndex(index);
    const ordinal = this.#index.epochOrdinals.at(index) ?? 0;
    if (index > 0) return this.#index.epochOrdinals.at(index - 1) === ordinal - 1 && this.stateKnown(index - 1);
    return this.#index.initial?.facts.nextOrdinal === ordinal && this.initialWords !== undefined;
  }

  /** The faults that were written down with an epoch. */
  faults(index: number): FaultEntry[] {
    this.#checkIndex(index);
    const ordinal = this.#index.epochOrdinals.at(index) ?? 0;
    const { first, end } = this.#index.faultFramesOf(ordinal);
    const faults: FaultEntry[] = [];
    for (let frame = first; frame < end; frame++) {
      const position = this.#index.faultPositions.at(frame) ?? 0;
      const parsed = parseFaults(this.#intactPayload(position));
      if (parsed === undefined) throw this.#changed(position);
      faults.push(...parsed.faults);
    }
    return faults;
  }

  /** What a v1 record had no room for; `undefined` if nothing was written for it, or it is lost. */
  slotRest(sequence: number): SlotRest | undefined {
    const found = this.#index.slotRests.find(sequence);
    return found && parseSlotRest(this.#restsPayload(found.position), found.entry);
  }

  /** Whoever asks for one rest of a frame will ask for the others, and a frame is summed each time that it is read. */
  #restsPayload(position: number): Payload {
    if (this.#rests?.position !== position) {
      const words = this.#intactPayload(position).words.slice();
      this.#rests = { position, payload: { words, bytes: new Uint8Array(words.buffer) } };
    }
    return this.#rests.payload;
  }

  #source(index: number): number {
    return this.#index.epochStateSources.at(index) ?? StateSource.NONE;
  }

  /** Brings `#state` to an epoch whose state is known: from where it is, if that is on the way, else from a keyframe. */
  #follow(index: number): void {
    let start = index;
    while (start >= 0 && this.#source(start) === StateSource.DELTA && start !== this.#stateIndex) start--;
    const isOnTheWay = start === this.#stateIndex && this.#state.words !== undefined;
    if (!isOnTheWay && start < 0) this.#restart();
    if (!isOnTheWay && start >= 0) start--;
    for (let next = start + 1; next <= index; next++) {
      followEpoch(this.#state, this.#epochPayload(next), this.layout);
      this.#stateIndex = next;
    }
  }

  #restart(): void {
    this.#state.forget();
    const words = this.initialWords;
    if (words !== undefined) this.#state.start(words);
    this.#stateIndex = -1;
  }

  #initialPart(frame: Frame, skipWords: number, count: number): Uint32Array {
    const intact = this.#intactFrame(frame.position);
    const words = readFrameWords(this.#frames, intact, InitialStateWord.STATE + skipWords, count);
    if (words === undefined) throw this.#changed(frame.position);
    return words;
  }

  #epochPayload(index: number): EpochPayload {
    this.#checkIndex(index);
    const position = this.#index.epochPositions.at(index) ?? 0;
    const epoch = parseEpoch(this.#intactPayload(position), this.layout);
    if (epoch === undefined) throw this.#changed(position);
    return epoch;
  }

  #intactPayload(position: number): Payload {
    return presentPayload(this.#frames, this.#intactFrame(position));
  }

  #intactFrame(position: number): Frame {
    const frame = this.#frames.frameAt(position);
    if (frame === undefined || !this.#frames.isIntact(frame)) throw this.#changed(position);
    return frame;
  }

  #checkIndex(index: number): void {
    if (Number.isInteger(index) && index >= 0 && index < this.epochCount) return;
    throw new InputError(
      `the stream \`${this.#frames.storage.label}\` has no epoch ${index}, it has ${this.epochCount}`,
      'count epochs from 0, or find one by its ordinal.',
    );
  }

  #changed(position: number): ObservationFormatError {
    return changedSinceOpened(this.#frames.storage.label, position);
  }
}

function presentPayload(frames: FrameReader, frame: Frame): Payload {
  const payload = frames.payload(frame);
  if (payload === undefined) throw changedSinceOpened(frames.storage.label, frame.position);
  return payload;
}

function changedSinceOpened(label: string, position: number): ObservationFormatError {
  const what = `at ${position} is not what it was when the stream was opened`;
  return new ObservationFormatError(label, 'the frame', what, 'open the stream again; something else writes to it.');
}

function noHeader(label: string, size: number): ObservationFormatError {
  const what = `is not in the ${size} bytes, or damaged in both copies (expected a \`vobH\` frame of version ${OBSERVATION_FORMAT_VERSION})`;
  return new ObservationFormatError(label, 'the header', what, 'name an observation stream; without it, record again.');
}

/** The writer's own count against what is here: the last line of defence against loss that left no other trace. */
function noteMissingEpochs(index: StreamIndex, findings: FindingList, size: number): void {
  if (index.totals === undefined) return;
  const here = index.epochPositions.length + (index.initial?.facts.overwrittenEpochs ?? 0);
  const lost = index.totals.epochs - here;
  if (lost !== 0)
    findings.add('missing', size, 0, `the writer counted ${index.totals.epochs} epochs, ${here} are accounted for`);
}
