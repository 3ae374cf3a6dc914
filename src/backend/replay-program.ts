/**
 * A whole log, laid out for a backend that replays it by itself.
 *
 * Stepping from the host costs a round trip an epoch. A backend on the far side of a bus or a pipe can take the log up
 * once instead, replay it as often as asked, compare each epoch with its expectation there, and hand back counts and the
 * few outcomes that are odd. Everything is words, so that it can lie in a buffer of a GPU as it is.
 */

import type { SlotFault } from '../kernel/index.ts';
import { DIGEST_WORDS, type ResolvedLayout } from '../observe/index.ts';
import type { Awaitable } from './backend.ts';
import type { StressSettings } from './stress.ts';

/** Words of an epoch in a segment, and what each means. */
export const ProgramEpochWord = {
  /** The epoch's index in the whole program. */
  INDEX: 0,
  /** The first of its slots, counted in the segment. */
  FIRST_SLOT: 1,
  /** Its batches are `batchEnds[FIRST_BATCH … END_BATCH − 1]`. */
  FIRST_BATCH: 2,
  END_BATCH: 3,
  /** A sum of {@link ProgramEpochFlag}s. */
  FLAGS: 4,
  /** Which expectation of the segment it has, or {@link NONE}. */
  EXPECTATION: 5,
  /** Which state of the segment it can start from, or {@link NONE}. */
  STATE: 6,
  /** Not used. */
  RESERVED: 7,
} as const;
export const PROGRAM_EPOCH_WORDS = 8;

export const ProgramEpochFlag = {
  /** Its slots can be published, and the state after them follows from the state before. */
  REPLAYABLE: 1,
  /** Nothing stands against judging it. */
  JUDGED: 2,
  /** Its words are handed back from one replica although they are as expected: a digest is not a proof. */
  SAMPLED: 4,
} as const;

/** No expectation, or no state. */
export const NONE = 0xffff_ffff;

/** Words of a published slot: its index, opcode, tenant, priority and arguments, of which some programs keep only four. */
export const SHORT_SLOT_WORDS = 8;
export const LONG_SLOT_WORDS = 16;

/** Words of a signature behind the digests of the regions: done, faulted, pending, and the digest of the faults. */
export const SIGNATURE_TALLY_WORDS = 5;

/** Words of a signature of what a backend with this layout shows. */
export function signatureWords({ regions }: ResolvedLayout): number {
  return regions.length * DIGEST_WORDS + SIGNATURE_TALLY_WORDS;
}

/** Consecutive epochs of a program. Borrowed until the next segment is asked for. */
export interface ProgramSegment {
  readonly epochCount: number;
  /** `ReplayProgram.slotWords` a slot, in publish order. */
  readonly slots: Uint32Array;
  /** {@link PROGRAM_EPOCH_WORDS} an epoch. */
  readonly epochs: Uint32Array;
  /** Slots are published up to each of these, counted in the segment, then drained. */
  readonly batchEnds: Uint32Array;
  /** For each expectation a mask of the regions that dropped records, then the signature. */
  readonly expectations: Uint32Array;
  /** A snapshot for each state. */
  readonly states: Uint32Array;
}

/** What is known of a program before its segments are. */
export interface ProgramHead {
  readonly epochCount: number;
  /** Slots of all epochs. */
  readonly slotCount: number;
  /** {@link SHORT_SLOT_WORDS} or {@link LONG_SLOT_WORDS}. */
  readonly slotWords: number;
  /** As {@link signatureWords} has it. */
  readonly signatureWords: number;
}

export interface ReplayProgram {
  readonly head: ProgramHead;
  /** Cuts it into segments of about so many words each, never in the middle of an epoch. */
  segments(words: number): Iterable<ProgramSegment>;
}

/**
 * How a program is laid over a device. *Wide*: the lanes of an epoch are spread over many workgroups, as the original ran,
 * so that races between workgroups show. *Resident*: a workgroup replays a replica by itself; faster, and narrower.
 */
export type ProgramShape = 'wide' | 'resident';

export interface ProgramRunOptions {
  readonly mode: 'chained' | 'isolated';
  readonly replicas: number;
  /** Default: the backend's choice. */
  readonly shape?: ProgramShape;
  /** Default: none. */
  readonly stress?: StressSettings;
  /** Of the whole run, of which these are some; default 0. */
  readonly firstReplica?: number;
  /** Whether expectations are what other replicas showed: then an outcome with faults is compared with nothing. */
  readonly expectationsAreReplays?: boolean;
  readonly onProgress?: (epochsRun: number) => void;
}

/** Words of an epoch's totals. */
export const EpochTotal = {
  /** Replicas that ran it from a known state. */
  RUN: 0,
  /** Of these, how many came out as expected, how many did not, and how many cannot be told. */
  SAME: 1,
  DIFFERENT: 2,
  UNDECIDED: 3,
  /** Replicas in which a slot was not free when it had to be published. */
  REFUSED: 4,
  /** Replicas that did not know the state that it starts from. */
  UNREACHED: 5,
  /** Replicas in which slots faulted. */
  FAULTED: 6,
  /** Outcomes of it among the captured ones. */
  CAPTURED: 7,
} as const;
export const EPOCH_TOTAL_WORDS = 8;

/** At most so many outcomes of one epoch are handed back. */
export const MAX_CAPTURED_OF_EPOCH = 16;

/** How an outcome relates to its expectation. */
export type CapturedRelation = 'same' | 'different' | 'undecided' | 'no expectation';

/** What one replica showed in one epoch. */
export interface CapturedOutcome {
  readonly epoch: number;
  readonly replica: number;
  readonly relation: CapturedRelation;
  readonly done: number;
  readonly faulted: number;
  readonly pending: number;
  /** The first few of them. */
  readonly faults: readonly SlotFault[];
  readonly signature: Uint32Array;
  readonly snapshot: Uint32Array;
}

export interface ProgramResult {
  /** {@link EPOCH_TOTAL_WORDS} an epoch. */
  readonly totals: Uint32Array;
  readonly captured: readonly CapturedOutcome[];
  readonly replicasRun: number;
  readonly replicasCompared: number;
  readonly replicasDiverged: number;
  /** How it was laid over the device. */
  readonly shape: ProgramShape;
  /** How long the device itself was busy with it, where it can tell. */
  readonly deviceMs: number | undefined;
}

/** A program that a backend has taken up. */
export interface LoadedProgram {
  /** Replays it. Chained or isolated is the caller's choice each time. */
  run(options: ProgramRunOptions): Promise<ProgramResult>;
  /** Gives its memory back. */
  release(): Awaitable<void>;
}
