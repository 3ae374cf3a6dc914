/** The different outcomes of one epoch, over the recording and all backends, each explained. */

import { RECORDING } from '../diff/index.ts';
import { type ExplainOptions, type Explanation, explain } from '../explain/index.ts';
import type { Kernel } from '../kernel/index.ts';
import { DEBUG_WORDS } from '../protocol/index.ts';
import {
  type BackendReplay,
  type Outcome,
  type PlannedEpoch,
  type ReplayPlan,
  type Signature,
  sameSignature,
} from '../replay/index.ts';
import { type Scenario, type ScenarioOutcome, scenarioOfEpoch, slotsOfEpoch } from '../scenario/index.ts';
import type { SeenBy } from './report.ts';

/** Each outcome may take a search: after so many states of all of them together the rest is left. */
const MAX_NODES = 2_000_000;
/** What a run of single accesses counts beside a state. */
const NODES_A_RUN = 20;

export interface ExplainedOutcome {
  readonly seenBy: readonly SeenBy[];
  /** Undefined if its words were not kept. */
  readonly outcome: ScenarioOutcome | undefined;
  readonly explanation: Explanation | undefined;
}

export interface EpochOutcomes {
  readonly scenario: Scenario | undefined;
  /** Those most worth a look come first. */
  readonly outcomes: readonly ExplainedOutcome[];
  readonly unlisted: number;
  /** States that explaining took. */
  readonly nodes: number;
  /** What stands against explaining them. */
  readonly problems: readonly string[];
}

interface DistinctOutcome {
  readonly signature: Signature;
  readonly seenBy: SeenBy[];
  /** Undefined if its words were not kept. */
  outcome: ScenarioOutcome | undefined;
}

/** Gathers and explains the outcomes of an epoch. */
export function outcomesOfEpoch(
  plan: ReplayPlan,
  replays: readonly BackendReplay[],
  epoch: PlannedEpoch,
  kernel: Kernel | undefined,
  options: ExplainOptions,
): EpochOutcomes {
  const { scenario, recorded, problems } = scenarioFor(plan, replays, epoch, kernel);
  const distinct = distinctOutcomes(replays, epoch, recorded);
  let nodes = 0;
  const outcomes = distinct.map(({ seenBy, outcome }) => {
    const canBe = scenario !== undefined && outcome !== undefined && nodes < MAX_NODES;
    const explanation = canBe ? explain(scenario, outcome, options) : undefined;
    if (explanation !== undefined) nodes += explanation.nodes + NODES_A_RUN * explanation.runs;
    return { seenBy, outcome, explanation };
  });
  const unlisted = replays.reduce((sum, { epochs }) => sum + epochs[epoch.index].unlistedCount, 0);
  return {
    scenario,
    outcomes: outcomes.toSorted((left, right) => rank(left) - rank(right)),
    unlisted,
    problems,
    nodes,
  };
}

/** How bad the worst outcome of an epoch is, 0 if it is a violation; what was not explained is as bad as what nobody can tell. */
export function worstRank({ outcomes }: EpochOutcomes): number {
  const worst = outcomes.at(0);
  return worst?.explanation === undefined ? NOT_KNOWN : rank(worst);
}

interface ScenarioFor {
  readonly scenario: Scenario | undefined;
  readonly recorded: ScenarioOutcome | undefined;
  readonly problems: readonly string[];
}

function scenarioFor(
  plan: ReplayPlan,
  replays: readonly BackendReplay[],
  epoch: PlannedEpoch,
  kernel: Kernel | undefined,
): ScenarioFor {
  if (kernel === undefined) {
    const problems = ['the kernel is not known to vrrl, so nobody can say what its slots do'];
    return { scenario: undefined, recorded: undefined, problems };
  }
  const made = scenarioOfEpoch(plan, epoch, kernel);
  const { scenario, recorded, problems } = made;
  if (scenario !== undefined || plan.observations !== undefined || !epoch.isReplayable || epoch.pendingBefore > 0) {
    return { scenario, recorded, problems };
  }
  const initial = agreedBefore(replays, epoch, kernel);
  if (initial === undefined) return { scenario, recorded, problems };
  return {
    scenario: { kernel, initial, ...slotsOfEpoch(plan, epoch) },
    recorded,
    problems: ['nothing was recorded: the state before the epoch is what all replicas came to'],
  };
}

/** What all replicas of all backends had come to before an epoch of which nothing was recorded. */
function agreedBefore(
  replays: readonly BackendReplay[],
  { index }: PlannedEpoch,
  kernel: Kernel,
): Uint32Array | undefined {
  if (index === 0) return undefined;
  const before = replays.flatMap(({ epochs }) => epochs[index - 1].outcomes);
  const [first, ...others] = before;
  const isAgreed = first !== undefined && others.every(({ signature }) => sameSignature(signature, first.signature));
  const snapshot = before.find((outcome) => isOfKernel(outcome, kernel))?.snapshot;
  if (!isAgreed || snapshot === undefined || first.tally.pending > 0) return undefined;
  const words = snapshot.slice();
  // Whoever observed it took the records of the debug log away.
  words[kernel.controlWords] = 0;
  return words;
}

function isOfKernel({ snapshot }: Outcome, { controlWords }: Kernel): boolean {
  return snapshot?.length === controlWords + DEBUG_WORDS;
}

function distinctOutcomes(
  replays: readonly BackendReplay[],
  { index }: PlannedEpoch,
  recorded: ScenarioOutcome | undefined,
): DistinctOutcome[] {
  const found: DistinctOutcome[] = [];
  const expected = replays.at(0)?.epochs[index].expected;
  if (expected !== undefined) {
    const seenBy = [{ source: RECORDING, count: 1, total: 1 }];
    found.push({ signature: expected.signature, seenBy, outcome: recorded });
  }
  for (const { backend, epochs } of replays) {
    const { outcomes, replicas } = epochs[index];
    for (const { signature, count, snapshot, tally, faults } of outcomes) {
      const words = snapshot;
      const outcome = words && { words, done: tally.done, pending: tally.pending, faults };
      const by = { source: backend, count, total: replicas };
      const known = found.find((each) => sameSignature(each.signature, signature));
      known?.seenBy.push(by);
      if (known === undefined) found.push({ signature, seenBy: [by], outcome });
      else known.outcome ??= outcome;
    }
  }
  return found;
}

const [VIOLATION, NOT_KNOWN] = [0, 1];

/** What nobody could have wanted first, then what is not understood, then what is legal and surprising. */
function rank({ explanation }: ExplainedOutcome): number {
  if (explanation === undefined) return 6;
  const { verdict, violated, witness } = explanation;
  if (verdict === 'unserializable') return VIOLATION;
  if (verdict === 'unknown') return NOT_KNOWN;
  if (violated !== undefined) return 3;
  return witness?.kind === 'slots' && witness.isPublishOrder ? 5 : 4;
}
