import { expect, it } from 'vitest';
import { ObservationReader, ObservationWriter } from '../../src/observe/index.ts';
import { MemoryStorage } from '../../src/storage/index.ts';
import { below, seededRandom } from './streams.ts';

const EPOCHS = 16_384;
const WORDS = 4353;
const CHANGED_WORDS = 64;

function writeLongStream(storage: MemoryStorage): { readonly words: Uint32Array; readonly microseconds: number } {
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
  let milliseconds = 0;
  for (let ordinal = 0; ordinal < EPOCHS; ordinal++) {
    for (let change = 0; change < CHANGED_WORDS; change++) words[below(random, WORDS)] += 1;
    const firstRecord = 1 + 64 * ordinal;
    const start = performance.now();
    writer.appendEpoch({ ...counts, ordinal, firstRecord, faultDigest: [0, 0], recordsDigest: [1, 2], words });
    milliseconds += performance.now() - start;
  }
  writer.close();
  return { words, microseconds: (milliseconds * 1000) / EPOCHS };
}

it('opens 16,384 epochs of 4,353 words in less than a second, in little memory', () => {
  const storage = new MemoryStorage();
  const { words, microseconds } = writeLongStream(storage);
  const held = () => process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers;
  const heldBefore = held();
  const start = performance.now();
  const reader = ObservationReader.open(storage);
  const openMs = performance.now() - start;
  const megabytes = (held() - heldBefore) / 1e6;

  const into = new Uint32Array(WORDS);
  const walkStart = performance.now();
  for (let index = 0; index < reader.epochCount; index++) reader.wordsAfter(index, into);
  const walkMs = performance.now() - walkStart;
  console.info(
    `append ${microseconds.toFixed(1)} µs an epoch, ${(storage.size() / EPOCHS).toFixed(0)} bytes an epoch; ` +
      `open ${openMs.toFixed(0)} ms, ${megabytes.toFixed(1)} MB; walk ${walkMs.toFixed(0)} ms`,
  );
  expect(reader.epochCount).toBe(EPOCHS);
  expect(reader.findings).toEqual([]);
  expect(into).toEqual(words);
  expect(openMs).toBeLessThan(1000);
  expect(megabytes).toBeLessThan(100);
  // A walk that rebuilt every state from its keyframe would take fifty times as long as this.
  expect(walkMs).toBeLessThan(2000);
});
