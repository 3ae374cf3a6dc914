/** Drafts as v2 logs. */

import { RECORD_ARGUMENT_COUNT } from '../log/index.ts';
import { BODY_START, BODY_WORDS, type FlightLog, type FlightLogOptions, RecordWord } from '../log-v2/index.ts';
import { ObservationEncoder } from '../observe/index.ts';
import { ARGUMENT_COUNT, Priority } from '../protocol/index.ts';
import { type Draft, type DraftObservations, eachEpoch, type MakingProgress, type RecordStore } from './draft.ts';

/** Records on their way down: 768 KiB. */
const BATCH_RECORDS = 8_192;

/** The journal gives frames numbers and a salt of its own. */
const UNNUMBERED = 1;
const UNSALTED = [0, 0] as const;

/** What to make the log with. Its journal is as large as what was observed, which is encoded once to find out. */
export function flightOptionsOf({ capacity, firstSequence, metadata, observed }: Draft): FlightLogOptions {
  let journalBytes = 0;
  if (observed !== undefined) {
    encodeAll(observed, (frames) => {
      journalBytes += frames.length;
    });
  }
  return { capacity, firstSequence, metadata, journalBytes };
}

/** Writes a draft into a log that was made with its options. The caller closes it. */
export function fillFlightLog(log: FlightLog, draft: Draft, onProgress: MakingProgress = () => {}): void {
  const batch = new Batch(log);
  let done = 0;
  draft.eachRecord((store, index, sequence) => {
    batch.add(store, index, sequence);
    done += 1;
    if (done % BATCH_RECORDS === 0) onProgress(done, draft.recordCount);
  });
  batch.flush();
  if (draft.newestSequence >= log.nextSequence) log.skipTo(draft.newestSequence + 1);
  if (draft.observed !== undefined) encodeAll(draft.observed, (frames) => log.appendFrames(frames));
  onProgress(draft.recordCount, draft.recordCount);
}

/** Records whose numbers follow each other, written together. */
class Batch {
  readonly #log: FlightLog;
  readonly #bodies = new Uint32Array(BATCH_RECORDS * BODY_WORDS);
  #count = 0;

  constructor(log: FlightLog) {
    this.#log = log;
  }

  add(store: RecordStore, index: number, sequence: number): void {
    if (this.#count === BATCH_RECORDS || sequence !== this.#log.nextSequence + this.#count) this.flush();
    if (this.#count === 0) this.#log.skipTo(sequence);
    storeBody(store, index, this.#bodies, this.#count * BODY_WORDS - BODY_START);
    this.#count += 1;
  }

  flush(): void {
    this.#log.appendManyWords(this.#bodies, this.#count);
    this.#count = 0;
  }
}

/** Stores a record's words; `start` is where the word 0 of the whole record would be. */
function storeBody({ columns, rests }: RecordStore, index: number, words: Uint32Array, start: number): void {
  const { failure } = columns;
  words[start + RecordWord.TIMESTAMP] = columns.timestampWords[2 * index];
  words[start + RecordWord.TIMESTAMP + 1] = columns.timestampWords[2 * index + 1];
  words[start + RecordWord.EPOCH] = columns.epoch[index];
  words[start + RecordWord.SLOT_INDEX] = columns.slotIndex[index];
  words[start + RecordWord.OPCODE] = columns.opcode[index];
  words[start + RecordWord.TENANT] = columns.tenantId[index];
  words[start + RecordWord.PRIORITY] = rests === undefined ? Priority.NORMAL : rests.priority(index);
  const args = start + RecordWord.ARGS;
  for (let argument = 0; argument < RECORD_ARGUMENT_COUNT; argument += 1) {
    words[args + argument] = columns.args[RECORD_ARGUMENT_COUNT * index + argument];
  }
  for (let argument = RECORD_ARGUMENT_COUNT; argument < ARGUMENT_COUNT; argument += 1) {
    words[args + argument] = rests === undefined ? 0 : rests.argument(index, argument);
  }
  words[start + RecordWord.SLOT_STATUS] = failure?.slotStatus[index] ?? 0;
  words[start + RecordWord.FAILURE_CLASS] = failure?.failureClass[index] ?? 0;
  words[start + RecordWord.BACKEND_CODE] = failure?.backendCode[index] ?? 0;
  words[start + RecordWord.OUTPUT_DIGEST] = failure?.outputDigestWords[2 * index] ?? 0;
  words[start + RecordWord.OUTPUT_DIGEST + 1] = failure?.outputDigestWords[2 * index + 1] ?? 0;
}

/** Makes all frames, one after the other. */
function encodeAll(observed: DraftObservations, write: (frames: Uint8Array) => void): void {
  const { layout, startWords, startsAfter, memory, isEnded } = observed;
  const encoder = new ObservationEncoder(layout, startWords, UNSALTED, { startsAfter });
  write(encoder.initialState(UNNUMBERED, memory).bytes);
  eachEpoch(observed, (observation, lacksRests) => {
    if (lacksRests) noteLostRest(encoder, observation.firstRecord);
    write(encoder.epoch(observation, UNNUMBERED).bytes);
    encoder.accept();
  });
  if (isEnded) write(encoder.end(UNNUMBERED).bytes);
}

const NOTHING = new Uint32Array(ARGUMENT_COUNT - RECORD_ARGUMENT_COUNT);

/** The epoch's frame will count a rest that is nowhere, and so say that not all is known of its slots. */
function noteLostRest(encoder: ObservationEncoder, sequence: number): void {
  encoder.slotRests([{ sequence, priority: Priority.NORMAL, arguments: NOTHING }], UNNUMBERED);
  encoder.accept();
}
