/** The hot half of an append: 32 words in the order that followers and recovery rely on. */

import { CRC32C_OF_ZEROS, crc32cOf31Words, prepareTerms, termOfWord } from '../base/crc32c-words.ts';
import { WORD_BYTES } from '../base/words.ts';
import {
  BODY_START,
  BODY_WORDS,
  FLIGHT_ARGUMENT_COUNT,
  FLIGHT_RECORD_BYTES,
  FLIGHT_RECORD_WORDS,
  RecordWord,
} from './layout.ts';

/** Told where stores were, in bytes. */
export type StoreListener = (offset: number, bytes: number) => void;

/** A slot that is about to be published, and where in the ring. */
export interface FlightSlot {
  readonly slotIndex: number;
  readonly slot: {
    readonly opcode: number;
    readonly tenant: number;
    readonly priority: number;
    /** At most twelve; those left out are 0. */
    readonly args: ArrayLike<number>;
  };
}

/** Multiplying by it leaves the high word of a 64-bit number, and costs less than a division. */
export const HIGH_WORD_SCALE: number = 2 ** -32;

const { COMMIT, SEQUENCE, SALT, INCARNATION, PREVIOUS_COMMIT, NONCE } = RecordWord;
const { TIMESTAMP, EPOCH, SLOT_INDEX, OPCODE, TENANT, PRIORITY, ARGS, SLOT_STATUS } = RecordWord;

// Every record is made here and copied as a whole: the compiler knows this array, and not the one that it goes to, so its
// 55 loads and stores need no checks. Measured, that takes a third off an append.
const record = new Int32Array(FLIGHT_RECORD_WORDS);
/** All words but the commit. */
const uncommitted = record.subarray(0, COMMIT);

// Storing a bigint here and reading two words back makes no garbage; shifts and masks of bigints would.
const splitLong = new BigUint64Array(1);
const splitWords = new Int32Array(splitLong.buffer);

/** Makes records of one writer, each with a link to the one before it: `make…` one, then `put` it where it belongs. */
export class RecordStore {
  readonly #salt: number;
  readonly #incarnation: number;
  /** The number of the next record. */
  next: number;
  /** The commit word of the record before it; 0 if there is none. */
  previousCommit: number;
  /** What the words that slots of a batch have in common add to the sum of each. */
  #commonSum = 0;

  constructor(salt: number, incarnation: number, next: number, previousCommit: number) {
    this.#salt = salt | 0;
    this.#incarnation = incarnation | 0;
    this.next = next;
    this.previousCommit = previousCommit | 0;
  }

  /** Makes the next record, with the body that starts at `body[at]`. */
  make(body: Uint32Array, at: number): void {
    record[SEQUENCE] = this.next | 0;
    record[SEQUENCE + 1] = (this.next * HIGH_WORD_SCALE) | 0;
    copyBody(body, at);
    record[SALT] = this.#salt;
    record[INCARNATION] = this.#incarnation;
    record[PREVIOUS_COMMIT] = this.previousCommit;
    record[NONCE] = 0;
    this.#finish(crc32cOf31Words(record, 0));
  }

  /** Has to be called before `makeOfSlot`, for slots that go out together. Nothing else may be made in between. */
  beginSlots(timestampNs: bigint, epoch: number): void {
    prepareTerms();
    splitLong[0] = timestampNs;
    record[TIMESTAMP] = splitWords[0];
    record[TIMESTAMP + 1] = splitWords[1];
    record[EPOCH] = epoch;
    record.fill(0, SLOT_STATUS, SALT);
    storedArguments = FLIGHT_ARGUMENT_COUNT;
    record[SALT] = this.#salt;
    record[INCARNATION] = this.#incarnation;
    this.#commonSum =
      CRC32C_OF_ZEROS ^
      termOfWord(record[TIMESTAMP], TIMESTAMP) ^
      termOfWord(record[TIMESTAMP + 1], TIMESTAMP + 1) ^
      termOfWord(record[EPOCH], EPOCH) ^
      termOfWord(record[SALT], SALT) ^
      termOfWord(record[INCARNATION], INCARNATION);
  }

  /** Makes the next record, of a slot: half the work of `make`, since only the words that differ are summed. */
  makeOfSlot({ slotIndex, slot }: FlightSlot): void {
    const { opcode, tenant, priority, args } = slot;
    const low = this.next | 0;
    const high = (this.next * HIGH_WORD_SCALE) | 0;
    record[SEQUENCE] = low;
    record[SEQUENCE + 1] = high;
    record[SLOT_INDEX] = slotIndex;
    record[OPCODE] = opcode;
    record[TENANT] = tenant;
    record[PRIORITY] = priority;
    record[PREVIOUS_COMMIT] = this.previousCommit;
    record[NONCE] = 0;
    const sum =
      this.#commonSum ^
      termOfWord(low, SEQUENCE) ^
      termOfWord(slotIndex, SLOT_INDEX) ^
      termOfWord(opcode, OPCODE) ^
      termOfWord(tenant, TENANT) ^
      termOfWord(priority, PRIORITY) ^
      termOfWord(this.previousCommit, PREVIOUS_COMMIT);
    this.#finish(sum ^ (high === 0 ? 0 : termOfWord(high, SEQUENCE + 1)) ^ storeArguments(args));
  }

  /** Stores the record at `words[base]` on. Nobody looks on meanwhile. */
  put(words: Int32Array, base: number): void {
    words.set(record, base);
  }

  /**
   * The same in a mapping, where others look on: the commit word says what can be trusted.
   *
   * The first store is a plain one. A processor that keeps stores in order (x86) needs no more, and one that does not
   * would not be helped by an atomic one either, which holds back what comes before it and not what comes after.
   */
  putMapped(words: Int32Array, base: number): void {
    words[base + COMMIT] = 0;
    words.set(uncommitted, base);
    Atomics.store(words, base + COMMIT, record[COMMIT]);
  }

  /** The same with a listener that is told of each group. */
  putTraced(words: Int32Array, base: number, onStored: StoreListener): void {
    words[base + COMMIT] = 0;
    onStored((base + COMMIT) * WORD_BYTES, WORD_BYTES);
    words.set(uncommitted, base);
    onStored(base * WORD_BYTES, FLIGHT_RECORD_BYTES - WORD_BYTES);
    Atomics.store(words, base + COMMIT, record[COMMIT]);
    onStored((base + COMMIT) * WORD_BYTES, WORD_BYTES);
  }

  /** Counts on. */
  #finish(sum: number): void {
    const commit = sum === 0 ? sumWithNonce() : sum;
    record[COMMIT] = commit;
    this.next += 1;
    this.previousCommit = commit;
  }
}

/** Four words a turn: measured, 14 ns less an append than one word a turn. */
function copyBody(body: Uint32Array, at: number): void {
  for (let index = 0; index < BODY_WORDS; index += 4) {
    record[BODY_START + index] = body[at + index];
    record[BODY_START + index + 1] = body[at + index + 1];
    record[BODY_START + index + 2] = body[at + index + 2];
    record[BODY_START + index + 3] = body[at + index + 3];
  }
}

/** How many arguments the last record of a slot had; what it did not have is 0. */
let storedArguments = FLIGHT_ARGUMENT_COUNT;

/** Stores the arguments of a slot, and returns what they add to the sum. */
function storeArguments(args: ArrayLike<number>): number {
  const count = args.length;
  let sum = 0;
  for (let index = 0; index < count; index += 1) {
    const word = args[index];
    record[ARGS + index] = word;
    sum ^= termOfWord(word, ARGS + index);
  }
  for (let index = count; index < storedArguments; index += 1) record[ARGS + index] = 0;
  storedArguments = count;
  return sum;
}

/** In one record of four thousand million. Another nonce always gives another sum. */
function sumWithNonce(): number {
  record[NONCE] = 1;
  return crc32cOf31Words(record, 0);
}
