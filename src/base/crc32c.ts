/**
 * CRC32C (Castagnoli), the checksum of every record and frame that vrrl writes.
 *
 * Slicing by eight: M. Kounavis and F. Berry, "Novel Table Lookup-Based Algorithms for High-Performance CRC Generation",
 * IEEE Transactions on Computers 57(11), 2008. In our own code because a native call costs more than a whole record's
 * sum, and because Node's `zlib.crc32` is another polynomial.
 */

/** The polynomial 0x1EDC6F41 with its bits reversed, as a right-shifting register wants it (RFC 3720, section 12.1). */
const REVERSED_POLYNOMIAL = 0x82f6_3b78;
const SLICES = 8;
const TABLE_ENTRIES = 256;

/** Eight tables end to end: entry `slice * 256 + byte` is the sum of `byte` followed by `slice` zero bytes. */
const tables: Int32Array = makeTables();

function makeTables(): Int32Array {
  const made = new Int32Array(SLICES * TABLE_ENTRIES);
  for (let byte = 0; byte < TABLE_ENTRIES; byte++) {
    let sum = byte;
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? REVERSED_POLYNOMIAL : 0);
    made[byte] = sum;
  }
  for (let entry = TABLE_ENTRIES; entry < made.length; entry++) {
    const shorter = made[entry - TABLE_ENTRIES];
    made[entry] = (shorter >>> 8) ^ made[shorter & 0xff];
  }
  return made;
}

/**
 * The CRC32C of `bytes[start … end)` as an unsigned word.
 *
 * `seed` is the CRC32C of what came before: `crc32c(b, 0, b.length, crc32c(a))` is the sum of `a` followed by `b`.
 * Bounds are taken as they come: a caller that reads past the array gets the sum of zeros, never an error.
 */
export function crc32c(bytes: Uint8Array, start = 0, end: number = bytes.length, seed = 0): number {
  let sum = ~seed;
  let position = start;
  for (const lastBlock = end - SLICES; position <= lastBlock; position += SLICES) {
    const low =
      sum ^ (bytes[position] | (bytes[position + 1] << 8) | (bytes[position + 2] << 16) | (bytes[position + 3] << 24));
    sum =
      tables[0x700 + (low & 0xff)] ^
      tables[0x600 + ((low >>> 8) & 0xff)] ^
      tables[0x500 + ((low >>> 16) & 0xff)] ^
      tables[0x400 + (low >>> 24)] ^
      tables[0x300 + bytes[position + 4]] ^
      tables[0x200 + bytes[position + 5]] ^
      tables[0x100 + bytes[position + 6]] ^
      tables[bytes[position + 7]];
  }
  for (; position < end; position++) sum = (sum >>> 8) ^ tables[(sum ^ bytes[position]) & 0xff];
  return ~sum >>> 0;
}
