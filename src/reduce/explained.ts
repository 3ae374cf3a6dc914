/** What explaining says of an outcome, as a part of a failure's signature. */

import { explain } from '../explain/index.ts';
import type { Scenario, ScenarioOutcome } from '../scenario/index.ts';

/** A search that goes on for longer is not worth it: outcomes are explained by the thousand. */
const MOST_NODES = 100_000;
const MOST_RUNS = 2_000;

/**
 * The weakest demand that an outcome does not meet, and what kind of contradiction that is: `coherence (lost update)`.
 *
 * @returns undefined if some order of whole slots explains it, or if nobody knows.
 */
export function violationOf(scenario: Scenario, outcome: ScenarioOutcome): string | undefined {
  const { verdict, violated, contradiction } = explain(scenario, outcome, { maxNodes: MOST_NODES, maxRuns: MOST_RUNS });
  if (verdict === 'unknown' || violated === undefined) return undefined;
  return contradiction === undefined ? violated : `${violated} (${contradiction.shape})`;
}
