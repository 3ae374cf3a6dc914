/** What a writer does with a log in a file, call by call, while calls fail; and what it was promised meanwhile. */

import { expect } from 'vitest';
import type { FileMediumOptions } from '../../../node/file-medium.ts';
import { createFlightLogFile, type FlightLogFile, openFlightLogFile } from '../../../node/flight-log-file.ts';
import type { FlightLog, FlightLogOptions } from '../../../src/log-v2/index.ts';
import { StorageError } from '../../../src/storage/index.ts';
import { makeEntry, makeFrame } from '../damage/known-log.ts';
import type { Way } from './faults.ts';

export const OPTIONS: FlightLogOptions = {
  capacity: 8,
  journalBytes: 4096,
  metadata: { tool: 'test' },
  fileId: [1, 2, 3, 4],
};

/** What is known once a scenario has ended. */
export interface Outcome {
  /** Whether the log was there to be written to. */
  opened: boolean;
  /** The newest record whose append has returned, and the newest that one began for. */
  appended: number;
  tried: number;
  /** The newest record that a sync has returned for. */
  synced: number;
  /** The same for frames, as the ordinals that were given to them. */
  readonly frames: number[];
  /** Whether the log takes nothing more. */
  ended: boolean;
  readonly errors: StorageError[];
}

type Step = 'append' | 'appendMany' | 'frame' | 'sync';

/** More than the log has room for, so that records are overwritten. */
const STEPS: readonly Step[] = [
  'append',
  'frame',
  'append',
  'sync',
  'appendMany',
  'frame',
  'append',
  'sync',
  'appendMany',
  'append',
  'frame',
];
const MANY = 4;

/** Makes a log, or opens one that is there, writes to it however often that fails, and closes it. */
export function runScenario(kind: 'create' | 'open', file: string, way: Way, options: FileMediumOptions): Outcome {
  const before = kind === 'open' ? 3 : 0;
  const outcome: Outcome = {
    opened: false,
    appended: before,
    tried: before,
    synced: before,
    frames: [],
    ended: false,
    errors: [],
  };
  const fileOptions: FileMediumOptions = { access: way === 'mapped' ? 'mapped' : 'plain', ...options };
  let made: FlightLogFile | undefined;
  attempt(outcome, () => {
    made =
      kind === 'create' ? createFlightLogFile(file, OPTIONS, fileOptions) : openFlightLogFile(file, {}, fileOptions);
  });
  if (made === undefined) return outcome;
  outcome.opened = true;
  const { log } = made;
  for (const step of STEPS) take(step, log, outcome);
  const failed = attempt(outcome, () => log.close());
  if (failed === undefined && !outcome.ended) outcome.synced = outcome.appended;
  return outcome;
}

/** Runs a step; a StorageError goes down as such, and anything else is a finding. */
function attempt(outcome: Outcome, run: () => void): StorageError | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    expect(error.message).toContain(' Fix: ');
    outcome.errors.push(error);
    return error;
  }
}

function take(step: Step, log: FlightLog, outcome: Outcome): void {
  const first = log.nextSequence;
  const count = step === 'appendMany' ? MANY : 1;
  if (step === 'append' || step === 'appendMany') outcome.tried = Math.max(outcome.tried, first + count - 1);
  const ordinal = outcome.frames.length + 1;
  const failed = attempt(outcome, () => {
    if (step === 'append') log.append(makeEntry(first));
    else if (step === 'appendMany') log.appendMany(Array.from({ length: count }, (_, at) => makeEntry(first + at)));
    else if (step === 'frame') log.appendFrames(makeFrame(ordinal, first - 1, [9, 9], 1));
    else log.sync();
  });
  if (step === 'frame' && failed === undefined) outcome.frames.push(ordinal);
  // What was written before a write failed counts, and says so.
  if (step !== 'sync') outcome.appended = log.nextSequence - 1;
  if (step === 'sync' && failed === undefined) outcome.synced = log.nextSequence - 1;
  if (step === 'sync' && failed !== undefined) expectFinal(log, failed);
  if (failed !== undefined) outcome.ended = isEnded(log);
}

/** A sync that failed has failed for good: no later one says that all is well, and nothing more is taken. */
function expectFinal(log: FlightLog, failed: StorageError): void {
  const { nextSequence } = log;
  expect(() => log.sync()).toThrow(failed);
  expect(() => log.append(makeEntry(nextSequence))).toThrow(failed);
  expect(() => log.appendFrames(makeFrame(99, 1, [9, 9], 1))).toThrow(failed);
  expect(log.nextSequence).toBe(nextSequence);
}

/** Whether it refuses what needs no call at all. */
function isEnded(log: FlightLog): boolean {
  try {
    log.appendMany([]);
    return false;
  } catch {
    return true;
  }
}
