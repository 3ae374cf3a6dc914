/** Programs of any kind for tests of what carries them, and a plain reading of what a program means. */

import fc from 'fast-check';
import { type EpochToReplay, programOfEpochs } from '../../node/conformance/epochs-program.ts';
import {
  LONG_SLOT_WORDS,
  NONE,
  PROGRAM_EPOCH_WORDS,
  ProgramEpochFlag,
  ProgramEpochWord,
  type ProgramHead,
  type ProgramSegment,
  type ReplayProgram,
  SHORT_SLOT_WORDS,
} from '../../src/backend/index.ts';
import { resolveLayout } from '../../src/observe/index.ts';
import type { ProgramFit } from '../../src/wire/index.ts';

const RING_SLOTS = 8;
const AREAS = [
  { name: 'counters', words: 3 },
  { name: 'flags', words: 2 },
];

export const FIT: ProgramFit = { slotCount: RING_SLOTS, layout: resolveLayout({ areas: AREAS, regions: [] }) };
export const SIGNATURE_WORDS: number = FIT.layout.regions.length * 2 + 5;

const word = fc.oneof(fc.nat(0xffff_ffff), fc.constantFrom(0, 1, 0xffff_ffff));
const wordsOf = (length: number) =>
  fc.array(word, { minLength: length, maxLength: length }).map((list) => Uint32Array.from(list));

function epochs(slotWords: number): fc.Arbitrary<EpochToReplay> {
  const slot = fc.record({
    slotIndex: fc.nat(RING_SLOTS - 1),
    opcode: word,
    tenant: word,
    priority: fc.nat(4),
    args: fc.array(word, { maxLength: slotWords - 4 }),
  });
  return fc.record(
    {
      batches: fc.array(fc.array(slot, { maxLength: 4 }), { maxLength: 3 }),
      flags: fc.nat(7),
      expectation: fc.record({ overflowed: fc.nat(3), signature: wordsOf(SIGNATURE_WORDS) }),
      state: wordsOf(FIT.layout.snapshotWords),
    },
    { requiredKeys: ['batches', 'flags'] },
  );
}

/** Programs that fit {@link FIT}. */
export const programs: fc.Arbitrary<ReplayProgram> = fc
  .constantFrom(SHORT_SLOT_WORDS, LONG_SLOT_WORDS)
  .chain((slotWords) =>
    fc
      .array(epochs(slotWords), { maxLength: 12 })
      .map((list) => programOfEpochs(list, { slotWords, signatureWords: SIGNATURE_WORDS })),
  );

/** What every epoch is, however a program was cut into segments. Looks nothing up that is not there. */
export function meaningOf(head: ProgramHead, segments: Iterable<ProgramSegment>): unknown[] {
  return [...segments].flatMap((segment) =>
    Array.from({ length: segment.epochCount }, (_, position) => meaningOfEpoch(head, segment, position)),
  );
}

function meaningOfEpoch(head: ProgramHead, segment: ProgramSegment, position: number): unknown {
  const at = (index: number) => segment.epochs.at(position * PROGRAM_EPOCH_WORDS + index) ?? Number.NaN;
  let from = at(ProgramEpochWord.FIRST_SLOT);
  const batches: unknown[] = [];
  for (let batch = at(ProgramEpochWord.FIRST_BATCH); batch < at(ProgramEpochWord.END_BATCH); batch += 1) {
    const end = segment.batchEnds[batch];
    batches.push(slice(segment.slots, from, end, head.slotWords));
    from = end;
  }
  return {
    index: at(ProgramEpochWord.INDEX),
    flags: at(ProgramEpochWord.FLAGS),
    batches,
    expectation: part(segment.expectations, at(ProgramEpochWord.EXPECTATION), 1 + head.signatureWords),
    state: part(segment.states, at(ProgramEpochWord.STATE), FIT.layout.snapshotWords),
  };
}

function part(words: Uint32Array, index: number, length: number): number[] | undefined {
  return index === NONE ? undefined : slice(words, index, index + 1, length);
}

function slice(words: Uint32Array, from: number, end: number, unit: number): number[] {
  if (!(from <= end && end * unit <= words.length)) throw new Error(`${from} … ${end} of ${words.length / unit}`);
  return [...words.subarray(from * unit, end * unit)];
}

/** @throws if somebody who goes by a segment's words would look at words that are not there. */
export function expectSound(head: ProgramHead, segment: ProgramSegment): void {
  meaningOf(head, [segment]);
  const slotCount = segment.slots.length / head.slotWords;
  for (let position = 0; position < segment.epochCount; position += 1) {
    const base = position * PROGRAM_EPOCH_WORDS;
    if ((segment.epochs[base + ProgramEpochWord.FLAGS] & ProgramEpochFlag.REPLAYABLE) === 0) continue;
    const first = segment.epochs[base + ProgramEpochWord.FIRST_SLOT];
    const isLast = position + 1 === segment.epochCount;
    const end = isLast ? slotCount : segment.epochs[base + PROGRAM_EPOCH_WORDS + ProgramEpochWord.FIRST_SLOT];
    for (let slot = first; slot < end; slot += 1) {
      if (segment.slots[slot * head.slotWords] >= RING_SLOTS) throw new Error(`slot ${slot} is beyond the ring`);
    }
  }
}
