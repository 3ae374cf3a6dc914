/** Whether what a killed writer left is what it had said, read as it is and after recovery. */

import {
  FlightLog,
  type FlightScan,
  journalStream,
  LOSS_KINDS,
  MemoryMedium,
  scanFlightLog,
} from '../../../src/log-v2/index.ts';
import { ObservationReader } from '../../../src/observe/index.ts';
import { demand } from '../crash/broken-promise.ts';
import { CAPACITY, entryOf, MOST_RECORDS, stateOf } from './work.mjs';

/** What the writers of a log said so far, and what was found last. */
export interface Said {
  round: number;
  /** The last writer has opened the log; otherwise the one before it had said all this. */
  hasOpened: boolean;
  /** Where the rounds began that appended something. */
  readonly firsts: { readonly sequence: number; readonly round: number }[];
  record: number;
  frame: number;
  synced: number;
  syncedFrame: number;
  /** What was found after the kill before. */
  newest: number;
  newestFrame: number;
}

export interface Left {
  readonly unfinished: number;
  readonly untold: number;
}

/** @throws BrokenPromise naming the first promise that was broken. Notes in `said` what the next writer has to find. */
export function checkLeft(content: Uint8Array, said: Said, seed: number): Left {
  const bytes = new Uint8Array(content);
  const medium = new MemoryMedium(bytes);
  const scan = scanFlightLog(medium);
  const sequences = checkRecords(scan, said, seed);
  checkNumbers(scan, said);
  checkStates(scan, medium, seed);
  checkLosses(scan, said, sequences);
  const untold = Math.max(0, scan.newestSequence - Math.max(said.record, said.newest));
  checkRecovery(scan, bytes, sequences, said, seed);
  said.newest = scan.newestSequence;
  said.newestFrame = scan.journal.newestFrame;
  return { unfinished: scan.loss.unfinished + scan.loss.overtaken + scan.loss.torn + scan.loss.corrupt, untold };
}

/** Each is the one that the writer of its time appended. */
function checkRecords({ columns }: FlightScan, { firsts }: Said, seed: number): number[] {
  return Array.from({ length: columns.length }, (_, index) => {
    const { sequence, timestampNs, slotIndex, args, epoch } = columns.fullRecord(index);
    const round = firsts.findLast((first) => first.sequence <= sequence)?.round ?? -1;
    const expected = entryOf(seed, sequence, round);
    const isSame =
      timestampNs === expected.timestampNs &&
      slotIndex === expected.slotIndex &&
      epoch === expected.epoch &&
      args.every((word, at) => word === expected.args[at]);
    demand(isSame, 'neverWrong', () => `record ${sequence} is not what round ${round} appended`);
    return sequence;
  });
}

/** Nothing that was not begun, and no mark that leads or trails. */
function checkNumbers({ newestSequence, journal, superblock }: FlightScan, said: Said): void {
  const inFlight = said.hasOpened ? MOST_RECORDS : 0;
  const least = said.hasOpened ? said.record : said.newest;
  const isPossible = newestSequence >= least && newestSequence <= least + inFlight;
  demand(isPossible, 'keptAfterKill', () => `the newest is ${newestSequence}, of ${JSON.stringify(said)}`);
  const leastFrame = said.hasOpened ? said.frame : said.newestFrame;
  const isFramePossible = journal.newestFrame >= leastFrame && journal.newestFrame <= leastFrame + inFlight;
  demand(isFramePossible, 'keptAfterKill', () => `frame ${journal.newestFrame}, of ${JSON.stringify(said)}`);
  const { syncedSequence, syncedFrame } = superblock;
  const hasMark = syncedSequence >= said.synced && syncedFrame >= said.syncedFrame;
  demand(hasMark, 'markTrailsByOne', () => `${syncedSequence} are synced, of ${JSON.stringify(said)}`);
  const isTrue = syncedSequence <= newestSequence && syncedFrame <= journal.newestFrame;
  demand(isTrue, 'markNeverLeads', () => `${syncedSequence} are synced, of ${newestSequence}`);
}

function checkStates(scan: FlightScan, medium: MemoryMedium, seed: number): void {
  const { frames, newestFrame } = scan.journal;
  const stream = journalStream(medium, scan);
  const reader = stream && ObservationReader.open(stream);
  for (let index = 0; index < (reader?.epochCount ?? 0); index += 1) {
    const { ordinal } = reader!.epoch(index);
    const expected = stateOf(seed, ordinal);
    const isTrue = reader!.wordsAfter(index)?.every((word, at) => word === expected[at]) ?? false;
    demand(isTrue, 'stateIsTrue', () => `frame ${ordinal} has another state`);
  }
  demand(frames.length === (reader?.epochCount ?? 0), 'stateIsTrue', () => `${frames.length} frames are not all read`);
  const hasNewest = frames.length === 0 ? newestFrame < 3 : frames.at(-1)?.sequence === newestFrame;
  demand(hasNewest, 'keptAfterKill', () => `frame ${newestFrame} is gone`);
}

/** What the append in flight was writing over may be gone, and nothing else. */
function checkLosses(
  { loss, forks, newestSequence, journal }: FlightScan,
  said: Said,
  sequences: readonly number[],
): void {
  const oldest = Math.max(1, said.record + MOST_RECORDS - CAPACITY + 1);
  const present = new Set(sequences);
  for (let number = oldest; number <= newestSequence; number += 1) {
    demand(present.has(number), 'keptAfterKill', () => `record ${number} is gone, of ${JSON.stringify(said)}`);
  }
  const torn = loss.unfinished + loss.overtaken + loss.torn + loss.corrupt;
  demand(torn <= 1, 'killIsNoRot', () => `${torn} appends are said to be unfinished`);
  demand(loss.foreign + loss.misplaced === 0, 'killIsNoRot', () => `lost are ${JSON.stringify(loss)}`);
  demand(loss.missingFrames === 0, 'killIsNoRot', () => `${journal.missingFrames} frames are missing`);
  demand(forks.length === 0, 'noFork', () => `records ${forks} are said not to follow`);
}

/** Recovery keeps everything, and another one finds nothing new. */
function checkRecovery(scan: FlightScan, bytes: Uint8Array, kept: readonly number[], said: Said, seed: number): void {
  const medium = new MemoryMedium(new Uint8Array(bytes));
  const log = FlightLog.open(medium);
  demand(log.nextSequence === scan.newestSequence + 1, 'numbersOnce', () => `${log.nextSequence} comes next`);
  const after = log.scan();
  const sequences = checkRecords(after, said, seed);
  demand(`${sequences}` === `${kept}`, 'recoveryKeeps', () => `records ${sequences} are left of ${kept}`);
  const isKept = after.journal.frames.length === scan.journal.frames.length;
  demand(isKept, 'recoveryKeeps', () => `${after.journal.frames.length} frames are left`);
  const { recoveredLoss } = FlightLog.open(medium);
  const isNew = LOSS_KINDS.some((kind) => (recoveredLoss?.[kind] ?? 1) > 0);
  demand(!isNew, 'countedOnce', () => `opening again finds lost ${JSON.stringify(recoveredLoss)}`);
}
