/** Feeds the reader of observation streams damaged streams, forged ones and plain noise. */

import { VrrlError } from '../src/base/errors.ts';
import { ObservationReader } from '../src/observe/index.ts';
import { MemoryStorage } from '../src/storage/index.ts';
import {
  below,
  damageAtRandom,
  falseBelief,
  forgeAtRandom,
  type Random,
  reading,
  type WrittenStream,
  writeRandomStream,
} from '../test/observe/streams.ts';
import type { FuzzTarget } from './fuzz-target.ts';

const MAX_NOISE_BYTES = 600;
/** Far beyond what such inputs take, so that a busy machine is no finding. */
const MAX_MILLISECONDS = 2000;

/**
 * The reader may refuse an input, but only with an error of ours; it may not believe anything that was not written, and
 * what it cannot read it has to report.
 */
export const target: FuzzTarget = {
  name: 'observation-reader',
  once(randomWord) {
    const random: Random = () => randomWord() / 0x1_0000_0000;
    const start = performance.now();
    const kind = below(random, 8);
    if (kind === 0) read(makeNoise(random));
    else feedStream(random, kind);
    const milliseconds = performance.now() - start;
    if (milliseconds > MAX_MILLISECONDS) throw new Error(`took ${milliseconds.toFixed(0)} ms`);
  },
};

function feedStream(random: Random, kind: number): void {
  const shape = { epochs: below(random, 16), keyframeInterval: 1 + below(random, 8), close: random() < 0.8 };
  const written = writeRandomStream(random, shape);
  const intact = written.storage.toBytes();
  if (kind === 1) readIntact(intact, written);
  // Somebody who forges checksums can make a stream say anything, but not break the reader.
  else if (kind === 2) read(forgeAtRandom(random, intact));
  else if (kind === 3) read(damageAtRandom(random, forgeAtRandom(random, intact)));
  else readDamaged(damageAtRandom(random, intact), written);
}

function readIntact(bytes: Uint8Array, written: WrittenStream): void {
  const belief = falseBelief(bytes, written);
  if (belief !== undefined) throw new Error(`reads back wrong: ${belief}`);
  const reader = ObservationReader.open(new MemoryStorage(bytes));
  if (reader.findings.length > 0) throw new Error(`finds fault with what is right: ${reader.findings[0].message}`);
}

function readDamaged(bytes: Uint8Array, written: WrittenStream): void {
  read(bytes);
  const belief = refusable(() => falseBelief(bytes, written));
  if (belief !== undefined) throw new Error(`believes what was never written: ${belief}`);
}

function read(bytes: Uint8Array): void {
  refusable(() => reading(ObservationReader.open(new MemoryStorage(bytes))));
}

/** What an attempt gives, or `undefined` if it is refused with an error of ours. */
function refusable(attempt: () => string | undefined): string | undefined {
  try {
    return attempt();
  } catch (error) {
    if (!(error instanceof VrrlError)) throw error;
    return undefined;
  }
}

function makeNoise(random: Random): Uint8Array {
  return Uint8Array.from({ length: below(random, MAX_NOISE_BYTES) }, () => below(random, 256));
}
