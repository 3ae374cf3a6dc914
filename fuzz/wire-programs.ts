/** Feeds whoever takes up a program, or what came of one, payloads that were cut, damaged, forged, and plain noise. */

import {
  EPOCH_TOTAL_WORDS,
  NONE,
  PROGRAM_EPOCH_WORDS,
  ProgramEpochFlag,
  ProgramEpochWord,
  type ProgramHead,
  type ProgramSegment,
} from '../src/backend/index.ts';
import { resolveLayout } from '../src/observe/index.ts';
import {
  CAPTURED_RELATIONS,
  decodeLoad,
  decodeReplay,
  decodeReplayed,
  decodeReplayProgress,
  encodeReplayed,
  encodeSegment,
  type ProgramFit,
  SegmentReader,
  WireError,
} from '../src/wire/index.ts';
import type { FuzzTarget } from './fuzz-target.ts';

type Random = () => number;

const FIT: ProgramFit = {
  slotCount: 4,
  layout: resolveLayout({ areas: [{ name: 'words', words: 3 }], regions: [] }),
};
const SNAPSHOT_WORDS = FIT.layout.snapshotWords;
const SIGNATURE_WORDS = 2 * FIT.layout.regions.length + 5;
const REPLICAS = 9;

/** A payload may be refused, but only with an error of ours; whoever goes by one that is not finds what it says. */
export const target: FuzzTarget = {
  name: 'wire-programs',
  once(random) {
    const head = { epochCount: 1 + (random() % 4), slotCount: 16, slotWords: 8, signatureWords: SIGNATURE_WORDS };
    feedSegment(head, random);
    feedReplayed(head, random);
    const payload = noise(random, random() % 200);
    for (const decode of [decodeReplay, decodeReplayProgress, (bytes: Uint8Array) => decodeLoad(bytes, FIT)]) {
      refusable(() => decode(payload));
    }
  },
};

function feedSegment(head: ProgramHead, random: Random): void {
  const segment = makeSegment(head, random);
  const reader = new SegmentReader(head, FIT);
  const payload = encodeSegment(segment, head, SNAPSHOT_WORDS);
  const isDamaged = random() % 4 !== 0;
  const seen = refusable(() => reader.read(isDamaged ? damaged(payload, random) : payload));
  if (seen !== undefined) walk(head, seen);
  // What was refused changed nothing.
  else if (!isSame(encodeSegment(reader.read(payload), head, SNAPSHOT_WORDS), payload))
    throw new Error('it came back changed');
}

/** Epochs of a few slots each, all of them in one segment. */
function makeSegment(head: ProgramHead, random: Random): ProgramSegment {
  const epochs: number[] = [];
  const slots: number[] = [];
  const batchEnds: number[] = [];
  for (let index = 0; index < head.epochCount; index += 1) {
    const firstSlot = slots.length / head.slotWords;
    const firstBatch = batchEnds.length;
    for (let batch = random() % 3; batch > 0; batch -= 1) {
      for (let slot = random() % 2; slot > 0; slot -= 1) slots.push(random() % 4, random(), 0, 2, 0, 0, 0, 0);
      batchEnds.push(slots.length / head.slotWords);
    }
    const known = () => (random() % 2 === 0 ? NONE : random() % 2);
    epochs.push(index, firstSlot, firstBatch, batchEnds.length, random() % 8, known(), known(), 0);
  }
  return {
    epochCount: head.epochCount,
    ...{ slots: Uint32Array.from(slots), epochs: Uint32Array.from(epochs), batchEnds: Uint32Array.from(batchEnds) },
    expectations: Uint32Array.from({ length: 2 * (1 + SIGNATURE_WORDS) }, random),
    states: Uint32Array.from({ length: 2 * SNAPSHOT_WORDS }, random),
  };
}

/** Goes by what a segment says, and looks at every word that it is sent to. */
function walk(head: ProgramHead, { epochCount, epochs, slots, batchEnds, expectations, states }: ProgramSegment): void {
  for (let position = 0; position < epochCount; position += 1) {
    const word = (at: number) => present(epochs, position * PROGRAM_EPOCH_WORDS + at);
    let slot = word(ProgramEpochWord.FIRST_SLOT);
    for (let batch = word(ProgramEpochWord.FIRST_BATCH); batch < word(ProgramEpochWord.END_BATCH); batch += 1) {
      for (; slot < present(batchEnds, batch); slot += 1) {
        const slotIndex = present(slots, slot * head.slotWords);
        const isReplayable = (word(ProgramEpochWord.FLAGS) & ProgramEpochFlag.REPLAYABLE) !== 0;
        if (isReplayable && slotIndex >= FIT.slotCount) throw new Error(`slot ${slotIndex} is beyond the ring`);
      }
    }
    const [expectation, state] = [word(ProgramEpochWord.EXPECTATION), word(ProgramEpochWord.STATE)];
    if (expectation !== NONE) present(expectations, (expectation + 1) * (1 + head.signatureWords) - 1);
    if (state !== NONE) present(states, (state + 1) * SNAPSHOT_WORDS - 1);
  }
}

function present(words: Uint32Array, index: number): number {
  if (index < words.length) return words[index];
  throw new Error(`word ${index} of ${words.length}`);
}

function feedReplayed(head: ProgramHead, random: Random): void {
  const captured = Array.from({ length: random() % 3 }, () => ({
    ...{ epoch: random() % head.epochCount, replica: random() % REPLICAS, relation: CAPTURED_RELATIONS[random() % 4] },
    ...{ done: random() % 8, faulted: 1, pending: random() % 4 },
    faults: [{ slotIndex: random() % 4, opcode: random(), words: [random(), 0] as const, text: 'no' }],
    signature: Uint32Array.from({ length: SIGNATURE_WORDS }, random),
    snapshot: Uint32Array.from({ length: SNAPSHOT_WORDS }, random),
  }));
  const payload = encodeReplayed({
    totals: new Uint32Array(head.epochCount * EPOCH_TOTAL_WORDS),
    captured,
    ...{ replicasRun: REPLICAS, replicasCompared: 2, replicasDiverged: 1, shape: 'wide', deviceMs: 3 },
  });
  const context = { head, fit: FIT, request: { mode: 'chained', replicas: REPLICAS } } as const;
  const sound = refusable(() => decodeReplayed(payload, context));
  if (sound?.captured.length !== captured.length) throw new Error('what is sound was refused');
  const seen = refusable(() => decodeReplayed(damaged(payload, random), context));
  for (const { epoch } of seen?.captured ?? []) {
    if (epoch >= head.epochCount) throw new Error(`epoch ${epoch} of ${head.epochCount}`);
  }
}

/** A few words changed, most of them to what may be an index, and now and then the end cut off. */
function damaged(payload: Uint8Array, random: Random): Uint8Array {
  const copy = payload.slice(0, random() % 5 === 0 ? random() % payload.length : payload.length);
  for (let count = 1 + (random() % 3); count > 0 && copy.length >= 4; count -= 1) {
    const value = [random() % 8, 0xffff_ffff, random()][random() % 3];
    new DataView(copy.buffer).setUint32(4 * (random() % Math.floor(copy.length / 4)), value, true);
  }
  return copy;
}

function isSame(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}

function noise(random: Random, length: number): Uint8Array {
  return Uint8Array.from({ length }, random);
}

function refusable<Result>(attempt: () => Result): Result | undefined {
  try {
    return attempt();
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    return undefined;
  }
}
