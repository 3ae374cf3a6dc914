/** The schedule with the fewest switches between lanes that shows a failure, and the passing one that is nearest to it. */

import type { MemoryModel, Run, TracedAccess } from '../explore/index.ts';
import { type LogCandidate, scenarioOf } from './candidate.ts';
import { affordableRuns, copyOf, type ExplorerSubject } from './explorer-subject.ts';
import type { Failure } from './oracle.ts';

/** A failing schedule beside one that does not fail. */
export interface ScheduleComparison {
  readonly token: string;
  readonly failure: Failure;
  /** Times that another lane goes on than the one before, over accesses that others can get in the way of. */
  readonly switches: number;
  /** Of the schedule that the search began with. */
  readonly switchesBefore: number;
  /** No schedule that fails has fewer: all were looked at. */
  readonly isFewest: boolean;
  readonly failing: readonly TracedAccess[];
  /** Of the runs that were looked at and do not fail, the one that goes the same way for longest. */
  readonly passing: readonly TracedAccess[] | undefined;
  /** Accesses that both begin with. */
  readonly sharedAccesses: number;
  readonly runs: number;
}

const MOST_SCHEDULES = 20_000;

/**
 * Goes through schedules of a candidate, all of them if they are few, and keeps the simplest that fails with the signature.
 *
 * @param token a schedule that fails so, to begin with.
 */
export async function fewestSwitches(
  candidate: LogCandidate,
  subject: ExplorerSubject,
  token: string,
  signature: string,
  { memory = 'sequential' }: { readonly memory?: MemoryModel } = {},
): Promise<ScheduleComparison | undefined> {
  const scenario = scenarioOf(candidate);
  if (scenario === undefined) return undefined;
  const explorer = subject.explorerOf(scenario.kernel);
  const oracle = await subject.oracleFor(candidate);
  const mostRuns = affordableRuns(explorer, scenario, memory, MOST_SCHEDULES);
  const first = explorer.replay(scenario, token);
  const began = oracle.failureOf([copyOf(first.outcome)]);
  if (began?.signature !== signature) return undefined;
  const failing = first.trace();
  const before = switchesOf(failing);
  let best = { token, failure: began, failing, switches: before };
  const look = (run: Run): void => {
    const failure = run.isHung ? undefined : oracle.failureOf([run.outcome]);
    if (failure?.signature !== signature) return;
    const trace = run.trace();
    const switches = switchesOf(trace);
    if (switches >= best.switches) return;
    const copied = { ...failure, outcomes: [copyOf(run.outcome)] };
    best = { token: run.token(), failure: copied, failing: trace, switches };
  };
  // Orders that commute differ in their switches, so none is left out.
  const all = explorer.exhaust(scenario, { memory, maxRuns: mostRuns, reduction: false }, look);
  let { runs } = all;
  if (!all.complete) {
    // Few changes of priority are few switches.
    runs += explorer.sample(scenario, { memory, sampler: 'pct', depth: 2, seed: 1, runs: mostRuns }, look).runs;
  }
  const near = { passing: undefined as readonly TracedAccess[] | undefined, sharedAccesses: 0 };
  const approach = (run: Run): void => {
    if (run.isHung || oracle.failureOf([run.outcome]) !== undefined) return;
    const trace = run.trace();
    const shared = sharedStart(best.failing, trace);
    if (near.passing !== undefined && shared <= near.sharedAccesses) return;
    near.passing = trace;
    near.sharedAccesses = shared;
  };
  explorer.exhaust(scenario, { memory, maxRuns: Math.min(mostRuns, MOST_PASSING) }, approach);
  if (near.passing === undefined)
    explorer.sample(scenario, { memory, runs: Math.min(mostRuns, MOST_PASSING) }, approach);
  return { ...best, ...near, switchesBefore: before, isFewest: all.complete, runs };
}

/** Traces cost a run each. */
const MOST_PASSING = 2_000;

function switchesOf(trace: readonly TracedAccess[]): number {
  let switches = 0;
  let last: number | undefined;
  for (const { record, isContended } of trace) {
    if (!isContended) continue;
    if (last !== undefined && record !== last) switches += 1;
    last = record;
  }
  return switches;
}

/** How many contended accesses two runs begin with alike. */
function sharedStart(left: readonly TracedAccess[], right: readonly TracedAccess[]): number {
  const [mine, other] = [left, right].map((trace) => trace.filter(({ isContended }) => isContended));
  let shared = 0;
  while (shared < mine.length && shared < other.length && isSame(mine[shared], other[shared])) shared += 1;
  return shared;
}

function isSame(left: TracedAccess, right: TracedAccess): boolean {
  return left.record === right.record && left.memory === right.memory && left.word === right.word;
}
