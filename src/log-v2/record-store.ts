/** The hot half of an append: 32 words in the order that followers and recovery rely on. */

import { crc32cOf31Words } from '../base/crc32c-words.ts';
import { WORD_BYTES } from '../base/words.ts';
import { BODY_START, BODY_WORDS, FLIGHT_RECORD_BYTES, RecordWord } from './layout.ts';
import type { Mapping } from './medium.ts';

const HIGH_WORD_SCALE = 2 ** -32;

/** Makes records of one writer, each with a link to the one before it. */
export class RecordStore {
  readonly #salt: number;
  readonly #incarnation: number;
  /** The number of the next record. */
  next: number;
  /** The commit word of the record before it; 0 if there is none. */
  previousCommit: number;

  constructor(salt: number, incarnation: number, next: number, previousCommit: number) {
    this.#salt = salt | 0;
    this.#incarnation = incarnation | 0;
    this.next = next;
    this.previousCommit = previousCommit | 0;
  }

  /** Stores the next record at `words[base]` on, with the body that starts at `body[at]`. Nobody looks on meanwhile. */
  store(body: Uint32Array, at: number, words: Int32Array, base: number): void {
    words[base + RecordWord.COMMIT] = this.#storeBody(body, at, words, base);
    this.#advance(words[base + RecordWord.COMMIT]);
  }

  /** The same in a mapping, where others look on: the commit word says what can be trusted. */
  storeMapped(body: Uint32Array, at: number, mapping: Mapping, base: number): void {
    const { words, onStored } = mapping;
    Atomics.store(words, base + RecordWord.COMMIT, 0);
    onStored?.((base + RecordWord.COMMIT) * WORD_BYTES, WORD_BYTES);
    const commit = this.#storeBody(body, at, words, base);
    onStored?.(base * WORD_BYTES, FLIGHT_RECORD_BYTES - WORD_BYTES);
    Atomics.store(words, base + RecordWord.COMMIT, commit);
    onStored?.((base + RecordWord.COMMIT) * WORD_BYTES, WORD_BYTES);
    this.#advance(commit);
  }

  /** All words but the commit, which it returns. */
  #storeBody(body: Uint32Array, at: number, words: Int32Array, base: number): number {
    words[base + RecordWord.SEQUENCE] = this.next | 0;
    words[base + RecordWord.SEQUENCE + 1] = (this.next * HIGH_WORD_SCALE) | 0;
    for (let index = 0; index < BODY_WORDS; index += 1) words[base + BODY_START + index] = body[at + index];
    words[base + RecordWord.SALT] = this.#salt;
    words[base + RecordWord.INCARNATION] = this.#incarnation;
    words[base + RecordWord.PREVIOUS_COMMIT] = this.previousCommit;
    words[base + RecordWord.NONCE] = 0;
    words[base + RecordWord.UNUSED] = 0;
    const commit = crc32cOf31Words(words, base);
    if (commit !== 0) return commit;
    words[base + RecordWord.NONCE] = 1;
    return crc32cOf31Words(words, base);
  }

  #advance(commit: number): void {
    this.next += 1;
    this.previousCommit = commit;
  }
}
