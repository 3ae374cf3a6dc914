/** A backend that takes up whole programs, as a GPU does, and whose planted race shows under stress only. */

import {
  type CapturedOutcome,
  EPOCH_TOTAL_WORDS,
  EpochTotal,
  type LoadedProgram,
  layoutOf,
  MAX_CAPTURED_OF_EPOCH,
  PROGRAM_EPOCH_WORDS,
  ProgramEpochWord,
  type ProgramResult,
  type ProgramRunOptions,
  type ProgramSegment,
  type ReplayProgram,
  type StressSettings,
  signatureWords,
} from '../../src/backend/index.ts';
import { digestSnapshot } from '../../src/observe/index.ts';
import { RacingBackend } from './racing-backend.ts';

/** How often the race shows under some settings. */
export type RateUnder = (stress: StressSettings) => number;

export class LoadingBackend extends RacingBackend {
  /** Settings of every turn that was run. */
  readonly turns: ProgramRunOptions[] = [];
  rateUnder: RateUnder = () => 0;

  async load(program: ReplayProgram): Promise<LoadedProgram> {
    const [segment] = program.segments(Number.POSITIVE_INFINITY);
    return {
      run: async (options) => {
        this.turns.push(options);
        this.rate = this.rateUnder(options.stress ?? {});
        return this.#replay(segment, program.head.slotWords, options);
      },
      release: () => undefined,
    };
  }

  #replay(segment: ProgramSegment, slotWords: number, { replicas }: ProgramRunOptions): ProgramResult {
    const layout = layoutOf(this);
    const totals = new Uint32Array(segment.epochCount * EPOCH_TOTAL_WORDS);
    const captured: CapturedOutcome[] = [];
    for (let replica = 0; replica < replicas; replica += 1) {
      this.restore(segment.states.slice(0, layout.snapshotWords));
      for (let epoch = 0; epoch < segment.epochCount; epoch += 1) {
        const outcome = this.#runEpoch(segment, slotWords, epoch);
        const length = signatureWords(layout);
        const expected = segment.expectations.subarray(epoch * (length + 1) + 1, (epoch + 1) * (length + 1));
        const signature = new Uint32Array(length);
        digestSnapshot(layout, outcome.snapshot, signature);
        // How slots ended stands behind the digests, and is the same here whatever is lost.
        signature.set(expected.subarray(length - 5), length - 5);
        const relation = signature.every((word, index) => word === expected[index]) ? 'same' : 'different';
        totals[epoch * EPOCH_TOTAL_WORDS + EpochTotal.RUN] += 1;
        if (relation === 'same') continue;
        totals[epoch * EPOCH_TOTAL_WORDS + EpochTotal.DIFFERENT] += 1;
        if (captured.length < MAX_CAPTURED_OF_EPOCH) captured.push({ ...outcome, epoch, replica, relation, signature });
      }
    }
    const counts = { replicasRun: replicas, replicasCompared: replicas, replicasDiverged: captured.length };
    return { totals, captured, ...counts, shape: 'wide', deviceMs: undefined };
  }

  #runEpoch(segment: ProgramSegment, slotWords: number, epoch: number) {
    const table = segment.epochs.subarray(epoch * PROGRAM_EPOCH_WORDS, (epoch + 1) * PROGRAM_EPOCH_WORDS);
    let done = 0;
    let next = table[ProgramEpochWord.FIRST_SLOT];
    for (let batch = table[ProgramEpochWord.FIRST_BATCH]; batch < table[ProgramEpochWord.END_BATCH]; batch += 1) {
      for (; next < segment.batchEnds[batch]; next += 1) {
        const [slotIndex, opcode, tenant, priority, ...args] = segment.slots.subarray(
          next * slotWords,
          (next + 1) * slotWords,
        );
        this.publish(slotIndex, { opcode, tenant, priority, args });
      }
      done += this.drain().done;
    }
    const snapshot = new Uint32Array(layoutOf(this).snapshotWords);
    this.observe(snapshot);
    return { snapshot, done, faulted: 0, pending: 0, faults: [] };
  }
}
