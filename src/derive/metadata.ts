/** What logs that are made from others say about themselves. */

import { VrrlError } from '../base/errors.ts';
import { hex64 } from '../base/words.ts';
import { kernelFromJson, kernelIdentity } from '../kernel/index.ts';
import type { FlightMetadata } from '../log-v2/index.ts';
import type { ObservationHeader } from '../observe/index.ts';
import { RecordsDigest } from '../record/index.ts';
import type { DerivationSource } from './source.ts';

const UNKNOWN_TOOL = 'unknown';

/** What is known of who recorded a source, and what. Not what only a conversion back needs. */
export function metadataOf(source: DerivationSource): FlightMetadata {
  const { log, observations } = source;
  const { ringLog: _, ...own } = log.metadata ?? { tool: UNKNOWN_TOOL, ...fromHeader(observations?.header) };
  const areArgumentsKnown = log.hasWholeSlots || observations !== undefined;
  return areArgumentsKnown ? own : { ...own, knownArguments: log.metadata?.knownArguments ?? V1_ARGUMENTS };
}

const V1_ARGUMENTS = 4;

function fromHeader(header: ObservationHeader | undefined): Partial<FlightMetadata> {
  if (header === undefined) return {};
  const { formatVersion: _, log: __, kernel, ...rest } = header;
  return { ...rest, ...(kernel === null || kernel === undefined ? {} : { kernel, ...describeKernel(kernel) }) };
}

/** As for a log that is recorded; nothing if the kernel is none that this vrrl can read. */
function describeKernel(json: unknown): Pick<FlightMetadata, 'kernelHash' | 'opcodeNames'> {
  try {
    const kernel = kernelFromJson(json);
    const names = kernel.opcodes.map(({ code, name }) => [code, name] as const);
    return { kernelHash: kernelIdentity(kernel), opcodeNames: Object.fromEntries(names) };
  } catch (error) {
    if (!(error instanceof VrrlError)) throw error;
    return {};
  }
}

/** The metadata of a piece of a source: pieces of one recording can be told from those of others. */
export function metadataOfPiece(source: DerivationSource): FlightMetadata {
  const metadata = metadataOf(source);
  const isTold = metadata.createdAt !== undefined || metadata.recording !== undefined;
  return isTold ? metadata : { ...metadata, recording: contentId(source) };
}

/** What is the same in all pieces of a recording and in no other recording. */
export function recordingIdentity(source: DerivationSource): string {
  const { recording, createdAt, tool, kernel, kernelHash, backend, layout } = metadataOfPiece(source);
  return JSON.stringify([recording, createdAt, tool, kernel, kernelHash, backend, layout]);
}

/** What ran, whenever that was. */
export function kernelKey({ kernel, kernelHash }: FlightMetadata): string {
  return JSON.stringify([kernelHash, kernel]);
}

/** A digest of records of a source, of all unless some are named. */
export function contentId({ log }: DerivationSource, indices: Iterable<number> = log.columns.epoch.keys()): string {
  const digest = new RecordsDigest();
  for (const index of indices) digest.addFromColumns(log.columns, index);
  const [low, high] = digest.take();
  return hex64(low, high);
}
