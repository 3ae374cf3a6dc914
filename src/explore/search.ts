/** What every way of taking all schedules has in common. */

import type { ScheduledRun } from './schedule.ts';
import type { StepMachine } from './step-machine.ts';

/** Takes schedules one after the other until there are none left. */
export interface Search {
  /**
   * One run of a machine that was just reset, and what was decided in it.
   *
   * @returns false if it was given up, since whatever came of it was seen already.
   */
  take(machine: StepMachine, taken: ScheduledRun): boolean;
  /** How much it did beside the accesses of its runs, in as many accesses as take about as long. */
  readonly extraEffort?: number;
  /** Turns to the next schedule; false if there is none. */
  next(): boolean;
}

/** Takes a step and keeps what was decided, if anything was. */
export function takeStep(
  machine: StepMachine,
  taken: ScheduledRun,
  lane: number,
  option: number,
  options: number,
): void {
  if (machine.readyCount > 1) taken.lanes.push(lane);
  if (options > 1) taken.options.push(option);
  machine.step(lane, option);
}
