/** What a log says about itself: JSON, written twice. */

import { crc32c } from '../base/crc32c.ts';
import { InputError } from '../base/errors.ts';
import { WORD_BYTES } from '../base/words.ts';
import type { LogReference, ObservationLayout } from '../observe/index.ts';
import type { Storage } from '../storage/index.ts';
import type { FlightGeometry } from './geometry.ts';
import { MAX_JSON_BYTES, METADATA_HEAD_BYTES, METADATA_LAYOUT, wordOf } from './layout.ts';
import type { Id } from './superblock.ts';

/** What recorded, and what the words mean. Properties beyond these are kept. */
export interface FlightMetadata {
  /** Name and version of the program that recorded. */
  readonly tool: string;
  /** ISO 8601. */
  readonly createdAt?: string;
  /** The kernel and how it was configured: any JSON, opaque here. */
  readonly kernel?: unknown;
  /** The SHA-256 of the kernel's meaning. */
  readonly kernelHash?: string;
  /** Names by opcode number. */
  readonly opcodeNames?: Readonly<Record<string, string>>;
  /** What ran the slots; properties other than the name are kept. */
  readonly backend?: { readonly name: string };
  /** What is observed; a journal of observations needs it. */
  readonly layout?: ObservationLayout;
  readonly note?: string;
  /** Arguments of the slots that are known: 4 where records come from a v1 log that kept no more. All if left out. */
  readonly knownArguments?: number;
  /** Of a log that was converted from v1, what it takes to make the same one again. */
  readonly ringLog?: RingLogOrigin;
  /** Tells pieces of one recording from others, where the time at which it was made does not. */
  readonly recording?: string;
  /** How many recordings the records are from, if from more than one. */
  readonly mergedRecordings?: number;
}

/** Where the records of a converted log were. */
export interface RingLogOrigin {
  /** The position of the record with number 1. */
  readonly firstPosition: number;
  /** What was added to the numbers that the observations had for the records. */
  readonly numberShift: number;
  /** What the observations said about the log. */
  readonly log?: LogReference;
}

/** What was found of the metadata. */
export interface MetadataRead {
  /** Undefined if both copies are damaged. */
  readonly metadata: FlightMetadata | undefined;
  /** The section of an intact copy, head included. */
  readonly bytes: Uint8Array | undefined;
  /** Which copies are damaged: 0, 1. */
  readonly damagedCopies: readonly number[];
}

const JSON_BYTES = wordOf(METADATA_LAYOUT.jsonBytes);
const SALT = wordOf(METADATA_LAYOUT.salt);
const SUM = wordOf(METADATA_LAYOUT.sum);

/** The word that ties records and metadata to a file. */
export function saltOf(fileId: Id): number {
  return crc32c(new Uint8Array(Uint32Array.from(fileId).buffer));
}

/**
 * The metadata's section without the padding.
 *
 * @throws InputError if it is not JSON or too long.
 */
export function encodeMetadata(metadata: FlightMetadata, fileId: Id): Uint8Array {
  const json = new TextEncoder().encode(toJson(metadata));
  if (json.length > MAX_JSON_BYTES) {
    throw new InputError(
      `the metadata of the log is ${json.length} bytes, more than ${MAX_JSON_BYTES}`,
      'shorten the description of the kernel.',
    );
  }
  const bytes = new Uint8Array(METADATA_HEAD_BYTES + json.length);
  const words = new Uint32Array(bytes.buffer, 0, METADATA_HEAD_BYTES / WORD_BYTES);
  words[JSON_BYTES] = json.length;
  words[SALT] = saltOf(fileId);
  bytes.set(json, METADATA_HEAD_BYTES);
  words[SUM] = sumOf(bytes);
  return bytes;
}

function toJson(metadata: FlightMetadata): string {
  try {
    return JSON.stringify(metadata);
  } catch (cause) {
    throw new InputError('the metadata of the log is no JSON', 'leave out cycles and BigInts.', { cause });
  }
}

function sumOf(bytes: Uint8Array): number {
  const head = crc32c(bytes, 0, METADATA_LAYOUT.sum.offset);
  return crc32c(bytes, METADATA_HEAD_BYTES, bytes.length, head);
}

/** Reads both copies. Nothing is allocated from a length that the section has no room for. */
export function readMetadata(storage: Storage, geometry: FlightGeometry, fileId: Id): MetadataRead {
  const copies = [geometry.metadataOffset, geometry.metadataCopyOffset].map((offset) =>
    readCopy(storage, offset, geometry.metadataBytes, fileId),
  );
  const damagedCopies = [...copies.keys()].filter((index) => copies[index] === undefined);
  const intact = copies.find((copy) => copy !== undefined);
  return { metadata: intact?.metadata, bytes: intact?.bytes, damagedCopies };
}

function readCopy(storage: Storage, offset: number, room: number, fileId: Id): FoundMetadata | undefined {
  const found = readMetadataAt(storage, offset, room);
  return found?.salt === saltOf(fileId) ? found : undefined;
}

/** An intact copy of the metadata, of whichever file. */
export interface FoundMetadata {
  readonly metadata: FlightMetadata;
  /** Head included. */
  readonly bytes: Uint8Array;
  readonly salt: number;
}

/** Reads what may be a copy of the metadata at `offset`, in at most `room` bytes. */
export function readMetadataAt(storage: Storage, offset: number, room: number): FoundMetadata | undefined {
  const head = new Uint32Array(METADATA_HEAD_BYTES / WORD_BYTES);
  if (storage.readAt(new Uint8Array(head.buffer), offset) < METADATA_HEAD_BYTES) return undefined;
  const length = METADATA_HEAD_BYTES + head[JSON_BYTES];
  if (length > room || offset + length > storage.size()) return undefined;
  const bytes = new Uint8Array(length);
  if (storage.readAt(bytes, offset) < length || sumOf(bytes) !== head[SUM]) return undefined;
  const metadata = parseJson(bytes.subarray(METADATA_HEAD_BYTES));
  return metadata && { metadata, bytes, salt: head[SALT] };
}

function parseJson(bytes: Uint8Array): FlightMetadata | undefined {
  try {
    const json: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    return isMetadata(json) ? json : undefined;
  } catch {
    return undefined;
  }
}

/** What a program goes by has to be of its type; the rest is for people. */
function isMetadata(json: unknown): json is FlightMetadata {
  return typeof json === 'object' && json !== null && 'tool' in json && typeof json.tool === 'string';
}
