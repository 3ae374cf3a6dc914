/** The lines of an input, which may be text or not: whatever stands between two bytes 10. */

const NEWLINE = 0x0a;

/** The lines, without their ends; a newline at the very end begins no further line. Views of the input. */
export function* linesOf(input: Uint8Array): Generator<Uint8Array> {
  let start = 0;
  while (start < input.length) {
    const newline = input.indexOf(NEWLINE, start);
    const end = newline === -1 ? input.length : newline;
    yield input.subarray(start, end);
    start = end + 1;
  }
}

/** How many lines there are. */
export function countLines(input: Uint8Array): number {
  let count = 0;
  for (let start = 0; start < input.length; count += 1) {
    const newline = input.indexOf(NEWLINE, start);
    start = newline === -1 ? input.length : newline + 1;
  }
  return count;
}

/** The first of some items. */
export function* firstOf<Item>(items: Iterable<Item>, count: number): Generator<Item> {
  let left = count;
  if (left === 0) return;
  for (const item of items) {
    yield item;
    left -= 1;
    if (left === 0) return;
  }
}

/** FNV-1a of 32 bits (G. Fowler, L. C. Noll, K.-P. Vo, D. Eastlake: "The FNV Non-Cryptographic Hash Algorithm"). */
export function hashBytes(bytes: Uint8Array, seed = 0): number {
  let hash = 0x811c_9dc5 ^ seed;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x0100_0193);
  return hash >>> 0;
}
