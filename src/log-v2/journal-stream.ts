/** The journal as an observation stream, for `ObservationReader` to read. */

import {
  EndWord,
  EpochWord,
  encodeHeader,
  FRAME_HEADER_BYTES,
  FrameBuffer,
  FrameKind,
  type ObservationMetadata,
  writeInitialState,
} from '../observe/index.ts';
import type { Storage } from '../storage/index.ts';
import { FlightMetadataError } from './errors.ts';
import type { JournalFrame } from './journal-scan.ts';
import { readPair } from './pairs.ts';
import type { FlightScan } from './scan.ts';
import { FlightLogPart } from './section-storage.ts';
import type { Id } from './superblock.ts';

/** Bytes of the stream, and where they are: in memory, or in the file. */
interface Piece {
  readonly start: number;
  readonly end: number;
  readonly memory: Uint8Array | undefined;
  readonly offset: number;
}

/**
 * The frames of a journal in the order of their numbers, behind a header that is made from the metadata. If the beginning
 * was overwritten, an initial state that is not known takes its place and says how many epochs are gone.
 *
 * `ObservationReader.open(journalStream(storage, scan))` reads it. What the scan found damaged is not in it; the numbers
 * of frames tell the reader that they are missing.
 *
 * @returns undefined if the log keeps no observations.
 * @throws FlightMetadataError if the metadata is lost: without it nobody knows what the words mean.
 */
export function journalStream(storage: Storage, scan: FlightScan): Storage | undefined {
  const { geometry, fileId } = scan.superblock;
  const { frames } = scan.journal;
  if (geometry.journalBytes === 0) return undefined;
  if (scan.metadata === undefined) throw new FlightMetadataError(storage.label);
  const header = observationMetadata(scan, storage.label);
  if (header === undefined) return undefined;
  const prefix = makePrefix(storage, scan, header, fileId);
  const pieces: Piece[] = [{ start: 0, end: prefix.length, memory: prefix, offset: 0 }];
  for (const frame of frames) addFrame(pieces, frame, geometry.journalOffset);
  return new PiecedStorage(storage, pieces);
}

/** What an observation stream says about itself, out of the log's metadata; undefined if it observes nothing. */
function observationMetadata({ metadata, capacity }: FlightScan, label: string): ObservationMetadata | undefined {
  if (metadata === undefined) throw new FlightMetadataError(label);
  const { tool, createdAt, kernel, backend, layout, note } = metadata;
  if (layout === undefined) return undefined;
  return {
    tool,
    kernel: kernel ?? null,
    layout,
    backend: backend ?? { name: 'unknown' },
    log: { capacity },
    ...(createdAt === undefined ? {} : { createdAt }),
    ...(note === undefined ? {} : { note }),
  };
}

/** The header twice, and an initial state if the first frame is none. */
function makePrefix(storage: Storage, scan: FlightScan, metadata: ObservationMetadata, fileId: Id): Uint8Array {
  const { frames } = scan.journal;
  const first = frames.at(0);
  const needsState = first !== undefined && first.kind !== FrameKind.INITIAL_STATE;
  const firstSequence = (first?.sequence ?? 3) - (needsState ? 3 : 2);
  const payload = encodeHeader(metadata);
  const buffer = new FrameBuffer([fileId[0], fileId[1]]);
  for (const copy of [0, 1]) {
    const at = buffer.reserve(payload.length);
    buffer.bytes.set(payload, at * 4);
    buffer.seal(FrameKind.HEADER, payload.length, firstSequence + copy);
  }
  if (needsState) {
    const facts = overwrittenFacts(storage, scan);
    writeInitialState(buffer, firstSequence + 2, facts, new Uint32Array(0), new Uint32Array(0));
  }
  return buffer.bytes.slice(0, buffer.length);
}

/** What is gone. The writer's own count, if nothing is missing up to it; else the ordinal, which is never too low. */
function overwrittenFacts(storage: Storage, { journal, superblock, oldestSequence }: FlightScan) {
  const { frames, missingFrames } = journal;
  const payloadOf = (frame: JournalFrame): Uint32Array => {
    const bytes = new Uint8Array(EpochWord.REGION_DIGESTS * 4);
    storage.readAt(bytes, superblock.geometry.journalOffset + frame.position + FRAME_HEADER_BYTES);
    return new Uint32Array(bytes.buffer);
  };
  const epochs = frames.filter(({ kind }) => kind === FrameKind.EPOCH);
  const firstEpoch = epochs.at(0);
  const end = frames.at(-1);
  const nextOrdinal = firstEpoch === undefined ? 0 : payloadOf(firstEpoch)[EpochWord.ORDINAL];
  const isCounted = end?.kind === FrameKind.END && missingFrames === 0;
  const written = isCounted ? readPair(payloadOf(end), EndWord.EPOCHS) : nextOrdinal + epochs.length;
  const overwrittenEpochs = Math.min(0xffff_ffff, Math.max(0, written - epochs.length));
  return { nextOrdinal, overwrittenEpochs, firstLiveRecord: oldestSequence };
}

function addFrame(pieces: Piece[], { position, end }: JournalFrame, journalOffset: number): void {
  const last = pieces[pieces.length - 1];
  const offset = journalOffset + position;
  const bytes = end - position;
  if (last.memory === undefined && last.offset + (last.end - last.start) === offset) {
    pieces[pieces.length - 1] = { ...last, end: last.end + bytes };
    return;
  }
  pieces.push({ start: last.end, end: last.end + bytes, memory: undefined, offset });
}

/** Reads pieces as if they were one behind the other. */
class PiecedStorage extends FlightLogPart {
  readonly #storage: Storage;
  readonly #pieces: readonly Piece[];

  constructor(storage: Storage, pieces: readonly Piece[]) {
    super(storage.label);
    this.#storage = storage;
    this.#pieces = pieces;
  }

  size(): number {
    return this.#pieces.at(-1)?.end ?? 0;
  }

  readAt(target: Uint8Array, position: number): number {
    let done = 0;
    for (const { start, end, memory, offset } of this.#pieces) {
      const from = position + done;
      if (from < start || from >= end) continue;
      const count = Math.min(end - from, target.length - done);
      const part = target.subarray(done, done + count);
      const found = memory === undefined ? this.#storage.readAt(part, offset + from - start) : count;
      if (memory !== undefined) part.set(memory.subarray(from - start, from - start + count));
      done += found;
      if (found < count || done === target.length) break;
    }
    return done;
  }
}
