import { crc32c } from '../base/crc32c.ts';
import { WORD_BYTES } from '../base/words.ts';
import type { Digest } from './digest.ts';
import { alignUp, FRAME_HEADER_BYTES, FrameWord } from './stream-format.ts';
import { writePair } from './word-pairs.ts';

/** Which file a frame belongs to: 64 random bits, low word first. */
export type Salt = Digest;

/**
 * Frames being made, end to end in one buffer that is used again and again, so that several reach the storage in one
 * write and none allocates.
 */
export class FrameBuffer {
  readonly salt: Salt;
  /** The frames made so far are `bytes[0 … length)`. */
  bytes: Uint8Array;
  words: Uint32Array;
  length = 0;

  constructor(salt: Salt, capacityBytes = 4096) {
    this.salt = salt;
    this.bytes = new Uint8Array(alignUp(capacityBytes));
    this.words = new Uint32Array(this.bytes.buffer);
  }

  /** Forgets all frames. */
  clear(): void {
    this.length = 0;
  }

  /** Makes room for a payload and returns its first word's index; `words` and `bytes` may be new arrays after this. */
  reserve(payloadBytes: number): number {
    const end = this.length + FRAME_HEADER_BYTES + alignUp(payloadBytes);
    if (end > this.bytes.length) {
      const grown = new Uint8Array(Math.max(end, this.bytes.length * 2));
      grown.set(this.bytes.subarray(0, this.length));
      this.bytes = grown;
      this.words = new Uint32Array(grown.buffer);
    }
    return (this.length + FRAME_HEADER_BYTES) / WORD_BYTES;
  }

  /** Closes the frame whose payload was written where `reserve` said: pads it and writes its header. */
  seal(kind: number, payloadBytes: number, sequence: number): void {
    const { bytes, words, length } = this;
    const payload = length + FRAME_HEADER_BYTES;
    const end = payload + alignUp(payloadBytes);
    bytes.fill(0, payload + payloadBytes, end);
    const header = length / WORD_BYTES;
    words[header + FrameWord.KIND] = kind;
    words[header + FrameWord.PAYLOAD_BYTES] = payloadBytes;
    writePair(words, header + FrameWord.SEQUENCE, sequence);
    words.set(this.salt, header + FrameWord.SALT);
    words[header + FrameWord.PAYLOAD_CRC] = crc32c(bytes, payload, end);
    words[header + FrameWord.HEADER_CRC] = crc32c(bytes, length, length + FrameWord.HEADER_CRC * WORD_BYTES);
    this.length = end;
  }
}
