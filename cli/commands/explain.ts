/** `vrrl explain`: whether a legal order of the slots gives what was seen, and which, or why none can. */

import { loadSlotModel } from '../../node/modules.ts';
import { VERSION } from '../../node/version.ts';
import type { Backend } from '../../src/backend/index.ts';
import { InputError } from '../../src/base/errors.ts';
import {
  compareOutcomes,
  DEFAULT_NODES,
  DEFAULT_RUNS,
  type Explanation,
  explain,
  explainByModel,
  isGivenByPublishing,
} from '../../src/explain/index.ts';
import { type Kernel, observationLayoutOf } from '../../src/kernel/index.ts';
import { resolveLayout } from '../../src/observe/index.ts';
import { type PlannedEpoch, planReplay, type ReplayPlan } from '../../src/replay/index.ts';
import type { ScenarioOutcome } from '../../src/scenario/index.ts';
import { type RecordedScenario, type Scenario, scenarioOfEpoch, slotsOfEpoch } from '../../src/scenario/index.ts';
import { backendFactory } from '../backends.ts';
import type { AddCommand, CommandContext } from '../context.ts';
import { ExitCode } from '../exit.ts';
import { chooseKernel, type KernelChoice } from '../kernel-choice.ts';
import { openRecordingSource } from '../log-source.ts';
import { integer } from '../options.ts';
import { type ExplainedEpoch, type ExplainedOutcome, renderExplained } from '../render/explanation.ts';
import { tidyJson } from '../render/json.ts';
import { ADAPTER, KERNEL, SEED } from '../replay-options.ts';

const AFTER_HELP = `
Without --epoch it looks for the first epoch that the order of publishing does not explain, and explains that one.
With --backend epochs are replayed from their recorded states; of the one named, or the first of which something comes
out that the order of publishing does not explain, each different outcome is explained.
A kernel that vrrl does not know is explained by a model, a module that exports apply(state, slot).
Exit codes: 0 serializable, 1 not, 3 unknown, 4 a backend failed. docs/explaining.md says what is meant by that.

Examples:
  $ vrrl explain run.vrrl
  $ vrrl explain run.vrrl --epoch 17 --json
  $ vrrl explain run.vrrl --backend threads --replicas 1000
  $ vrrl explain theirs.vrrl --model their-slots.mjs`;

interface ExplainFlags {
  readonly epoch?: number | undefined;
  readonly kernel?: string | undefined;
  readonly model?: string | undefined;
  readonly backend?: string | undefined;
  readonly adapter?: string | undefined;
  readonly replicas: number;
  readonly seed?: number | undefined;
  readonly maxNodes: number;
  readonly maxRuns: number;
  readonly json?: true | undefined;
}

export const addExplain: AddCommand = (program, context) => {
  program
    .command('explain')
    .description("say which order of an epoch's slots gives what was seen, or why none can")
    .argument('<log>', 'log file, or - for standard input')
    .option(
      '--epoch <n>',
      'the epoch to explain; default: the first that needs it',
      integer(0, Number.MAX_SAFE_INTEGER),
    )
    .option(...KERNEL)
    .option('--model <file>', 'a module that exports apply(state, slot), for a kernel that vrrl does not know')
    .option('--backend <name>', 'replay epochs on this backend and explain what comes out')
    .option(...ADAPTER)
    .option('--replicas <n>', 'how often to replay each', integer(1, 10_000_000), 100)
    .option(...SEED)
    .option('--max-nodes <n>', 'states of serial orders to look at', integer(0, 1_000_000_000), DEFAULT_NODES)
    .option('--max-runs <n>', 'interleavings of accesses to look at', integer(1, 1_000_000_000), DEFAULT_RUNS)
    .option('--json', 'print one JSON object (spec/explain.schema.json)')
    .addHelpText('after', AFTER_HELP)
    .action(async (logPath, options) => {
      const { io } = context;
      const recording = await openRecordingSource(io, logPath, {});
      try {
        const choice = await chooseKernel(recording, options, options.model === undefined);
        const kernel = choice.kernel === undefined ? {} : { kernel: choice.kernel };
        const plan = planReplay(recording, kernel);
        const explained = await explainPlan(context, plan, choice, options);
        await io.write(
          options.json ? `${tidyJson(jsonOf(logPath, choice, explained))}\n` : renderExplained(io, logPath, explained),
        );
        context.exitCode = exitCodeOfExplained(explained);
      } finally {
        recording.close();
      }
    });
};

async function explainPlan(
  context: CommandContext,
  plan: ReplayPlan,
  choice: KernelChoice,
  flags: ExplainFlags,
): Promise<ExplainedEpoch> {
  const notes = [...choice.notes, ...plan.notes];
  const epochs = chosenEpochs(plan, flags.epoch);
  if (flags.model !== undefined) return explainWithModel(plan, epochs, flags.model, flags, notes);
  const { kernel } = choice;
  if (kernel === undefined) {
    throw new InputError(
      'vrrl does not know the kernel of this recording',
      'give it with --kernel FILE, or say what its slots do with --model FILE.',
    );
  }
  if (flags.backend !== undefined) return explainReplays(context, plan, kernel, epochs, flags, notes);
  return explainRecorded(plan, kernel, epochs, flags, notes);
}

function chosenEpochs(plan: ReplayPlan, wanted: number | undefined): readonly PlannedEpoch[] {
  if (wanted === undefined) return plan.epochs;
  const found = plan.epochs.filter(({ ordinal }) => ordinal === wanted);
  if (found.length > 0) return found;
  const [first, last] = [plan.epochs.at(0)?.ordinal, plan.epochs.at(-1)?.ordinal];
  const fix = first === undefined ? 'name a log that has epochs.' : `name one from ${first} to ${last}.`;
  throw new InputError(`the log has no epoch ${wanted}`, fix);
}

/** The first epoch whose recorded outcome the order of publishing does not give, or what was said of the only one. */
function explainRecorded(
  plan: ReplayPlan,
  kernel: Kernel,
  epochs: readonly PlannedEpoch[],
  flags: ExplainFlags,
  notes: readonly string[],
): ExplainedEpoch {
  let lookedAt = 0;
  let last: ExplainedEpoch | undefined;
  const unknown: string[] = [];
  for (const epoch of epochs) {
    const recorded = scenarioOfEpoch(plan, epoch, kernel);
    const { scenario, recorded: outcome } = recorded;
    lookedAt += 1;
    if (scenario === undefined || outcome === undefined || !isJudgeable(recorded)) {
      unknown.push(`epoch ${epoch.ordinal}: ${recorded.problems.join('; ')}`);
      continue;
    }
    if (epochs.length > 1 && isGivenByPublishing(scenario, outcome)) continue;
    const explanation = explain(scenario, outcome, flags);
    last = {
      epoch: epoch.ordinal,
      lookedAt,
      unknown,
      notes,
      outcomes: [{ source: 'recording', count: 1, explanation }],
    };
    break;
  }
  return last ?? { epoch: undefined, lookedAt, unknown, notes, outcomes: [] };
}

/** Faults stand against judging an epoch by comparing it; they do not stand against explaining it. */
function isJudgeable({ problems, recorded }: RecordedScenario): boolean {
  return problems.length <= (recorded !== undefined && recorded.faults.length > 0 ? 1 : 0);
}

/** The first epoch of which a replay came out as the order of publishing does not give it, with all that came out of it. */
async function explainReplays(
  { io }: CommandContext,
  plan: ReplayPlan,
  kernel: Kernel,
  epochs: readonly PlannedEpoch[],
  flags: ExplainFlags,
  notes: readonly string[],
): Promise<ExplainedEpoch> {
  const name = flags.backend ?? '';
  const unknown: string[] = [];
  let lookedAt = 0;
  const backend = await (await backendFactory(name, kernel, flags, io.note))();
  try {
    for (const epoch of epochs) {
      const { scenario, problems } = scenarioOfEpoch(plan, epoch, kernel);
      lookedAt += 1;
      if (scenario === undefined) {
        unknown.push(`epoch ${epoch.ordinal}: ${problems.join('; ')}`);
        continue;
      }
      const seen = await replayed(backend, scenario, flags.replicas);
      if (flags.epoch === undefined && seen.every(({ outcome }) => isGivenByPublishing(scenario, outcome))) continue;
      const outcomes = seen.map(({ outcome, count }) => ({
        source: name,
        count,
        explanation: explain(scenario, outcome, flags),
      }));
      return { epoch: epoch.ordinal, lookedAt, unknown, notes, outcomes };
    }
    return { epoch: undefined, lookedAt, unknown, notes, outcomes: [] };
  } finally {
    await backend.stop();
  }
}

/** Distinct outcomes of an epoch on a backend, and how often each was seen. */
async function replayed(
  backend: Backend,
  scenario: Scenario,
  replicas: number,
): Promise<{ readonly outcome: ScenarioOutcome; count: number }[]> {
  const layout = resolveLayout(observationLayoutOf(scenario.kernel));
  const seen: { readonly outcome: ScenarioOutcome; count: number }[] = [];
  if (backend.restore === undefined) {
    throw new InputError(
      `backend ${backend.name} cannot restore a state`,
      'name one that can, or leave out --backend.',
    );
  }
  await backend.start();
  for (let replica = 0; replica < replicas; replica += 1) {
    await backend.restore(scenario.initial);
    const outcome = await runOnce(backend, scenario);
    const known = seen.find((each) => compareOutcomes(layout, each.outcome, outcome).isSame);
    if (known === undefined) seen.push({ outcome, count: 1 });
    else known.count += 1;
  }
  return seen;
}

async function runOnce(backend: Backend, { slots, batchEnds, initial }: Scenario): Promise<ScenarioOutcome> {
  const faults: ScenarioOutcome['faults'][number][] = [];
  let [done, pending, begin] = [0, 0, 0];
  for (const end of batchEnds) {
    for (const { slotIndex, slot } of slots.slice(begin, end)) await backend.publish(slotIndex, slot);
    const report = await backend.drain();
    done += report.done;
    pending = report.pending.length;
    faults.push(...report.faults);
    begin = end;
  }
  const words = new Uint32Array(initial.length);
  await backend.observe(words);
  return { words, done, pending, faults };
}

async function explainWithModel(
  plan: ReplayPlan,
  epochs: readonly PlannedEpoch[],
  file: string,
  { maxNodes }: ExplainFlags,
  notes: readonly string[],
): Promise<ExplainedEpoch> {
  const model = await loadSlotModel(file);
  const { observations } = plan;
  const unknown: string[] = [];
  let lookedAt = 0;
  for (const epoch of epochs) {
    lookedAt += 1;
    const initial = epoch.observed === undefined ? undefined : observations?.wordsBefore(epoch.observed);
    const seen = epoch.observed === undefined ? undefined : observations?.wordsAfter(epoch.observed);
    if (observations === undefined || initial === undefined || seen === undefined || !epoch.isReplayable) {
      const reasons = epoch.unknownReasons.length > 0 ? epoch.unknownReasons : ['what was seen of it is not known'];
      unknown.push(`epoch ${epoch.ordinal}: ${reasons.join('; ')}`);
      continue;
    }
    const modelled = { ...slotsOfEpoch(plan, epoch), layout: observations.layout, initial, seen };
    const explanation = explainByModel(model, modelled, maxNodes);
    const isPublishOrder = explanation.witness?.kind === 'slots' && explanation.witness.isPublishOrder;
    if (epochs.length > 1 && isPublishOrder) continue;
    return {
      epoch: epoch.ordinal,
      lookedAt,
      unknown,
      notes,
      outcomes: [{ source: 'recording', count: 1, explanation }],
    };
  }
  return { epoch: undefined, lookedAt, unknown, notes, outcomes: [] };
}

/** The worst of all outcomes; an epoch that cannot be looked at is not explained. */
function exitCodeOfExplained({ outcomes, unknown }: ExplainedEpoch): number {
  const verdicts = new Set(outcomes.map(({ explanation }) => explanation.verdict));
  if (verdicts.has('unserializable')) return ExitCode.DIVERGED;
  if (verdicts.has('unknown') || (outcomes.length === 0 && unknown.length > 0)) return ExitCode.UNKNOWN;
  return ExitCode.AGREE;
}

function jsonOf(logPath: string, { kernel, source }: KernelChoice, explained: ExplainedEpoch): unknown {
  const { epoch, lookedAt, unknown, notes, outcomes } = explained;
  return {
    schemaVersion: 1,
    tool: `vrrl ${VERSION}`,
    log: logPath,
    kernel: { source, ...(kernel === undefined ? {} : { name: kernel.name, identity: kernel.identity }) },
    ...(epoch === undefined ? {} : { epoch }),
    epochsLookedAt: lookedAt,
    outcomes: outcomes.map(({ source: from, count, explanation }: ExplainedOutcome) => ({
      source: from,
      count,
      ...definedMembers(explanation),
    })),
    unknownEpochs: unknown,
    notes,
  };
}

/** JSON has no undefined: what does not apply is left out, in lists of words and accesses too. */
function definedMembers(explanation: Explanation): Record<string, unknown> {
  return JSON.parse(JSON.stringify(explanation));
}
