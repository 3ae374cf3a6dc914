import { crc32c } from '../base/crc32c.ts';
import { WORD_BYTES } from '../base/words.ts';
import type { Storage } from '../storage/index.ts';
import type { Salt } from './frame-buffer.ts';
import { alignUp, FRAME_HEADER_BYTES, FrameWord, frameBytes, KIND_PREFIX, KIND_PREFIX_MASK } from './stream-format.ts';
import { readPair } from './word-pairs.ts';

/** A frame whose header is intact and which lies within the storage; its payload has yet to be checked. */
export interface Frame {
  readonly position: number;
  readonly kind: number;
  readonly payloadBytes: number;
  readonly sequence: number;
  readonly salt: Salt;
  readonly payloadCrc: number;
  /** Where the next frame may start. */
  readonly end: number;
}

/** Bytes of a payload, borrowed from the reader until its next call. `words` views the same bytes, rounded up. */
export interface Payload {
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
}

const WINDOW_BYTES = 0x4_0000;
/** Of a window that is read backwards, so much lies after what was asked for. */
const READ_AHEAD_BYTES = 0x1_0000;

/**
 * Reads frames through a window that moves over the storage, so that memory is bounded by the largest payload that is
 * asked for, and that by the storage.
 */
export class FrameReader {
  readonly storage: Storage;
  /** Bytes of the storage when the reader was made; what is appended later is not seen. */
  readonly size: number;
  #window: Uint8Array;
  #windowStart = 0;
  #windowLength = 0;

  constructor(storage: Storage) {
    this.storage = storage;
    this.size = storage.size();
    this.#window = new Uint8Array(Math.min(WINDOW_BYTES, Math.max(alignUp(this.size), FRAME_HEADER_BYTES)));
  }

  /** The frame whose header is at `position`, a multiple of 8; `undefined` if there is no intact header there. */
  frameAt(position: number): Frame | undefined {
    const start = this.#load(position, FRAME_HEADER_BYTES);
    if (start === undefined) return undefined;
    const words = new Uint32Array(this.#window.buffer, start, FRAME_HEADER_BYTES / WORD_BYTES);
    if ((words[FrameWord.KIND] & KIND_PREFIX_MASK) !== KIND_PREFIX) return undefined;
    const crc = crc32c(this.#window, start, start + FrameWord.HEADER_CRC * WORD_BYTES);
    const payloadBytes = words[FrameWord.PAYLOAD_BYTES];
    const end = position + frameBytes(payloadBytes);
    if (crc !== words[FrameWord.HEADER_CRC] || end > this.size) return undefined;
    return {
      position,
      kind: words[FrameWord.KIND],
      payloadBytes,
      sequence: readPair(words, FrameWord.SEQUENCE),
      salt: [words[FrameWord.SALT], words[FrameWord.SALT + 1]],
      payloadCrc: words[FrameWord.PAYLOAD_CRC],
      end,
    };
  }

  /** Whether the payload and its padding are what was written. */
  isIntact(frame: Frame): boolean {
    let sum = 0;
    for (let position = frame.position + FRAME_HEADER_BYTES; position < frame.end; ) {
      const bytes = Math.min(frame.end - position, WINDOW_BYTES);
      const start = this.#load(position, bytes);
      if (start === undefined) return false;
      sum = crc32c(this.#window, start, start + bytes, sum);
      position += bytes;
    }
    return sum === frame.payloadCrc;
  }

  /** `maxBytes` of a frame's payload from `offset` on, a multiple of 8; `undefined` if the storage got shorter. */
  payload(frame: Frame, offset = 0, maxBytes: number = frame.payloadBytes): Payload | undefined {
    const bytes = Math.max(0, Math.min(maxBytes, frame.payloadBytes - offset));
    const start = this.#load(frame.position + FRAME_HEADER_BYTES + offset, alignUp(bytes));
    if (start === undefined) return undefined;
    return {
      bytes: this.#window.subarray(start, start + bytes),
      words: new Uint32Array(this.#window.buffer, start, Math.ceil(bytes / WORD_BYTES)),
    };
  }

  /** A frame's whole payload in an array of its own, for those that are read once and may be large. */
  copyPayload(frame: Frame): Uint8Array | undefined {
    const bytes = new Uint8Array(frame.payloadBytes);
    const count = this.storage.readAt(bytes, frame.position + FRAME_HEADER_BYTES);
    return count === bytes.length ? bytes : undefined;
  }

  /** Gets a stretch into the window and returns where in it; `undefined` if the storage ends before. */
  #load(position: number, bytes: number): number | undefined {
    const end = position + bytes;
    const isHeld = position >= this.#windowStart && end <= this.#windowStart + this.#windowLength;
    if (isHeld) return position - this.#windowStart;
    if (end > this.size) return undefined;
    // A large frame makes the window large, but what is read ahead stays what it was.
    const span = Math.max(alignUp(bytes), Math.min(WINDOW_BYTES, this.#window.length));
    if (span > this.#window.length) this.#window = new Uint8Array(span);
    // Who goes backwards goes on backwards: then most of the window lies before what was asked for, but the payload
    // of a header that was asked for lies after it.
    const isBackwards = position < this.#windowStart;
    const ahead = Math.min(span - alignUp(bytes), READ_AHEAD_BYTES);
    this.#windowStart = isBackwards ? Math.max(0, alignUp(end) + ahead - span) : position;
    this.#windowLength = this.storage.readAt(this.#window.subarray(0, span), this.#windowStart);
    return end <= this.#windowStart + this.#windowLength ? position - this.#windowStart : undefined;
  }
}
