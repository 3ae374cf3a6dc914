/** A plan as a program: what a backend needs to replay it by itself, in words. */

import {
  LONG_SLOT_WORDS,
  NONE,
  PROGRAM_EPOCH_WORDS,
  ProgramEpochFlag,
  ProgramEpochWord,
  type ProgramHead,
  type ProgramSegment,
  type ReplayProgram,
  SHORT_SLOT_WORDS,
  signatureWords,
} from '../backend/index.ts';
import { RECORD_ARGUMENT_COUNT } from '../log/index.ts';
import type { ResolvedLayout } from '../observe/index.ts';
import { ARGUMENT_COUNT, Priority } from '../protocol/index.ts';
import type { ReplayMode } from './backend-replay.ts';
import type { ComparableOutcome } from './outcome.ts';
import type { PlannedEpoch, ReplayPlan } from './plan.ts';

/** Epochs of which one replica's words are compared although its digest is as expected. */
const SAMPLED_EPOCHS = 64;

export interface ProgramOptions {
  /** Consecutive ones of the plan; a chained replay takes all of them. */
  readonly epochs: readonly PlannedEpoch[];
  readonly mode: ReplayMode;
  /** Whether the slots of an epoch can be published at all. */
  readonly isReplayable: (epoch: PlannedEpoch) => boolean;
  /** What each epoch is compared with, by its index. */
  readonly expectations: readonly (ComparableOutcome | undefined)[];
  /** What a fresh kernel shows. */
  readonly initialWords: Uint32Array;
}

/** Lays a plan out as a program. Nothing is copied before its segments are asked for. */
export function programOf(plan: ReplayPlan, layout: ResolvedLayout, options: ProgramOptions): ReplayProgram {
  const { epochs } = options;
  const carried = carriedStates(plan, options);
  const head = {
    epochCount: epochs.length,
    slotCount: epochs.reduce((sum, { firstRecord, endRecord }) => sum + endRecord - firstRecord, 0),
    slotWords: plan.slotRests === undefined ? SHORT_SLOT_WORDS : LONG_SLOT_WORDS,
    signatureWords: signatureWords(layout),
  };
  return {
    head,
    *segments(words) {
      for (let first = 0; first < epochs.length; ) {
        const segment = new SegmentWriter(plan, head, options);
        do {
          segment.add(epochs[first], carried[first]);
          first += 1;
        } while (first < epochs.length && segment.words < words);
        yield segment.finish();
      }
    },
  };
}

/**
 * For each epoch whether a replica that came out as expected up to it knows the state that it starts from. Such an epoch is
 * given none: the states of a long log are much longer than the log.
 */
function carriedStates(plan: ReplayPlan, { epochs, mode, isReplayable }: ProgramOptions): boolean[] {
  let isKnown = false;
  return epochs.map((epoch) => {
    const isCarried = mode === 'chained' && isKnown;
    isKnown = (isCarried || hasState(plan, epoch)) && isReplayable(epoch) && epoch.unknownReasons.length === 0;
    return isCarried;
  });
}

/** Whether an epoch can be started from what is known, whatever became of those before it. */
function hasState(
  { startsFresh, observations }: ReplayPlan,
  { index, observed, pendingBefore }: PlannedEpoch,
): boolean {
  if (index === 0 && startsFresh) return true;
  // Slots that wait belong to the state, but no snapshot holds them.
  return observed !== undefined && pendingBefore === 0 && observations?.stateBeforeKnown(observed) === true;
}

class SegmentWriter {
  readonly #plan: ReplayPlan;
  readonly #head: ProgramHead;
  readonly #options: ProgramOptions;
  readonly #sampleEvery: number;
  readonly #epochs: number[] = [];
  readonly #batchEnds: number[] = [];
  readonly #expectations: ComparableOutcome[] = [];
  readonly #states: Uint32Array[] = [];
  readonly #firstRecord: number[] = [];
  #slotCount = 0;

  constructor(plan: ReplayPlan, head: ProgramHead, options: ProgramOptions) {
    this.#plan = plan;
    this.#head = head;
    this.#options = options;
    this.#sampleEvery = Math.ceil(head.epochCount / SAMPLED_EPOCHS);
  }

  /** About how many words it has by now. */
  get words(): number {
    const states = this.#states.length * this.#options.initialWords.length;
    const expectations = this.#expectations.length * this.#head.signatureWords;
    return this.#slotCount * this.#head.slotWords + states + expectations;
  }

  add(epoch: PlannedEpoch, isCarried: boolean): void {
    const firstSlot = this.#slotCount;
    const firstBatch = this.#batchEnds.length;
    for (const end of epoch.batchEnds) this.#batchEnds.push(firstSlot + end - epoch.firstRecord);
    this.#slotCount += epoch.endRecord - epoch.firstRecord;
    this.#firstRecord.push(epoch.firstRecord);
    const words = new Array<number>(PROGRAM_EPOCH_WORDS).fill(0);
    words[ProgramEpochWord.INDEX] = epoch.index - this.#options.epochs[0].index;
    words[ProgramEpochWord.FIRST_SLOT] = firstSlot;
    words[ProgramEpochWord.FIRST_BATCH] = firstBatch;
    words[ProgramEpochWord.END_BATCH] = this.#batchEnds.length;
    words[ProgramEpochWord.FLAGS] = this.#flags(epoch);
    words[ProgramEpochWord.EXPECTATION] = this.#expectation(epoch);
    words[ProgramEpochWord.STATE] = isCarried ? NONE : this.#state(epoch);
    this.#epochs.push(...words);
  }

  finish(): ProgramSegment {
    const { signatureWords } = this.#head;
    const expectations = new Uint32Array(this.#expectations.length * (1 + signatureWords));
    for (const [index, { signature, overflowed }] of this.#expectations.entries()) {
      expectations[index * (1 + signatureWords)] = maskOf(overflowed);
      expectations.set(signature, index * (1 + signatureWords) + 1);
    }
    const snapshotWords = this.#options.initialWords.length;
    const states = new Uint32Array(this.#states.length * snapshotWords);
    for (const [index, words] of this.#states.entries()) states.set(words, index * snapshotWords);
    return {
      epochCount: this.#firstRecord.length,
      slots: this.#slots(),
      epochs: Uint32Array.from(this.#epochs),
      batchEnds: Uint32Array.from(this.#batchEnds),
      expectations,
      states,
    };
  }

  #flags(epoch: PlannedEpoch): number {
    const { index, unknownReasons, observed } = epoch;
    const isReplayable = this.#options.isReplayable(epoch);
    const isSampled = observed !== undefined && index % this.#sampleEvery === 0;
    return (
      (isReplayable ? ProgramEpochFlag.REPLAYABLE : 0) +
      (unknownReasons.length === 0 ? ProgramEpochFlag.JUDGED : 0) +
      (isSampled ? ProgramEpochFlag.SAMPLED : 0)
    );
  }

  #expectation({ index }: PlannedEpoch): number {
    const expectation = this.#options.expectations[index];
    return expectation === undefined ? NONE : this.#expectations.push(expectation) - 1;
  }

  #state(epoch: PlannedEpoch): number {
    if (!hasState(this.#plan, epoch)) return NONE;
    const { startsFresh, observations } = this.#plan;
    if (epoch.index === 0 && startsFresh) return this.#states.push(this.#options.initialWords) - 1;
    const words = epoch.observed === undefined ? undefined : observations?.wordsBefore(epoch.observed);
    return words === undefined ? NONE : this.#states.push(words) - 1;
  }

  #slots(): Uint32Array {
    const { columns, slotRests } = this.#plan;
    const { slotWords } = this.#head;
    const words = new Uint32Array(this.#slotCount * slotWords);
    // A segment's epochs follow each other, but not every record belongs to one.
    let at = 0;
    for (const [position, first] of this.#firstRecord.entries()) {
      const count = (this.#slotEnd(position) - this.#slotStart(position)) | 0;
      for (let record = first; record < first + count; record += 1, at += slotWords) {
        words[at] = columns.slotIndex[record];
        words[at + 1] = columns.opcode[record];
        words[at + 2] = columns.tenantId[record];
        words[at + 3] = slotRests?.priority(record) ?? Priority.NORMAL;
        const argsAt = RECORD_ARGUMENT_COUNT * record;
        words.set(columns.args.subarray(argsAt, argsAt + RECORD_ARGUMENT_COUNT), at + 4);
        if (slotRests === undefined) continue;
        for (let index = RECORD_ARGUMENT_COUNT; index < ARGUMENT_COUNT; index += 1) {
          words[at + 4 + index] = slotRests.argument(record, index);
        }
      }
    }
    return words;
  }

  #slotStart(position: number): number {
    return this.#epochs[position * PROGRAM_EPOCH_WORDS + ProgramEpochWord.FIRST_SLOT];
  }

  #slotEnd(position: number): number {
    return position + 1 < this.#firstRecord.length ? this.#slotStart(position + 1) : this.#slotCount;
  }
}

function maskOf(flags: readonly boolean[] | undefined): number {
  return flags?.reduce((mask, flag, index) => mask + (flag ? 2 ** index : 0), 0) ?? 0;
}
