/**
 * The verdict on a replay, as data. Formatting is elsewhere; `spec/judgement.schema.json` describes the JSON form.
 */

import type { BackendFaultKind } from '../backend/index.ts';
import type { DeviceReplay } from '../replay/index.ts';
import type { Rate } from './statistics.ts';

/** Two runs are the same, are not, or cannot be told. A gap is never agreement. */
export type Verdict = 'agree' | 'diverge' | 'unknown';

/** One record of an epoch, as shown beside a divergence. */
export interface InvolvedSlot {
  /** Which record of the log, in publish order from 0. */
  readonly record: number;
  readonly slotIndex: number;
  readonly opcode: number;
  /** The kernel's name for the opcode, or its number. */
  readonly name: string;
  readonly tenantId: number;
  readonly args: readonly number[];
}

/** The first thing that differs between an outcome and what it is compared with. */
export interface Divergence {
  /** Counted over the recording, from 0. */
  readonly epoch: number;
  /** EPOCH as the epoch's records have it. */
  readonly deviceEpoch: number;
  /** Where the outcome was seen, and in which replica first. */
  readonly backend: string;
  readonly replica: number;
  /** What it is compared with: `recording`, or another backend. */
  readonly comparedWith: string;
  /** What differs: a word, a record of a multiset or set, how slots ended, or only the digest (words were not kept). */
  readonly kind: 'word' | 'record' | 'slots' | 'digest';
  /** `control[42]`, a region's name, or `slots`. */
  readonly where: string;
  readonly region: string;
  readonly expected: string;
  readonly seen: string;
  /** Words or records that differ in the region, the first included. */
  readonly differenceCount: number;
  /** Slots that ran in the epoch and may write the word, told from the kernel; some may have waited since an older one. */
  readonly slots: readonly InvolvedSlot[];
  /** How many more there are than are listed; undefined if it cannot be told which slots touch what. */
  readonly unlistedSlotCount: number | undefined;
}

export interface UnknownEpoch {
  readonly epoch: number;
  readonly reasons: readonly string[];
}

/** One backend's part. */
export interface BackendJudgement {
  readonly backend: string;
  readonly verdict: Verdict;
  readonly replicas: number;
  readonly replicasRun: number;
  /** Epochs run, over all replicas. */
  readonly epochsRun: number;
  /**
   * Of the replicas with something to be compared with, those that differ from the recording; or, if nothing was recorded,
   * from the first outcomes that were seen, which are those of the first backend's first replica where it got so far.
   */
  readonly divergedReplicas: Rate;
  /** Its own replicas of one epoch, from one state, did not all come out the same, whatever records an overflow dropped. */
  readonly differsFromItself: boolean;
  /** The most different outcomes that one epoch had, counted up to 17. */
  readonly mostOutcomes: number;
  readonly fault: { readonly kind: BackendFaultKind; readonly message: string } | undefined;
  readonly elapsedMs: number;
  /** How it was replayed by the backend itself, if it was. */
  readonly onDevice: DeviceReplay | undefined;
}

/** The one source that all others agree against. */
export interface OddOneOut {
  /** `recording`, or a backend. */
  readonly source: string;
  readonly epoch: number;
  readonly others: readonly string[];
}

export interface Judgement {
  readonly verdict: Verdict;
  /** What replays were compared with: what was recorded, or only each other. */
  readonly comparedWith: 'recording' | 'replays';
  readonly mode: 'chained' | 'isolated';
  readonly epochs: {
    readonly total: number;
    readonly agreeing: number;
    readonly diverging: number;
    readonly unknown: number;
    /** Of the unknown ones, those that some backend never ran, because its replicas had all diverged before. */
    readonly notReached: number;
  };
  readonly firstDivergence: Divergence | undefined;
  readonly oddOneOut: OddOneOut | undefined;
  readonly backends: readonly BackendJudgement[];
  /** The first of the epochs that cannot be judged; those that were not reached are only counted. */
  readonly unknownEpochs: readonly UnknownEpoch[];
  readonly notes: readonly string[];
}
