/** What a writer was told to keep and what it owes for that, moment by moment. Knows nothing of the code that it is about. */

import type { FlightEntry } from '../../../src/log-v2/index.ts';

/** A frame as it was handed over, and where in the ring it belongs. */
export interface LedgerFrame {
  readonly number: number;
  readonly start: number;
  readonly end: number;
  readonly kind: number;
  /** It holds a whole state. */
  readonly isBase: boolean;
  /** What comes behind the header. */
  readonly payload: Uint8Array;
  /** The newest record that it speaks of; 0 if none. */
  readonly newestRecord: number;
}

/** An epoch as it was observed. */
export interface LedgerEpoch {
  readonly firstRecord: number;
  readonly recordCount: number;
  readonly words: Uint32Array;
}

/** What is owed at one moment. `synced` is what a completed sync has covered. */
export interface Promises {
  readonly returned: number;
  readonly started: number;
  readonly synced: number;
  readonly frameReturned: number;
  readonly frameStarted: number;
  readonly frameSynced: number;
  /** Frames that returned, and that no frame which was started has destroyed. */
  readonly liveFrames: readonly LedgerFrame[];
  /** Frames of which some may be gone and others not, because the frame that was to destroy them did not complete. */
  readonly spoiltFrames: readonly number[];
  readonly baseReturned: boolean;
  readonly baseSynced: boolean;
  /** The highest marks that a superblock may have. */
  readonly markAtMost: number;
  readonly frameMarkAtMost: number;
  /** The mark that the newest superblock has to have after a kill, and after a loss of power. */
  readonly markWritten: number;
  readonly markDurable: number;
}

/** A frame before it has its place. */
export type FrameToWrite = Pick<LedgerFrame, 'kind' | 'isBase' | 'payload' | 'newestRecord'> & {
  readonly bytes: number;
};

const FIRST_FRAME = 3;

/** Keeps the books of one log over all of its writers. */
export class Ledger {
  readonly capacity: number;
  readonly firstSequence: number;
  readonly journalBytes: number;
  /** By number: what was last appended under it. */
  readonly records: Map<number, FlightEntry> = new Map();
  /**
   * By number: what was appended under it and is gone, where the number was given out again. Only in a log of one record: an
   * append that is killed has destroyed the one that knew.
   */
  readonly formerRecords: Map<number, FlightEntry[]> = new Map();
  readonly frames: Map<number, LedgerFrame> = new Map();
  /** By ordinal. */
  readonly epochs: Map<number, LedgerEpoch> = new Map();
  /** Bytes of frames that were written, those left free at the end of the ring included. */
  journalProgress = 0;
  #promises: Promises;
  #inFlight: LedgerFrame | undefined;
  /** Frames that it destroys. */
  #doomed: readonly number[] = [];
  #position = 0;
  #isRecovering = false;

  constructor(capacity: number, firstSequence: number, journalBytes: number) {
    this.capacity = capacity;
    this.firstSequence = firstSequence;
    this.journalBytes = journalBytes;
    const before = firstSequence - 1;
    this.#promises = {
      returned: before,
      started: before,
      synced: before,
      frameReturned: FIRST_FRAME - 1,
      frameStarted: FIRST_FRAME - 1,
      frameSynced: FIRST_FRAME - 1,
      liveFrames: [],
      spoiltFrames: [],
      baseReturned: false,
      baseSynced: false,
      markAtMost: before,
      frameMarkAtMost: FIRST_FRAME - 1,
      markWritten: 0,
      markDurable: 0,
    };
  }

  /** What is owed now. */
  get promises(): Promises {
    return this.#promises;
  }

  startRecords(entries: readonly FlightEntry[]): void {
    const { returned, started } = this.#promises;
    for (const [index, entry] of entries.entries()) this.#noteRecord(returned + 1 + index, entry);
    this.#owe({ started: Math.max(started, returned + entries.length) });
  }

  #noteRecord(number: number, entry: FlightEntry): void {
    const former = this.records.get(number);
    if (former !== undefined && this.capacity === 1) {
      this.formerRecords.set(number, [...(this.formerRecords.get(number) ?? []), former]);
    }
    this.records.set(number, entry);
  }

  returnRecords(count: number): void {
    this.#owe({ returned: this.#promises.returned + count });
  }

  /** The frame goes behind the newest; where it does not fit, to the start. */
  startFrame({ bytes, ...frame }: FrameToWrite): void {
    const { frameReturned, frameStarted, liveFrames, spoiltFrames } = this.#promises;
    const wraps = this.#position + bytes > this.journalBytes;
    const start = wraps ? 0 : this.#position;
    const end = start + bytes;
    const isDestroyed = (other: LedgerFrame): boolean =>
      (other.end > start && other.start < end) || (wraps && other.start >= this.#position);
    this.#inFlight = { ...frame, number: frameReturned + 1, start, end };
    this.frames.set(frameReturned + 1, this.#inFlight);
    this.#doomed = liveFrames.filter(isDestroyed).map(({ number }) => number);
    this.#owe({
      frameStarted: Math.max(frameStarted, frameReturned + 1),
      liveFrames: liveFrames.filter((other) => !isDestroyed(other)),
      spoiltFrames: [...spoiltFrames, ...this.#doomed],
    });
  }

  returnFrame(): void {
    const frame = this.#inFlight;
    if (frame === undefined) throw new Error('no frame is in flight');
    const { liveFrames, spoiltFrames, baseReturned } = this.#promises;
    this.journalProgress += (frame.end - this.#position + this.journalBytes) % this.journalBytes;
    this.#position = frame.end;
    this.#inFlight = undefined;
    this.#owe({
      frameReturned: frame.number,
      liveFrames: [...liveFrames, frame],
      spoiltFrames: spoiltFrames.filter((number) => !this.#doomed.includes(number)),
      baseReturned: baseReturned || frame.isBase,
    });
  }

  /** A sync of the medium has completed. */
  completeSync(): void {
    const { returned, started, frameReturned, frameStarted, baseReturned, markWritten } = this.#promises;
    this.#owe({
      synced: returned,
      frameSynced: frameReturned,
      baseSynced: baseReturned,
      // A recovery finds out for itself what the killed writer has completed.
      markAtMost: this.#isRecovering ? started : returned,
      frameMarkAtMost: this.#isRecovering ? frameStarted : frameReturned,
      markDurable: markWritten,
    });
  }

  /** `FlightLog.sync` has returned, which includes the mark. */
  returnSync(): void {
    this.#owe({ markWritten: this.#promises.synced });
  }

  startRecovery(): void {
    this.#isRecovering = true;
  }

  /**
   * A recovery has returned: what was in flight when the writer was killed has arrived, or it has not, and whatever is
   * there now is on stable storage. Returns what is impossible about it, if anything is.
   */
  endRecovery(nextSequence: number, newestFrame: number): string | undefined {
    const { returned, started, frameReturned, markWritten } = this.#promises;
    const newest = nextSequence - 1;
    const isOverwritten = returned < started - this.capacity + 1;
    const least = isOverwritten ? markWritten : returned;
    const frame = this.#inFlight;
    if (newest < least || newest > started) {
      return `the next record is ${nextSequence} though ${returned} were appended and ${started} were begun`;
    }
    if (newestFrame !== frameReturned && newestFrame !== frame?.number) {
      return `the newest frame is ${newestFrame} though ${frameReturned} were appended`;
    }
    if (newestFrame !== frameReturned) this.returnFrame();
    this.#inFlight = undefined;
    this.#isRecovering = false;
    const { baseReturned } = this.#promises;
    this.#owe({
      returned: newest,
      synced: newest,
      frameSynced: newestFrame,
      baseSynced: baseReturned,
      markAtMost: newest,
      frameMarkAtMost: newestFrame,
      markWritten: newest,
      markDurable: newest,
    });
    return undefined;
  }

  #owe(changes: Partial<Promises>): void {
    this.#promises = { ...this.#promises, ...changes };
  }
}
