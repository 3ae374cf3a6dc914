/**
 * Files that end too early: at every length what is left is read, what is cut off is counted, and a writer brings the rest
 * of the file back as zeros. All lengths are scanned; a run recovers some of them, a soak all (`VRRL_SOAK=1`).
 */

import { describe, expect, it } from 'vitest';
import { wrongWith, wrongWithScan } from './check.ts';
import { again, chosen, isSoak } from './choice.ts';
import { expectationOf } from './expectation.ts';
import { makeKnownLog, STORIES } from './known-log.ts';

const SOAK_MILLISECONDS = 3_600_000;
/** The ends of records and frames lie at multiples of it, and so do those of nearly all else. */
const STEP_BYTES = 8;

describe.each(STORIES)('a log that is $name, cut off', { timeout: SOAK_MILLISECONDS }, (story) => {
  const known = makeKnownLog(story);
  const { length } = known.bytes;

  it('at any length is read as far as it goes', () => {
    // One log at every length; of the others, the lengths around those at which something ends.
    const isSome = (bytes: number): boolean => (bytes + 1) % STEP_BYTES < 3 && bytes % 64 < 10;
    for (let bytes = 0; bytes <= length; bytes += 1) {
      if (!isSoak && story !== STORIES[0] && !isSome(bytes)) continue;
      const cut = known.bytes.slice(0, bytes);
      const wrong = wrongWithScan(known, cut, expectationOf(known, cut));
      if (wrong !== undefined) expect.fail(`${known.name}, cut to ${bytes} bytes: ${wrong}; ${again}`);
    }
  });

  it('at some lengths is recovered and appended to', () => {
    for (const bytes of chosen(length + 1, 600)) {
      // A mapping is of whole words.
      for (const isMapped of bytes % 4 === 0 && bytes === length ? [true, false] : [false]) {
        const wrong = wrongWith(known, known.bytes.slice(0, bytes), isMapped);
        if (wrong !== undefined) expect.fail(`${known.name}, cut to ${bytes} bytes: ${wrong}; ${again}`);
      }
    }
  });

  it('and lengthened again with zeros, as some file systems do after a crash, is read as far as it went', () => {
    for (const bytes of chosen(length + 1, 300)) {
      const filled = known.bytes.slice().fill(0, bytes);
      const wrong = wrongWith(known, filled, bytes % 2 === 0);
      if (wrong !== undefined) expect.fail(`${known.name}, zeros from byte ${bytes} on: ${wrong}; ${again}`);
    }
  });
});
