/** Observations in the journal of a v2 log. */

import { WORD_BYTES } from '../base/words.ts';
import type { FlightLog } from '../log-v2/index.ts';
import {
  type EpochObservation,
  frameBytes,
  type InitialStateFacts,
  largestEpochBytes,
  largestFaultsBytes,
  ObservationEncoder,
  type ResolvedLayout,
} from '../observe/index.ts';
import type { ObservationSink } from './session.ts';

/** A keyframe costs little where the journal is large, and is never needed more often than this. */
const MOST_EPOCHS_WITHOUT_KEYFRAME = 64;
/** Keyframes that a journal has room for at the least, with as many of the largest deltas between them. */
const LEAST_EPOCHS = 8;
const LEAST_JOURNAL_BYTES = 0x10_0000;

/** How large a journal is to be. */
export interface JournalPlan {
  readonly journalBytes: number;
  /** So often that two intervals of the largest frames fit, whatever epochs look like. */
  readonly keyframeInterval: number;
  /** No epoch takes more. */
  readonly mostEpochBytes: number;
}

/**
 * The journal of a recording: as large as its slots unless `askedBytes` says otherwise, but never too small for a state to
 * start from.
 *
 * @param slotsBytes of the log that it belongs to.
 * @param slotCount of the ring: an epoch may have as many faults.
 * @param memoryWords of the memory before the first epoch, if that is kept.
 */
export function planJournal(
  layout: ResolvedLayout,
  slotsBytes: number,
  slotCount: number,
  { memoryWords = 0, askedBytes }: { readonly memoryWords?: number; readonly askedBytes?: number | undefined } = {},
): JournalPlan {
  const epochBytes = largestEpochBytes(layout) + largestFaultsBytes(slotCount);
  const initialBytes = largestEpochBytes(layout) + frameBytes(memoryWords * WORD_BYTES);
  const leastBytes = LEAST_EPOCHS * epochBytes + 2 * initialBytes;
  const journalBytes = Math.max(leastBytes, askedBytes ?? Math.max(LEAST_JOURNAL_BYTES, slotsBytes));
  // What is left at the ring's end where a frame does not fit is lost, too.
  const epochsOfHalf = Math.floor((journalBytes / 2 - initialBytes) / epochBytes) - 1;
  return {
    journalBytes,
    keyframeInterval: Math.max(1, Math.min(MOST_EPOCHS_WITHOUT_KEYFRAME, epochsOfHalf)),
    mostEpochBytes: epochBytes,
  };
}

/** Writes what is observed into the journal of a log, which the caller closes. */
export class JournalObservations implements ObservationSink {
  readonly #log: FlightLog;
  readonly #encoder: ObservationEncoder;
  #bytes = 0;

  /**
   * Begins with the state before the first epoch.
   *
   * @param startsAfter what came before, of a recording that goes on in this log.
   * @throws as `FlightLog.appendFrames` does.
   */
  constructor(
    log: FlightLog,
    layout: ResolvedLayout,
    initialWords: Uint32Array,
    keyframeInterval: number,
    startsAfter?: InitialStateFacts,
  ) {
    this.#log = log;
    const options = { keyframeInterval, ...(startsAfter === undefined ? {} : { startsAfter }) };
    this.#encoder = new ObservationEncoder(layout, initialWords, UNSALTED, options);
    this.#append(this.#encoder.initialState(UNNUMBERED).bytes);
  }

  /** Of all frames up to now: as long as that is less than the journal has, it has not wrapped. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Epochs that were appended, those that came before the log included. */
  get epochCount(): number {
    return this.#encoder.epochCount;
  }

  appendEpoch(observation: EpochObservation): void {
    this.#append(this.#encoder.epoch(observation, UNNUMBERED).bytes);
    this.#encoder.accept();
  }

  /** Nothing to do: the records of the log have all that slots have. */
  appendSlotRest(): void {}

  /** Nothing to do: the journal is a ring. */
  dropBefore(): void {}

  /** Says that the recording ended here, and not because somebody was killed. */
  end(): void {
    this.#append(this.#encoder.end(UNNUMBERED).bytes);
  }

  #append(frames: Uint8Array): void {
    this.#log.appendFrames(frames);
    this.#bytes += frames.length;
  }
}

/** The journal has numbers and a salt of its own. */
const UNNUMBERED = 1;
const UNSALTED = [0, 0] as const;
