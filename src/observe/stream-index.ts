import { WORD_BYTES } from '../base/words.ts';
import type { FindingList } from './findings.ts';
import {
  type EpochPayload,
  type InitialState,
  parseEnd,
  parseEpoch,
  parseFaults,
  parseInitialState,
  parseSlotRestSequences,
  type StreamTotals,
} from './frame-payloads.ts';
import type { Frame, FrameReader, Payload } from './frame-reader.ts';
import { NumberList } from './number-list.ts';
import type { ResolvedLayout } from './observation.ts';
import { StateTracker } from './state-tracker.ts';
import { EpochWord, epochFixedWords, FRAME_HEADER_BYTES, FrameKind, InitialStateWord } from './stream-format.ts';

/** How the state of an epoch can be had. */
export const StateSource = { NONE: 0, DELTA: 1, KEYFRAME: 2 } as const;

/** Where everything in a stream is: built in one pass, a few numbers a frame. */
export class StreamIndex {
  readonly epochPositions: NumberList = new NumberList();
  readonly epochOrdinals: NumberList = new NumberList();
  readonly epochFirstRecords: NumberList = new NumberList();
  readonly epochStateSources: NumberList = new NumberList();
  readonly faultOrdinals: NumberList = new NumberList();
  readonly faultPositions: NumberList = new NumberList();
  readonly faultCounts: NumberList = new NumberList();
  readonly slotRests: SlotRestIndex = new SlotRestIndex();
  initial: { readonly facts: InitialState; readonly frame: Frame } | undefined;
  totals: StreamTotals | undefined;

  readonly #frames: FrameReader;
  readonly #layout: ResolvedLayout;
  readonly #findings: FindingList;
  readonly #state: StateTracker;
  readonly #maxEpochBytes: number;
  #lastOrdinal = -1;
  #nextRecord = 1;

  constructor(frames: FrameReader, layout: ResolvedLayout, findings: FindingList) {
    this.#frames = frames;
    this.#layout = layout;
    this.#findings = findings;
    this.#state = new StateTracker(layout.snapshotWords);
    this.#maxEpochBytes = (epochFixedWords(layout.regions.length) + layout.snapshotWords) * WORD_BYTES;
  }

  /** The fault frames of an epoch: indices from `first` to below `end`. */
  faultFramesOf(ordinal: number): { readonly first: number; readonly end: number } {
    return { first: this.faultOrdinals.countAtMost(ordinal - 1), end: this.faultOrdinals.countAtMost(ordinal) };
  }

  /** How many faults of an epoch are here. */
  faultEntryCount(ordinal: number): number {
    let count = 0;
    const { first, end } = this.faultFramesOf(ordinal);
    for (let frame = first; frame < end; frame++) count += this.faultCounts.at(frame) ?? 0;
    return count;
  }

  /** Takes in the next intact frame. */
  add(frame: Frame): void {
    switch (frame.kind) {
      case FrameKind.HEADER:
        break;
      case FrameKind.INITIAL_STATE:
        this.#addInitialState(frame);
        break;
      case FrameKind.EPOCH:
        this.#addEpoch(frame);
        break;
      case FrameKind.SLOT_REST:
        this.#addSlotRests(frame);
        break;
      case FrameKind.FAULT:
        this.#addFaults(frame);
        break;
      case FrameKind.END:
        this.#addEnd(frame);
        break;
      default:
        this.#findings.malformed(frame, 'is of a kind that does not exist');
    }
  }

  #addInitialState(frame: Frame): void {
    const payload = this.#frames.payload(frame, 0, InitialStateWord.STATE * WORD_BYTES);
    const facts = payload && parseInitialState(payload.words, frame.payloadBytes, this.#layout);
    if (facts === undefined || this.initial !== undefined || this.epochPositions.length > 0) {
      this.#findings.malformed(frame, 'is no initial state, or not the first');
      return;
    }
    this.initial = { facts, frame };
    if (facts.snapshotWords === 0) return;
    const words = readFrameWords(this.#frames, frame, InitialStateWord.STATE, facts.snapshotWords);
    if (words !== undefined) this.#state.start(words);
  }

  #addEpoch(frame: Frame): void {
    const payload = frame.payloadBytes <= this.#maxEpochBytes ? this.#frames.payload(frame) : undefined;
    const epoch = payload && parseEpoch(payload, this.#layout);
    if (epoch === undefined || epoch.ordinal <= this.#lastOrdinal || epoch.firstRecord < this.#nextRecord) {
      this.#findings.malformed(frame, 'is no epoch of this layout, or not the next one');
      return;
    }
    const source = this.#followState(epoch);
    if (source === StateSource.NONE) this.#findings.loss.epochsWithoutState++;
    this.#lastOrdinal = epoch.ordinal;
    this.#nextRecord = epoch.firstRecord + epoch.recordCount;
    this.epochPositions.push(frame.position);
    this.epochOrdinals.push(epoch.ordinal);
    this.epochFirstRecords.push(epoch.firstRecord);
    this.epochStateSources.push(source);
  }

  #followState(epoch: EpochPayload): number {
    if (!followEpoch(this.#state, epoch, this.#layout)) return StateSource.NONE;
    return epoch.isKeyframe ? StateSource.KEYFRAME : StateSource.DELTA;
  }

  #addSlotRests(frame: Frame): void {
    const payload = this.#frames.payload(frame);
    const sequences = payload && parseSlotRestSequences(payload);
    const isTaken = sequences !== undefined && this.slotRests.add(sequences, frame.position);
    if (!isTaken) this.#findings.malformed(frame, 'holds no arguments of slots, or not in order');
  }

  #addFaults(frame: Frame): void {
    const payload = this.#frames.payload(frame);
    const faults = payload && parseFaults(payload);
    if (faults === undefined || faults.ordinal <= this.#lastOrdinal || faults.ordinal < this.#lastFaultOrdinal()) {
      this.#findings.malformed(frame, 'holds no faults of the epoch after it');
      return;
    }
    this.faultOrdinals.push(faults.ordinal);
    this.faultPositions.push(frame.position);
    this.faultCounts.push(faults.faults.length);
  }

  #lastFaultOrdinal(): number {
    return this.faultOrdinals.at(this.faultOrdinals.length - 1) ?? 0;
  }

  #addEnd(frame: Frame): void {
    const payload: Payload | undefined = this.#frames.payload(frame);
    this.totals = payload && parseEnd(payload);
    if (this.totals === undefined) this.#findings.malformed(frame, 'is no end');
  }
}

/** Follows a state into an epoch, and returns whether it is known and proven. */
export function followEpoch(state: StateTracker, epoch: EpochPayload, layout: ResolvedLayout): boolean {
  const { words, bytes, stateStart, isKeyframe } = epoch;
  if (!isKeyframe) return state.delta(bytes, stateStart, words, EpochWord.STATE_DIGEST);
  const first = stateStart / WORD_BYTES;
  return state.keyframe(words.subarray(first, first + layout.snapshotWords), words, EpochWord.STATE_DIGEST);
}

/** Copies words of a frame's payload, which has been checked against the size of the storage. */
export function readFrameWords(
  frames: FrameReader,
  frame: Frame,
  firstWord: number,
  count: number,
): Uint32Array | undefined {
  const words = new Uint32Array(count);
  const position = frame.position + FRAME_HEADER_BYTES + firstWord * WORD_BYTES;
  const bytesRead = frames.storage.readAt(new Uint8Array(words.buffer), position);
  return bytesRead === words.byteLength ? words : undefined;
}

/** Finds the frame and the entry that hold a slot's rest; sequence numbers rise. */
export class SlotRestIndex {
  readonly #sequences = new NumberList();
  readonly #positions = new NumberList();
  readonly #entries = new NumberList();

  /** Takes in the slots of a frame; returns false, and takes in none, if they do not rise. */
  add(sequences: readonly number[], position: number): boolean {
    let last = this.#sequences.at(this.#sequences.length - 1) ?? 0;
    for (const sequence of sequences) {
      if (sequence <= last) return false;
      last = sequence;
    }
    for (let entry = 0; entry < sequences.length; entry++) {
      this.#sequences.push(sequences[entry]);
      this.#positions.push(position);
      this.#entries.push(entry);
    }
    return true;
  }

  find(sequence: number): { readonly position: number; readonly entry: number } | undefined {
    const index = this.#sequences.countAtMost(sequence) - 1;
    if (this.#sequences.at(index) !== sequence) return undefined;
    return { position: this.#positions.at(index) ?? 0, entry: this.#entries.at(index) ?? 0 };
  }

  /** How many of `recordCount` records from `firstRecord` on have a rest here. */
  countWithin(firstRecord: number, recordCount: number): number {
    return this.#sequences.countAtMost(firstRecord + recordCount - 1) - this.#sequences.countAtMost(firstRecord - 1);
  }
}
