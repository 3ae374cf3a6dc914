/** What a position of the slots holds: the table of `spec/log-v2.md`, row by row. */

import { crc32cOf31Words } from '../base/crc32c-words.ts';
import { FLIGHT_RECORD_WORDS, RecordWord } from './layout.ts';
import { readSignedPair } from './pairs.ts';

export const PositionFinding = { EMPTY: 0, VALID: 1, TORN: 2, CORRUPT: 3, FOREIGN: 4, MISPLACED: 5 } as const;

/** The findings by number. */
export const POSITION_FINDING_NAMES = ['empty', 'valid', 'torn', 'corrupt', 'foreign', 'misplaced'] as const;

/** What positions are judged by. */
export interface PositionRules {
  readonly capacity: number;
  readonly salt: number;
  /** The superblock's: no record has a higher one. */
  readonly incarnation: number;
  readonly syncedSequence: number;
}

/** The finding about the 32 words from `words[start]` on, which lie at `position`. */
export function judgePosition(words: Int32Array, start: number, position: number, rules: PositionRules): number {
  const sum = words[start + RecordWord.COMMIT] === 0 ? 0 : crc32cOf31Words(words, start);
  return judgeSummed(words, start, position, rules, sum);
}

/** The same for whoever has the CRC of the first 31 words, or a commit word of 0. */
export function judgeSummed(
  words: Int32Array,
  start: number,
  position: number,
  rules: PositionRules,
  sum: number,
): number {
  const commit = words[start + RecordWord.COMMIT];
  if (commit !== 0 && sum === commit) {
    if (!isOwn(words, start, rules)) return PositionFinding.FOREIGN;
    return isPlaced(words, start, position, rules) ? PositionFinding.VALID : PositionFinding.MISPLACED;
  }
  if (commit === 0) return isBlank(words, start) ? PositionFinding.EMPTY : PositionFinding.TORN;
  const isBeyond = readSignedPair(words, start + RecordWord.SEQUENCE) > rules.syncedSequence;
  return isBeyond && isPlaced(words, start, position, rules) ? PositionFinding.TORN : PositionFinding.CORRUPT;
}

/** Whether a writer of this file can have made these words, which are what somebody wrote. */
function isOwn(words: Int32Array, start: number, rules: PositionRules): boolean {
  const incarnation = words[start + RecordWord.INCARNATION] >>> 0;
  const sequence = readSignedPair(words, start + RecordWord.SEQUENCE);
  return (
    words[start + RecordWord.SALT] >>> 0 === rules.salt &&
    incarnation >= 1 &&
    incarnation <= rules.incarnation &&
    words[start + RecordWord.NONCE] >>> 0 <= 1 &&
    words[start + RecordWord.UNUSED] === 0 &&
    sequence >= 1 &&
    sequence <= Number.MAX_SAFE_INTEGER
  );
}

function isPlaced(words: Int32Array, start: number, position: number, { capacity }: PositionRules): boolean {
  const low = words[start + RecordWord.SEQUENCE];
  // Whole 32-bit numbers are divided several times as fast as others, and few logs have any others.
  if (low > 0 && words[start + RecordWord.SEQUENCE + 1] === 0) return (low - 1) % capacity === position;
  const sequence = readSignedPair(words, start + RecordWord.SEQUENCE);
  // Beyond 2⁵³ − 1 the pair is not exact, and no such record exists.
  return sequence >= 1 && sequence <= Number.MAX_SAFE_INTEGER && (sequence - 1) % capacity === position;
}

function isBlank(words: Int32Array, start: number): boolean {
  for (let index = 0; index < FLIGHT_RECORD_WORDS; index += 1) if (words[start + index] !== 0) return false;
  return true;
}

/** The sequence number that belongs to `position` in the window that ends with `newest`; may be 0 or less. */
export function expectedSequence(position: number, newest: number, capacity: number): number {
  const newestPosition = (newest + capacity - 1) % capacity;
  const age = newestPosition - position;
  return newest - (age >= 0 ? age : age + capacity);
}
