/** Reducing a recording: what is to be made smaller is looked for, made smaller, and written down. */

import { type ObservedCandidate, observedWith, writeCandidateLog } from '../node/candidate-log.ts';
import { placeWhenWhole } from '../node/new-recording.ts';
import type { RecordingFiles } from '../node/recording-files.ts';
import { VERSION } from '../node/version.ts';
import { InputError } from '../src/base/errors.ts';
import type { Rate } from '../src/diff/index.ts';
import type { Kernel } from '../src/kernel/index.ts';
import {
  BackendSubject,
  candidateOfEpochs,
  DEFAULT_MAX_RUNS,
  type Failure,
  findFailing,
  type LogCandidate,
  largestSlotOf,
  type OracleName,
  type Reduction,
  reduceLog,
  referenceOutcomes,
  type Subject,
  whyNotOf,
} from '../src/reduce/index.ts';
import { type PlannedEpoch, planReplay, type ReplayPlan } from '../src/replay/index.ts';
import { backendFactory, EXEC, isBackendModule } from './backends.ts';
import { CommandSubject } from './command-subject.ts';
import type { Io } from './io.ts';
import { chooseKernel, type KernelChoice } from './kernel-choice.ts';
import { startCounter } from './progress.ts';

/** What the command line says about a reduction. */
export interface ReduceFlags {
  readonly output: string;
  readonly epoch?: number | undefined;
  readonly backend: string;
  readonly test?: string | undefined;
  readonly oracle?: OracleName | undefined;
  readonly alpha?: number | undefined;
  readonly rate?: number | undefined;
  readonly maxRuns?: number | undefined;
  readonly seed?: number | undefined;
  readonly kernel?: string | undefined;
  readonly slotCount?: number | undefined;
  readonly controlWords?: number | undefined;
  readonly workers?: number | undefined;
  readonly adapter?: string | undefined;
  readonly deadlineMs?: number | undefined;
  readonly force?: true | undefined;
  readonly quiet?: true | undefined;
}

/** What ran the candidates. */
export interface Judge {
  readonly kind: 'backend' | 'command';
  /** As it was asked for: a backend's name, or the command. */
  readonly asked: string;
  /** What counted as a failure; undefined for a command, which says so itself. */
  readonly oracle: OracleName | undefined;
}

/** A recording that was reduced, with what came of it. */
export interface ReducedRecording {
  readonly logPath: string;
  readonly choice: KernelChoice;
  readonly judge: Judge;
  /** The epochs of the log that the original is from, by their ordinals. */
  readonly epochs: { readonly first: number; readonly last: number };
  /** Runs that went into finding an epoch that fails, over those of the reduction. */
  readonly searchRuns: number;
  /** How often the original failed. */
  readonly rate: Rate;
  /** Undefined if nothing failed. */
  readonly reduction: Reduction | undefined;
  /** What a failing run of the reproducer showed, where a backend ran it. */
  readonly failure: Failure | undefined;
  readonly notes: readonly string[];
}

/** Half of all runs may go into looking for an epoch that fails. */
const SHARE_FOR_SEARCH = 0.5;

/**
 * Reduces a recording and writes the reproducer, if there is one, as a log.
 *
 * @throws InputError if nothing of it can be run, or an option does not fit.
 * @throws BackendFaultError if there is no backend to be had.
 */
export async function reduceRecording(
  io: Io,
  recording: RecordingFiles,
  flags: ReduceFlags,
): Promise<ReducedRecording> {
  const needsKernel = flags.test === undefined && !isBackendModule(flags.backend);
  const choice = await chooseKernel(recording, flags, needsKernel);
  const { kernel } = choice;
  const plan = planReplay(recording, {
    ...(kernel === undefined ? {} : { kernel }),
    ...(flags.slotCount === undefined ? {} : { slotCount: flags.slotCount }),
  });
  const chosen = chosenEpochs(plan, flags);
  const work = { io, flags, kernel, plan, chosen, logPath: recording.logPath };
  const done = flags.test === undefined ? await onBackend(work) : await byCommand(work, flags.test);
  return { logPath: recording.logPath, choice, ...done, notes: [...choice.notes, ...plan.notes, ...done.notes] };
}

interface Work {
  readonly io: Io;
  readonly flags: ReduceFlags;
  readonly kernel: Kernel | undefined;
  readonly plan: ReplayPlan;
  readonly chosen: readonly PlannedEpoch[];
  readonly logPath: string;
}

type Done = Omit<ReducedRecording, 'logPath' | 'choice'>;

function chosenEpochs({ epochs }: ReplayPlan, { epoch: wanted }: ReduceFlags): readonly PlannedEpoch[] {
  if (epochs.length === 0) throw new InputError('the log has no epochs', 'name a log with records.');
  if (wanted === undefined) return epochs;
  const epoch = epochs.find(({ ordinal }) => ordinal === wanted);
  if (epoch !== undefined) return [epoch];
  const range = `${epochs[0].ordinal} to ${epochs[epochs.length - 1].ordinal}`;
  throw new InputError(`the log has no epoch ${wanted}`, `use one of ${range}.`);
}

/** What is to be reduced, and where it is from. */
interface Original {
  readonly candidate: LogCandidate;
  readonly epochs: readonly PlannedEpoch[];
  readonly searchRuns: number;
}

/** All chosen epochs at once. @throws InputError if one of them cannot be run. */
function wholeOf({ plan, chosen, kernel, flags }: Work): Original {
  const slotCount = kernel?.slotCount ?? flags.slotCount ?? largestSlotOf(plan) + 1;
  const candidate = candidateOfEpochs(plan, chosen, kernel, slotCount);
  if (candidate !== undefined) return { candidate, epochs: chosen, searchRuns: 0 };
  const why = whyNotOf(plan, chosen) ?? 'it cannot be run';
  throw new InputError(`the log cannot be reduced: ${why}`, 'choose an epoch that can be run with --epoch N.');
}

async function byCommand(work: Work, command: string): Promise<Done> {
  const { flags } = work;
  const original = wholeOf(work);
  const subject = new CommandSubject({ command, isDeterministic: flags.rate === 1, origin: originOf(original) });
  try {
    const reduction = await reduceWith(work, original, subject, { canRestore: work.kernel !== undefined });
    const notes = reduction.signature === undefined ? [] : notesOnExit(reduction.signature);
    await writeReproducer(work, original, reduction, undefined, 'reference');
    return {
      judge: { kind: 'command', asked: command, oracle: undefined },
      ...placeOf(original),
      rate: reduction.rateBefore,
      reduction: reduction.reproducer === undefined ? undefined : reduction,
      failure: undefined,
      notes,
    };
  } finally {
    subject.close();
  }
}

/** A shell says so when there is no such command, which is hardly what somebody looks for. */
function notesOnExit(signature: string): string[] {
  if (!/ 12[67]$/.test(signature)) return [];
  return [`the command failed with ${signature}, as a shell does for a command that it cannot run`];
}

async function onBackend(work: Work): Promise<Done> {
  const { flags, kernel, io } = work;
  const oracle = oracleFor(flags, kernel);
  const subject = new BackendSubject({
    name: flags.backend,
    make: async (each) => (await backendFactory(flags.backend, each, flags, io.note))(),
    oracle,
    isDeterministic: flags.backend === 'reference',
  });
  try {
    const canRestore = await subject.canRestore(kernel);
    const original = await findOriginal(work, subject, canRestore);
    const reduction = await reduceWith(work, original, subject, { canRestore });
    const { reproducer, signature } = reduction;
    const isKnown = reproducer !== undefined && signature !== undefined;
    const failure = isKnown ? subject.failureOf(reproducer, signature) : undefined;
    const observed = failure && reproducer && (await observedOn(subject, reproducer, failure));
    await writeReproducer(work, original, reduction, observed, flags.backend);
    return {
      judge: { kind: 'backend', asked: flags.backend, oracle },
      ...placeOf(original),
      rate: reduction.rateBefore,
      reduction: reproducer === undefined ? undefined : reduction,
      failure,
      notes: [],
    };
  } finally {
    await subject.close();
  }
}

/** @throws InputError if it was given one that needs a kernel, and there is none. */
function oracleFor({ oracle }: ReduceFlags, kernel: Kernel | undefined): OracleName {
  if (oracle === undefined) return kernel === undefined ? 'differs-from-itself' : 'differs-from-reference';
  if (kernel !== undefined || oracle === 'differs-from-itself') return oracle;
  throw new InputError(
    `--oracle ${oracle} needs a kernel, and the recording has none`,
    'name one with --kernel FILE, or use --oracle differs-from-itself.',
  );
}

/**
 * The first epoch that fails by itself, started from its recorded state. If none does, what fails may take several of them; and a
 * backend that cannot start from a state has to run all of them anyway.
 */
async function findOriginal(work: Work, subject: BackendSubject, canRestore: boolean): Promise<Original> {
  const { plan, chosen, kernel, flags } = work;
  const slotCount = kernel?.slotCount ?? flags.slotCount ?? largestSlotOf(plan) + 1;
  const alone = (index: number) => candidateOfEpochs(plan, [chosen[index]], kernel, slotCount);
  if (!canRestore || chosen.length === 1) {
    const upTo = canRestore ? chosen : plan.epochs.slice(0, chosen[chosen.length - 1].index + 1);
    return wholeOf({ ...work, chosen: upTo });
  }
  const mostRuns = Math.floor((flags.maxRuns ?? DEFAULT_MAX_RUNS) * SHARE_FOR_SEARCH);
  const progress = startCounter(work.io, 'looking for an epoch that fails', 'runs', flags.quiet);
  try {
    const found = await findFailing(chosen.length, alone, subject, mostRuns);
    if (found.candidate === undefined || found.index === undefined) {
      return { ...wholeOf(work), searchRuns: found.runs };
    }
    return { candidate: found.candidate, epochs: [chosen[found.index]], searchRuns: found.runs };
  } finally {
    progress.stop();
  }
}

async function reduceWith(
  { io, flags, kernel }: Work,
  { candidate, searchRuns }: Original,
  subject: Subject<LogCandidate>,
  { canRestore }: { readonly canRestore: boolean },
): Promise<Reduction> {
  const progress = startCounter(io, 'reducing', 'runs', flags.quiet);
  const isOwn = flags.test === undefined && isBackendModule(flags.backend) && !flags.backend.startsWith(EXEC);
  try {
    return await reduceLog(candidate, subject, {
      alpha: flags.alpha,
      rate: flags.rate,
      maxRuns: (flags.maxRuns ?? DEFAULT_MAX_RUNS) - searchRuns,
      canRestore,
      canChangeKernel: kernel !== undefined && !isOwn,
      onEntry: (_, runs) => progress.update(searchRuns + runs),
    });
  } finally {
    progress.stop();
  }
}

function originOf({ epochs }: Original): { readonly ordinal: number; readonly sequence: number } {
  return { ordinal: epochs[0].ordinal, sequence: epochs[0].firstSequence };
}

function placeOf({ epochs, searchRuns }: Original): Pick<Done, 'epochs' | 'searchRuns'> {
  return { epochs: { first: epochs[0].ordinal, last: epochs[epochs.length - 1].ordinal }, searchRuns };
}

/** What a failing run showed. */
async function observedOn(
  subject: BackendSubject,
  reproducer: LogCandidate,
  failure: Failure,
): Promise<ObservedCandidate> {
  const { outcomes } = failure;
  if (reproducer.kernel !== undefined) return observedWith(reproducer.kernel, reproducer, outcomes);
  const { layout, words } = await subject.startingState(undefined);
  return { outcomes, layout, before: reproducer.initial ?? words };
}

/**
 * What a failing run showed is what the log says was observed, so that a replay of it on the reference differs. Where nobody
 * saw that, because a command judged or the backend failed, it says what the reference shows, so that a replay on what is
 * wrong differs.
 */
async function writeReproducer(
  { flags, logPath }: Work,
  original: Original,
  { reproducer, signature }: Reduction,
  seen: ObservedCandidate | undefined,
  backend: string,
): Promise<void> {
  if (reproducer === undefined) return;
  const { kernel } = reproducer;
  const observed = seen ?? (kernel && observedWith(kernel, reproducer, await referenceOutcomes(reproducer)));
  const options = {
    tool: `vrrl ${VERSION}`,
    backend: seen === undefined ? 'reference' : backend,
    note: `reduced from ${logPath}, epoch ${originOf(original).ordinal}: ${signature}`,
    origin: originOf(original),
  };
  placeWhenWhole(flags.output, flags.force === true, (partial) => {
    writeCandidateLog(partial, reproducer, observed, options);
  });
}
