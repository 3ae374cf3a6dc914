import { expect, it } from 'vitest';
import { ObservationReader, ObservationWriter } from '../../src/observe/index.ts';
import type { MemoryStorage } from '../../src/storage/index.ts';
import { below, CountingStorage, seededRandom } from './streams.ts';

const EPOCHS = 16_384;
const WORDS = 4353;
const CHANGED_WORDS = 64;

function writeLongStream(storage: MemoryStorage): Uint32Array {
  const random = seededRandom(4);
  const words = new Uint32Array(WORDS);
  const layout = {
    areas: [
      { name: 'control', words: 4096 },
      { name: 'debug', words: 257 },
    ],
    regions: [
      { name: 'prints', area: 'debug', start: 1, count: 256, equivalence: 'multiset', recordWords: 4, usedWordsAt: 0 },
    ],
  } as const;
  const metadata = { tool: 't', kernel: {}, layout, backend: { name: 'b' } };
  const writer = ObservationWriter.create(storage, metadata, words);
  const counts = { deviceEpoch: 0, recordCount: 64, done: 64, faulted: 0, pending: 0 };
  for (let ordinal = 0; ordinal < EPOCHS; ordinal++) {
    for (let change = 0; change < CHANGED_WORDS; change++) words[below(random, WORDS)] += 1;
    const firstRecord = 1 + 64 * ordinal;
    writer.appendEpoch({ ...counts, ordinal, firstRecord, faultDigest: [0, 0], recordsDigest: [1, 2], words });
  }
  writer.close();
  return words;
}

it('opens 16,384 epochs of 4,353 words in little memory, and reads each once on a walk', () => {
  const storage = new CountingStorage();
  const words = writeLongStream(storage);
  const held = () => process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers;
  const heldBefore = held();
  const reader = ObservationReader.open(storage);
  expect((held() - heldBefore) / 1e6).toBeLessThan(100);
  expect(reader.epochCount).toBe(EPOCHS);
  expect(reader.findings).toEqual([]);
  // Once to find the frames and once to check them is all that opening may cost.
  expect(storage.bytesRead).toBeLessThan(3 * storage.size());

  storage.bytesRead = 0;
  const into = new Uint32Array(WORDS);
  for (let index = 0; index < reader.epochCount; index++) reader.wordsAfter(index, into);
  expect(into).toEqual(words);
  // A walk that rebuilt every state from its keyframe would read fifty times as much.
  expect(storage.bytesRead).toBeLessThan(3 * storage.size());
});
