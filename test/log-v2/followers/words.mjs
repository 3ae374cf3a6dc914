// What threads of a race have in common.

/** Where the words are that they tell each other things with. */
export const CONTROL = { READY: 0, STOP: 1, DONE: 2, WORDS: 3 };

/** What a follower counts, in this order. */
export const COUNTS = ['reads', 'nothing', 'taken', 'changed', 'unproven', 'laps', 'lapped', 'lost', 'wrong'];

/** Where the number of the last record is; the counts of the followers lie behind it. */
export const HEAD = 0;

/** A word of the body of a record. */
export function wordOf(seed, sequence, word) {
  const mixed = seed ^ Math.imul(sequence, 0x9e3779b1) ^ Math.imul(word + 1, 0x85ebca6b);
  return Math.imul(mixed ^ (mixed >>> 15), 0xc2b2ae35) >>> 0;
}
