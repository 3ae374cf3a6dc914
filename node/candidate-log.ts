/** Candidates of a reduction as v2 logs of their own, with what was observed of them. */

import { type Kernel, kernelIdentity, kernelToJson, observationLayoutOf } from '../src/kernel/index.ts';
import type { FlightMetadata } from '../src/log-v2/index.ts';
import {
  type EpochObservation,
  type InitialStateFacts,
  ObservationEncoder,
  type ObservationLayout,
  type ResolvedLayout,
  resolveLayout,
} from '../src/observe/index.ts';
import { ControlWord } from '../src/protocol/index.ts';
import { digestFaults, RecordsDigest } from '../src/record/index.ts';
import type { EpochSlots, LogCandidate } from '../src/reduce/index.ts';
import { freshSnapshot, type ScenarioOutcome } from '../src/scenario/index.ts';
import { createFlightLogFile } from './flight-log-file.ts';

/** What a log says about itself besides its slots. */
export interface CandidateLogOptions {
  readonly tool: string;
  /** What ran the slots when they were observed. */
  readonly backend: string;
  readonly note?: string;
  /** Where the first epoch was in the log that it is from, so that a state that is not fresh is taken for what it is. */
  readonly origin: { readonly ordinal: number; readonly sequence: number };
}

/** What was seen of a candidate. */
export interface ObservedCandidate {
  /** After each epoch. */
  readonly outcomes: readonly ScenarioOutcome[];
  readonly layout: ObservationLayout;
  /** The snapshot before the first epoch. */
  readonly before: Uint32Array;
}

/** What was seen of a candidate of a kernel of ours. */
export function observedWith(
  kernel: Kernel,
  { initial }: LogCandidate,
  outcomes: readonly ScenarioOutcome[],
): ObservedCandidate {
  return { outcomes, layout: observationLayoutOf(kernel), before: initial ?? freshSnapshot(kernel) };
}

/**
 * Writes a log of a candidate to a file that is not there yet. `vrrl replay` replays it as it would the epochs of any log.
 *
 * @param observed undefined to write the slots alone.
 * @throws StorageError if it cannot be written.
 */
export function writeCandidateLog(
  file: string,
  candidate: LogCandidate,
  observed: ObservedCandidate | undefined,
  options: CandidateLogOptions,
): void {
  const numbering = numberingOf(candidate, options);
  const batches = candidate.epochs.map((epoch, index) => recordsOf(epoch, deviceEpochOf(candidate, observed, index)));
  const frames = observed === undefined ? [] : framesOf(candidate, observed, batches, numbering);
  const records = candidate.epochs.reduce((sum, { slots }) => sum + slots.length, 0);
  const flight = {
    capacity: Math.max(1, records),
    firstSequence: numbering.sequence,
    metadata: metadataOf(candidate, observed, options),
    journalBytes: frames.reduce((sum, { length }) => sum + length, 0),
  };
  // Nobody writes on, so there is nothing to be gained from a mapping.
  const { log } = createFlightLogFile(file, flight, { access: 'plain' });
  try {
    for (const { slots, timestampNs, epoch } of batches) log.appendSlots(slots, timestampNs, epoch);
    for (const frame of frames) log.appendFrames(frame);
  } finally {
    log.close();
  }
}

/** The records of an epoch, which have one time. */
interface EpochRecords {
  readonly slots: EpochSlots['slots'];
  readonly timestampNs: bigint;
  readonly epoch: number;
}

/** When they ran is of no interest, and the same candidate makes the same records so. */
function recordsOf({ slots }: EpochSlots, epoch: number): EpochRecords {
  return { slots, timestampNs: 0n, epoch };
}

/** What EPOCH was when an epoch's slots were published; counted by the host where no kernel says where it is. */
function deviceEpochOf(candidate: LogCandidate, observed: ObservedCandidate | undefined, index: number): number {
  if (candidate.kernel === undefined || observed === undefined) return index;
  const before = index === 0 ? observed.before : observed.outcomes[index - 1].words;
  return before[ControlWord.EPOCH];
}

/** A log that starts with a fresh kernel begins with 0 and 1; any other must not, or it would be taken for one that does. */
function numberingOf(candidate: LogCandidate, { origin }: CandidateLogOptions) {
  if (candidate.initial === undefined) return { ordinal: 0, sequence: 1 };
  return { ordinal: Math.max(1, origin.ordinal), sequence: Math.max(2, origin.sequence) };
}

const UNNUMBERED = 1;
const UNSALTED = [0, 0] as const;

/** The observations as frames, each in bytes of its own. */
function framesOf(
  candidate: LogCandidate,
  observed: ObservedCandidate,
  records: readonly EpochRecords[],
  { ordinal, sequence }: { readonly ordinal: number; readonly sequence: number },
): Uint8Array[] {
  const isFresh = candidate.initial === undefined;
  const startsAfter: InitialStateFacts = {
    nextOrdinal: ordinal,
    overwrittenEpochs: 0,
    firstLiveRecord: isFresh ? 0 : sequence,
  };
  const layout: ResolvedLayout = resolveLayout(observed.layout);
  const encoder = new ObservationEncoder(layout, observed.before, UNSALTED, { startsAfter });
  const frames = [encoder.initialState(UNNUMBERED).bytes.slice()];
  let firstRecord = sequence;
  for (const [index, outcome] of observed.outcomes.entries()) {
    const facts = { ordinal: ordinal + index, firstRecord, deviceEpoch: records[index].epoch };
    frames.push(encoder.epoch(observationOf(outcome, records[index], facts), UNNUMBERED).bytes.slice());
    encoder.accept();
    firstRecord += records[index].slots.length;
  }
  frames.push(encoder.end(UNNUMBERED).bytes.slice());
  return frames;
}

function observationOf(
  { words, done, pending, faults }: ScenarioOutcome,
  records: EpochRecords,
  facts: Pick<EpochObservation, 'ordinal' | 'firstRecord' | 'deviceEpoch'>,
): EpochObservation {
  const digest = new RecordsDigest();
  digest.addBatch(records);
  return {
    ...facts,
    recordCount: records.slots.length,
    done,
    faulted: faults.length,
    pending,
    faultDigest: digestFaults(faults),
    recordsDigest: digest.take(),
    words,
    faults: faults.map(({ slotIndex, opcode, words: [code, detail] }) => ({
      slotIndex,
      opcode,
      code,
      detail: [detail],
    })),
  };
}

function metadataOf(
  { kernel }: LogCandidate,
  observed: ObservedCandidate | undefined,
  { tool, backend, note }: CandidateLogOptions,
): FlightMetadata {
  return {
    tool,
    createdAt: new Date().toISOString(),
    ...(kernel === undefined ? {} : describeKernel(kernel)),
    ...(observed === undefined ? {} : { layout: observed.layout }),
    backend: { name: backend },
    ...(note === undefined ? {} : { note }),
  };
}

function describeKernel(kernel: Kernel): Pick<FlightMetadata, 'kernel' | 'kernelHash' | 'opcodeNames'> {
  const names = kernel.opcodes.map(({ code, name }) => [code, name] as const);
  return {
    kernel: kernelToJson(kernel),
    kernelHash: kernelIdentity(kernel),
    opcodeNames: Object.fromEntries(names),
  };
}
