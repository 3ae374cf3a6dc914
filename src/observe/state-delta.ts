/**
 * What changed between two states, in few bytes.
 *
 * A delta is a list of runs: how many words to skip since the last run, how many words changed, and for each the
 * difference (new − old, wrapping) in zigzag. All are LEB128 varints, so a counter that went up by a little is one byte.
 */

/** No word takes more: 32 bits in groups of 7. */
const MAX_VARINT_BYTES = 5;

/** How far beyond its limit the coder may write: the head of a run and a word. */
export const DELTA_SLACK_BYTES: number = 3 * MAX_VARINT_BYTES;

/**
 * Finds the runs of words that differ and writes (start, end) of each to `runs`, which needs room for a word more than
 * the states have. Returns how many words of `runs` were written.
 */
export function findChangedRuns(previous: Uint32Array, next: Uint32Array, runs: Uint32Array): number {
  const count = next.length;
  let length = 0;
  for (let index = firstChange(previous, next, 0); index < count; index = firstChange(previous, next, index)) {
    runs[length++] = index;
    do index++;
    while (index < count && previous[index] !== next[index]);
    runs[length++] = index;
  }
  return length;
}

/** Most words do not change: four at a time are half again as fast to pass over. */
function firstChange(previous: Uint32Array, next: Uint32Array, start: number): number {
  const count = next.length;
  let index = start;
  for (const lastFour = count - 4; index <= lastFour; index += 4) {
    const changed =
      (previous[index] ^ next[index]) |
      (previous[index + 1] ^ next[index + 1]) |
      (previous[index + 2] ^ next[index + 2]) |
      (previous[index + 3] ^ next[index + 3]);
    if (changed !== 0) break;
  }
  while (index < count && previous[index] === next[index]) index++;
  return index;
}

/** How many words the runs cover. */
export function changedWords(runs: Uint32Array, runsLength: number): number {
  let changed = 0;
  for (let run = 0; run < runsLength; run += 2) changed += runs[run + 1] - runs[run];
  return changed;
}

/**
 * Writes the delta that `runs` describes to `target[start …]` and returns where it ended, or −1 if that is beyond
 * `limit`. May write up to `DELTA_SLACK_BYTES` beyond the limit before it notices.
 */
export function encodeDelta(
  previous: Uint32Array,
  next: Uint32Array,
  runs: Uint32Array,
  runsLength: number,
  target: Uint8Array,
  start: number,
  limit: number,
): number {
  let position = start;
  let reached = 0;
  for (let run = 0; run < runsLength && position <= limit; run += 2) {
    const end = runs[run + 1];
    position = writeVarint(target, position, runs[run] - reached);
    position = writeVarint(target, position, end - runs[run]);
    for (let index = runs[run]; index < end && position <= limit; index++) {
      const difference = (next[index] - previous[index]) | 0;
      position = writeVarint(target, position, ((difference << 1) ^ (difference >> 31)) >>> 0);
    }
    reached = end;
  }
  return position <= limit ? position : -1;
}

/** Called for every word that a delta changes, so that sums over the words can follow. */
export interface ChangeListener {
  onChange(index: number, previous: number, next: number): void;
}

/**
 * Applies the delta in `source[start … end)` to `words`.
 *
 * Returns false, with `words` spoilt, if the delta is not one of this many words: nothing outside is ever touched.
 */
export function applyDelta(
  words: Uint32Array,
  source: Uint8Array,
  start: number,
  end: number,
  listener: ChangeListener,
): boolean {
  const cursor = { position: start, end };
  let index = 0;
  while (cursor.position < end) {
    index += readVarint(source, cursor);
    const count = readVarint(source, cursor);
    // NaN, the answer to a varint that is none, fails this comparison too.
    if (!(count >= 1 && index + count <= words.length && count <= end - cursor.position)) return false;
    for (const runEnd = index + count; index < runEnd; index++) {
      const zigzag = readVarint(source, cursor);
      if (Number.isNaN(zigzag)) return false;
      const previous = words[index];
      words[index] = previous + ((zigzag >>> 1) ^ -(zigzag & 1));
      listener.onChange(index, previous, words[index]);
    }
  }
  return true;
}

function writeVarint(target: Uint8Array, start: number, value: number): number {
  let position = start;
  let rest = value;
  while (rest > 0x7f) {
    target[position++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  target[position++] = rest;
  return position;
}

/** NaN if there is no varint of 32 bits before the end. */
function readVarint(source: Uint8Array, cursor: { position: number; readonly end: number }): number {
  let value = 0;
  for (let shift = 0; shift < 7 * MAX_VARINT_BYTES && cursor.position < cursor.end; shift += 7) {
    const byte = source[cursor.position++];
    if (shift === 28 && byte > 0x0f) return Number.NaN;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return value >>> 0;
  }
  return Number.NaN;
}
