/** What a stream starts with, be it new or rewritten: the header twice, and the state before the first epoch. */

import { InputError } from '../base/errors.ts';
import { WORD_BYTES } from '../base/words.ts';
import { type Storage, StorageError } from '../storage/index.ts';
import { FrameBuffer, type Salt } from './frame-buffer.ts';
import { type InitialStateFacts, writeInitialState } from './frame-payloads.ts';
import { MAX_SNAPSHOT_WORDS } from './observation.ts';
import { ObservationReader } from './reader.ts';
import { FrameKind } from './stream-format.ts';

/** Frames of the prefix. */
export const PREFIX_FRAMES = 3;

const COPY_BYTES = 0x10_0000;
const NO_WORDS = new Uint32Array(0);

/**
 * The frames from `firstSequence` on. Without the header a stream is worthless, so a flipped bit must not cost it.
 *
 * @throws InputError if the memory is too large for a frame.
 */
export function makePrefix(
  salt: Salt,
  firstSequence: number,
  headerPayload: Uint8Array,
  facts: InitialStateFacts,
  snapshot: Uint32Array | undefined,
  memory: Uint32Array | undefined,
): Uint8Array {
  if (memory !== undefined && memory.length > MAX_SNAPSHOT_WORDS) {
    throw new InputError(
      `the initial memory has ${memory.length} words, more than ${MAX_SNAPSHOT_WORDS}`,
      'leave out what the kernel does not read.',
    );
  }
  const buffer = new FrameBuffer(salt);
  for (const copy of [0, 1]) {
    const at = buffer.reserve(headerPayload.length);
    buffer.bytes.set(headerPayload, at * WORD_BYTES);
    buffer.seal(FrameKind.HEADER, headerPayload.length, firstSequence + copy);
  }
  writeInitialState(buffer, firstSequence + 2, facts, snapshot ?? NO_WORDS, memory ?? NO_WORDS);
  return buffer.bytes.subarray(0, buffer.length);
}

/** What a rewritten stream starts from: the state after the epoch `lastOrdinal`, and the first memory. */
export function readBase(
  storage: Storage,
  lastOrdinal: number,
): { readonly snapshot: Uint32Array | undefined; readonly memory: Uint32Array | undefined } {
  const reader = ObservationReader.open(storage);
  const index = reader.indexOfOrdinal(lastOrdinal);
  return {
    snapshot: index === undefined ? undefined : reader.wordsAfter(index),
    memory: reader.initialMemory,
  };
}

/**
 * Copies `from[start … end)` to `to[target …]`.
 *
 * @throws StorageError if a call fails, or `from` ends before `end`.
 */
export function copyBytes(from: Storage, start: number, end: number, to: Storage, target: number): void {
  const chunk = new Uint8Array(Math.min(COPY_BYTES, end - start));
  for (let position = start; position < end; ) {
    const count = from.readAt(chunk.subarray(0, Math.min(chunk.length, end - position)), position);
    if (count === 0)
      throw new StorageError('read', from.label, new Error(`it ends at ${position}, expected ${end} bytes`));
    to.writeAt(chunk.subarray(0, count), target + position - start);
    position += count;
  }
}
