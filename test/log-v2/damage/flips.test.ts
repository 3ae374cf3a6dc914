/**
 * Flipped bits, one at a time: whatever bit of a log is flipped, what is read is what was written, what is lost is counted
 * under the kind that the specification gives, and the log can be appended to as before.
 *
 * A run tries every bit of one record, of both superblocks and of the metadata, and some of all others; a soak tries every
 * bit of the file (`VRRL_SOAK=1`).
 */

import { describe, expect, it } from 'vitest';
import { RandomWords } from '../../../src/base/random.ts';
import { scanFlightLogBytes } from '../../../src/log-v2/index.ts';
import { wrongWith } from './check.ts';
import { again, chosen, isSoak, seed } from './choice.ts';
import { type Places, placesOf } from './expectation.ts';
import { type KnownLog, makeKnownLog, STORIES } from './known-log.ts';

const PAGE_BYTES = 4096;
const SUPERBLOCK_BYTES = 512;
const HINTS_BYTES = 24;
const RECORD_BYTES = 128;
const SOAK_MILLISECONDS = 3_600_000;

/** Flips the same bit of each of some stretches that begin at `starts`, `part` of all bits of a stretch, one after the other. */
function flipEach(known: KnownLog, starts: readonly number[], length: number, part: number): void {
  const bytes = known.bytes.slice();
  for (const bit of chosen(8 * length, part)) {
    const flip = (): void => {
      for (const start of starts) bytes[start + (bit >> 3)] ^= 1 << (bit & 7);
    };
    flip();
    const wrong = wrongWith(known, bytes, bit % 2 === 1);
    if (wrong !== undefined) {
      const where = starts.map((start) => start + (bit >> 3)).join(' and ');
      expect.fail(`${known.name}, bit ${bit & 7} of byte ${where} flipped: ${wrong}; ${again}`);
    }
    flip();
  }
}

const ALL = Number.POSITIVE_INFINITY;

describe.each(STORIES)('a log that is $name, with a bit flipped', { timeout: SOAK_MILLISECONDS }, (story) => {
  const known = makeKnownLog(story);
  const places: Places = placesOf(known);
  const random = new RandomWords(seed);

  it('in no place is what it was', () => {
    for (const isMapped of [false, true]) expect(wrongWith(known, known.bytes, isMapped)).toBeUndefined();
  });

  it('in a record', () => {
    flipEach(known, [places.slots + RECORD_BYTES * random.below(known.capacity)], RECORD_BYTES, ALL);
    flipEach(known, [places.slots], PAGE_BYTES, 250);
  });

  it('in a copy of the superblock, or in both', () => {
    for (const starts of [[0], [PAGE_BYTES], [0, PAGE_BYTES]]) {
      const part = story === STORIES[1] && starts.length === 1 ? ALL : 250;
      flipEach(known, starts, SUPERBLOCK_BYTES, part);
      flipEach(
        known,
        starts.map((start) => start + SUPERBLOCK_BYTES),
        PAGE_BYTES - SUPERBLOCK_BYTES,
        30,
      );
    }
  });

  it('in a copy of the metadata, or in both', () => {
    const part = story === STORIES[1] ? ALL : 100;
    for (const starts of [[places.metadata], [places.metadataCopy], [places.metadata, places.metadataCopy]]) {
      flipEach(known, starts, places.metadataUsed, part);
      const rest = PAGE_BYTES - places.metadataUsed;
      flipEach(
        known,
        starts.map((start) => start + places.metadataUsed),
        rest,
        30,
      );
    }
  });

  const frames = [...known.frames.values()];
  if (frames.length > 0) {
    it('in the journal', () => {
      const frame = frames[random.below(frames.length)];
      flipEach(known, [places.journal + frame.position], frame.bytes.length, 500);
      flipEach(known, [places.journal], known.journalBytes, 250);
    });
  }

  it('in the hints, makes no difference at all', () => {
    const before = summary(known.bytes);
    const bytes = known.bytes.slice();
    for (let bit = 0; bit < 8 * HINTS_BYTES; bit += 1) {
      bytes[2 * PAGE_BYTES + (bit >> 3)] ^= 1 << (bit & 7);
      expect(summary(bytes), `${known.name}, bit ${bit} of the hints`).toBe(before);
      bytes[2 * PAGE_BYTES + (bit >> 3)] ^= 1 << (bit & 7);
    }
    flipEach(known, [2 * PAGE_BYTES], HINTS_BYTES, ALL);
  });

  if (isSoak) it('in any place', () => flipEach(known, [0], known.bytes.length, ALL));
});

/** All that a scan says, as text. */
function summary(bytes: Uint8Array): string {
  const { columns, metadata, superblock, ...rest } = scanFlightLogBytes(bytes);
  const records = Array.from(columns, (_, index) => columns.fullRecord(index));
  return JSON.stringify({ ...rest, records, metadata, superblock }, (_, value: unknown) =>
    typeof value === 'bigint' ? `${value}n` : value,
  );
}
