/** Cuts bytes into lines, whatever pieces they come in. */

import { SlotLineError } from './slot-line-error.ts';

/** A line without its newline. */
export interface TextLine {
  readonly text: string;
  /** Counted from 1. */
  readonly lineNumber: number;
}

/** Longer lines are refused: a slot takes a few hundred bytes, and what never ends must not fill the memory. */
export const MAX_LINE_BYTES: number = 1024 * 1024;

const FIRST_PENDING_BYTES = 1024;
const NEWLINE = 0x0a;

/**
 * Lines of UTF-8 from chunks of bytes; the last one may end with the input. What else may stand around a line, such as the
 * CR of a CRLF or a byte order mark, counts as white space and is left to whoever reads the line.
 *
 * Both generators have to be run to their end, in the order of the input. After an error it is of no more use; the
 * lines before the one at fault were all given out.
 */
export class LineSplitter {
  readonly #decoder = new TextDecoder('utf-8', { fatal: true });
  /** What is there of a line that has not ended yet: the first `#pendingBytes` of this. */
  #pending = new Uint8Array(FIRST_PENDING_BYTES);
  #pendingBytes = 0;
  #lineNumber = 1;

  /** The lines that end in this chunk. The chunk is not kept. */
  *push(chunk: Uint8Array): Generator<TextLine> {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      yield this.#endLine(chunk.subarray(start, end));
      start = end + 1;
    }
    if (start < chunk.length) this.#keep(chunk.subarray(start));
  }

  /** The line that ended with the input, if there is one. */
  *end(): Generator<TextLine> {
    if (this.#pendingBytes > 0) yield this.#endLine(new Uint8Array(0));
  }

  #endLine(lastPiece: Uint8Array): TextLine {
    const line = this.#pendingBytes === 0 ? this.#accept(lastPiece) : this.#takePending(lastPiece);
    const lineNumber = this.#lineNumber;
    const text = this.#decode(line);
    this.#lineNumber += 1;
    return { text, lineNumber };
  }

  #takePending(lastPiece: Uint8Array): Uint8Array {
    this.#keep(lastPiece);
    const line = this.#pending.subarray(0, this.#pendingBytes);
    this.#pendingBytes = 0;
    return line;
  }

  #keep(piece: Uint8Array): void {
    this.#accept(piece);
    const bytes = this.#pendingBytes + piece.length;
    if (bytes > this.#pending.length) {
      const larger = new Uint8Array(Math.max(bytes, 2 * this.#pending.length));
      larger.set(this.#pending.subarray(0, this.#pendingBytes));
      this.#pending = larger;
    }
    this.#pending.set(piece, this.#pendingBytes);
    this.#pendingBytes = bytes;
  }

  #decode(line: Uint8Array): string {
    try {
      return this.#decoder.decode(line);
    } catch (cause) {
      throw new SlotLineError(this.#lineNumber, 'it is not UTF-8', 'write the file as UTF-8.', { cause });
    }
  }

  #accept(piece: Uint8Array): Uint8Array {
    if (this.#pendingBytes + piece.length <= MAX_LINE_BYTES) return piece;
    throw new SlotLineError(
      this.#lineNumber,
      `it has more than ${MAX_LINE_BYTES} bytes`,
      'write one slot a line, each line ended by a newline.',
    );
  }
}
