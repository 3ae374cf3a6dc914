/** A candidate as a program: what a device needs to run it thousands of times in one go. */

import {
  LONG_SLOT_WORDS,
  NONE,
  PROGRAM_EPOCH_WORDS,
  ProgramEpochFlag,
  ProgramEpochWord,
  type ProgramSegment,
  type ReplayProgram,
  SHORT_SLOT_WORDS,
  signatureWords,
} from '../backend/index.ts';
import { DIGEST_WORDS, digestSnapshot, hasOverflowed, type ResolvedLayout } from '../observe/index.ts';
import { digestFaults } from '../record/index.ts';
import type { ScenarioOutcome } from '../scenario/index.ts';
import { type LogCandidate, slotCountOf } from './candidate.ts';

/** Words of a slot before its arguments: index, opcode, tenant, priority. */
const HEAD_WORDS = 4;

/**
 * A program of all epochs of a candidate, of which each replica is one run.
 *
 * @param layout of what the device observes.
 * @param start the snapshot that its first epoch starts from.
 * @param expected what each epoch is compared with.
 */
export function programOfCandidate(
  candidate: LogCandidate,
  layout: ResolvedLayout,
  start: Uint32Array,
  expected: readonly ScenarioOutcome[],
): ReplayProgram {
  const slotWords = slotWordsOf(candidate);
  const { epochs } = candidate;
  const head = {
    epochCount: epochs.length,
    slotCount: slotCountOf(candidate),
    slotWords,
    signatureWords: signatureWords(layout),
  };
  // Pieces are for logs that are longer than a device's memory; a candidate is a few epochs.
  const segment = (): ProgramSegment => ({
    epochCount: epochs.length,
    slots: slotsOf(candidate, slotWords),
    ...epochTables(candidate),
    expectations: Uint32Array.from(expected.flatMap((outcome) => expectationOf(layout, outcome))),
    states: start.slice(),
  });
  return {
    head,
    *segments() {
      yield segment();
    },
  };
}

function slotWordsOf({ epochs }: LogCandidate): number {
  const fits = epochs.every(({ slots }) =>
    slots.every(({ slot }) => Array.from(slot.args).every((word, index) => word === 0 || index < HEAD_WORDS)),
  );
  return fits ? SHORT_SLOT_WORDS : LONG_SLOT_WORDS;
}

function slotsOf({ epochs }: LogCandidate, slotWords: number): Uint32Array {
  const placed = epochs.flatMap(({ slots }) => slots);
  const words = new Uint32Array(placed.length * slotWords);
  for (const [index, { slotIndex, slot }] of placed.entries()) {
    const { opcode, tenant, priority, args } = slot;
    words.set([slotIndex, opcode, tenant, priority], index * slotWords);
    words.set(Array.from(args).slice(0, slotWords - HEAD_WORDS), index * slotWords + HEAD_WORDS);
  }
  return words;
}

function epochTables({ epochs }: LogCandidate): Pick<ProgramSegment, 'epochs' | 'batchEnds'> {
  const tables = new Uint32Array(epochs.length * PROGRAM_EPOCH_WORDS);
  const ends: number[] = [];
  let firstSlot = 0;
  for (const [index, { slots, batchEnds }] of epochs.entries()) {
    const table = tables.subarray(index * PROGRAM_EPOCH_WORDS, (index + 1) * PROGRAM_EPOCH_WORDS);
    table[ProgramEpochWord.INDEX] = index;
    table[ProgramEpochWord.FIRST_SLOT] = firstSlot;
    table[ProgramEpochWord.FIRST_BATCH] = ends.length;
    for (const end of batchEnds) ends.push(firstSlot + end);
    table[ProgramEpochWord.END_BATCH] = ends.length;
    table[ProgramEpochWord.FLAGS] = ProgramEpochFlag.REPLAYABLE + ProgramEpochFlag.JUDGED;
    table[ProgramEpochWord.EXPECTATION] = index;
    // Every other epoch starts from what the one before it left.
    table[ProgramEpochWord.STATE] = index === 0 ? 0 : NONE;
    firstSlot += slots.length;
  }
  return { epochs: tables, batchEnds: Uint32Array.from(ends) };
}

/** A mask of the regions that dropped records, then the signature. */
function expectationOf(layout: ResolvedLayout, { words, done, pending, faults }: ScenarioOutcome): number[] {
  const signature = new Uint32Array(signatureWords(layout));
  digestSnapshot(layout, words, signature);
  const [low, high] = digestFaults(faults);
  signature.set([done, faults.length, pending, low, high], layout.regions.length * DIGEST_WORDS);
  const mask = layout.regions.reduce((sum, region, index) => sum + (hasOverflowed(region, words) ? 2 ** index : 0), 0);
  return [mask, ...signature];
}
