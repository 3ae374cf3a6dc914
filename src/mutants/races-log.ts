/** Races recorded as a log, for backends that replay whole logs by themselves. */

import { ReferenceBackend } from '../backend/index.ts';
import { RandomWords } from '../base/random.ts';
import type { Kernel } from '../kernel/index.ts';
import type { Observations } from '../observe/index.ts';
import { planReplay, type ReplayPlan, recordInMemory } from '../replay/index.ts';
import { freshSnapshot } from '../scenario/index.ts';
import type { Mutant } from './catalogue.ts';
import { type Layout, type ParallelEpoch, parallelEpochs } from './parallel-races.ts';

/** Epochs of races, each of which begins with the memory of a fresh kernel. */
export interface RacesLog {
  readonly plan: ReplayPlan;
  /** By the plan's epoch. */
  readonly epochs: readonly RecordedEpoch[];
}

export interface RecordedEpoch extends ParallelEpoch {
  /** What was observed after it on the sound kernel. */
  readonly words: Uint32Array | undefined;
}

/** Records races on the sound kernel, slot after slot. The same seed gives the same log for all mutants of a race. */
export async function recordRaces(mutant: Mutant, sound: Kernel, layout: Layout, seed: number): Promise<RacesLog> {
  const epochs = parallelEpochs(mutant, layout, new RandomWords(seed));
  const fresh = freshSnapshot(sound);
  const backend = new ReferenceBackend(sound);
  const recording = await recordInMemory(backend, sound, startedFresh(epochs, backend, fresh), {
    capacity: epochs.reduce((sum, { slots }) => sum + slots.length + 1, 0),
    tool: 'vrrl mutants',
  });
  const plan = planReplay(recording, { kernel: sound });
  const { observations } = plan;
  const withWords = epochs.map((epoch, index) => {
    const { observed } = plan.epochs[index];
    return { ...epoch, words: observed === undefined ? undefined : observations?.wordsAfter(observed) };
  });
  const plainly = { ...plan, observations: observations && beginningFresh(observations, fresh) };
  return { plan: plainly, epochs: withWords };
}

/** Each epoch uses the words of the one before: whoever takes the next one finds them as they were at the beginning. */
function* startedFresh(
  epochs: readonly ParallelEpoch[],
  backend: ReferenceBackend,
  fresh: Uint32Array,
): Generator<ParallelEpoch> {
  for (const [index, epoch] of epochs.entries()) {
    if (index > 0) backend.restore(fresh);
    yield epoch;
  }
}

/** Observations say what came after an epoch, and take that for what the next one began with. */
function beginningFresh(observations: Observations, fresh: Uint32Array): Observations {
  return new Proxy(observations, {
    get: (target, name) => {
      if (name === 'wordsBefore') return () => fresh.slice();
      const member: unknown = Reflect.get(target, name, target);
      // Private members are the target's own.
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
}
