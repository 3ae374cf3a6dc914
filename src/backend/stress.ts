/** How a device is pushed towards rare schedules: which settings there are, and how they are drawn. */

import { InputError } from '../base/errors.ts';
import { RandomWords } from '../base/random.ts';

/**
 * Every setting by name, with its least and its greatest value. 0 switches most of them off.
 *
 * The ideas are those of memory-model testing on GPUs: T. Sorensen and A. Donaldson, "Exposing errors related to weak
 * memory in GPU applications" (PLDI 2016), and R. Levine et al., "MC Mutants" (ASPLOS 2023): permuted ids, a bounded
 * barrier before the racing part, and workgroups that hammer a scratch area beside it.
 */
const LIMITS = {
  /** What everything random is drawn from. */
  seed: [0, 0xffff_ffff],
  /** Lanes of a workgroup that serves. */
  lanes: [1, 256],
  /** Which lane serves which slot is drawn anew for each batch. */
  shuffleLanes: [0, 1],
  /** Which workgroup works for which replica, and where stressing ones stand among them, is drawn anew too. */
  shuffleGroups: [0, 1],
  /** Turns that a lane waits at most for the others of its batch before it starts. */
  meetTurns: [0, 4_096],
  /** Accesses to scratch before a lane starts, which brings lanes out of step. */
  warmUpTurns: [0, 1_024],
  /** Workgroups beside the serving ones that do nothing but access scratch, and how often each lane of them does. */
  stressGroups: [0, 1_024],
  stressTurns: [0, 4_096],
  /** 0 store store, 1 store load, 2 load store, 3 load load. */
  stressPattern: [0, 3],
  /** Words between two scratch lines, and how many lines there are. */
  stressStride: [1, 128],
  stressLines: [1, 512],
  /**
   * Instances that are served at once, at most; 0 is as many as there is room for. Isolated replays only: what has one
   * epoch to itself is spread over a device as that epoch is laid out.
   */
  mostInstances: [0, 16_384],
} as const;

export type StressName = keyof typeof LIMITS;
export const STRESS_LIMITS: Readonly<Record<StressName, readonly [least: number, most: number]>> = LIMITS;

/** Settings by name. All of them are whole numbers, so that they can be kept, sent and made smaller. */
export type StressSettings = Readonly<Partial<Record<StressName, number>>>;
export type CheckedStress = Readonly<Record<StressName, number>>;

/** Words of scratch that every setting makes do with. */
export const SCRATCH_WORDS: number = LIMITS.stressStride[1] * LIMITS.stressLines[1];

/** Nothing but few lanes a workgroup, which shows most races between workgroups. */
export const NO_STRESS: CheckedStress = {
  seed: 0,
  lanes: 16,
  shuffleLanes: 0,
  shuffleGroups: 0,
  meetTurns: 0,
  warmUpTurns: 0,
  stressGroups: 0,
  stressTurns: 0,
  stressPattern: 0,
  stressStride: 1,
  stressLines: 1,
  mostInstances: 0,
};

/**
 * All settings, those that are not given without stress.
 *
 * @throws InputError for a name or a value that there is not.
 */
export function checkedStress(settings: Readonly<Record<string, number>> = {}): CheckedStress {
  for (const [name, value] of Object.entries(settings)) {
    if (!isStressName(name)) {
      throw new InputError(`there is no stress setting "${name}"`, `use ${Object.keys(LIMITS).join(', ')}.`);
    }
    const [least, most] = STRESS_LIMITS[name];
    if (!Number.isInteger(value) || value < least || value > most) {
      throw new InputError(`stress setting ${name} is ${value}`, `use a whole number from ${least} to ${most}.`);
    }
  }
  return { ...NO_STRESS, ...settings };
}

function isStressName(name: string): name is StressName {
  return Object.hasOwn(LIMITS, name);
}

/** Settings that are worth a try, the same for the same word. Powers of two: what counts is the order of magnitude. */
export function drawStress(word: number): StressSettings {
  const random = new RandomWords(word);
  const stresses = random.below(2) === 1;
  return {
    seed: random.next(),
    // Each number of lanes is a pipeline of its own, which drivers take long to compile.
    lanes: 4 ** random.below(5),
    shuffleLanes: random.below(2),
    shuffleGroups: random.below(2),
    meetTurns: random.below(2) * 2 ** random.below(9),
    warmUpTurns: random.below(2) * 2 ** random.below(7),
    stressGroups: stresses ? 2 ** random.below(6) : 0,
    stressTurns: stresses ? 2 ** random.below(7) : 0,
    stressPattern: random.below(4),
    stressStride: 2 ** random.below(8),
    stressLines: 2 ** random.below(10),
  };
}
