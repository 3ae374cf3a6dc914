/** A log that is to be made. */

import type { RecordColumns } from '../log/index.ts';
import type { FlightMetadata } from '../log-v2/index.ts';
import type { EpochObservation, InitialStateFacts, Observations, ResolvedLayout } from '../observe/index.ts';
import type { SlotRests } from '../reading/index.ts';

/** Where a record comes from. */
export interface RecordStore {
  readonly columns: RecordColumns;
  readonly rests: SlotRests | undefined;
}

/** Told of every record of a draft, in the order of their numbers, which rise. */
export type RecordVisitor = (store: RecordStore, index: number, sequence: number) => void;

/** What a new log is to hold. */
export interface Draft {
  readonly metadata: FlightMetadata;
  readonly capacity: number;
  /** The number that the first record has or, if it is lost, had. */
  readonly firstSequence: number;
  /** The number of the last one; one less than the first if there is none. */
  readonly newestSequence: number;
  readonly recordCount: number;
  readonly eachRecord: (visit: RecordVisitor) => void;
  readonly observed: DraftObservations | undefined;
}

/** What it is to say was observed. */
export interface DraftObservations {
  readonly layout: ResolvedLayout;
  readonly startsAfter: InitialStateFacts;
  /** The state that the first epoch starts from, if it is known. */
  readonly startWords: Uint32Array | undefined;
  /** All of the memory before the first epoch of the recording, if it was kept. */
  readonly memory: Uint32Array | undefined;
  readonly epochs: readonly DraftEpoch[];
  /** Say that the recording ended, and was not cut off. */
  readonly isEnded: boolean;
}

/** An observed epoch, and the number that its first record has in the new log. */
export interface DraftEpoch {
  readonly observations: Observations;
  readonly index: number;
  readonly firstRecord: number;
}

/** Told what was observed of an epoch. `lacksRests`: some of what its slots had beyond v1 records is lost. */
type EpochVisitor = (observation: EpochObservation, lacksRests: boolean) => void;

/** Goes through the epochs of a draft. The words of an observation are lent for the call. */
export function eachEpoch({ epochs, layout }: DraftObservations, visit: EpochVisitor): void {
  const words = new Uint32Array(layout.snapshotWords);
  for (const { observations, index, firstRecord } of epochs) {
    const facts = observations.epoch(index);
    if (observations.wordsAfter(index, words) === undefined) {
      throw new Error(`the state after epoch ${facts.ordinal} is not known, though it was`);
    }
    const { ordinal, deviceEpoch, recordCount, done, faulted, pending, faultDigest, recordsDigest } = facts;
    const kept = { ordinal, deviceEpoch, recordCount, done, faulted, pending, faultDigest, recordsDigest };
    visit({ ...kept, firstRecord, words, faults: observations.faults(index) }, !facts.slotRestsKnown);
  }
}

/** Told how much of a log is made. */
export type MakingProgress = (done: number, total: number) => void;
