/** The schedule that is handed to people: of the whole epoch if one is found, since that is what commands take. */

import { compareOutcomes, type Explanation } from '../explain/index.ts';
import { type MemoryModel, type Run, replayToken, sample, TokenError } from '../explore/index.ts';
import { observationLayoutOf } from '../kernel/index.ts';
import { resolveLayout } from '../observe/index.ts';
import type { Scenario, ScenarioOutcome } from '../scenario/index.ts';
import type { ReportedToken } from './report.ts';

/** Schedules that are drawn to find one of the whole epoch, in all, and accesses that they may have together. */
const MAX_RUNS = 4_000;
const MAX_ACCESSES = 2_000_000;

/** A token for what was explained by single accesses; undefined if it was not. */
export function tokenOf(
  scenario: Scenario,
  outcome: ScenarioOutcome | undefined,
  { witness }: Explanation,
): ReportedToken | undefined {
  if (witness?.kind !== 'accesses') return undefined;
  const { token, slots, memory } = witness;
  if (canReplay(scenario, token)) return { token, slots, isOfWholeEpoch: true };
  const whole = outcome && wholeToken(scenario, outcome, memory);
  if (whole === undefined) return { token, slots, isOfWholeEpoch: false };
  return { token: whole, slots: [...scenario.slots.keys()], isOfWholeEpoch: true };
}

function canReplay(scenario: Scenario, token: string): boolean {
  try {
    replayToken(scenario, token);
    return true;
  } catch (error) {
    if (error instanceof TokenError) return false;
    throw error;
  }
}

function wholeToken(scenario: Scenario, outcome: ScenarioOutcome, memory: MemoryModel): string | undefined {
  const layout = resolveLayout(observationLayoutOf(scenario.kernel));
  let token: string | undefined;
  let accesses = 0;
  const onRun = (run: Run) => {
    accesses += run.steps;
    if (!run.isHung && compareOutcomes(layout, run.outcome, outcome).isSame) token = run.token();
    return token !== undefined || accesses > MAX_ACCESSES;
  };
  for (const sampler of ['uniform', 'pct'] as const) {
    if (token === undefined) sample(scenario, { sampler, memory, runs: MAX_RUNS / 2, maxSteps: 10_000 }, onRun);
  }
  return token;
}
