/** Recordings that are made from others: under names of their own until they are whole. */

import fs from 'node:fs';
import path from 'node:path';
import {
  type Draft,
  fillFlightLog,
  fillRingLog,
  fillStream,
  flightOptionsOf,
  type MakingProgress,
  type RingDerivation,
} from '../src/derive/index.ts';
import type { ObservationHeader } from '../src/observe/index.ts';
import { FileStorage } from './file-storage.ts';
import { createFlightLogFile } from './flight-log-file.ts';
import { makeWay, observationPathOf, refuseOccupied } from './recording-files.ts';

/** Comes after the name of a recording that is being made. What a killed process left behind can be removed. */
const PARTIAL_SUFFIX = `.partial-${process.pid}`;

/**
 * Has a recording made under another name and gives it its own once it is whole. If anything fails, what was there before is
 * there again, and nothing else.
 *
 * @param make makes the log at the path that it is given, and observations beside it if there are some.
 * @throws InputError if something is in the way that may not be replaced; and what `make` throws.
 */
export function placeWhenWhole(logPath: string, mayReplace: boolean, make: (partialPath: string) => void): void {
  refuseOccupied(logPath, mayReplace);
  const partial = logPath + PARTIAL_SUFFIX;
  // Otherwise the error would be about a name that nobody gave.
  fs.statSync(path.dirname(logPath));
  try {
    make(partial);
    const old = makeWay(logPath, mayReplace);
    try {
      const [stream, streamPath] = [observationPathOf(partial), observationPathOf(logPath)];
      if (fs.existsSync(stream)) fs.renameSync(stream, streamPath);
      fs.renameSync(partial, logPath);
    } catch (error) {
      old.putBack();
      throw error;
    }
    old.discard();
  } finally {
    for (const each of [partial, observationPathOf(partial)]) fs.rmSync(each, { force: true });
  }
}

/** Makes a v2 log of a draft at a path where there is nothing. */
export function makeFlightLog(file: string, draft: Draft, onProgress: MakingProgress): void {
  // Nobody writes on before it is whole, so there is nothing to be gained from a mapping.
  const { log } = createFlightLogFile(file, flightOptionsOf(draft), { access: 'plain' });
  try {
    fillFlightLog(log, draft, onProgress);
  } finally {
    log.close();
  }
}

/**
 * Makes a v1 log at a path where there is nothing, with what was observed beside it.
 *
 * @param header what the observations say about themselves; undefined to leave them out.
 * @returns how many epochs a stream beside a v1 log cannot tell the truth about.
 */
export function makeRingLog(
  file: string,
  { draft, layout }: RingDerivation,
  header: ObservationHeader | undefined,
  onProgress: MakingProgress,
): number {
  const storage = FileStorage.open(file, 'create');
  try {
    fillRingLog(storage, draft, layout, onProgress);
    storage.sync();
  } finally {
    storage.close();
  }
  if (header === undefined || draft.observed === undefined) return 0;
  const stream = FileStorage.open(observationPathOf(file), 'create');
  try {
    return fillStream(stream, draft, draft.observed, header, layout);
  } finally {
    stream.close();
  }
}
