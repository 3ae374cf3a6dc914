/** Reducing a recording: what is to be made smaller is looked for, made smaller, and written down. */

import { type ObservedCandidate, observedWith, writeCandidateLog } from '../node/candidate-log.ts';
import { placeWhenWhole } from '../node/new-recording.ts';
import type { RecordingFiles } from '../node/recording-files.ts';
import { VERSION } from '../node/version.ts';
import { drawStress, type StressSettings } from '../src/backend/index.ts';
import { InputError } from '../src/base/errors.ts';
import { RandomWords } from '../src/base/random.ts';
import type { Rate } from '../src/diff/index.ts';
import { explain } from '../src/explain/index.ts';
import type { MemoryModel } from '../src/explore/index.ts';
import type { Kernel } from '../src/kernel/index.ts';
import {
  BackendSubject,
  candidateOfEpochs,
  DEFAULT_MAX_RUNS,
  ExplorerSubject,
  type Failure,
  fewestSwitches,
  findFailing,
  isUndecided,
  type KernelOracleName,
  type LogCandidate,
  largestSlotOf,
  type OracleName,
  type Reduction,
  reduceLog,
  referenceOutcomes,
  type ScheduleComparison,
  type Subject,
  scenarioOf,
  slotCountOf,
  whyNotOf,
} from '../src/reduce/index.ts';
import { type PlannedEpoch, planReplay, type ReplayPlan } from '../src/replay/index.ts';
import { backendFactory, EXEC, isBackendModule } from './backends.ts';
import { CommandSubject } from './command-subject.ts';
import type { Io } from './io.ts';
import { chooseKernel, type KernelChoice } from './kernel-choice.ts';
import { startCounter } from './progress.ts';
import { plural } from './render/text.ts';
import { type StressFlags, stressRequest } from './stress-options.ts';

/** What the command line says about a reduction. */
export interface ReduceFlags {
  readonly output: string;
  readonly epoch?: number | undefined;
  /** Default threads. */
  readonly backend?: string | undefined;
  /** Run candidates on the CPU model; `false`: not even to begin with. */
  readonly explorer?: boolean | undefined;
  readonly memory?: MemoryModel | undefined;
  /** A schedule of the epoch that shows what is to be kept. */
  readonly token?: string | undefined;
  readonly test?: string | undefined;
  readonly oracle?: OracleName | undefined;
  /** Whatever differs from the order of publishing is a failure, a legal reordering too. */
  readonly anyDifference?: true | undefined;
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
  readonly stress?: StressFlags['stress'];
  readonly stressSettings?: StressSettings | undefined;
  readonly force?: true | undefined;
  readonly quiet?: true | undefined;
}

/** What ran the candidates. */
export interface Judge {
  readonly kind: 'backend' | 'command' | 'explorer';
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
  /** The kernel's module, if one was given. */
  readonly kernelFile: string | undefined;
  /** Of the CPU model, if one was asked for. */
  readonly memory: MemoryModel | undefined;
  /** The epochs of the log that the original is from, by their ordinals. */
  readonly epochs: { readonly first: number; readonly last: number };
  /** Runs that went into finding an epoch that fails, over those of the reduction. */
  readonly searchRuns: number;
  /** How often the original failed. */
  readonly rate: Rate;
  /** Runs that differed from the order of publishing in a way that some order explains, as far as that was asked. */
  readonly legalRuns: number;
  /** Whether that is all there was: nothing failed, here or on the CPU model before. */
  readonly isOnlyLegal: boolean;
  /** Undefined if nothing failed. */
  readonly reduction: Reduction | undefined;
  /** What a failing run of the reproducer showed, where a backend ran it. */
  readonly failure: Failure | undefined;
  /** How the CPU model shows it, if it does. */
  readonly schedule: ScheduleComparison | undefined;
  readonly notes: readonly string[];
}

/** A quarter of all runs, and no more than so many, may go into looking for an epoch that fails in one way. */
const SHARE_FOR_SEARCH = 0.25;
const MOST_FOR_SEARCH = 20_000;

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
  refuseStressInVain(flags);
  const needsKernel = flags.test === undefined && !isBackendModule(backendOf(flags));
  const choice = await chooseKernel(recording, flags, needsKernel);
  const { kernel } = choice;
  const plan = planReplay(recording, {
    ...(kernel === undefined ? {} : { kernel }),
    ...(flags.slotCount === undefined ? {} : { slotCount: flags.slotCount }),
  });
  const chosen = chosenEpochs(plan, flags);
  const work = { io, flags, kernel, plan, chosen, logPath: recording.logPath };
  const done = flags.test === undefined ? await onBackend(work) : await byCommand(work, flags.test);
  const notes = [...choice.notes, ...plan.notes, ...done.notes];
  const { logPath } = recording;
  return { logPath, choice, kernelFile: flags.kernel, memory: flags.memory, ...done, notes };
}

interface Work {
  readonly io: Io;
  readonly flags: ReduceFlags;
  readonly kernel: Kernel | undefined;
  readonly plan: ReplayPlan;
  readonly chosen: readonly PlannedEpoch[];
  readonly logPath: string;
}

type Done = Omit<ReducedRecording, 'logPath' | 'choice' | 'kernelFile' | 'memory'>;

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
      ...NOTHING_LEGAL,
      reduction: reduction.reproducer === undefined ? undefined : reduction,
      failure: undefined,
      schedule: undefined,
      notes,
    };
  } finally {
    subject.close();
  }
}

/** Where nobody asked whether what differs is legal. */
const NOTHING_LEGAL = { legalRuns: 0, isOnlyLegal: false };

/** A shell says so when there is no such command, which is hardly what somebody looks for. */
function notesOnExit(signature: string): string[] {
  if (!/ 12[67]$/.test(signature)) return [];
  return [`the command failed with ${signature}, as a shell does for a command that it cannot run`];
}

/** What a failure is: what it was given as, or else what there is to compare with. */
function oracleFor(flags: ReduceFlags, kernel: Kernel | undefined): OracleName {
  const oracle = flags.anyDifference ? 'differs-from-reference' : flags.oracle;
  if (oracle === undefined) return kernel === undefined ? 'differs-from-itself' : 'unexplained';
  if (kernel !== undefined || oracle === 'differs-from-itself') return oracle;
  throw new InputError(
    `--oracle ${oracle} needs a kernel, and the recording has none`,
    'name one with --kernel FILE, or use --oracle differs-from-itself.',
  );
}

function isOnExplorer({ explorer, token }: ReduceFlags): boolean {
  return explorer === true || token !== undefined;
}

async function onBackend(work: Work): Promise<Done> {
  const { flags, kernel } = work;
  const oracle = oracleFor(flags, kernel);
  const first = await modelFirst(work, oracle);
  if (first !== undefined && 'judge' in first) return first;
  const done = await (isOnExplorer(flags) ? onExplorer : onOneBackend)(work, oracle);
  if (first === undefined) return done;
  return { ...done, isOnlyLegal: done.isOnlyLegal && !first.hasFailed, notes: [first.note, ...done.notes] };
}

/** States and interleavings for the last word on what is left. */
const LAST_WORD = { maxNodes: 50_000, maxRuns: 5_000 };

/** What makes a failure less than one, as `vrrl explain` has it. */
function doubtsAbout(reproducer: LogCandidate, { signature, outcomes }: Failure): string[] {
  if (isUndecided(signature)) return ['whether an order of the slots explains the failure is not known'];
  const scenario = scenarioOf(reproducer);
  if (scenario === undefined || outcomes.length !== 1) return [];
  const { verdict, summary } = explain(scenario, outcomes[0], LAST_WORD);
  return verdict === 'serializable' ? [`vrrl explain says of the failure: ${summary}`] : [];
}

async function onOneBackend(work: Work, oracle: OracleName): Promise<Done> {
  const { flags, kernel, io } = work;
  const name = backendOf(flags);
  const subject = backendSubject(io, flags, oracle);
  try {
    const canRestore = await subject.canRestore(kernel);
    const stresses = stressesFor(flags);
    const isInVain = stresses.length > 0 && !(await subject.takesPrograms(kernel));
    const original = await findOriginal(work, subject, canRestore, isInVain ? [] : stresses);
    const reduction = await reduceWith(work, original, subject, { canRestore });
    const { reproducer, signature } = reduction;
    const isKnown = reproducer !== undefined && signature !== undefined;
    const failure = isKnown ? subject.failureOf(reproducer, signature) : undefined;
    const observed = failure && reproducer && (await observedOn(subject, reproducer, failure));
    await writeReproducer(work, original, reduction, observed, name);
    return {
      judge: { kind: 'backend', asked: name, oracle },
      ...placeOf(original),
      rate: reduction.rateBefore,
      ...legalIn(reduction, subject, oracle),
      reduction: reproducer === undefined ? undefined : reduction,
      failure,
      schedule: isKnown ? await scheduleOf(reproducer, signature, oracle, flags) : undefined,
      notes: [
        ...(isInVain ? [`${name} takes no stress: it had no effect`] : []),
        ...(failure && reproducer ? doubtsAbout(reproducer, failure) : []),
      ],
    };
  } finally {
    await subject.close();
  }
}

function legalIn(
  { reproducer }: Reduction,
  { excusedRuns }: { readonly excusedRuns: number },
  oracle: OracleName,
): Pick<Done, 'legalRuns' | 'isOnlyLegal'> {
  // Of the other oracles, some excuse what nobody can tell.
  const legalRuns = oracle === 'unexplained' ? excusedRuns : 0;
  return { legalRuns, isOnlyLegal: reproducer === undefined && legalRuns > 0 };
}

/** What runs candidates unless something else is asked for. */
export function backendOf({ backend = 'threads' }: ReduceFlags): string {
  return backend;
}

function backendSubject(io: Io, flags: ReduceFlags, oracle: OracleName): BackendSubject {
  const name = backendOf(flags);
  return new BackendSubject({
    name,
    make: async (each) => (await backendFactory(name, each, flags, io.note))(),
    oracle,
    isDeterministic: name === 'reference',
  });
}

/** Schedules that are drawn to find one that shows on the CPU model what a backend has shown. */
const SCHEDULES_TO_FIND = 5_000;
/** Slots of more lanes take long to schedule, and rarely show anything in so few runs. */
const MOST_SLOTS_TO_SCHEDULE = 64;

/** The schedule that shows the failure on the CPU model, if it does so there. */
async function scheduleOf(
  reproducer: LogCandidate,
  signature: string,
  oracle: OracleName,
  { seed, memory }: ReduceFlags,
): Promise<ScheduleComparison | undefined> {
  if (oracle === 'differs-from-itself' || slotCountOf(reproducer) > MOST_SLOTS_TO_SCHEDULE) return undefined;
  const subject = new ExplorerSubject({ oracle, seed, memory });
  if (subject.affordable(reproducer, SCHEDULES_TO_FIND) < SCHEDULES_TO_FIND) return undefined;
  await subject.run(reproducer, SCHEDULES_TO_FIND, signature);
  const found = subject.failureOf(reproducer, signature);
  if (found === undefined) return undefined;
  return await fewestSwitches(reproducer, subject, found.token, signature, memory === undefined ? {} : { memory });
}

async function onExplorer(work: Work, oracle: OracleName): Promise<Done> {
  const { flags, kernel, io } = work;
  if (kernel === undefined || oracle === 'differs-from-itself') {
    throw new InputError('the CPU model needs a kernel', 'name one with --kernel FILE, or leave --explorer out.');
  }
  const found = await reduceOnModel(work, oracle);
  const { reproducer, signature } = found.reduction;
  await writeFromModel(work, kernel, found);
  const isToConfirm = reproducer !== undefined && signature !== undefined && flags.backend !== undefined;
  const notes = isToConfirm ? [(await confirmed(io, flags, oracle, reproducer, signature)).note] : [];
  const done = doneOnModel(found, oracle);
  return { ...done, notes: [...notes, ...done.notes] };
}

/** What the CPU model made of a recording. */
interface ModelReduction {
  readonly original: Original;
  readonly reduction: Reduction;
  readonly failure: Failure | undefined;
  readonly schedule: ScheduleComparison | undefined;
  readonly excusedRuns: number;
}

interface ModelLimits {
  /** How long it may look for a failure, and how long it may reduce it. */
  readonly findMs: number;
  readonly reduceMs: number;
}

const NO_LIMITS: ModelLimits = { findMs: Number.POSITIVE_INFINITY, reduceMs: Number.POSITIVE_INFINITY };

async function reduceOnModel(
  work: Work,
  oracle: KernelOracleName,
  { findMs, reduceMs }: ModelLimits = NO_LIMITS,
): Promise<ModelReduction> {
  const { seed, memory, token } = work.flags;
  let end = performance.now() + findMs;
  const isOver = () => performance.now() > end;
  const subject = new ExplorerSubject({ oracle, seed, memory, isOver });
  const original = token === undefined ? await findOriginal(work, subject, true) : wholeOf(work);
  end = performance.now() + reduceMs;
  const wanted = token === undefined ? undefined : (await subject.replay(original.candidate, token))?.signature;
  const reduction = await reduceWith(work, original, subject, { canRestore: true, signature: wanted });
  const { reproducer, signature } = reduction;
  const isKnown = reproducer !== undefined && signature !== undefined;
  const found = isKnown ? subject.failureOf(reproducer, signature) : undefined;
  const options = memory === undefined ? {} : { memory };
  const schedule =
    isKnown && found ? await fewestSwitches(reproducer, subject, found.token, signature, options) : undefined;
  return {
    original,
    reduction,
    failure: schedule?.failure ?? found?.failure,
    schedule,
    excusedRuns: subject.excusedRuns,
  };
}

async function writeFromModel(work: Work, kernel: Kernel, { original, reduction, failure }: ModelReduction) {
  const { reproducer } = reduction;
  const observed = failure && reproducer && observedWith(kernel, reproducer, failure.outcomes);
  await writeReproducer(work, original, reduction, observed, 'explorer');
}

function doneOnModel(
  { original, reduction, failure, schedule, excusedRuns }: ModelReduction,
  oracle: OracleName,
): Done {
  return {
    judge: { kind: 'explorer', asked: 'the CPU model', oracle },
    ...placeOf(original),
    rate: reduction.rateBefore,
    ...legalIn(reduction, { excusedRuns }, oracle),
    reduction: reduction.reproducer === undefined ? undefined : reduction,
    failure,
    schedule,
    notes: failure && reduction.reproducer ? doubtsAbout(reduction.reproducer, failure) : [],
  };
}

/** So long may the CPU model take before a backend is asked. */
const MODEL_FIRST: ModelLimits = { findMs: 3_000, reduceMs: 6_000 };
/** Lanes beyond that take long to schedule, and so do kernels that make a schedule so rare that fewer are affordable. */
const MOST_SLOTS_FOR_MODEL = 256;
const LEAST_RUNS_FOR_MODEL = 2_000;
/** Epochs that it looks at: of more it would see too little. */
const MOST_EPOCHS_FOR_MODEL = 256;

/** Nothing came of it. */
interface InVain {
  readonly note: string;
  /** The model showed a failure all the same. */
  readonly hasFailed: boolean;
}

/**
 * The CPU model before the backend that was asked for: it shows within seconds what a device shows once in a million runs, and
 * with its schedule. What it shows counts only if the backend shows it too, since otherwise something else may be wrong there.
 *
 * @returns undefined if it is out of the question.
 */
async function modelFirst(work: Work, asked: OracleName): Promise<Done | InVain | undefined> {
  const { flags, kernel, io } = work;
  if (kernel === undefined || !isForModel(flags)) return undefined;
  // What is wrong with the backend's name is said at once.
  await backendFactory(backendOf(flags), kernel, flags, io.note);
  const oracle = asked === 'differs-from-reference' ? asked : 'unserializable';
  const chosen = epochsForModel(work, kernel);
  if (chosen.length === 0) return undefined;
  // How often a backend fails says nothing about how often the model does.
  const found = await reduceOnModel({ ...work, chosen, flags: { ...flags, rate: undefined } }, oracle, MODEL_FIRST);
  const { reproducer, signature, isMinimal, unresolved, runs } = found.reduction;
  if (reproducer === undefined || signature === undefined) {
    const all = plural(found.original.searchRuns + runs, 'run');
    return { note: `the CPU model was tried first, and showed no failure in ${all}`, hasFailed: false };
  }
  if (!isMinimal || unresolved > 0) {
    return { note: 'the CPU model was tried first, and would have taken too long', hasFailed: true };
  }
  const { isSeen, note } = await confirmed(io, flags, oracle, reproducer, signature);
  if (!isSeen) {
    return {
      hasFailed: true,
      note: `the CPU model was tried first, and showed a failure (${signature}): ${note}; --explorer reduces it there`,
    };
  }
  await writeFromModel(work, kernel, found);
  const done = doneOnModel(found, oracle);
  return { ...done, notes: [`reduced on the CPU model, which was tried first; ${note}`, ...done.notes] };
}

/** Epochs of few lanes and short schedules. */
function epochsForModel({ plan, chosen }: Work, kernel: Kernel): PlannedEpoch[] {
  const model = new ExplorerSubject({ oracle: 'unserializable' });
  return chosen.slice(0, MOST_EPOCHS_FOR_MODEL).filter((epoch) => {
    if (epoch.endRecord - epoch.firstRecord > MOST_SLOTS_FOR_MODEL) return false;
    const candidate = candidateOfEpochs(plan, [epoch], kernel, kernel.slotCount);
    return candidate !== undefined && model.affordable(candidate, LEAST_RUNS_FOR_MODEL) === LEAST_RUNS_FOR_MODEL;
  });
}

/** The reference has one order only, and a known kernel is what the model runs. */
function isForModel(flags: ReduceFlags): boolean {
  if (isOnExplorer(flags) || flags.explorer === false) return false;
  return backendOf(flags) !== 'reference' && flags.oracle !== 'differs-from-itself';
}

/** Runs on the backend that was asked for to see whether it shows what the CPU model does. */
const RUNS_TO_CONFIRM = 10_000;

async function confirmed(
  io: Io,
  flags: ReduceFlags,
  oracle: OracleName,
  reproducer: LogCandidate,
  signature: string,
): Promise<{ readonly isSeen: boolean; readonly note: string }> {
  const name = backendOf(flags);
  const subject = backendSubject(io, flags, oracle);
  try {
    if (reproducer.initial !== undefined && !(await subject.canRestore(reproducer.kernel))) {
      return { isSeen: false, note: `${name} cannot start from the state that it needs` };
    }
    const stresses = stressesFor(flags);
    const settings = stresses.length === 0 ? [undefined] : stresses;
    const most = Math.ceil(Math.min(RUNS_TO_CONFIRM, flags.maxRuns ?? RUNS_TO_CONFIRM) / settings.length);
    let all = 0;
    for (const stress of settings) {
      const { runs, failures } = await subject.run({ ...reproducer, stress }, most, signature);
      all += runs;
      if (failures.has(signature)) return { isSeen: true, note: `confirmed on ${name} within ${plural(all, 'run')}` };
    }
    return { isSeen: false, note: `not seen in ${plural(all, 'run')} on ${name}, which proves nothing` };
  } finally {
    await subject.close();
  }
}

/** Settings that are drawn where none are given. */
const DRAWN = 12;

/** The settings that a search goes through, none at all first unless some are given; empty where no stress was asked for. */
function stressesFor(flags: ReduceFlags): readonly (StressSettings | undefined)[] {
  const request = stressRequest(flags, flags.adapter);
  if (request === undefined) return [];
  if ('settings' in request) return [request.settings];
  const random = new RandomWords(request.seed);
  const drawn = Array.from({ length: DRAWN }, () => drawStress(random.next()));
  return [undefined, ...(request.candidates ?? []), ...drawn];
}

/** @throws InputError where nothing could come of stress. */
function refuseStressInVain(flags: ReduceFlags): void {
  if (flags.stress === undefined && flags.stressSettings === undefined) return;
  if (!isOnExplorer(flags) && flags.test === undefined) return;
  const who = flags.test === undefined ? 'the CPU model' : 'a command';
  throw new InputError(`${who} takes no stress`, 'leave out --stress, or name a GPU with --backend.');
}

/**
 * The first epoch that fails by itself, started from its recorded state. If none does, what fails may take several of them; and a
 * backend that cannot start from a state has to run all of them anyway.
 */
async function findOriginal(
  work: Work,
  subject: Subject<LogCandidate>,
  canRestore: boolean,
  stresses: readonly (StressSettings | undefined)[] = [],
): Promise<Original> {
  const { plan, chosen, kernel, flags } = work;
  const slotCount = kernel?.slotCount ?? flags.slotCount ?? largestSlotOf(plan) + 1;
  const settings = stresses.length === 0 ? [undefined] : stresses;
  const upTo = canRestore ? chosen : plan.epochs.slice(0, chosen[chosen.length - 1].index + 1);
  const pieces = canRestore ? chosen.map((epoch) => [epoch]) : [upTo];
  const whole = (): Original => {
    const original = wholeOf({ ...work, chosen: upTo });
    return { ...original, candidate: { ...original.candidate, stress: settings[settings.length - 1] } };
  };
  if (pieces.length * settings.length === 1) return whole();
  // All of them with the first settings come before the first of them with others.
  const at = (index: number) => {
    const candidate = candidateOfEpochs(plan, pieces[index % pieces.length], kernel, slotCount);
    return candidate && { ...candidate, stress: settings[Math.floor(index / pieces.length)] };
  };
  const mostRuns = Math.min(MOST_FOR_SEARCH, Math.floor((flags.maxRuns ?? DEFAULT_MAX_RUNS) * SHARE_FOR_SEARCH));
  const progress = startCounter(work.io, 'looking for an epoch that fails', 'runs', flags.quiet);
  try {
    const found = await findFailing(pieces.length * settings.length, at, subject, mostRuns);
    if (found.candidate === undefined || found.index === undefined) {
      return { ...whole(), searchRuns: found.runs };
    }
    const epochs = pieces[found.index % pieces.length];
    return { candidate: found.candidate, epochs, searchRuns: found.runs };
  } finally {
    progress.stop();
  }
}

async function reduceWith(
  { io, flags, kernel }: Work,
  { candidate, searchRuns }: Original,
  subject: Subject<LogCandidate>,
  { canRestore, signature }: { readonly canRestore: boolean; readonly signature?: string | undefined },
): Promise<Reduction> {
  const progress = startCounter(io, 'reducing', 'runs', flags.quiet);
  const name = backendOf(flags);
  const isOwn = flags.test === undefined && isBackendModule(name) && !name.startsWith(EXEC);
  try {
    return await reduceLog(candidate, subject, {
      alpha: flags.alpha,
      rate: flags.rate,
      maxRuns: (flags.maxRuns ?? DEFAULT_MAX_RUNS) - searchRuns,
      canRestore,
      signature,
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
