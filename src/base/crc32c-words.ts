import { crc32c } from './crc32c.ts';

/**
 * CRC32C of exactly 31 words: what a record of a v2 log is summed over, in the middle of every append.
 *
 * Two things make it quicker than `crc32c` over the same bytes. Words are looked up in three steps of 11, 11 and 10 bits
 * instead of four of 8. And three stretches are summed at the same time, each from zero, since one look-up waits for the
 * one before it; a stretch is then moved past the one behind it as if by feeding in that many zero bytes, which is linear
 * and so a table too (M. Adler does this in zlib's `crc32_combine`).
 */

const STRETCH_WORDS = 10;
const SUMMED_WORDS: number = 3 * STRETCH_WORDS + 1;
const STEP_BITS = 11;
const STEP_ENTRIES = 1 << STEP_BITS;
const STEP_MASK: number = STEP_ENTRIES - 1;
const BYTE_ENTRIES = 256;

/** Entry `step * 2048 + bits`: what the register becomes when a word comes in that has these bits alone. */
const stepTable: Int32Array = makeTable(3, STEP_BITS, 4);
/** Entry `byte * 256 + bits`: what a register with these bits alone becomes when ten words of zero come in. */
const moveTable: Int32Array = makeTable(4, 8, 4 * STRETCH_WORDS);

function makeTable(steps: number, bits: number, zeroBytes: number): Int32Array {
  const made = new Int32Array(steps << bits);
  for (let step = 0; step < steps; step += 1) {
    for (let entry = 0; entry < 1 << bits; entry += 1) {
      made[(step << bits) + entry] = feedZeros(entry << (step * bits), zeroBytes);
    }
  }
  return made;
}

/** `crc32c` takes and gives the register's complement. */
function feedZeros(register: number, bytes: number): number {
  return ~crc32c(new Uint8Array(bytes), 0, bytes, ~register);
}

function take(register: number): number {
  return (
    stepTable[register & STEP_MASK] ^
    stepTable[STEP_ENTRIES + ((register >>> STEP_BITS) & STEP_MASK)] ^
    stepTable[2 * STEP_ENTRIES + (register >>> (2 * STEP_BITS))]
  );
}

function move(register: number): number {
  return moveBy(moveTable, register);
}

function moveBy(table: Int32Array, register: number): number {
  return (
    table[register & 0xff] ^
    table[BYTE_ENTRIES + ((register >>> 8) & 0xff)] ^
    table[2 * BYTE_ENTRIES + ((register >>> 16) & 0xff)] ^
    table[3 * BYTE_ENTRIES + (register >>> 24)]
  );
}

/** The CRC32C of `words[start … start + 30]`, as a signed word. */
export function crc32cOf31Words(words: Int32Array, start: number): number {
  let first = take(~words[start]);
  let second = 0;
  let third = 0;
  for (let at = start + 1; at <= start + STRETCH_WORDS; at += 1) {
    first = take(first ^ words[at]);
    second = take(second ^ words[at + STRETCH_WORDS]);
    third = take(third ^ words[at + 2 * STRETCH_WORDS]);
  }
  return ~(move(move(first) ^ second) ^ third);
}

/** Records that {@link crc32cOfFourRecords} sums at a time, and the words from one to the next. */
export const SUMMED_RECORDS = 4;
const RECORD_WORDS: number = SUMMED_WORDS + 1;
/** A record's arguments from the fourth on and its evidence: words that are zero in nearly all records. */
const SELDOM_START = 13;
const SELDOM_END = 26;
/** As `moveTable`, for the words that are seldom used. */
const seldomTable: Int32Array = makeTable(4, 8, 4 * (SELDOM_END - SELDOM_START));

/**
 * The same for the first 31 words of four records of 32 that lie one behind the other, into `sums[at … at + 3]`: half of the
 * time of four sums. What waits in one record for a look-up has three others to do meanwhile, so none need be cut into
 * stretches; and where the words that are seldom used are zero, each register is moved past them at once.
 */
export function crc32cOfFourRecords(words: Int32Array, start: number, sums: Int32Array, at: number): void {
  for (let each = at; each < at + SUMMED_RECORDS; each += 1) sums[each] = ~0;
  feedFourRecords(words, start, start + SELDOM_START, sums, at);
  if (isSeldomUsed(words, start)) feedFourRecords(words, start + SELDOM_START, start + SELDOM_END, sums, at);
  else for (let each = at; each < at + SUMMED_RECORDS; each += 1) sums[each] = moveBy(seldomTable, sums[each]);
  feedFourRecords(words, start + SELDOM_END, start + SUMMED_WORDS, sums, at);
  for (let each = at; each < at + SUMMED_RECORDS; each += 1) sums[each] = ~sums[each];
}

/** Feeds the words from `start` up to `end`, and those of three more records behind, into four registers. */
function feedFourRecords(words: Int32Array, start: number, end: number, registers: Int32Array, at: number): void {
  let first = registers[at];
  let second = registers[at + 1];
  let third = registers[at + 2];
  let fourth = registers[at + 3];
  for (let word = start; word < end; word += 1) {
    first = take(first ^ words[word]);
    second = take(second ^ words[word + RECORD_WORDS]);
    third = take(third ^ words[word + 2 * RECORD_WORDS]);
    fourth = take(fourth ^ words[word + 3 * RECORD_WORDS]);
  }
  registers[at] = first;
  registers[at + 1] = second;
  registers[at + 2] = third;
  registers[at + 3] = fourth;
}

/** Whether any of four records has something in the words that are seldom used. */
function isSeldomUsed(words: Int32Array, start: number): boolean {
  let bits = 0;
  for (let word = start + SELDOM_START; word < start + SELDOM_END; word += 1) {
    bits |= words[word] | words[word + RECORD_WORDS] | words[word + 2 * RECORD_WORDS] | words[word + 3 * RECORD_WORDS];
  }
  return bits !== 0;
}

/** How many words {@link crc32cOf31Words} sums. */
export const CRC32C_WORDS: number = SUMMED_WORDS;

/** Entry `(position * 4 + byte) * 256 + bits`: what a byte of a word at a position adds to the sum of 31 words. */
const terms: Int32Array = new Int32Array(SUMMED_WORDS * 4 * BYTE_ENTRIES);
let hasTerms = false;

/** The CRC32C of 31 words of zero: where {@link termOfWord} starts from. */
export const CRC32C_OF_ZEROS: number = crc32cOf31Words(new Int32Array(SUMMED_WORDS), 0);

/** Has to be called before {@link termOfWord}; makes its table the first time, in a millisecond or so. */
export function prepareTerms(): void {
  if (hasTerms) return;
  for (let position = 0; position < SUMMED_WORDS; position += 1) {
    for (let bit = 0; bit < 32; bit += 1) {
      let term = 1 << bit;
      for (let word = position; word < SUMMED_WORDS; word += 1) term = take(term);
      terms[(position * 4 + (bit >>> 3)) * BYTE_ENTRIES + (1 << (bit & 7))] = term;
    }
  }
  for (let entry = 0; entry < terms.length; entry += 1) {
    const bits = entry & 0xff;
    const lowest = bits & -bits;
    // Sums are linear: that of several bits is that of one of them, and of the others.
    if (bits !== lowest) terms[entry] = terms[entry - lowest] ^ terms[entry - bits + lowest];
  }
  hasTerms = true;
}

/**
 * What a word at a position adds to the CRC32C of 31 words, by exclusive or. For records of which a few words are not zero
 * or the same as in the last one, that is less work than to sum all of them.
 */
export function termOfWord(word: number, position: number): number {
  const at = position * 4 * BYTE_ENTRIES;
  return (
    terms[at + (word & 0xff)] ^
    terms[at + BYTE_ENTRIES + ((word >>> 8) & 0xff)] ^
    terms[at + 2 * BYTE_ENTRIES + ((word >>> 16) & 0xff)] ^
    terms[at + 3 * BYTE_ENTRIES + (word >>> 24)]
  );
}
