/** A program of which some segments are there. */

import {
  NONE,
  PROGRAM_EPOCH_WORDS,
  ProgramEpochWord,
  type ProgramHead,
  type ProgramSegment,
  type ReplayProgram,
} from '../backend/index.ts';
import { type ProgramFit, SegmentReader } from '../wire/index.ts';

/** What the words of a segment are cut by. */
interface Shape {
  readonly head: ProgramHead;
  readonly snapshotWords: number;
}

/** How much of what there is in some segments. */
interface Counts {
  slots: number;
  batches: number;
  expectations: number;
  states: number;
}

export class ArrivingProgram {
  readonly #reader: SegmentReader;
  readonly #snapshotWords: number;
  readonly #segments: ProgramSegment[] = [];

  constructor(head: ProgramHead, fit: ProgramFit) {
    this.#reader = new SegmentReader(head, fit);
    this.#snapshotWords = fit.layout.snapshotWords;
  }

  get head(): ProgramHead {
    return this.#reader.head;
  }

  get isComplete(): boolean {
    return this.#reader.isComplete;
  }

  /** @throws WireError if it is not the next segment; then nothing was added. */
  add(payload: Uint8Array): void {
    this.#segments.push(this.#reader.read(payload));
  }

  /** Frames are short, so that none has to wait for a long one; a device wants long segments. Here they are joined. */
  program(): ReplayProgram {
    const { head } = this;
    const shape = { head, snapshotWords: this.#snapshotWords };
    const segments = this.#segments;
    return {
      head,
      *segments(words) {
        for (let first = 0; first < segments.length; ) {
          const begin = first;
          let length = 0;
          do length += wordsOf(segments[first++]);
          while (first < segments.length && length < words);
          yield joinSegments(segments.slice(begin, first), shape);
        }
      },
    };
  }
}

function wordsOf({ epochs, batchEnds, expectations, slots, states }: ProgramSegment): number {
  return epochs.length + batchEnds.length + expectations.length + slots.length + states.length;
}

/** One segment of several that follow each other. */
function joinSegments(segments: readonly ProgramSegment[], { head, snapshotWords }: Shape): ProgramSegment {
  if (segments.length === 1) return segments[0];
  const before: Counts = { slots: 0, batches: 0, expectations: 0, states: 0 };
  const epochs: Uint32Array[] = [];
  const batchEnds: Uint32Array[] = [];
  for (const segment of segments) {
    epochs.push(movedEpochs(segment.epochs, before));
    batchEnds.push(segment.batchEnds.map((end) => end + before.slots));
    before.slots += segment.slots.length / head.slotWords;
    before.batches += segment.batchEnds.length;
    before.expectations += segment.expectations.length / (1 + head.signatureWords);
    before.states += segment.states.length / snapshotWords;
  }
  return {
    epochCount: segments.reduce((sum, { epochCount }) => sum + epochCount, 0),
    epochs: joinWords(epochs),
    batchEnds: joinWords(batchEnds),
    expectations: joinWords(segments.map(({ expectations }) => expectations)),
    slots: joinWords(segments.map(({ slots }) => slots)),
    states: joinWords(segments.map(({ states }) => states)),
  };
}

/** What is counted within a segment, counted on from the segments before it. */
function movedEpochs(epochs: Uint32Array, before: Counts): Uint32Array {
  const moved = epochs.slice();
  for (let at = 0; at < moved.length; at += PROGRAM_EPOCH_WORDS) {
    moved[at + ProgramEpochWord.FIRST_SLOT] += before.slots;
    moved[at + ProgramEpochWord.FIRST_BATCH] += before.batches;
    moved[at + ProgramEpochWord.END_BATCH] += before.batches;
    const [expectation, state] = [at + ProgramEpochWord.EXPECTATION, at + ProgramEpochWord.STATE];
    if (moved[expectation] !== NONE) moved[expectation] += before.expectations;
    if (moved[state] !== NONE) moved[state] += before.states;
  }
  return moved;
}

function joinWords(pieces: readonly Uint32Array[]): Uint32Array {
  const whole = new Uint32Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
