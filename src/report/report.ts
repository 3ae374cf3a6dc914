/** A report as data. Rendering is elsewhere; `spec/report.schema.json` describes the JSON form. */

import type { Divergence, EpochVerdict, Judgement, OddOneOut, Rate, Verdict } from '../diff/index.ts';
import type { Contradiction, Explanation, SlotText } from '../explain/index.ts';

export interface Report {
  readonly schemaVersion: 1;
  /** Name and version of the program. */
  readonly tool: string;
  readonly log: string;
  /** One line that says it all, without a full stop. */
  readonly headline: string;
  readonly verdict: Verdict;
  readonly comparedWith: Judgement['comparedWith'];
  readonly mode: Judgement['mode'];
  readonly records: number;
  /** Records that the log is known to have lost. */
  readonly lost: number;
  readonly kernel: ReportedKernel;
  readonly epochs: EpochOverview;
  /** The epoch that it is about; undefined if there is none to look at. */
  readonly epoch: ReportedEpoch | undefined;
  readonly backends: readonly ReportedBackend[];
  readonly oddOneOut: OddOneOut | undefined;
  readonly seeAgain: SeeAgain;
  /** What was made smaller, if a ledger was given. */
  readonly reduction: ReportedReduction | undefined;
  readonly hints: Hints;
  /** What nobody knows, a sentence or a clause each. */
  readonly notKnown: readonly string[];
  /** What was assumed and what is odd. */
  readonly notes: readonly string[];
}

export interface ReportedKernel {
  readonly source: string;
  readonly name: string | undefined;
  readonly identity: string | undefined;
}

export interface EpochOverview {
  readonly total: number;
  readonly agreeing: number;
  readonly diverging: number;
  readonly unknown: number;
  /** Of the unknown ones, those that some backend never ran. */
  readonly notReached: number;
  /** All epochs in order, neighbours with the same verdict together. */
  readonly stretches: readonly EpochStretch[];
}

/** Epochs with one verdict, one after the other. */
export interface EpochStretch {
  readonly verdict: EpochVerdict;
  /** Counted over the recording. */
  readonly first: number;
  readonly count: number;
}

/** One epoch, looked at closely. */
export interface ReportedEpoch {
  /** Counted over the recording. */
  readonly epoch: number;
  /** EPOCH as its records have it. */
  readonly deviceEpoch: number;
  readonly verdict: EpochVerdict;
  readonly slotCount: number;
  /** The first thing that differs, if it is the first epoch that diverges. */
  readonly divergence: Divergence | undefined;
  /** The different outcomes of it, in the order in which they are worth a look; the first is the one explained. */
  readonly outcomes: readonly ReportedOutcome[];
  /** Outcomes that were seen and are not listed. */
  readonly unlistedOutcomes: number;
  readonly explanation: ReportedExplanation | undefined;
  /** How it can have come to what was seen, access by access. */
  readonly failing: LaneTable | undefined;
  /** The serial order that is nearest to it. */
  readonly passing: LaneTable | undefined;
  /** The first row in which the two tables differ; undefined if there are not two. */
  readonly partsAtRow: number | undefined;
}

/** An outcome that somebody had in the epoch. */
export interface ReportedOutcome {
  /** Who saw it, and how often. */
  readonly seenBy: readonly SeenBy[];
  /** What explaining says of it; undefined if it was not explained. */
  readonly explained: Pick<Explanation, 'verdict' | 'violated' | 'summary'> | undefined;
}

export interface SeenBy {
  /** `recording`, or a backend. */
  readonly source: string;
  readonly count: number;
  readonly total: number;
}

/** An explanation without its accesses, which are in the tables. */
export interface ReportedExplanation
  extends Pick<
    Explanation,
    | 'verdict'
    | 'violated'
    | 'holds'
    | 'summary'
    | 'argument'
    | 'weakShape'
    | 'brokenPromises'
    | 'assumed'
    | 'notKnown'
    | 'nodes'
    | 'runs'
  > {
  readonly contradiction: Contradiction | undefined;
  /** The slots that it is about. */
  readonly slots: readonly SlotText[];
  /** An order of whole slots that gives what was seen, where there is one. */
  readonly serialOrder: readonly number[] | undefined;
  readonly isPublishOrder: boolean;
}

/** What lanes did, a row an access. */
export interface LaneTable {
  readonly order: 'interleaved' | 'serial';
  readonly memory: 'sequential' | 'relaxed';
  /** A column each. */
  readonly lanes: readonly SlotText[];
  readonly rows: readonly LaneRow[];
  /** Rows after those that are shown. */
  readonly rowsLeftOut: number;
}

export interface LaneRow {
  /** Index into the lanes. */
  readonly lane: number;
  /** `load`, `store`, or what a read-modify-write does. */
  readonly kind: string;
  readonly word: string;
  readonly read: number | undefined;
  readonly written: number | undefined;
  /** How often: a lane that waits loads one word again and again, and that is one row as long as it finds the same. */
  readonly times: number;
  /** The word is one that the contradiction is about. */
  readonly isConcerned: boolean;
}

export interface ReportedBackend {
  readonly backend: string;
  readonly verdict: Verdict;
  /** Replicas that ran, of those asked for. */
  readonly replicasRun: number;
  readonly replicas: number;
  readonly epochsRun: number;
  /** Replicas that differ somewhere, of those with something to be compared with. */
  readonly diverged: Rate;
  /** Replicas whose outcome of the reported epoch differs, of those that ran it; undefined if there is no such epoch. */
  readonly divergedInEpoch: Rate | undefined;
  readonly differsFromItself: boolean;
  readonly fault: string | undefined;
  /** What it runs on, as far as it says so. */
  readonly device: Readonly<Record<string, string>>;
}

/** How to see it again. */
export interface SeeAgain {
  readonly commands: readonly Command[];
  /** Seed of the shuffling of lanes; undefined if none was given. */
  readonly seed: number | undefined;
  readonly token: ReportedToken | undefined;
  /** What ran: versions by name. */
  readonly versions: Readonly<Record<string, string>>;
}

export interface Command {
  readonly what: string;
  /** A line for a shell. */
  readonly line: string;
}

/** A schedule of the CPU model. */
export interface ReportedToken {
  readonly token: string;
  /** Whether it is a schedule of the whole epoch; otherwise it is one of these slots by themselves. */
  readonly isOfWholeEpoch: boolean;
  readonly slots: readonly number[];
}

/** What a reduction came to. */
export interface ReportedReduction {
  readonly log: string;
  readonly judge: string;
  readonly reproduced: boolean;
  readonly slotsBefore: number | undefined;
  readonly slotsAfter: number | undefined;
  readonly epochsBefore: number | undefined;
  readonly epochsAfter: number | undefined;
  readonly rateBefore: Rate;
  readonly rateAfter: Rate | undefined;
  readonly runs: number;
  readonly isMinimal: boolean;
  /** Slots of which it could not be told whether they are needed. */
  readonly unresolved: number;
  readonly signature: string | undefined;
  readonly output: string | undefined;
  readonly token: string | undefined;
  readonly commands: readonly string[];
  /** What each stage tried, in order. */
  readonly stages: readonly ReportedStage[];
}

export interface ReportedStage {
  readonly stage: string;
  readonly tried: number;
  readonly accepted: number;
  readonly runs: number;
}

/** Guesses at the cause. */
export interface Hints {
  /** Known defects that look like this, the likeliest first, three at most. */
  readonly mutants: readonly MutantHint[];
  readonly remedies: Remedies | undefined;
}

export interface MutantHint {
  /** Of the catalogue. */
  readonly number: number;
  readonly name: string;
  readonly shows: string;
  /** What it has in common with what was seen. */
  readonly because: string;
}

/** Changes to the kernel that were tried on the CPU model. */
export interface Remedies {
  /** Those after which what was seen cannot come out any more. */
  readonly working: readonly string[];
  /** Changes that were tried. */
  readonly tried: number;
  /** Of these, changes of which it could not be told in the runs that there were. */
  readonly undecided: number;
  readonly runs: number;
}
