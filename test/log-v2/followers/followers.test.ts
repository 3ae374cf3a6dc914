/**
 * A writer that wraps, and eight followers on its heels, in threads, at capacities at which records do not last: no part of
 * a record is taken for one, numbers come in order, and what a follower missed it was told of. `npm run soak:log` does it a
 * thousand million times.
 */

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  BODY_START,
  BODY_WORDS,
  FLIGHT_RECORD_WORDS,
  FlightLog,
  flightLogBytes,
  MemoryMedium,
  RecordWord,
  readSuperblock,
} from '../../../src/log-v2/index.ts';
import { type RaceOptions, type RaceResult, runRace } from './race.ts';
import { wordOf } from './words.mjs';

const SEED = Number(process.env['VRRL_SEED'] ?? Date.now() % 2 ** 31);
const FOLLOWERS = 8;
/** Far more than are needed: the race ends with the first torn record. */
const MANY_READS = 1e9;

let folder = '';

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'vrrl-followers-'));
});

afterEach(() => fs.rmSync(folder, { recursive: true }));

function race(options: Pick<RaceOptions, 'reads' | 'capacity'> & Partial<RaceOptions>): Promise<RaceResult> {
  return runRace({
    seed: SEED,
    followers: FOLLOWERS,
    modules: new URL('../../../dist/', import.meta.url).href,
    worker: fileURLToPath(new URL('worker.mjs', import.meta.url)),
    ...options,
  });
}

function expectSound({ counts, head, broken }: RaceResult, capacity: number): void {
  const again = `again: VRRL_SEED=${SEED}, ${JSON.stringify(counts)}`;
  expect(broken, again).toBeUndefined();
  expect(head, again).toBeGreaterThan(3 * capacity);
  expect(counts.wrong, again).toBe(0);
  // Without these the followers were never near the writer, and nothing was tried.
  expect(Math.min(counts.taken, counts.laps, counts.changed + counts.unproven), again).toBeGreaterThan(0);
}

it.each([1, 2, 3, 4])('a log of %d records in shared memory', async (capacity) => {
  expectSound(await race({ reads: 300_000, capacity }), capacity);
});

it.each([
  [1, 'mapped'],
  [3, 'plain'],
] as const)('a log of %d records in a file that is %s, followed by calls', async (capacity, access) => {
  const file = path.join(folder, 'run.vrrl');
  expectSound(await race({ reads: 60_000, capacity, file, access }), capacity);
});

it('sees a follower that looks at no commit take a torn record', { timeout: 300_000 }, async () => {
  const { counts, broken } = await race({ reads: MANY_READS, capacity: 1, followers: 3, isCareless: true });
  expect(counts.wrong).toBeGreaterThan(0);
  expect(broken).toMatch(/takes record \d+ with the words/);
});

describe('a record that is written over while it is copied', () => {
  const options = { capacity: 1, metadata: { tool: 'test' }, fileId: [1, 2, 3, 4] as const };

  /** A copy of the only record, with an append in front of a word of it; undefined if it is refused. */
  function copyAround(word: number, looksTwice: boolean): Uint32Array | undefined {
    const medium = MemoryMedium.ofSize(flightLogBytes(options));
    const log = FlightLog.create(medium, options);
    const append = (number: number): void => {
      log.appendWords(
        Uint32Array.from({ length: BODY_WORDS }, (_, index) => wordOf(SEED, number, index)),
        0,
      );
    };
    append(1);
    const { words } = medium.mapping ?? expect.fail('the medium is no mapping');
    const start = readSuperblock(medium).superblock.geometry.slotsOffset / 4;
    const commit = words[start + RecordWord.COMMIT];
    const row = new Uint32Array(FLIGHT_RECORD_WORDS);
    for (let at = 0; at < FLIGHT_RECORD_WORDS; at += 1) {
      if (at === word) append(2);
      row[at] = words[start + at];
    }
    if (word === FLIGHT_RECORD_WORDS) append(2);
    const isSame = words[start + RecordWord.COMMIT] === commit && (row[RecordWord.COMMIT] | 0) === commit;
    return looksTwice && !isSame ? undefined : row;
  }

  const isOf = (row: Uint32Array, number: number): boolean =>
    row.subarray(BODY_START, BODY_START + BODY_WORDS).every((each, index) => each === wordOf(SEED, number, index));

  it('is taken in part by who looks at the commit once, and by nobody who looks again', () => {
    let torn = 0;
    for (let word = 0; word <= FLIGHT_RECORD_WORDS; word += 1) {
      const careless = copyAround(word, false);
      if (careless !== undefined && !isOf(careless, 1) && !isOf(careless, 2)) torn += 1;
      expect(copyAround(word, true)).toBeUndefined();
    }
    expect(torn).toBeGreaterThanOrEqual(BODY_WORDS - 1);
  });
});
