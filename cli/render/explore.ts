/** What `vrrl explore` found, as data. */

import { PublishError } from '../../src/backend/index.ts';
import { replayOrder } from '../../src/explain/index.ts';
import type { MemoryModel, Sampler, Seriality, TracedAccess } from '../../src/explore/index.ts';
import { observationLayoutOf } from '../../src/kernel/index.ts';
import { compareSnapshots, resolveLayout } from '../../src/observe/index.ts';
import type { Scenario, ScenarioOutcome } from '../../src/scenario/index.ts';
import type { FindingDetails } from '../explore-judging.ts';
import type { NamedScenario } from '../explored-scenario.ts';

/** How schedules were taken. */
export interface HowExplored {
  readonly memory: MemoryModel;
  readonly exhaustive: boolean;
  readonly sampler?: Sampler;
  readonly seed?: number;
  readonly depth?: number;
}

/** A word, or a record of the debug log, that is another than the order of publishing makes it. */
export interface OutcomeDifference {
  readonly name: string;
  /** What the slots give one after the other in the order of publishing. */
  readonly published: string;
  readonly seen: string;
}

export interface FoundOutcome {
  readonly outcome: ScenarioOutcome;
  readonly isHung: boolean;
  readonly count: number;
  readonly token: string;
  readonly seriality: Seriality;
  /** It is what was seen when the epoch was recorded. */
  readonly isRecorded: boolean;
  readonly differences: readonly OutcomeDifference[];
}

export interface Explored {
  readonly named: NamedScenario;
  readonly how: HowExplored;
  readonly runs: number;
  /** Accesses over all runs, scheduled or not. */
  readonly accesses: number;
  /** There were to be more runs, but for the bound on accesses. */
  readonly isCutOff: boolean;
  readonly uncounted: number;
  /** Every outcome that is possible is among those found. */
  readonly isComplete: boolean;
  readonly outcomes: readonly FoundOutcome[];
  /** Outcomes of which nobody knows whether they are serial, since looking into them was to cost more than allowed. */
  readonly notJudged: number;
  /** The finding that is told about, by its place in `outcomes`. */
  readonly told: { readonly index: number; readonly details: FindingDetails } | undefined;
  /** The command that replays a token, up to the token. */
  readonly replayCommand: string;
}

/** How an outcome differs from that of the order of publishing. */
export function differencesOf(scenario: Scenario, outcome: ScenarioOutcome): OutcomeDifference[] {
  const layout = resolveLayout(observationLayoutOf(scenario.kernel));
  if (!publishedOutcomes.has(scenario)) publishedOutcomes.set(scenario, publishedOutcome(scenario));
  const published = publishedOutcomes.get(scenario);
  if (published === undefined) return [];
  const ends = (['done', 'pending'] as const)
    .filter((name) => published[name] !== outcome[name])
    .map((name) => ({ name, published: String(published[name]), seen: String(outcome[name]) }));
  const faults = [published, outcome].map((each) => each.faults.map(({ message }) => message).join('; '));
  const faultDifference =
    faults[0] === faults[1] ? [] : [{ name: 'faults', published: faults[0] || 'none', seen: faults[1] || 'none' }];
  const words = compareSnapshots(layout, published.words, outcome.words).differences.flatMap((difference) =>
    difference.kind === 'words'
      ? difference.words.map(({ name, expected, seen }) => ({ name, published: String(expected), seen: String(seen) }))
      : [
          {
            name: difference.region.name,
            published: `${difference.missingCount} not seen`,
            seen: `${difference.extraCount} others`,
          },
        ],
  );
  return [...words, ...ends, ...faultDifference];
}

/** There may be thousands of outcomes to compare with the one. */
const publishedOutcomes = new WeakMap<Scenario, ScenarioOutcome | undefined>();

/** Undefined if a slot of the ring is never free again, so that the order of publishing comes to no end. */
function publishedOutcome(scenario: Scenario): ScenarioOutcome | undefined {
  try {
    return replayOrder(scenario, [...scenario.slots.keys()]);
  } catch (error) {
    if (error instanceof PublishError) return undefined;
    throw error;
  }
}

/** The object that `explore --json` prints. */
export function exploredJson(tool: string, explored: Explored): unknown {
  const { named, how, runs, accesses, uncounted, isComplete, isCutOff, outcomes, notJudged, told } = explored;
  return {
    schemaVersion: 1,
    tool,
    ...subjectJson(named),
    ...how,
    runs,
    accessesTaken: accesses,
    cutOff: isCutOff,
    complete: isComplete,
    uncounted,
    outcomes: outcomes.map(({ outcome, isHung, count, token, seriality, isRecorded, differences }) => ({
      count,
      seriality,
      recorded: isRecorded,
      hung: isHung,
      done: outcome.done,
      pending: outcome.pending,
      faults: outcome.faults.length,
      differences,
      token,
    })),
    notJudged,
    ...(told === undefined ? {} : { finding: findingJson(outcomes[told.index], told.details) }),
    notes: notesOf(named, outcomes),
  };
}

function findingJson({ token }: FoundOutcome, { summary, differences, accesses }: FindingDetails): unknown {
  return { token, ...(summary === undefined ? {} : { summary }), differences, accesses: accesses.map(accessJson) };
}

/** An access as it is printed. */
export function accessJson({ usesFound: _, isTurn: __, ...access }: TracedAccess): unknown {
  return access;
}

/** What was explored. */
export function subjectJson({ name, scenario }: NamedScenario): Record<string, unknown> {
  const { kernel, slots } = scenario;
  return { explored: name, kernel: { name: kernel.name, identity: kernel.identity }, slots: slots.length };
}

export function notesOf({ notes, recorded }: NamedScenario, outcomes: readonly FoundOutcome[]): readonly string[] {
  const isMissing = recorded !== undefined && !outcomes.some(({ isRecorded }) => isRecorded);
  if (!isMissing) return notes;
  return [...notes, 'what was recorded did not come up in these runs; another --sampler, --memory or --exhaustive may'];
}
