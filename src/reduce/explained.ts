/** What explaining says of an outcome, as a part of a failure's signature. */

import { explain } from '../explain/index.ts';
import type { Scenario, ScenarioOutcome } from '../scenario/index.ts';

/** What the signature of a failure begins with if nobody can tell whether it is one. */
const UNDECIDED = 'undecided';

/** A search that goes on for longer is not worth it: outcomes are explained by the hundred. */
const MOST_NODES = 2_000;
/** Where what is not told counts as a failure, it is worth more. */
const NODES_TO_EXCUSE = 20_000;
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

/**
 * What stands against an outcome: that no order of whole slots explains it, or that none of those that were tried does. Which
 * contradiction that is would change while slots go, with how much of the search can be afforded.
 *
 * @returns undefined if some order of whole slots explains it.
 */
export function objectionTo(scenario: Scenario, outcome: ScenarioOutcome): string | undefined {
  const explanation = explain(scenario, outcome, { maxNodes: NODES_TO_EXCUSE, maxRuns: 0 });
  if (explanation.violated !== undefined) return 'no order of its slots';
  return explanation.verdict === 'unknown' ? UNDECIDED : undefined;
}

/** Whether a failure is one only because nobody can tell. */
export function isUndecided(signature: string): boolean {
  return signature.startsWith(UNDECIDED);
}
