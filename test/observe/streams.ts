/** Random layouts, states and streams, for tests and for the fuzzer. Everything follows from `random`. */

import { crc32c } from '../../src/base/crc32c.ts';
import type { EpochObservation, ObservationLayout, ResolvedLayout, SlotRest } from '../../src/observe/index.ts';
import { ObservationReader, ObservationWriter, resolveLayout } from '../../src/observe/index.ts';
import { MemoryStorage } from '../../src/storage/index.ts';

export type Random = () => number;

/** A small generator with a seed, so that a failure can be run again (mulberry32, T. Ettinger). */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b_79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

export function below(random: Random, limit: number): number {
  return Math.floor(random() * limit);
}

/** One or two areas, cut into regions of all kinds, gaps included. */
export function randomLayout(random: Random, maxAreaWords = 24): ObservationLayout {
  const areas = Array.from({ length: 1 + below(random, 2) }, (_, index) => ({
    name: `area${index}`,
    words: 1 + below(random, maxAreaWords),
  }));
  const regions: ObservationLayout['regions'][number][] = [];
  for (const { name: area, words } of areas) {
    for (let start = below(random, 3); start < words; ) {
      const recordWords = 1 + below(random, 3);
      const records = 1 + below(random, 4);
      const count = recordWords * records;
      if (start + count > words) break;
      const name = `${area}/${start}`;
      const kind = below(random, 4);
      if (kind < 2) regions.push({ name, area, start, count, equivalence: kind === 0 ? 'exact' : 'ignored' });
      else {
        const equivalence = kind === 2 ? 'multiset' : 'set';
        const cursor = start > 0 && random() < 0.5 ? { usedWordsAt: below(random, start) } : {};
        regions.push({ name, area, start, count, equivalence, recordWords, ...cursor });
      }
      start += count + below(random, 4);
    }
  }
  return { areas, regions };
}

const WORD_CHOICES = [0, 1, 2, 3, 7, 0xffff_ffff, 0x8000_0000];

function randomWord(random: Random): number {
  return random() < 0.9 ? WORD_CHOICES[below(random, WORD_CHOICES.length)] : below(random, 0x1_0000_0000);
}

export function randomWords(random: Random, count: number): Uint32Array {
  return Uint32Array.from({ length: count }, () => randomWord(random));
}

/** The words after an epoch: often the same, often a few changed, seldom all. */
export function nextWords(random: Random, previous: Uint32Array): Uint32Array {
  if (random() < 0.1) return randomWords(random, previous.length);
  const next = previous.slice();
  for (let change = below(random, 4); change > 0; change--) next[below(random, next.length)] += below(random, 300) - 20;
  return next;
}

/** What was written to a stream, to be compared with what is read. */
export interface WrittenStream {
  readonly layout: ResolvedLayout;
  readonly storage: MemoryStorage;
  readonly initialWords: Uint32Array;
  readonly initialMemory: Uint32Array | undefined;
  readonly epochs: readonly EpochObservation[];
  readonly rests: ReadonlyMap<number, SlotRest>;
  readonly writer: ObservationWriter;
}

export interface StreamShape {
  readonly epochs: number;
  readonly keyframeInterval: number;
  readonly layout?: ObservationLayout;
  readonly close?: boolean;
  readonly maxDeadBytes?: number;
  readonly storage?: MemoryStorage;
  /** As where records have all words of their slots. */
  readonly isWithoutRests?: boolean;
  /** Called after every epoch. */
  readonly afterEpoch?: (writer: ObservationWriter, epoch: EpochObservation) => void;
}

/** Writes a random stream to memory. */
export function writeRandomStream(random: Random, shape: StreamShape): WrittenStream {
  const layout = shape.layout ?? randomLayout(random);
  const resolved = resolveLayout(layout);
  const initialWords = randomWords(random, resolved.snapshotWords);
  const initialMemory = random() < 0.5 ? randomWords(random, 1 + below(random, 9)) : undefined;
  const storage = shape.storage ?? new MemoryStorage();
  const salt = [below(random, 0x1_0000_0000), below(random, 0x1_0000_0000)] as const;
  const metadata = { tool: 'test', kernel: { opcodes: ['nop'] }, layout, backend: { name: 'reference', lanes: 4 } };
  const writer = ObservationWriter.create(storage, metadata, initialWords, {
    keyframeInterval: shape.keyframeInterval,
    salt,
    ...(initialMemory === undefined ? {} : { initialMemory }),
    ...(shape.maxDeadBytes === undefined ? {} : { maxDeadBytes: shape.maxDeadBytes }),
  });
  const epochs: EpochObservation[] = [];
  const rests = new Map<number, SlotRest>();
  let words = initialWords;
  let firstRecord = 1;
  for (let ordinal = 0; ordinal < shape.epochs; ordinal++) {
    words = nextWords(random, words);
    const epoch = randomEpoch(random, ordinal, firstRecord, words);
    if (shape.isWithoutRests !== true) appendRandomRests(random, writer, epoch, rests);
    writer.appendEpoch(epoch);
    epochs.push(epoch);
    firstRecord += epoch.recordCount;
    shape.afterEpoch?.(writer, epoch);
  }
  if (shape.close ?? true) writer.close();
  return { layout: resolved, storage, initialWords, initialMemory, epochs, rests, writer };
}

function randomEpoch(random: Random, ordinal: number, firstRecord: number, words: Uint32Array): EpochObservation {
  const faults = Array.from({ length: random() < 0.3 ? 1 + below(random, 2) : 0 }, () => ({
    slotIndex: below(random, 64),
    opcode: randomWord(random),
    code: below(random, 9),
    detail: Array.from(randomWords(random, below(random, 3))),
  }));
  return {
    ordinal,
    deviceEpoch: randomWord(random),
    firstRecord,
    recordCount: below(random, 5),
    done: below(random, 65),
    faulted: faults.length,
    pending: below(random, 3),
    faultDigest: [randomWord(random), randomWord(random)],
    recordsDigest: [randomWord(random), randomWord(random)],
    words,
    faults,
  };
}

function appendRandomRests(
  random: Random,
  writer: ObservationWriter,
  { firstRecord, recordCount }: EpochObservation,
  rests: Map<number, SlotRest>,
): void {
  const batch: SlotRest[] = [];
  for (let sequence = firstRecord; sequence < firstRecord + recordCount; sequence++) {
    if (random() < 0.6) continue;
    const rest = { sequence, priority: below(random, 5), arguments: randomWords(random, 8) };
    rests.set(sequence, rest);
    batch.push(rest);
    if (random() < 0.5) writer.appendSlotRest(...batch.splice(0));
  }
  writer.appendSlotRest(...batch);
}

/** Says what a reader believes that was never written, or nothing: the one thing a damaged stream must not do. */
export function falseBelief(bytes: Uint8Array, written: WrittenStream): string | undefined {
  return disbelief(ObservationReader.open(new MemoryStorage(bytes)), written);
}

/** `falseBelief` for a reader that is open. */
export function disbelief(reader: ObservationReader, written: WrittenStream): string | undefined {
  const initial = reader.initialWords;
  const startsAtFirst = reader.overwrittenEpochs === 0;
  if (startsAtFirst && initial !== undefined && !sameWords(initial, written.initialWords)) return 'initial words';
  const memory = reader.initialMemory;
  if (memory !== undefined && !sameWords(memory, written.initialMemory ?? new Uint32Array(0))) return 'initial memory';
  for (let index = 0; index < reader.epochCount; index++) {
    const seen = reader.epoch(index);
    const epoch = written.epochs[seen.ordinal];
    if (epoch === undefined) return `epoch ${seen.ordinal} was never written`;
    for (const field of ['deviceEpoch', 'firstRecord', 'recordCount', 'done', 'faulted', 'pending'] as const) {
      if (seen[field] !== epoch[field]) return `${field} of epoch ${seen.ordinal}`;
    }
    const after = reader.wordsAfter(index);
    if (after !== undefined && !sameWords(after, epoch.words)) return `words after epoch ${seen.ordinal}`;
    if ((after !== undefined) !== seen.stateKnown) return `stateKnown of epoch ${seen.ordinal}`;
    const before = reader.wordsBefore(index);
    const expectedBefore = written.epochs[seen.ordinal - 1]?.words ?? written.initialWords;
    if (before !== undefined && !sameWords(before, expectedBefore)) return `words before epoch ${seen.ordinal}`;
    const faults = JSON.stringify(reader.faults(index));
    const expectedFaults = JSON.stringify(epoch.faults);
    if (seen.faultsKnown ? faults !== expectedFaults : faults !== '[]') return `faults of epoch ${seen.ordinal}`;
    const rests = restsOf(written, seen.firstRecord, seen.recordCount);
    const seenRests = rests.filter(({ sequence }) => reader.slotRest(sequence) !== undefined);
    if (seen.slotRestsKnown !== (seenRests.length === rests.length)) return `slotRestsKnown of epoch ${seen.ordinal}`;
  }
  for (const [sequence, rest] of written.rests) {
    const seen = reader.slotRest(sequence);
    if (seen === undefined) continue;
    const isSame = seen.priority === rest.priority && sameWords(seen.arguments, rest.arguments);
    if (!isSame) return `rest of record ${sequence}`;
  }
  return undefined;
}

function restsOf({ rests }: WrittenStream, firstRecord: number, recordCount: number): SlotRest[] {
  return [...rests.values()].filter(({ sequence }) => sequence >= firstRecord && sequence < firstRecord + recordCount);
}

function sameWords(left: ArrayLike<number>, right: ArrayLike<number>): boolean {
  if (left.length !== right.length) return false;
  for (let index = 0; index < left.length; index++) if (left[index] !== right[index]) return false;
  return true;
}

/** Everything a reader says, as one text, to compare two readings. `fromOrdinal` leaves out earlier epochs. */
export function reading(reader: ObservationReader, fromOrdinal = 0): string {
  const epochs = [];
  for (let index = 0; index < reader.epochCount; index++) {
    const epoch = reader.epoch(index);
    if (epoch.ordinal < fromOrdinal) continue;
    epochs.push({
      epoch: { ...epoch, regionDigests: Array.from(epoch.regionDigests) },
      after: Array.from(reader.wordsAfter(index) ?? []),
      before: Array.from(reader.wordsBefore(index) ?? []),
      faults: reader.faults(index),
      // A forged count may be anything; a true one is small here.
      rests: Array.from(
        { length: Math.min(epoch.recordCount, 8) },
        (_, record) => reader.slotRest(epoch.firstRecord + record) ?? 0,
      ),
    });
  }
  const memory = Array.from(reader.initialMemory ?? []);
  return JSON.stringify({ header: reader.header, epochs, memory, cleanEnd: reader.cleanEnd, totals: reader.totals });
}

/** Flips, overwrites, cuts out or repeats some bytes, up to four times. */
export function damageAtRandom(random: Random, intact: Uint8Array): Uint8Array {
  let bytes: Uint8Array = intact.slice();
  for (let damage = 1 + below(random, 4); damage > 0 && bytes.length > 0; damage--) {
    const start = below(random, bytes.length);
    const end = Math.min(bytes.length, start + below(random, 200));
    const kind = below(random, 4);
    if (kind === 0) bytes[start] ^= 1 << below(random, 8);
    else if (kind === 1) bytes.fill(below(random, 256), start, end);
    else if (kind === 2) bytes = concatenate(bytes.subarray(0, start), bytes.subarray(end));
    else bytes = concatenate(bytes.subarray(0, end), bytes.subarray(start));
  }
  return bytes;
}

/** Changes payloads and then the checksums, so that what is wrong gets past them. */
export function forgeAtRandom(random: Random, intact: Uint8Array): Uint8Array {
  const bytes = intact.slice();
  const bounds = frameBounds(bytes);
  const words = new Uint32Array(bytes.buffer);
  for (let change = 1 + below(random, 3); change > 0; change--) {
    const frame = below(random, bounds.length - 1);
    const start = bounds[frame];
    const end = bounds[frame + 1];
    const word = (start + 32 + 4 * below(random, Math.max(1, (end - start - 32) / 4))) / 4;
    if (random() < 0.5) words[word] = randomWord(random);
    else words[word] ^= 1 << below(random, 32);
    if (random() < 0.1) words[start / 4 + 1] = Math.max(0, words[start / 4 + 1] - below(random, 8));
    const payloadEnd = start + 32 + Math.ceil(words[start / 4 + 1] / 8) * 8;
    words[start / 4 + 6] = crc32c(bytes, start + 32, payloadEnd);
    words[start / 4 + 7] = crc32c(bytes, start, start + 28);
  }
  return bytes;
}

/** Where every frame of an undamaged stream starts, and where the last one ends. */
export function frameBounds(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const bounds = [0];
  for (let position = 0; position < bytes.length; ) {
    position += 32 + Math.ceil(view.getUint32(position + 4, true) / 8) * 8;
    bounds.push(position);
  }
  return bounds;
}

export function concatenate(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
  let position = 0;
  for (const part of parts) {
    whole.set(part, position);
    position += part.length;
  }
  return whole;
}

/** A storage in memory that counts the bytes read from it. */
export class CountingStorage extends MemoryStorage {
  bytesRead = 0;

  override readAt(target: Uint8Array, position: number): number {
    const count = super.readAt(target, position);
    this.bytesRead += count;
    return count;
  }
}
