/**
 * Frames: eight bytes of header, then a payload.
 *
 * A pipe hands over bytes in pieces of its own choosing, so the reader keeps the pieces in a list and joins them once,
 * when a payload is whole. To join with each piece would copy a long payload over and over.
 */

import { WORD_BYTES } from '../base/words.ts';
import { WireError } from './errors.ts';
import { messageName } from './message-types.ts';

/** A message as it travels. */
export interface Frame {
  readonly type: number;
  readonly payload: Uint8Array;
}

export const FRAME_HEADER_BYTES: number = 2 * WORD_BYTES;

/** Where in the header what is, in bytes. */
export const FrameByte = { PAYLOAD_BYTES: 0, TYPE: 4 } as const;

/** The header alone, so that a long payload need not be copied to stand behind it. */
export function encodeFrameHeader(type: number, payloadBytes: number): Uint8Array {
  const header = new Uint8Array(FRAME_HEADER_BYTES);
  const view = new DataView(header.buffer);
  view.setUint32(FrameByte.PAYLOAD_BYTES, payloadBytes, true);
  view.setUint32(FrameByte.TYPE, type, true);
  return header;
}

/** Header and payload in one piece. */
export function encodeFrame(type: number, payload: Uint8Array = new Uint8Array(0)): Uint8Array {
  const frame = new Uint8Array(FRAME_HEADER_BYTES + payload.length);
  frame.set(encodeFrameHeader(type, payload.length));
  frame.set(payload, FRAME_HEADER_BYTES);
  return frame;
}

/** Cuts a stream of bytes into frames. */
export class FrameReader {
  readonly #maxPayloadBytes: number;
  readonly #bytes = new ByteQueue();
  #header: { readonly type: number; readonly payloadBytes: number } | undefined;

  constructor(maxPayloadBytes: number) {
    this.#maxPayloadBytes = maxPayloadBytes;
  }

  /** Whether the stream may end here: no frame has begun that is not whole. */
  get isBetweenFrames(): boolean {
    return this.#header === undefined && this.#bytes.length === 0;
  }

  /** Takes the next bytes of the stream. They are borrowed until the frames that they are part of have been taken. */
  push(piece: Uint8Array): void {
    this.#bytes.push(piece);
  }

  /**
   * The next whole frame, or undefined until more bytes come.
   *
   * @throws WireError if a header announces more than the reader takes. After that the stream makes no sense any more.
   */
  next(): Frame | undefined {
    this.#header ??= this.#readHeader();
    const header = this.#header;
    if (header === undefined || this.#bytes.length < header.payloadBytes) return undefined;
    this.#header = undefined;
    return { type: header.type, payload: this.#bytes.take(header.payloadBytes) };
  }

  #readHeader(): { type: number; payloadBytes: number } | undefined {
    if (this.#bytes.length < FRAME_HEADER_BYTES) return undefined;
    const header = this.#bytes.take(FRAME_HEADER_BYTES);
    const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
    const payloadBytes = view.getUint32(FrameByte.PAYLOAD_BYTES, true);
    const type = view.getUint32(FrameByte.TYPE, true);
    if (payloadBytes <= this.#maxPayloadBytes) return { type, payloadBytes };
    const most = `at most ${this.#maxPayloadBytes} may be sent`;
    throw new WireError(`a frame announces ${payloadBytes} bytes of ${messageName(type)}, and ${most}`);
  }
}

/** Bytes that came in pieces, taken away from the front. Each byte is copied once at most. */
class ByteQueue {
  length = 0;
  #pieces: Uint8Array[] = [];
  /** Pieces before this one are used up; they are let go when they are most of the list. */
  #first = 0;
  /** Bytes of the first piece that are used up. */
  #used = 0;

  push(piece: Uint8Array): void {
    if (piece.length === 0) return;
    // A plain view of it: of a Node Buffer a slice would be no copy, and readers of payloads rely on that it is.
    this.#pieces.push(new Uint8Array(piece.buffer, piece.byteOffset, piece.length));
    this.length += piece.length;
  }

  /** The next `count` bytes, of which there must be that many; a view where one piece has them all. */
  take(count: number): Uint8Array {
    this.length -= count;
    const first = this.#pieces[this.#first];
    if (first === undefined || count === 0) return new Uint8Array(0);
    if (first.length - this.#used >= count) return this.#takeFromFirst(first, count);
    const taken = new Uint8Array(count);
    for (let filled = 0; filled < count; ) {
      const piece = this.#pieces[this.#first];
      const part = this.#takeFromFirst(piece, Math.min(count - filled, piece.length - this.#used));
      taken.set(part, filled);
      filled += part.length;
    }
    return taken;
  }

  #takeFromFirst(piece: Uint8Array, count: number): Uint8Array {
    const part = piece.subarray(this.#used, this.#used + count);
    this.#used += count;
    if (this.#used === piece.length) {
      this.#used = 0;
      this.#first += 1;
      if (this.#first * 2 >= this.#pieces.length) {
        this.#pieces = this.#pieces.slice(this.#first);
        this.#first = 0;
      }
    }
    return part;
  }
}
