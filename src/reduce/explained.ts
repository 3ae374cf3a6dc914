/** What explaining says of an outcome, as a part of a failure's signature. */

import { explain } from '../explain/index.ts';
import type { Scenario, ScenarioOutcome } from '../scenario/index.ts';

/** A search that goes on for longer is not worth it: outcomes are explained by the hundred. */
const MOST_NODES = 2_000;
/** Whether single accesses explain what slots do not is the question of `vrrl explain`, and costs runs. */
const MOST_RUNS = 1;

/**
 * Which demand an outcome does not meet, and what kind of contradiction that is: `coherence (lost update)`.
 *
 * @returns undefined if some order of whole slots explains it, or if nobody knows.
 */
export function violationOf(scenario: Scenario, outcome: ScenarioOutcome): string | undefined {
  const { violated, contradiction } = explain(scenario, outcome, { maxNodes: MOST_NODES, maxRuns: MOST_RUNS });
  if (violated === undefined) return undefined;
  const demand = violated === 'provenance' || violated === 'coherence' ? violated : 'no serial order';
  return contradiction === undefined ? demand : `${demand} (${contradiction.shape})`;
}
