/** The payloads of frames, written and read: one pair of functions a kind. A reader gets `undefined` for nonsense. */

import { InputError } from '../base/errors.ts';
import { isWord, WORD_BYTES } from '../base/words.ts';
import { DIGEST_WORDS } from './digest.ts';
import type { EpochFacts, FaultEntry, ObservedEpoch, SlotRest } from './epoch.ts';
import type { FrameBuffer } from './frame-buffer.ts';
import type { Payload } from './frame-reader.ts';
import type { ResolvedLayout } from './observation.ts';
import {
  END_WORDS,
  EndWord,
  EpochWord,
  epochFixedWords,
  FaultEntryWord,
  FaultWord,
  FrameKind,
  InitialStateWord,
  REST_ARGUMENT_COUNT,
  SLOT_REST_WORDS,
  SlotRestWord,
  StateEncoding,
} from './stream-format.ts';
import { checkPair, readPair, writePair } from './word-pairs.ts';

/** What an initial state says besides its words. */
export interface InitialStateFacts {
  /** The ordinal of the epoch that starts from this state. */
  readonly nextOrdinal: number;
  /** Epochs that were written before and dropped since. */
  readonly overwrittenEpochs: number;
  /** Records before this sequence number are gone from the log; 0 if none was declared so. */
  readonly firstLiveRecord: number;
}

/** Words of an initial state; `snapshotWords` is 0 if the state is not known. */
export interface InitialState extends InitialStateFacts {
  readonly snapshotWords: number;
  readonly memoryWords: number;
}

/** What a cleanly closed stream says at its end. */
export interface StreamTotals {
  /** Epochs appended since the recording began. */
  readonly epochs: number;
  /** Sequence number of the last record that an epoch covers. */
  readonly records: number;
}

export function writeInitialState(
  buffer: FrameBuffer,
  sequence: number,
  facts: InitialStateFacts,
  snapshot: Uint32Array,
  memory: Uint32Array,
): void {
  const payloadBytes = (InitialStateWord.STATE + snapshot.length + memory.length) * WORD_BYTES;
  const at = buffer.reserve(payloadBytes);
  const { words } = buffer;
  words[at + InitialStateWord.NEXT_ORDINAL] = facts.nextOrdinal;
  words[at + InitialStateWord.OVERWRITTEN_EPOCHS] = facts.overwrittenEpochs;
  writePair(words, at + InitialStateWord.FIRST_LIVE_RECORD, facts.firstLiveRecord);
  words[at + InitialStateWord.SNAPSHOT_WORDS] = snapshot.length;
  words[at + InitialStateWord.MEMORY_WORDS] = memory.length;
  words.set(snapshot, at + InitialStateWord.STATE);
  words.set(memory, at + InitialStateWord.STATE + snapshot.length);
  buffer.seal(FrameKind.INITIAL_STATE, payloadBytes, sequence);
}

/** `words` are the payload's first, without the state. */
export function parseInitialState(
  words: Uint32Array,
  payloadBytes: number,
  layout: ResolvedLayout,
): InitialState | undefined {
  if (words.length < InitialStateWord.STATE) return undefined;
  const initial = {
    nextOrdinal: words[InitialStateWord.NEXT_ORDINAL],
    overwrittenEpochs: words[InitialStateWord.OVERWRITTEN_EPOCHS],
    firstLiveRecord: readPair(words, InitialStateWord.FIRST_LIVE_RECORD),
    snapshotWords: words[InitialStateWord.SNAPSHOT_WORDS],
    memoryWords: words[InitialStateWord.MEMORY_WORDS],
  };
  const stateWords = initial.snapshotWords + initial.memoryWords;
  const isWhole = payloadBytes === (InitialStateWord.STATE + stateWords) * WORD_BYTES;
  const isOfLayout = initial.snapshotWords === 0 || initial.snapshotWords === layout.snapshotWords;
  return isWhole && isOfLayout && Number.isSafeInteger(initial.firstLiveRecord) ? initial : undefined;
}

/** Writes the facts of an epoch into its payload, whose first word is `at`. */
export function writeEpochFacts(words: Uint32Array, at: number, facts: EpochFacts): void {
  words[at + EpochWord.ORDINAL] = facts.ordinal;
  words[at + EpochWord.DEVICE_EPOCH] = facts.deviceEpoch;
  writePair(words, at + EpochWord.FIRST_RECORD, facts.firstRecord);
  words[at + EpochWord.RECORD_COUNT] = facts.recordCount;
  words[at + EpochWord.DONE] = facts.done;
  words[at + EpochWord.FAULTED] = facts.faulted;
  words[at + EpochWord.PENDING] = facts.pending;
  words.set(facts.faultDigest, at + EpochWord.FAULT_DIGEST);
  words.set(facts.recordsDigest, at + EpochWord.RECORDS_DIGEST);
}

/** An epoch's payload cut into its parts; arrays are borrowed from the payload. */
export interface EpochPayload {
  readonly ordinal: number;
  readonly firstRecord: number;
  readonly recordCount: number;
  readonly words: Uint32Array;
  readonly isKeyframe: boolean;
  /** The state as coded: bytes `stateStart` to the end of the payload. */
  readonly bytes: Uint8Array;
  readonly stateStart: number;
}

export function parseEpoch({ words, bytes }: Payload, layout: ResolvedLayout): EpochPayload | undefined {
  const fixedWords = epochFixedWords(layout.regions.length);
  const stateStart = fixedWords * WORD_BYTES;
  if (bytes.length < stateStart || words[EpochWord.REGION_COUNT] !== layout.regions.length) return undefined;
  const encoding = words[EpochWord.STATE_ENCODING];
  const isKeyframe = encoding === StateEncoding.KEYFRAME;
  const stateBytes = bytes.length - stateStart;
  if (isKeyframe ? stateBytes !== layout.snapshotWords * WORD_BYTES : encoding !== StateEncoding.DELTA)
    return undefined;
  const ordinal = words[EpochWord.ORDINAL];
  const firstRecord = readPair(words, EpochWord.FIRST_RECORD);
  const recordCount = words[EpochWord.RECORD_COUNT];
  if (firstRecord < 1 || !Number.isSafeInteger(firstRecord + recordCount)) return undefined;
  return { ordinal, firstRecord, recordCount, words, isKeyframe, bytes, stateStart };
}

/** The facts of an epoch as a program wants them; copies, so that they outlive the payload. */
export function epochFacts(
  payload: EpochPayload,
  layout: ResolvedLayout,
  known: Pick<ObservedEpoch, 'stateKnown' | 'slotRestsKnown' | 'faultsKnown'>,
): ObservedEpoch {
  const { words, ordinal, firstRecord, recordCount } = payload;
  const digestsEnd = EpochWord.REGION_DIGESTS + layout.regions.length * DIGEST_WORDS;
  const hasOverflowed = (_region: unknown, index: number): boolean =>
    ((words[digestsEnd + (index >>> 5)] >>> (index & 31)) & 1) === 1;
  return {
    ordinal,
    deviceEpoch: words[EpochWord.DEVICE_EPOCH],
    firstRecord,
    recordCount,
    done: words[EpochWord.DONE],
    faulted: words[EpochWord.FAULTED],
    pending: words[EpochWord.PENDING],
    faultDigest: [words[EpochWord.FAULT_DIGEST], words[EpochWord.FAULT_DIGEST + 1]],
    recordsDigest: [words[EpochWord.RECORDS_DIGEST], words[EpochWord.RECORDS_DIGEST + 1]],
    stateDigest: [words[EpochWord.STATE_DIGEST], words[EpochWord.STATE_DIGEST + 1]],
    regionDigests: words.slice(EpochWord.REGION_DIGESTS, digestsEnd),
    regionOverflowed: layout.regions.map(hasOverflowed),
    ...known,
  };
}

/** @throws InputError if a rest has other than eight arguments, or something in it is no word. */
export function writeSlotRests(buffer: FrameBuffer, sequence: number, rests: readonly SlotRest[]): void {
  const payloadBytes = rests.length * SLOT_REST_WORDS * WORD_BYTES;
  let at = buffer.reserve(payloadBytes);
  const { words } = buffer;
  for (const rest of rests) {
    checkPair(rest.sequence, 1, 'the sequence number of a slot');
    checkWord(rest.priority, 'the priority of a slot');
    if (rest.arguments.length !== REST_ARGUMENT_COUNT) {
      throw new InputError(
        `the rest of slot ${rest.sequence} has ${rest.arguments.length} arguments, expected ${REST_ARGUMENT_COUNT}`,
        'hand over arguments 4 to 11, zeros included.',
      );
    }
    writePair(words, at + SlotRestWord.SEQUENCE, rest.sequence);
    words[at + SlotRestWord.PRIORITY] = rest.priority;
    for (let index = 0; index < REST_ARGUMENT_COUNT; index++) {
      checkWord(rest.arguments[index], 'an argument of a slot');
      words[at + SlotRestWord.ARGUMENTS + index] = rest.arguments[index];
    }
    words[at + SlotRestWord.UNUSED] = 0;
    at += SLOT_REST_WORDS;
  }
  buffer.seal(FrameKind.SLOT_REST, payloadBytes, sequence);
}

/** The sequence numbers of the slots in a payload. */
export function parseSlotRestSequences({ words, bytes }: Payload): number[] | undefined {
  const entryBytes = SLOT_REST_WORDS * WORD_BYTES;
  if (bytes.length === 0 || bytes.length % entryBytes !== 0) return undefined;
  const sequences: number[] = [];
  for (let at = 0; at < words.length; at += SLOT_REST_WORDS) {
    const sequence = readPair(words, at + SlotRestWord.SEQUENCE);
    if (sequence < 1 || !Number.isSafeInteger(sequence)) return undefined;
    sequences.push(sequence);
  }
  return sequences;
}

export function parseSlotRest({ words }: Payload, entry: number): SlotRest {
  const at = entry * SLOT_REST_WORDS;
  const first = at + SlotRestWord.ARGUMENTS;
  return {
    sequence: readPair(words, at + SlotRestWord.SEQUENCE),
    priority: words[at + SlotRestWord.PRIORITY],
    arguments: words.slice(first, first + REST_ARGUMENT_COUNT),
  };
}

/** @throws InputError if something in a fault is no word. */
export function writeFaults(
  buffer: FrameBuffer,
  sequence: number,
  ordinal: number,
  faults: readonly FaultEntry[],
): void {
  const entryWords = faults.reduce((total, fault) => total + FaultEntryWord.DETAIL + fault.detail.length, 0);
  const payloadBytes = (FaultWord.ENTRIES + entryWords) * WORD_BYTES;
  let at = buffer.reserve(payloadBytes);
  const { words } = buffer;
  words[at + FaultWord.ORDINAL] = ordinal;
  words[at + FaultWord.ENTRY_COUNT] = faults.length;
  at += FaultWord.ENTRIES;
  for (const { slotIndex, opcode, code, detail } of faults) {
    for (const value of [slotIndex, opcode, code, detail.length, ...detail]) {
      checkWord(value, 'a value of a fault');
      words[at++] = value;
    }
  }
  buffer.seal(FrameKind.FAULT, payloadBytes, sequence);
}

export function parseFaults({ words, bytes }: Payload): { ordinal: number; faults: FaultEntry[] } | undefined {
  if (words.length < FaultWord.ENTRIES || bytes.length % WORD_BYTES !== 0) return undefined;
  const faults: FaultEntry[] = [];
  let at: number = FaultWord.ENTRIES;
  while (at + FaultEntryWord.DETAIL <= words.length) {
    const detailStart = at + FaultEntryWord.DETAIL;
    const detailEnd = detailStart + words[at + FaultEntryWord.DETAIL_COUNT];
    if (detailEnd > words.length) return undefined;
    faults.push({
      slotIndex: words[at + FaultEntryWord.SLOT_INDEX],
      opcode: words[at + FaultEntryWord.OPCODE],
      code: words[at + FaultEntryWord.CODE],
      detail: Array.from(words.subarray(detailStart, detailEnd)),
    });
    at = detailEnd;
  }
  const isWhole = at === words.length && faults.length === words[FaultWord.ENTRY_COUNT];
  return isWhole ? { ordinal: words[FaultWord.ORDINAL], faults } : undefined;
}

export function writeEnd(buffer: FrameBuffer, sequence: number, totals: StreamTotals): void {
  const payloadBytes = END_WORDS * WORD_BYTES;
  const at = buffer.reserve(payloadBytes);
  writePair(buffer.words, at + EndWord.EPOCHS, totals.epochs);
  writePair(buffer.words, at + EndWord.RECORDS, totals.records);
  buffer.seal(FrameKind.END, payloadBytes, sequence);
}

export function parseEnd({ words, bytes }: Payload): StreamTotals | undefined {
  if (bytes.length !== END_WORDS * WORD_BYTES) return undefined;
  return { epochs: readPair(words, EndWord.EPOCHS), records: readPair(words, EndWord.RECORDS) };
}

/** @throws InputError if `value` does not fit a word. */
export function checkWord(value: number, what: string): void {
  if (isWord(value)) return;
  throw new InputError(`${what} is ${value}, which is no word`, 'use a whole number from 0 to 4294967295.');
}
