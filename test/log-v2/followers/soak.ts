/** Followers at length: most reads in shared memory, some in files, with the build that this very program is a part of. */

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type RaceCounts, type RaceOptions, type RaceResult, runRace } from './race.ts';
import { COUNTS } from './words.mjs';

export interface FollowerSoakOptions {
  /** Reads of all followers together: times at which one of them looked for its next record. */
  readonly reads: number;
  readonly seed: number;
  readonly progress?: (reads: number, what: string) => void;
}

export interface FollowerSoakResult {
  /** By where the followers read: `memory` or `file`. */
  readonly counts: Readonly<Record<'memory' | 'file', RaceCounts>>;
  /** Records that were appended. */
  readonly records: number;
  /** A sentence about the first promise that was broken, with what runs it again. */
  readonly broken: string | undefined;
}

const FOLLOWERS = 8;
const CAPACITIES = [1, 2, 3, 4];
/** Reads by calls cost some ten times as much, and are one in fifty. */
const FILE_SHARE = 50;
/** Another file, another place in memory, another order of events. */
const ROUNDS = 4;

/** To be run from the root of the project. Ends at the first promise that is broken. */
export async function runFollowerSoak(options: FollowerSoakOptions): Promise<FollowerSoakResult> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'vrrl-followers-'));
  const counts = { memory: noCounts(), file: noCounts() };
  let records = 0;
  let broken: string | undefined;
  try {
    for (const race of racesOf(options, folder)) {
      const done = counts.memory.reads + counts.file.reads;
      const result = await run(race, (reads) => options.progress?.(done + reads, describe(race)));
      const place = race.file === undefined ? 'memory' : 'file';
      counts[place] = addUp(counts[place], result.counts);
      records += result.head;
      if (result.broken === undefined) continue;
      broken = `${result.broken} (${describe(race)}, seed ${options.seed})`;
      break;
    }
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
  return { counts, records, broken };
}

type Race = Pick<RaceOptions, 'reads' | 'seed' | 'capacity' | 'file' | 'access'>;

function* racesOf({ reads, seed }: FollowerSoakOptions, folder: string): Generator<Race> {
  const share = reads / (ROUNDS * CAPACITIES.length);
  const inFile = Math.ceil(share / FILE_SHARE);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const capacity of CAPACITIES) {
      const common = { capacity, seed: (seed + 0x1_0001 * round + 0x101 * capacity) >>> 0 };
      yield { ...common, reads: Math.ceil(share - inFile) };
      const access = (round + capacity) % 2 === 0 ? 'mapped' : 'plain';
      yield { ...common, reads: inFile, file: path.join(folder, `${round}-${capacity}.vrrl`), access };
    }
  }
}

function run(race: Race, progress: (reads: number) => void): Promise<RaceResult> {
  const modules = new URL('../../../', import.meta.url).href;
  const worker = path.resolve('test/log-v2/followers/worker.mjs');
  return runRace({ ...race, followers: FOLLOWERS, modules, worker, progress });
}

function describe({ capacity, file, access }: Race): string {
  return `capacity ${capacity}, ${file === undefined ? 'shared memory' : `a file that is ${access}`}`;
}

function noCounts(): RaceCounts {
  return Object.fromEntries(COUNTS.map((name) => [name, 0] as const)) as Record<keyof RaceCounts, number>;
}

function addUp(one: RaceCounts, other: RaceCounts): RaceCounts {
  const entries = COUNTS.map((name) => [name, one[name] + other[name]] as const);
  return Object.fromEntries(entries) as Record<keyof RaceCounts, number>;
}
