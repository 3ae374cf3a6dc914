/** Which of the outcomes that exploring counted are findings, within a bound on what that may cost. */

import { type Explanation, explain } from '../src/explain/index.ts';
import {
  accessesThatMatter,
  type CountedOutcome,
  type JudgedOutcome,
  judgeSeriality,
  replayToken,
  type Seriality,
  SerialTrials,
  type TracedAccess,
} from '../src/explore/index.ts';
import { observationLayoutOf } from '../src/kernel/index.ts';
import { compareSnapshots, resolveLayout } from '../src/observe/index.ts';
import type { Scenario, ScenarioOutcome } from '../src/scenario/index.ts';

/** States of serial orders that are looked at in all, unless the user says otherwise: a few seconds. */
export const DEFAULT_JUDGING_NODES = 200_000;
/** Of these for an outcome at first, and how much more in each further round. */
const FIRST_SHARE = 1_000;
const FURTHER_SHARE = 8;
/** Explaining costs something before the first state, too: as much as so many states, and more where slots do more. */
const NODES_OF_ASKING = 200;
const ACCESSES_A_NODE = 8;
/** Bounds of the text about a finding that is one for certain: enough to say what its accesses did. */
const TELLING = { maxNodes: 20_000, maxRuns: 20_000 };
/** Outcomes of serial orders that are compared to find the nearest. */
const MOST_COMPARED = 500;

export interface Judgement {
  readonly serialities: readonly Seriality[];
  /** Outcomes that were not looked into any further, since the states were used up. */
  readonly notJudged: number;
  /** Why the i-th outcome cannot be, for those that were explained. */
  readonly explanations: ReadonlyMap<number, Explanation>;
  readonly trials: SerialTrials;
}

/** Judges outcomes, what is cheap first: orders that were run, orders near the run's own, then as much search as is left. */
export function judgeOutcomes(
  scenario: Scenario,
  outcomes: readonly JudgedOutcome[],
  maxNodes: number,
  onJudged: (done: number) => void = () => {},
): Judgement {
  const trials = new SerialTrials(scenario);
  const serialities = [...judgeSeriality(scenario, outcomes, trials)];
  const explanations = new Map<number, Explanation>();
  let waiting = trials.isComplete ? [] : [...serialities.keys()].filter((index) => isOpen(index));
  let nodesLeft = maxNodes;
  const nodesOfAsking = Math.max(NODES_OF_ASKING, Math.ceil(trials.accessesAnOrder / ACCESSES_A_NODE));
  for (let share = FIRST_SHARE; waiting.length > 0 && nodesLeft > 0; share *= FURTHER_SHARE) {
    const further: number[] = [];
    for (const [asked, index] of waiting.entries()) {
      if (nodesLeft <= 0) {
        further.push(...waiting.slice(asked));
        break;
      }
      const nodes = Math.min(share, nodesLeft);
      const explanation = explain(scenario, outcomes[index].outcome, { maxNodes: nodes, maxRuns: 1 });
      nodesLeft -= explanation.nodes + nodesOfAsking;
      serialities[index] = serialityOf(explanation);
      if (serialities[index] === 'not serial') explanations.set(index, explanation);
      // Whoever gave up early gives up for another reason than the number of states.
      if (serialities[index] === 'unknown' && explanation.nodes >= nodes) further.push(index);
      onJudged(outcomes.length - waiting.length + asked + 1);
    }
    waiting = further;
  }
  return { serialities, notJudged: waiting.length, explanations, trials };

  function isOpen(index: number): boolean {
    return serialities[index] === 'unknown' && !outcomes[index].isHung;
  }
}

/** A contradiction is one of whole slots, whatever single accesses could do. */
function serialityOf({ verdict, holds, contradiction }: Explanation): Seriality {
  if (contradiction !== undefined) return 'not serial';
  return verdict === 'serializable' && holds === 'slot-serial' ? 'serial' : 'unknown';
}

/** A word, or how the slots ended, as it is and as the nearest serial order would have it. */
export interface NearestDifference {
  readonly name: string;
  readonly seen: string;
  readonly nearest: string;
}

/** What is told about a finding. */
export interface FindingDetails {
  /** One line, if it could be explained. */
  readonly summary: string | undefined;
  readonly differences: readonly NearestDifference[];
  /** Of the slots that take part in it, where they had to do with each other. */
  readonly accesses: readonly TracedAccess[];
}

/** Looks into the outcome of a schedule. */
export function detailsOf(
  scenario: Scenario,
  finding: Pick<CountedOutcome, 'outcome' | 'isHung' | 'token'>,
  trials: SerialTrials,
  seriality: Seriality,
  known: Explanation | undefined,
): FindingDetails {
  const { outcome, isHung, token } = finding;
  const isTold = seriality === 'not serial' && !isHung;
  const told = isTold ? explain(scenario, outcome, TELLING) : undefined;
  // Whoever found the contradiction may have had more states to look at.
  const explained = told?.contradiction === undefined ? known : told;
  return {
    summary: explained?.contradiction === undefined ? undefined : explained.summary,
    differences: nearestDifferences(scenario, outcome, trials),
    accesses: accessesOfPart(replayToken(scenario, token).trace(), explained?.contradiction?.slots ?? []),
  };
}

/** All that matter if the part has nothing to do with each other. */
function accessesOfPart(trace: readonly TracedAccess[], slots: readonly number[]): TracedAccess[] {
  const ofPart = slots.length > 1 ? accessesThatMatter(trace, new Set(slots)) : [];
  return ofPart.length > 0 ? ofPart : accessesThatMatter(trace);
}

/** How an outcome differs from the most similar one that an order gave which was run. */
function nearestDifferences({ kernel }: Scenario, seen: ScenarioOutcome, trials: SerialTrials): NearestDifference[] {
  const layout = resolveLayout(observationLayoutOf(kernel));
  let nearest: NearestDifference[] | undefined;
  for (const { outcome, isHung } of trials.outcomes().slice(0, MOST_COMPARED)) {
    if (isHung) continue;
    const words = compareSnapshots(layout, outcome.words, seen.words).differences.flatMap((difference) =>
      difference.kind === 'words'
        ? difference.words.map((word) => ({
            name: word.name,
            seen: String(word.seen),
            nearest: String(word.expected),
          }))
        : [
            {
              name: difference.region.name,
              seen: `${difference.extraCount} other records`,
              nearest: `${difference.missingCount} that are not there`,
            },
          ],
    );
    const ends = (['done', 'pending'] as const)
      .filter((name) => outcome[name] !== seen[name])
      .map((name) => ({ name: `slots ${name}`, seen: String(seen[name]), nearest: String(outcome[name]) }));
    const differences = [...words, ...ends];
    if (nearest === undefined || differences.length < nearest.length) nearest = differences;
  }
  return nearest ?? [];
}
