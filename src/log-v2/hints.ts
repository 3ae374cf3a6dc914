/** What a writer leaves for followers: never believed, so there is nothing to check. */

import { WORD_BYTES } from '../base/words.ts';
import type { Storage } from '../storage/index.ts';
import type { FlightGeometry } from './geometry.ts';
import { HINTS_BYTES, HINTS_LAYOUT, wordOf } from './layout.ts';
import { readPair } from './pairs.ts';

export interface Hints {
  /** A whole number that is safe to count with, and no more than that. */
  readonly newestSequence: number;
}

/** Reads the hints; nonsense reads as 0. */
export function readHints(storage: Storage, { hintsOffset }: FlightGeometry): Hints {
  const words = new Uint32Array(HINTS_BYTES / WORD_BYTES);
  storage.readAt(new Uint8Array(words.buffer), hintsOffset);
  const newestSequence = readPair(words, wordOf(HINTS_LAYOUT.newestSequence));
  return { newestSequence: newestSequence < Number.MAX_SAFE_INTEGER ? newestSequence : 0 };
}
