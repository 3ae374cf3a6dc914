// What the writers of the kill tests append, told from numbers alone, so that whoever reads it knows what it has to be.

/** Records that one operation may append. */
export const MOST_RECORDS = 8;
export const CAPACITY = 64;
export const JOURNAL_BYTES = 16_384;
export const STATE_WORDS = 24;

/** The layout of what is observed. */
export const LAYOUT = {
  areas: [{ name: 'control', words: STATE_WORDS }],
  regions: [{ name: 'all', area: 'control', start: 0, count: STATE_WORDS, equivalence: 'exact' }],
};

/**
 * A word that looks random.
 * @param {number} seed
 * @param {number} number
 * @param {number} index
 */
export function wordOf(seed, number, index) {
  let mixed = (seed ^ Math.imul(number % 2 ** 32, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca77)) >>> 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}

/**
 * The record of a number, as the writer of a round appends it.
 * @param {number} seed
 * @param {number} number
 * @param {number} round
 */
export function entryOf(seed, number, round) {
  const args = Array.from({ length: 12 }, (_, index) => wordOf(seed, number, index));
  return {
    timestampNs: BigInt(number),
    slotIndex: wordOf(seed, number, 12),
    tenantId: 3,
    opcode: 2,
    args,
    epoch: round,
  };
}

/**
 * The state that the frame of a number says was observed.
 * @param {number} seed
 * @param {number} frame
 */
export function stateOf(seed, frame) {
  return Uint32Array.from({ length: STATE_WORDS }, (_, index) => wordOf(~seed, frame, index));
}
