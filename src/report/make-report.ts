/** From a judged replay to a report: the epoch is picked, explained, and everything that is known of it is gathered. */

import { type EpochVerdict, type Judgement, judgeEpochs, rateOf } from '../diff/index.ts';
import type { ExplainOptions, Explanation } from '../explain/index.ts';
import type { Kernel } from '../kernel/index.ts';
import type { BackendReplay, PlannedEpoch, ReplayPlan } from '../replay/index.ts';
import { laneTables } from './lane-table.ts';
import { mutantHints } from './mutant-hints.ts';
import { type EpochOutcomes, outcomesOfEpoch } from './outcomes.ts';
import { pickEpoch } from './pick-epoch.ts';
import { findRemedies } from './remedies.ts';
import type {
  Command,
  EpochStretch,
  Hints,
  Report,
  ReportedBackend,
  ReportedEpoch,
  ReportedExplanation,
  ReportedOutcome,
  ReportedReduction,
  ReportedToken,
  SeeAgain,
} from './report.ts';
import { overviewText, plural, sourceText } from './sentences.ts';
import { tokenOf } from './token.ts';

/** What a report is made from. */
export interface ReportInput {
  /** Name and version of the program. */
  readonly tool: string;
  readonly log: string;
  readonly plan: ReplayPlan;
  readonly replays: readonly BackendReplay[];
  readonly judgement: Judgement;
  readonly kernel: Kernel | undefined;
  /** Where the kernel is from. */
  readonly kernelSource: string;
  /** Records that the log is known to have lost. */
  readonly lost: number;
  readonly notes: readonly string[];
  /** The epoch to report on, counted over the recording; default: the first that is worst of those that diverge. */
  readonly epoch?: number;
  /** What backends run on, by their names. */
  readonly devices: ReadonlyMap<string, Readonly<Record<string, string>>>;
  readonly seeAgain: Pick<SeeAgain, 'seed' | 'versions'>;
  /** Lines for a shell that show again what was found. */
  readonly commands: (found: Found) => readonly Command[];
  readonly reduction?: ReportedReduction;
  readonly explain?: ExplainOptions;
}

/** What commands can be about. */
export interface Found {
  /** The epoch that is explained; undefined if none is. */
  readonly epoch: number | undefined;
  /** Who saw what is explained first: `recording`, or a backend. */
  readonly source: string | undefined;
  /** A schedule of the whole epoch. */
  readonly token: string | undefined;
}

/** Makes a report. Runs searches and schedules of the epoch, all of them bounded by counts. */
export function makeReport(input: ReportInput): Report {
  const { judgement, plan, replays, kernel } = input;
  const verdicts = judgeEpochs(plan, replays);
  const picked = pickEpoch(input, verdicts);
  const closely = picked.epoch && lookClosely(input, picked.epoch, verdicts[picked.epoch.index], picked.outcomes);
  const { agreeing, diverging, unknown, notReached, total } = judgement.epochs;
  return {
    schemaVersion: 1,
    tool: input.tool,
    log: input.log,
    headline: headlineOf(input, closely?.epoch),
    verdict: judgement.verdict,
    comparedWith: judgement.comparedWith,
    mode: judgement.mode,
    records: plan.columns.length,
    lost: input.lost,
    kernel: { source: input.kernelSource, name: kernel?.name, identity: kernel?.identity },
    epochs: { total, agreeing, diverging, unknown, notReached, stretches: stretchesOf(plan, verdicts) },
    epoch: closely?.epoch,
    backends: backendsOf(input, picked.epoch),
    oddOneOut: judgement.oddOneOut,
    seeAgain: { ...input.seeAgain, token: closely?.token, commands: input.commands(foundBy(closely)) },
    reduction: input.reduction,
    hints: closely?.hints ?? { mutants: [], remedies: undefined },
    notKnown: notKnownOf(input, [...picked.notLookedAt, ...(closely?.problems ?? [])]),
    notes: input.notes,
  };
}

function foundBy(closely: CloseLook | undefined): Found {
  if (closely?.epoch.explanation === undefined) return { epoch: undefined, source: undefined, token: undefined };
  const { token, epoch } = closely;
  return {
    epoch: epoch.epoch,
    source: epoch.outcomes[0].seenBy[0].source,
    token: token?.isOfWholeEpoch ? token.token : undefined,
  };
}

interface CloseLook {
  readonly epoch: ReportedEpoch;
  readonly token: ReportedToken | undefined;
  readonly hints: Hints;
  readonly problems: readonly string[];
}

function lookClosely(
  input: ReportInput,
  planned: PlannedEpoch,
  verdict: EpochVerdict,
  outcomes: EpochOutcomes | undefined,
): CloseLook {
  const { plan, replays, kernel, judgement } = input;
  const found = outcomes ?? outcomesOfEpoch(plan, replays, planned, kernel, input.explain ?? {});
  const explanation = found.outcomes.at(0)?.explanation;
  const { scenario } = found;
  const hasBoth = scenario !== undefined && explanation !== undefined;
  const first = judgement.firstDivergence;
  const epoch: ReportedEpoch = {
    epoch: planned.ordinal,
    deviceEpoch: planned.deviceEpoch,
    verdict,
    slotCount: planned.endRecord - planned.firstRecord,
    divergence: first?.epoch === planned.ordinal ? first : undefined,
    outcomes: found.outcomes.map(reportedOutcome),
    unlistedOutcomes: found.unlisted,
    explanation: explanation && reportedExplanation(explanation),
    ...(hasBoth ? laneTables(scenario, explanation) : NO_TABLES),
  };
  return {
    epoch,
    token: hasBoth ? tokenOf(scenario, found.outcomes[0].outcome, explanation) : undefined,
    hints: {
      mutants: explanation === undefined ? [] : mutantHints(explanation),
      remedies: hasBoth ? findRemedies(scenario, explanation) : undefined,
    },
    problems: problemsOf(found, planned),
  };
}

const NO_TABLES = { failing: undefined, passing: undefined, partsAtRow: undefined };

function problemsOf({ problems, outcomes, unlisted }: EpochOutcomes, { ordinal }: PlannedEpoch): string[] {
  const unexplained = outcomes.filter(({ explanation }) => explanation === undefined).length;
  const explained = outcomes.flatMap(({ explanation }) => explanation?.notKnown ?? []);
  return [
    ...problems.map((problem) => `epoch ${ordinal}: ${problem}`),
    ...explained.map((reason) => `epoch ${ordinal}: ${reason}`),
    ...(unexplained === 0 ? [] : [`epoch ${ordinal}: ${plural(unexplained, 'outcome')} of it not explained`]),
    ...(unlisted === 0 ? [] : [`epoch ${ordinal}: ${plural(unlisted, 'replica')} had outcomes that were only counted`]),
  ];
}

function reportedOutcome({ seenBy, explanation }: EpochOutcomes['outcomes'][number]): ReportedOutcome {
  if (explanation === undefined) return { seenBy, explained: undefined };
  const { verdict, violated, summary } = explanation;
  return { seenBy, explained: { verdict, violated, summary } };
}

function reportedExplanation(explanation: Explanation): ReportedExplanation {
  const { verdict, violated, holds, summary, argument, weakShape, brokenPromises, nodes, runs } = explanation;
  const { contradiction, slots, witness, assumed, notKnown } = explanation;
  const promising = slots.filter(({ promisesAtomicity }) => promisesAtomicity).map(({ text }) => nameIn(text));
  const promises = [...new Set(promising)].map((name) => `${name} promises to happen at once, says the kernel`);
  return {
    ...{ verdict, violated, holds, summary, argument, weakShape, brokenPromises, nodes, runs, notKnown },
    assumed: [...assumed, ...promises],
    contradiction,
    // Where there is no argument about some of them, they are all of the epoch's.
    slots: contradiction === undefined ? [] : slots,
    serialOrder: witness?.kind === 'slots' ? witness.order : undefined,
    isPublishOrder: witness?.kind === 'slots' && witness.isPublishOrder,
  };
}

/** `MEMCPY` of `MEMCPY(170, 180, 2)`. */
function nameIn(slotText: string): string {
  return slotText.replace(/\(.*$/s, '');
}

function stretchesOf({ epochs }: ReplayPlan, verdicts: readonly EpochVerdict[]): EpochStretch[] {
  const stretches: { verdict: EpochVerdict; first: number; count: number }[] = [];
  for (const [index, { ordinal }] of epochs.entries()) {
    const newest = stretches.at(-1);
    const follows = newest !== undefined && newest.first + newest.count === ordinal;
    if (follows && newest.verdict === verdicts[index]) newest.count += 1;
    else stretches.push({ verdict: verdicts[index], first: ordinal, count: 1 });
  }
  return stretches;
}

function backendsOf({ judgement, replays, devices }: ReportInput, picked: PlannedEpoch | undefined): ReportedBackend[] {
  return judgement.backends.map((each, index) => {
    const counted = picked === undefined ? undefined : replays[index].epochs[picked.index];
    return {
      backend: each.backend,
      verdict: each.verdict,
      replicasRun: each.replicasRun,
      replicas: each.replicas,
      epochsRun: each.epochsRun,
      diverged: each.divergedReplicas,
      divergedInEpoch: counted && rateOf(counted.replicasDiffering, counted.replicas),
      differsFromItself: each.differsFromItself,
      fault: each.fault?.message,
      device: devices.get(each.backend) ?? {},
    };
  });
}

function notKnownOf({ judgement, lost, plan }: ReportInput, problems: readonly string[]): string[] {
  const { notReached, unknown } = judgement.epochs;
  const listed = judgement.unknownEpochs;
  const more = unknown - notReached - listed.length;
  return [
    ...new Set([
      ...(lost === 0 ? [] : [`${plural(lost, 'record')} of the log lost: what was in them nobody knows`]),
      ...listed.flatMap(({ epoch, reasons }) => reasons.map((reason) => `epoch ${epoch}: ${reason}`)),
      ...(more > 0 ? [`${plural(more, 'more epoch')} cannot be judged`] : []),
      ...(notReached === 0
        ? []
        : [`${plural(notReached, 'epoch')} not reached: a chained replica ends where it diverges`]),
      ...judgement.backends.flatMap(({ backend, fault }) =>
        fault === undefined ? [] : [faultText(backend, fault.message)],
      ),
      ...(plan.observations === undefined && plan.epochs.length > 0
        ? ['nothing was observed when it was recorded: replays are compared with each other']
        : []),
      ...problems,
    ]),
  ];
}

function faultText(backend: string, message: string): string {
  return `what ${backend} would have shown: it failed (${message})`;
}

function headlineOf(input: ReportInput, epoch: ReportedEpoch | undefined): string {
  const { judgement } = input;
  const overview = overviewText({ ...judgement.epochs, stretches: [] }, judgement.comparedWith);
  if (epoch?.explanation !== undefined) {
    const { verdict, summary } = epoch.explanation;
    return `Epoch ${epoch.epoch}: ${verdict === 'unknown' ? 'not explained: ' : ''}${summary}`;
  }
  if (epoch?.divergence !== undefined) {
    const { where, backend, comparedWith, expected, seen } = epoch.divergence;
    return `Epoch ${epoch.epoch}: ${where} is ${seen} on ${backend}, and ${expected} in ${sourceText(comparedWith)}`;
  }
  if (judgement.verdict !== 'unknown') return overview;
  const fault = judgement.backends.find((backend) => backend.fault !== undefined);
  if (fault?.fault !== undefined) return `There is no telling: ${fault.backend} failed; ${overview}`;
  return `There is no telling: ${overview}`;
}
