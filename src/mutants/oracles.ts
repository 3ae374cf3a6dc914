/** Who says that a kernel is wrong, from what one run of a race came to. */

import type { Kernel } from '../kernel/index.ts';
import { compareSnapshots } from '../observe/index.ts';
import type { Scenario, ScenarioOutcome } from '../scenario/index.ts';
import { SerialRunner, sameEnds, sameOutcome } from './serial-outcomes.ts';

/**
 * - `diff`: words differ from what the sound kernel was recorded with, one slot after the other.
 * - `level`: no order of the slots gives it on the sound kernel.
 * - `self`: no order of the slots gives it on the mutant either: found without knowing what would be right.
 * - `watchdog`: a lane did not come to an end, or a slot faulted.
 * - `ends`: other numbers of slots are done or wait than in the recording.
 */
export const ORACLES = ['diff', 'level', 'self', 'watchdog', 'ends'] as const;
export type Oracle = (typeof ORACLES)[number];

/** The oracles that object to a run. */
export type Objections = ReadonlySet<Oracle>;

export const NO_OBJECTIONS: Objections = new Set();

/** Judges runs of one race on a mutant, or on the sound kernel itself. */
export class RaceJudge {
  readonly #sound: SerialRunner;
  readonly #own: SerialRunner;
  readonly #known = new Map<string, Objections>();
  /** What the sound kernel gives; lots mean nothing to it, so it is the same for all scenarios of the race. */
  #soundOutcomes: readonly ScenarioOutcome[] | undefined;

  /** @param kernel what is run. */
  constructor(sound: Kernel, kernel: Kernel) {
    this.#sound = new SerialRunner(sound);
    this.#own = kernel === sound ? this.#sound : new SerialRunner(kernel);
  }

  /**
   * @param scenario of the race, with the kernel that is run.
   * @param struck which of its slots meet the defect: scenarios that agree in that come out alike.
   */
  judge(scenario: Scenario, struck: string, outcome: ScenarioOutcome, isHung = false): Objections {
    this.#soundOutcomes ??= this.#sound.allOrders(scenario);
    const recorded = this.#soundOutcomes[0];
    const key = `${struck} ${isHung} ${differenceFrom(recorded, outcome)}`;
    let objections = this.#known.get(key);
    if (objections === undefined) {
      objections = isHung ? new Set(['watchdog']) : this.#objections(scenario, recorded, outcome);
      this.#known.set(key, objections);
    }
    return objections;
  }

  #objections(scenario: Scenario, recorded: ScenarioOutcome, outcome: ScenarioOutcome): Objections {
    const { layout } = this.#sound;
    const isAmong = (outcomes: readonly ScenarioOutcome[]) =>
      outcomes.some((known) => sameOutcome(layout, known, outcome));
    const objections = new Set<Oracle>();
    if (!compareSnapshots(layout, recorded.words, outcome.words).equal) objections.add('diff');
    if (!isAmong(this.#soundOutcomes ?? [])) objections.add('level');
    if (!isAmong(this.#own.allOrders(scenario))) objections.add('self');
    if (outcome.faults.length > 0) objections.add('watchdog');
    if (!sameEnds(recorded, outcome)) objections.add('ends');
    return objections.size === 0 ? NO_OBJECTIONS : objections;
  }
}

/** A text that is the same for the same outcome: what is different from a known one. */
function differenceFrom(recorded: ScenarioOutcome, { words, done, pending, faults }: ScenarioOutcome): string {
  let difference = `${done} ${pending} ${faults.map(({ slotIndex, message }) => `${slotIndex} ${message}`).join()}`;
  for (let index = 0; index < words.length; index += 1) {
    if (words[index] !== recorded.words[index]) difference += ` ${index}:${words[index]}`;
  }
  return difference;
}
